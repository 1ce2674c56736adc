//! Which architectures can be run, what the others are, and which tensors a model of a known one
//! must have. llama.cpp would only report this after it has begun to load; here it is known before
//! a file is imported.
//!
//! The names are those of `llama-arch.cpp`, and the required tensors are those that
//! `src/models/NAME.cpp` creates without `TENSOR_NOT_REQUIRED`, both of llama.cpp as shipped with
//! `llama-cpp-sys-2` 0.1.161: a newer one must be compared with this file. For an architecture that
//! is not in [`NEEDS`], only the embedding is required.

use std::fmt::Write as _;

use crate::error::{GgufError, damaged, shown};
use crate::metadata::{Metadata, Value};
use crate::tensors::Tensors;

/// Architectures that continue a text, a token at a time.
#[rustfmt::skip]
pub const ARCHITECTURES: &[&str] = &[
    "llama", "llama4", "deci", "falcon", "grok", "gpt2", "gptneox", "mpt", "baichuan", "starcoder",
    "refact", "bloom", "stablelm", "qwen", "qwen2", "qwen2moe", "qwen2vl", "qwen3", "qwen3moe",
    "qwen3next", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen4exp", "phi2", "phi3", "phimoe",
    "plamo", "plamo2", "plamo3", "codeshell", "orion", "internlm2", "minicpm", "minicpm3", "gemma",
    "gemma2", "gemma3", "gemma3n", "gemma4", "starcoder2", "mamba", "mamba2", "maple", "jamba",
    "falcon-h1", "xverse", "command-r", "cohere2", "cohere2moe", "dbrx", "olmo", "olmo2", "olmoe",
    "muse-glimmer", "openelm", "arctic", "deepseek", "deepseek2", "deepseek2-ocr", "deepseek32",
    "deepseek4", "chatglm", "glm4", "glm4moe", "glm-dsa", "bitnet", "jais", "jais2", "nemotron",
    "nemotron_h", "nemotron_h_moe", "exaone", "exaone4", "exaone-moe", "rwkv6", "rwkv6qwen2", "rwkv7",
    "arwkv7", "granite", "granitemoe", "granitehybrid", "graniteswitch", "granite_swa", "chameleon",
    "plm", "bailingmoe", "bailingmoe2", "bailingmoe3", "dots1", "dots3note", "arcee", "afmoe", "laguna",
    "ernie4_5", "ernie4_5-moe", "hunyuan-moe", "hunyuan-dense", "hunyuan_vl", "hy_v3", "hy_v4",
    "smollm3", "gpt-oss", "lfm2", "lfm2moe", "smallthinker", "seed_oss", "grovemoe", "apertus",
    "minimax-01", "hrm_text", "minimax-m2", "minimax-m3", "cogvlm", "pangu-embedded", "mistral3",
    "mistral4", "paddleocr", "mimo2", "step35", "spark2_5", "maincoder", "kimi-linear", "kimi-k3",
    "glm5-next", "talkie", "mellum", "nanbeige",
];

/// Architectures that don't, by what they are.
const OTHERS: &[(&[&str], &str)] = &[
    (
        &[
            "bert",
            "modern-bert",
            "nomic-bert",
            "nomic-bert-moe",
            "neo-bert",
            "jina-bert-v2",
            "jina-bert-v3",
            "eurobert",
            "gemma-embedding",
            "llama-embed",
            "t5encoder",
        ],
        EMBEDS,
    ),
    (&["t5"], "it reads a whole text before it writes one, which can't be done here"),
    (
        &["dream", "llada", "llada-moe", "rnd1"],
        "it fills in a text everywhere at once, which can't be done here",
    ),
    (
        &["eagle3", "dflash", "gemma4-assistant"],
        "it is the part of a model that guesses ahead for another one",
    ),
    (&["wavtokenizer-dec", "qwen3tts", "pockettts"], "it makes sounds"),
    (&["clef"], "it chooses between options"),
];

const EMBEDS: &str = "it is an embedding model, which turns text into numbers";

