//! How sure the model was of what it wrote. A suggestion that was not asked for is better not shown
//! if the model was not sure of it.

use localcoder_protocol::Purpose;

use crate::llama::Token;

/// Mean certainty of a text. It costs a pass over the logits of each token, so it is not measured
/// for every text.
#[derive(Debug, Default)]
pub(super) struct Certainty {
    wanted: bool,
    sum: f64,
    tokens: u32,
}

impl Certainty {
    pub(super) fn of(purpose: Purpose) -> Self {
        Self { wanted: purpose == Purpose::Completion, ..Self::default() }
    }

    /// Notes that a token was chosen; the end token counts like any other.
    pub(super) fn note(&mut self, logits: &[f32], token: Token) {
        let chosen = usize::try_from(token).ok().and_then(|token| logits.get(token));
        let Some(chosen) = chosen.filter(|_| self.wanted) else { return };
        // The largest is subtracted first, or `exp` overflows for logits above 88.
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let all: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
        let log_probability = f64::from(chosen - most) - f64::from(all).ln();
        if log_probability.is_finite() {
            self.sum += log_probability;
            self.tokens += 1;
        }
    }

    /// The mean over all tokens; `None` if nothing was written.
    #[expect(clippy::cast_possible_truncation, reason = "three digits would do")]
    pub(super) fn mean(&self) -> Option<f32> {
        (self.tokens > 0).then(|| (self.sum / f64::from(self.tokens)) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_of_the_logarithms_of_what_was_chosen() {
        let mut certainty = Certainty::of(Purpose::Completion);
        assert_eq!(certainty.mean(), None);
        // Of four equal logits each has a quarter; one far above the others has everything.
        certainty.note(&[3.0; 4], 2);
        assert!((certainty.mean().unwrap() - 0.25_f32.ln()).abs() < 1e-6);
        certainty.note(&[90.0, 0.0, 0.0, 0.0], 0);
        assert!((certainty.mean().unwrap() - 0.25_f32.ln() / 2.0).abs() < 1e-6);
        let mut unwanted = Certainty::of(Purpose::Edit);
        unwanted.note(&[3.0; 4], 2);
        assert_eq!(unwanted.mean(), None);
    }
}
