//! Names that llama.cpp knows: of values that it computes with, after the prefix of the
//! architecture; of ways to split a text into tokens; and of tensors that a model may but need not
//! have. From `llama-arch.cpp` and `llama-vocab.cpp` of the llama.cpp in `llama-cpp-sys-2` 0.1.161.

#[rustfmt::skip]
pub(super) const NUMBERS: &[&str] = &[
    "activation.situ_beta", "activation.situ_linear_beta", "adapters.count",
    "adapters.lora_rank", "adapters.router_gain", "adapters.token_ids_activate",
    "adapters.token_ids_substitute", "attention.causal", "attention.clamp_kqv",
    "attention.compress_ratios", "attention.compress_rope_freq_base",
    "attention.decay_lora_rank", "attention.gate_lora_rank", "attention.group_norm_epsilon",
    "attention.group_norm_groups", "attention.head_count", "attention.head_count_kv",
    "attention.iclr_lora_rank", "attention.indexer.block_size",
    "attention.indexer.head_count", "attention.indexer.key_length",
    "attention.indexer.kpool", "attention.indexer.kpool_select_tail",
    "attention.indexer.local_blocks", "attention.indexer.top_k", "attention.indexer.types",
    "attention.key_length", "attention.key_length_mla", "attention.key_length_mla_swa",
    "attention.key_length_swa", "attention.kv_lora_rank", "attention.kv_lora_rank_swa",
    "attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon",
    "attention.max_alibi_bias", "attention.output_group_count",
    "attention.output_lora_rank", "attention.output_scale", "attention.q_lora_rank",
    "attention.recurrent_layers", "attention.relative_buckets_count",
    "attention.rope_pattern", "attention.scale", "attention.shared_kv_layers",
    "attention.sliding_window", "attention.sliding_window_pattern",
    "attention.temperature_length", "attention.temperature_scale", "attention.value_length",
    "attention.value_length_mla", "attention.value_length_mla_swa",
    "attention.value_length_swa", "attention.value_residual_mix_lora_rank",
    "attention.value_scale", "attn_logit_softcapping", "attn_res.block_size", "block_count",
    "block_size", "context_length", "conv_group_size", "conv_kernel_size",
    "decoder_block_count", "decoder_start_token_id", "deepstack_mapping",
    "embedding_length", "embedding_length_out", "embedding_length_per_layer_input",
    "embedding_scale", "expert_chunk_feed_forward_length", "expert_count",
    "expert_feed_forward_length", "expert_gating_func", "expert_group_count",
    "expert_group_scale", "expert_group_used_count", "expert_latent_length",
    "expert_shared_count", "expert_shared_feed_forward_length", "expert_used_count",
    "expert_weights_norm", "expert_weights_scale", "experts_per_group", "features_length",
    "feed_forward_length", "final_logit_softcapping", "full_attention_interval",
    "hash_layer_count", "hidden_activation", "hrm.h_cycles", "hrm.l_cycles",
    "hrm.layers_per_stack", "hrm.prefix_lm", "hyper_connection.count",
    "hyper_connection.epsilon", "hyper_connection.low_rank", "hyper_connection.magnitude",
    "hyper_connection.sinkhorn_iterations", "interleave_moe_layer_step",
    "kda.gate_lower_bound", "kda.head_dim", "kda.safe_gate", "leading_dense_block_count",
    "logit_scale", "moe_every_n_layers", "moe_latent_size", "n_deepstack_layers",
    "nextn_predict_layers", "norm_before_fc", "norm_before_residual", "num_loops",
    "ple.conv_kernel", "ple.eos_token_id", "ple.head_offsets", "ple.head_vocab_sizes",
    "ple.heads_per_ngram", "ple.image_token_id", "ple.layer_multipliers", "ple.layers",
    "ple.ngram_size", "pooling_type", "rescale_every_n_layers", "residual_scale",
    "rope.dimension_count", "rope.dimension_count_swa", "rope.dimension_sections",
    "rope.freq_base", "rope.freq_base_swa", "rope.scale_linear", "rope.scaling.alpha",
    "rope.scaling.attn_factor", "rope.scaling.factor", "rope.scaling.finetuned",
    "rope.scaling.original_context_length", "rope.scaling.type",
    "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow", "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_log_multiplier", "router_logit_softcapping", "selector_rank",
    "selector_top_k", "shortconv.l_cache", "skip_loop_final_norm", "ssm.conv_kernel",
    "ssm.dt_b_c_rms", "ssm.group_count", "ssm.inner_size", "ssm.state_size",
    "ssm.time_step_rank", "swiglu_clamp_exp", "swiglu_clamp_shexp", "swin_norm",
    "tensor_data_layout", "time_decay_extra_dim", "time_mix_extra_dim", "token_shift_count",
    "use_parallel_residual", "vocab_size", "wkv.head_size",
];