/// Refuses architectures that can't write, and those that llama.cpp does not know.
pub(crate) fn check(metadata: &Metadata, architecture: &str) -> Result<(), GgufError> {
    let silent = |what: &str| {
        Err(GgufError::WritesNothing(format!("{what} (its architecture is `{architecture}`)")))
    };
    if let Some((_, what)) = OTHERS.iter().find(|(names, _)| names.contains(&architecture)) {
        return silent(what);
    }
    if !ARCHITECTURES.contains(&architecture) {
        return Err(GgufError::UnknownArchitecture(shown(architecture)));
    }
    // The architecture can write, but this model of it was turned into one that does not.
    let pools = metadata.u32(&format!("{architecture}.pooling_type"))?.is_some_and(|it| it != 0);
    let looks_ahead =
        metadata.get(&format!("{architecture}.attention.causal")) == Some(&Value::Bool(false));
    if pools || looks_ahead { silent(EMBEDS) } else { Ok(()) }
}

/// What all models of some architectures must have. A tensor is listed only if llama.cpp refuses
/// the file without it: one too many here would refuse a good file, one too few is left to
/// llama.cpp, which reports it only at the first request.
struct Needs {
    architectures: &'static [&'static str],
    once: &'static [&'static str],
    /// Tensors of each layer, named `blk.N.` and this.
    layer: &'static [&'static str],
    /// Whether each layer has its queries, keys and values in one joint tensor, or in three.
    attention: bool,
    dense: &'static [&'static str],
    /// Tensors of each layer of a model with experts; the same where llama.cpp doesn't tell them
    /// apart.
    experts: &'static [&'static str],
}

const EMBEDDING: &str = "token_embd.weight";
const JOINED: &str = "attn_qkv.weight";
const APART: [&str; 3] = ["attn_q.weight", "attn_k.weight", "attn_v.weight"];
/// The output shares its weights with the embedding if it has none of its own.
const TIED: &[&str] = &["output_norm.weight"];
const UNTIED: &[&str] = &["output_norm.weight", "output.weight"];
const PLAIN: &[&str] = &["attn_norm.weight", "attn_output.weight", "ffn_norm.weight"];
const GATED: &[&str] = &["ffn_gate.weight", "ffn_up.weight", "ffn_down.weight"];
const EXPERTS: &[&str] =
    &["ffn_gate_inp.weight", "ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight"];

const NEEDS: &[Needs] = &[
    Needs {
        architectures: &["llama", "mistral3", "granite", "granitemoe"],
        once: TIED,
        layer: PLAIN,
        attention: true,
        dense: GATED,
        experts: &["ffn_gate_inp.weight", "ffn_up_exps.weight", "ffn_down_exps.weight"],
    },
    Needs {
        architectures: &["qwen2", "qwen2vl", "smollm3", "gemma"],
        once: TIED,
        layer: PLAIN,
        attention: true,
        dense: GATED,
        experts: GATED,
    },
    Needs {
        architectures: &["internlm2"],
        once: UNTIED,
        layer: PLAIN,
        attention: true,
        dense: GATED,
        experts: GATED,
    },
    Needs {
        architectures: &["qwen2moe"],
        once: UNTIED,
        layer: &[
            "attn_norm.weight",
            "attn_output.weight",
            "ffn_norm.weight",
            "ffn_gate_inp_shexp.weight",
            "ffn_gate_shexp.weight",
            "ffn_up_shexp.weight",
            "ffn_down_shexp.weight",
        ],
        attention: true,
        dense: EXPERTS,
        experts: EXPERTS,
    },
    Needs {
        architectures: &["qwen3", "qwen3vl"],
        once: TIED,
        layer: NORMED,
        attention: true,
        dense: GATED,
        experts: GATED,
    },
    Needs {
        architectures: &["qwen3moe", "qwen3vlmoe"],
        once: TIED,
        layer: NORMED,
        attention: true,
        dense: EXPERTS,
        experts: EXPERTS,
    },
    Needs {
        architectures: &["gemma2"],
        once: TIED,
        layer: &[
            "attn_norm.weight",
            "attn_output.weight",
            "post_attention_norm.weight",
            "ffn_norm.weight",
            "post_ffw_norm.weight",
        ],
        attention: true,
        dense: GATED,
        experts: GATED,
    },
    Needs {
        architectures: &["gemma3"],
        once: TIED,
        layer: &[
            "attn_norm.weight",
            "attn_q_norm.weight",
            "attn_k_norm.weight",
            "attn_output.weight",
            "post_attention_norm.weight",
            "ffn_norm.weight",
            "post_ffw_norm.weight",
        ],
        attention: true,
        dense: GATED,
        experts: GATED,
    },
    Needs {
        architectures: &["phi2"],
        once: &["output_norm.weight", "output_norm.bias", "output.weight", "output.bias"],
        layer: &["attn_norm.weight", "attn_norm.bias", "attn_output.weight", "attn_output.bias"],
        attention: true,
        dense: UNGATED,
        experts: UNGATED,
    },
    Needs {
        architectures: &["phi3"],
        once: TIED,
        layer: PLAIN,
        attention: false,
        dense: &["ffn_up.weight", "ffn_down.weight"],
        experts: &["ffn_up.weight", "ffn_down.weight"],
    },
    Needs {
        architectures: &["starcoder2"],
        once: &["output_norm.weight", "output_norm.bias"],
        layer: &[
            "attn_norm.weight",
            "attn_norm.bias",
            "attn_output.weight",
            "attn_output.bias",
            "ffn_norm.weight",
            "ffn_norm.bias",
        ],
        attention: true,
        dense: UNGATED,
        experts: UNGATED,
    },
    Needs {
        architectures: &["gpt-oss"],
        once: UNTIED,
        layer: &[
            "attn_norm.weight",
            "attn_output.weight",
            "attn_output.bias",
            "attn_sinks.weight",
            "post_attention_norm.weight",
        ],
        attention: true,
        dense: EXPERTS,
        experts: EXPERTS,
    },
];

