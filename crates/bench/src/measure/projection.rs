//! What the counts measured here would mean on an M3 Pro: a projection for a 7B model in Q4_K_M
//! from that machine's memory bandwidth and published prefill speeds, not a measurement.

/// Milliseconds of a step with this many tokens. A step with one token reads 4.4 GB at 0.78 of 150
/// GB/s, the bandwidth that published decode speeds imply; the others are assumed from the tiles of
/// the few-row kernels.
const STEPS: [(f64, f64); 5] =
    [(1.0, 37.0), (8.0, 45.0), (16.0, 60.0), (32.0, 105.0), (64.0, 205.0)];
/// Prompt tokens per second: between the published figures for 14 and 18 GPU cores.
const PROMPT_TOKENS_PER_S: f64 = 300.0;
/// Seconds to read the file into memory at 6.4 GB/s, the published speed of reading without mmap.
const LOAD_S: f64 = 0.73;

/// Speedup of edits over decoding one token at a time, from the mean tokens that a step wrote and
/// those that it computed (the rows, of which wrong guesses are a part).
pub(super) fn edits(written: f64, computed: f64) -> String {
    format!("{:.1}", written * STEPS[0].1 / step_ms(computed))
}

/// Time to the first token if `tokens` of the prompt are not yet read. Up to the widest known step
/// it is one step; beyond that, the published speed for prompts applies.
pub(super) fn first_token(tokens: f64) -> String {
    let batch =
        if tokens <= STEPS[4].0 { step_ms(tokens) } else { tokens * 1e3 / PROMPT_TOKENS_PER_S };
    format!("{batch:.0} ms")
}

pub(super) fn start(tokens: f64) -> String {
    format!("{:.1} s", LOAD_S + tokens / PROMPT_TOKENS_PER_S)
}

/// Bytes of the file of the 7B model whose steps these are.
const FILE_BYTES: f64 = 4.68e9;

/// Milliseconds until a suggestion of this many tokens is written by a model with a file of `bytes`,
/// after `read` tokens of its prompt: steps cost what the bytes that they read do.
pub(super) fn suggestion_ms(bytes: f64, read: f64, written: f64) -> f64 {
    (step_ms(read) + written * step_ms(1.0)) * bytes / FILE_BYTES
}

/// Time of a step with this many tokens, interpolated linearly between the known ones; beyond the
/// last of these, the slope of the last interval continues.
pub(super) fn step_ms(tokens: f64) -> f64 {
    let upper = STEPS.iter().position(|(rows, _)| tokens <= *rows).unwrap_or(STEPS.len() - 1);
    // At or below the first known step both ends are the same, and the slope would be 0 / 0.
    let ((from, low), (to, high)) = (STEPS[upper.saturating_sub(1)], STEPS[upper]);
    if to <= from { high } else { low + (high - low) * (tokens - from) / (to - from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_lies_between_its_neighbors() {
        assert!((step_ms(1.0) - 37.0).abs() < 1e-9);
        assert!((step_ms(12.0) - 52.5).abs() < 1e-9);
        assert!((step_ms(64.0) - 205.0).abs() < 1e-9);
        assert_eq!(edits(10.0, 16.0), "6.2");
        assert_eq!(first_token(300.0), "1000 ms");
        assert!((suggestion_ms(FILE_BYTES / 4.0, 1.0, 9.0) - 92.5).abs() < 1e-9);
    }
}