pub(super) const TOKENIZERS: &[&str] = &[
    "gpt2",
    "llama",
    "bert",
    "t5",
    "rwkv",
    "test",
    "plamo2",
    "gemma4",
    "hybriddna",
    "whitespace",
    "none",
];

/// Ways to split a text before tokens are looked up; usually the first letters decide.
#[rustfmt::skip]
pub(super) const CUTTERS: &[&str] = &[
    "default", "llama-bpe", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "mpt", "starcoder",
    "gpt-2", "jais-2", "gemma4", "mmbert", "jina-v1-en", "whitespace", "refact", "command-r", "qwen2",
    "qwen35", "stablelm2", "olmo", "dbrx", "smaug-bpe", "poro-chat", "chatglm-bpe", "viking", "tekken",
    "smollm", "codeshell", "bloom", "gpt3-finnish", "exaone", "exaone-moe", "chameleon", "minerva-7b",
    "gpt-4o", "superbpe", "trillion", "granite-docling", "bailingmoe", "seed-coder", "hunyuan", "kimi-k2",
    "grok-2", "afmoe", "minimax-m2", "solar-open", "mellum2", "minicpm5", "youtu", "sarvam-moe",
];

#[rustfmt::skip]
pub(super) const TOKENS: &[&str] = &[
    "bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "cls", "mask", "fim_pre", "fim_suf",
    "fim_mid", "fim_pad", "fim_rep", "fim_sep", "prefix", "suffix", "middle",
];

#[rustfmt::skip]
pub(super) const ANSWERS: &[&str] = &[
    "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token", "tokenizer.ggml.add_sep_token",
    "tokenizer.ggml.add_space_prefix", "tokenizer.ggml.remove_extra_whitespaces",
    "tokenizer.ggml.normalizer.lowercase", "tokenizer.ggml.normalizer.strip_accents",
];

/// Tensors other than those without which no model can be loaded.
#[rustfmt::skip]
pub(super) const TENSORS: &[&str] = &[
    "output.weight", "output.bias", "output_norm.bias", "rope_freqs.weight", "rope_factors_long.weight",
    "rope_factors_short.weight", "token_embd_norm.weight", "position_embd.weight", "token_types.weight",
    "blk.0.attn_q.bias", "blk.0.attn_k.bias", "blk.0.attn_v.bias", "blk.0.attn_output.bias",
    "blk.0.attn_qkv.weight", "blk.0.attn_qkv.bias", "blk.0.attn_q_norm.weight", "blk.0.attn_k_norm.weight",
    "blk.0.attn_norm.bias", "blk.0.ffn_norm.bias", "blk.0.attn_rot_embd.weight", "blk.0.rope_freqs.weight",
    "blk.0.attn_sinks.weight", "blk.0.ffn_gate.bias", "blk.0.ffn_up.bias", "blk.0.ffn_down.bias",
    "blk.0.ffn_gate_inp.weight", "blk.0.ffn_gate_inp.bias", "blk.0.exp_probs_b.bias",
    "blk.0.ffn_act.scales", "blk.0.attn_q.scale", "blk.0.ffn_up.scale", "blk.0.ffn_down.input_scale",
    "blk.0.layer_output_scale.weight", "blk.0.attn_gate.weight", "blk.0.ffn_gate_tid2eid.weight",
    "blk.0.attn_sub_norm.weight", "blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight",
    "blk.0.ffn_down_exps.weight", "blk.0.nextn.eh_proj.weight", "blk.2.attn_norm.weight",
];