const NORMED: &[&str] = &[
    "attn_norm.weight",
    "attn_q_norm.weight",
    "attn_k_norm.weight",
    "attn_output.weight",
    "ffn_norm.weight",
];
const UNGATED: &[&str] = &["ffn_up.weight", "ffn_up.bias", "ffn_down.weight", "ffn_down.bias"];

/// Requires every tensor without which llama.cpp refuses a model of this architecture.
pub(crate) fn check_tensors(
    metadata: &Metadata,
    tensors: &Tensors,
    architecture: &str,
    layers: u32,
) -> Result<(), GgufError> {
    let known = NEEDS.iter().find(|it| it.architectures.contains(&architecture));
    let once = known.map_or(&[][..], |it| it.once);
    for name in [EMBEDDING].iter().chain(once) {
        if !tensors.names.contains(*name) {
            return missing(name);
        }
    }
    // Also for architectures that are not in the table: with one of them, llama.cpp computed with a
    // tensor that was not there.
    check_experts(tensors, layers)?;
    let Some(needs) = known else { return Ok(()) };
    let experts = metadata.u32(&format!("{architecture}.expert_count"))?.unwrap_or(0) > 0;
    let feed_forward = if experts { needs.experts } else { needs.dense };
    // One buffer for some thousand names.
    let mut name = String::new();
    for layer in 0..layers {
        let mut has = |part: &str| {
            name.clear();
            let _ = write!(name, "blk.{layer}.{part}");
            tensors.names.contains(&name)
        };
        let attention = if needs.attention && !has(JOINED) { &APART[..] } else { &[] };
        let mut all = needs.layer.iter().chain(attention).chain(feed_forward);
        if let Some(part) = all.find(|part| !has(part)) {
            return missing(&format!("blk.{layer}.{part}"));
        }
    }
    Ok(())
}

/// A layer that chooses among experts must have them, whatever its architecture: for some
/// architectures llama.cpp requires none of the three tensors, and computes with all of them.
fn check_experts(tensors: &Tensors, layers: u32) -> Result<(), GgufError> {
    for layer in 0..layers {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        let has = |part: &str| tensors.names.contains(&name(part));
        if !has("ffn_gate_inp") {
            continue;
        }
        if !has("ffn_down_exps") {
            return missing(&name("ffn_down_exps"));
        }
        if !has("ffn_up_exps") && !has("ffn_gate_up_exps") {
            return missing(&name("ffn_up_exps"));
        }
    }
    Ok(())
}

fn missing(name: &str) -> Result<(), GgufError> {
    damaged(format!("the tensor `{name}` is missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_one_thing_or_another() {
        let others: Vec<&str> =
            OTHERS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        for name in ARCHITECTURES {
            assert!(!others.contains(name), "{name}");
        }
        let needed: Vec<&str> =
            NEEDS.iter().flat_map(|it| it.architectures.iter().copied()).collect();
        for (index, name) in needed.iter().enumerate() {
            assert!(ARCHITECTURES.contains(name), "{name}");
            assert!(!needed[..index].contains(name), "{name} is there twice");
        }
    }
}
