//! How much memory a shape needs, before a model is loaded: if the figure is too small, the system
//! kills the load; if it is too large, a model is refused without need.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod builder;

use builder::{ARRAY, Builder, U32, numbers};
use localcoder_gguf::{Header, KvType, RunShape};

const RUN: RunShape = RunShape {
    context_tokens: 4096,
    batch_tokens: 256,
    output_tokens: 32,
    kv: KvType::F16,
    flash_attention: true,
};

/// The valid file under the name of another architecture: two layers, 32 channels, four heads.
fn of(architecture: &str, shape: &[(&str, u32)]) -> Builder {
    let mut file = Builder::sound_as(architecture);
    for (name, number) in shape {
        file.number(&format!("{architecture}.{name}"), *number);
    }
    file
}

#[track_caller]
fn read(file: &Builder) -> Header {
    let file = file.file();
    Header::read(&file[..], file.len() as u64).expect("a sound file")
}

/// Memory in addition to keys and values, whatever the window.
#[track_caller]
fn states_bytes(header: &Header) -> u64 {
    let keys = header.kv_bytes_per_token(KvType::F16) * u64::from(RUN.context_tokens);
    header.estimate(RUN).kv_bytes - keys
}

/// The copies of a small state that the worker keeps: nine sequences, and for each the last state
/// and seven earlier ones.
const COPIES: u64 = 9 * 8;

#[test]
fn a_model_that_folds_what_it_reads_takes_its_states_in_each_layer() {
    let mamba = [("ssm.inner_size", 64), ("ssm.state_size", 16), ("ssm.conv_kernel", 4)];
    let grouped = [&mamba[..], &[("ssm.group_count", 2)]].concat();
    for (architecture, shape, numbers_of_a_layer) in [
        // A state for each inner channel, and the three inputs before this one.
        ("mamba", &mamba[..], 64 * 16 + 3 * 64),
        // Its groups are convolved as well.
        ("mamba2", &grouped, 64 * 16 + 3 * (64 + 2 * 2 * 16)),
        // A square matrix for each head, and the previous token, twice.
        ("rwkv7", &[("wkv.head_size", 8)], 32 * 8 + 2 * 32),
        // The two inputs before this one.
        ("lfm2", &[("shortconv.l_cache", 3)], 2 * 32),
        // A square matrix for each head, and three convolutions, of width four by default.
        ("kimi-linear", &[("kda.head_dim", 8)], 4 * 8 * 8 + 3 * 4 * 32),
        ("kimi-linear", &[("kda.head_dim", 8), ("ssm.conv_kernel", 5)], 4 * 8 * 8 + 3 * 5 * 32),
    ] {
        let header = read(&of(architecture, shape));
        assert!(header.folds(), "{architecture} has a state");
        let bytes = 2 * 4 * numbers_of_a_layer * COPIES;
        assert_eq!(states_bytes(&header), bytes, "{architecture} {shape:?}");
    }
}

#[test]
fn a_model_that_looks_back_at_every_token_has_no_state() {
    let header = read(&Builder::sound());
    assert!(!header.folds());
    assert_eq!(states_bytes(&header), 0);
}

/// Keys and values in one of four layers, a state in the others.
#[test]
fn a_layer_has_keys_or_a_state_and_not_both() {
    let four = [("block_count", 4), ("shortconv.l_cache", 3)];
    let mut by_list = of("lfm2", &four);
    by_list.set("lfm2.attention.head_count_kv", ARRAY, &numbers(U32, &[0, 2, 0, 0]));
    let by_interval = of("falcon-h1", &[&four[..], &[("full_attention_interval", 4)]].concat());
    for file in [by_list, by_interval] {
        let header = read(&file);
        // Two heads, with a key and a value of 8 numbers each.
        assert_eq!(header.kv_bytes_per_token(KvType::F16), 2 * (8 + 8) * 2);
        assert_eq!(states_bytes(&header), 3 * 4 * 2 * 32 * COPIES, "{}", header.architecture);
    }
}

#[test]
fn of_a_large_state_only_the_last_of_each_sequence_is_kept() {
    let large = [("ssm.inner_size", 4096), ("ssm.state_size", 64), ("ssm.conv_kernel", 4)];
    let header = read(&of("mamba", &large));
    assert_eq!(states_bytes(&header), 2 * 4 * (4096 * 64 + 3 * 4096) * 9);
}

/// Compared with llama.cpp, as the constants are: what one more channel adds to a step.
#[test]
fn a_step_takes_more_the_wider_its_layers_and_the_more_heads_have_keys() {
    let compute =
        |shape: &[(&str, u32)], run| read(&of("qwen2", shape)).estimate(run).compute_bytes;
    let narrow = compute(&[("feed_forward_length", 1_000)], RUN);
    let wide = compute(&[("feed_forward_length", 2_000)], RUN);
    assert_eq!(wide - narrow, 256 * 12 * 1_000);
    let two = compute(&[("attention.head_count_kv", 2)], RUN);
    let four = compute(&[("attention.head_count_kv", 4)], RUN);
    assert_eq!(four - two, 256 * 4 * 2 * (8 + 8));
    // The mask has a value for each token of the batch and of the window: two bytes each, otherwise
    // four.
    let longer = RunShape { context_tokens: 2 * RUN.context_tokens, ..RUN };
    assert_eq!(compute(&[], longer) - compute(&[], RUN), 256 * 2 * 4096);
    // No more tokens are computed at once than the window holds.
    let short = RunShape { context_tokens: 64, ..RUN };
    assert_eq!(compute(&[], short), compute(&[], RunShape { batch_tokens: 64, ..short }));
}

#[test]
fn a_vocabulary_takes_300_bytes_a_token_and_rows_of_logits_four() {
    let header = read(&Builder::sound());
    let estimate = header.estimate(RUN);
    assert_eq!(estimate.vocabulary_bytes, 8 * 300);
    // Four rows are allocated from the start.
    assert_eq!(estimate.later_bytes, (32 - 4) * 8 * 4);
    let few = header.estimate(RunShape { output_tokens: 4, ..RUN });
    assert_eq!(few.later_bytes, 0);
}
