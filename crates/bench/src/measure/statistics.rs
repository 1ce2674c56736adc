//! Medians, geometric means and their spread.

/// A figure with its spread: the central 95 % of its bootstrap, unless its maker says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figure {
    pub(super) value: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) n: usize,
}

/// How many resamples a spread is computed from: enough for the two digits that are printed.
const DRAWS: usize = 2_000;

/// The median; NaN if there are no values. Of an even number it is one of the two in the middle,
/// not their mean: every figure is then a time that was measured.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which a share of all values lies, by the nearest rank; NaN if there are none.
/// `total_cmp` puts NaN last, so a side that was left out does not disturb low percentiles.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a small index"
    )]
    let index = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// The geometric mean of ratios, with the central 95 % of its bootstrap.
pub(super) fn geometric_mean(ratios: &[f64]) -> Figure {
    spread(ratios, |values| {
        #[expect(clippy::cast_precision_loss, reason = "a few cases")]
        let count = values.len() as f64;
        (values.iter().map(|value| value.ln()).sum::<f64>() / count).exp()
    })
}

/// The median of times, with the central 95 % of its bootstrap.
pub(super) fn middle(values: &[f64]) -> Figure {
    spread(values, median)
}

fn spread(values: &[f64], of: impl Fn(&[f64]) -> f64) -> Figure {
    // xorshift64; resampling asks no more of a generator.
    // A fixed seed, so that the same times always give the same spread.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % bound.max(1)
    };
    let draws: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn: Vec<f64> = values.iter().map(|_| values[next(values.len())]).collect();
            of(&drawn)
        })
        .collect();
    Figure {
        value: of(values),
        low: percentile(&draws, 0.025),
        high: percentile(&draws, 0.975),
        n: values.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_medians_are_right_and_within_their_spread() {
        let figure = geometric_mean(&[1.0, 4.0, 2.0]);
        assert!((figure.value - 2.0).abs() < 1e-9);
        assert!(figure.low >= 1.0 && figure.low <= 2.0 && figure.high >= 2.0 && figure.high <= 4.0);
        assert_eq!(figure.n, 3);
        assert!((median(&[5.0, 1.0, 3.0]) - 3.0).abs() < 1e-9);
        assert!((percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 1.0) - 5.0).abs() < 1e-9);
        assert_eq!(middle(&[7.0]), Figure { value: 7.0, low: 7.0, high: 7.0, n: 1 });
    }
}
