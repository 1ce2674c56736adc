//! What counts that were measured here would come to on an M3 Pro: a projection from its memory
//! bandwidth and published prefill speeds, for a 7B Q4_K_M, and no measurement.

/// Milliseconds of a step with this many tokens. One reads 4.4 GB at the 0.78 of 150 GB/s that
/// published decode speeds come to; the others are assumed from the few-row kernels' tiles.
const STEPS: [(f64, f64); 5] =
    [(1.0, 37.0), (8.0, 45.0), (16.0, 60.0), (32.0, 105.0), (64.0, 205.0)];
/// Prompt tokens a second: between the published figures of 14 and 18 GPU cores.
const PROMPT_TOKENS_PER_S: f64 = 300.0;
/// Seconds to read the file into memory at 6.4 GB/s, as published for reading without a map.
const LOAD_S: f64 = 0.73;

/// Speed of edits to decoding one by one, by the tokens that a step wrote and those it computed.
pub(super) fn edits(written: f64, computed: f64) -> String {
    format!("{:.1}", written * STEPS[0].1 / step_ms(computed))
}

/// First token after `tokens` of a prompt that are not known.
pub(super) fn first_token(tokens: f64) -> String {
    let batch =
        if tokens <= STEPS[4].0 { step_ms(tokens) } else { tokens * 1e3 / PROMPT_TOKENS_PER_S };
    format!("{batch:.0} ms")
}

/// First token from the start of the process.
pub(super) fn start(tokens: f64) -> String {
    format!("{:.1} s", LOAD_S + tokens / PROMPT_TOKENS_PER_S)
}

/// A step with this many tokens, between the known ones on a line.
pub(super) fn step_ms(tokens: f64) -> f64 {
    let upper = STEPS.iter().position(|(rows, _)| tokens <= *rows).unwrap_or(STEPS.len() - 1);
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
    }
}
