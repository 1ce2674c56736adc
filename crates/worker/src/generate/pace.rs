//! Learns how long a step takes by the number of tokens in it, and derives how long a draft is
//! worth its cost.
//!
//! A step of one token reads all the weights. Further tokens cost little on a GPU; on a CPU the
//! cost rises in jumps, because kernels take a fixed number of tokens at once. So lengths are taken
//! from a short list, and the one with the most expected tokens per millisecond wins; no draft is
//! one of the choices.

use localcoder_protocol::StepCost;
use localcoder_protocol::limits::OUTPUT_ROWS_MAX;

/// Tokens in one step: the last one written, and a draft of one less.
const ROWS: [usize; 6] = [1, 2, 4, 8, 16, 32];
pub(crate) const ROWS_MAX: usize = ROWS[ROWS.len() - 1];
// The calculation of a model's memory, which is done elsewhere, relies on it.
const _: () = assert!(ROWS_MAX == OUTPUT_ROWS_MAX as usize);
/// Cost of each of [`ROWS`] relative to that of one token, until it is measured: from a 7B Q4_K_M
/// on two cores of a Zen 4, with our own kernels.
const RATIOS: [f64; 6] = [1.0, 1.25, 1.8, 2.3, 3.5, 6.3];
const NEWEST: f64 = 0.2;
/// A time this many times the known one is a pause of the machine, not a cost...
const PAUSE: f64 = 4.0;
/// ...unless this many come in a row: then the machine is another one than was measured, or busy
/// for good.
const PAUSES_MAX: u32 = 3;
/// Least gain that a draft is made for; below it the two costs can't be distinguished.
const GAIN_MIN: f64 = 1.05;

/// What steps have to compute again if wrong tokens can't just be taken back, as with a model with
/// a state; nothing for one with cells.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Again {
    /// Tokens that the next step has to compute in addition to its own.
    pub(super) owed: usize,
    /// Whether a wrong guess takes back the right tokens before it as well.
    pub(super) whole_step: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Worth {
    pub(super) length: usize,
    pub(super) tokens_per_ms: f64,
}

/// Durations of steps for one model on one device. The host keeps them for the next worker.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    measured: [Option<f64>; ROWS.len()],
    pauses: u32,
}

impl Pace {
    pub(crate) fn known(costs: &[StepCost]) -> Self {
        let mut pace = Self::default();
        for cost in costs {
            let index = ROWS.iter().position(|rows| u32::try_from(*rows) == Ok(cost.rows));
            if let Some(index) = index.filter(|_| cost.time_us > 0) {
                pace.measured[index] = Some(milliseconds(cost.time_us));
            }
        }
        pace
    }

    pub(crate) fn costs(&self) -> Vec<StepCost> {
        let cost = |(rows, ms): (&usize, &Option<f64>)| {
            Some(StepCost { rows: u32::try_from(*rows).ok()?, time_us: microseconds((*ms)?) })
        };
        ROWS.iter().zip(&self.measured).filter_map(cost).collect()
    }

    pub(super) fn took(&mut self, rows: usize, ms: f64) {
        // Steps of other sizes teach nothing: their cost lies on a curve with jumps, whose place is
        // not known.
        let Some(index) = ROWS.iter().position(|it| *it == rows) else { return };
        let pauses = self.pauses;
        self.pauses = 0;
        self.measured[index] = Some(match self.measured[index] {
            None => ms,
            Some(known) if ms > PAUSE * known && pauses < PAUSES_MAX => {
                self.pauses = pauses + 1;
                known
            }
            Some(known) => known + NEWEST * (ms - known),
        });
    }

    /// The best number of tokens to guess, up to `available`, if each is right with `chance` given
    /// that those before it are, and costs `draft_ms` to be guessed; `None` if no guess pays.
    ///
    /// Lengths fill a step of one of [`ROWS`]: between two of them another token costs about what
    /// the larger step costs, so it may as well be full. What is owed takes its room first.
    pub(super) fn best(
        &self,
        available: usize,
        chance: f64,
        again: Again,
        draft_ms: f64,
    ) -> Option<Worth> {
        let least = ROWS.iter().position(|rows| *rows > again.owed).unwrap_or(ROWS.len() - 1);
        // To be beaten: a step without a draft, which has to compute what is owed all the same.
        let mut best = Worth { length: 0, tokens_per_ms: GAIN_MIN / self.cost(least) };
        for (index, rows) in ROWS.iter().enumerate().skip(1) {
            let Some(room) = rows.checked_sub(1 + again.owed).filter(|room| *room > 0) else {
                continue;
            };
            let length = room.min(available);
            // All that is available fits into the step size before, so larger ones only cost more.
            if length + 1 + again.owed <= ROWS[index - 1] {
                break;
            }
            let wrong = if again.whole_step { self.wrong(length, chance) } else { 0.0 };
            let guessed = to_float(length) * draft_ms;
            let tokens_per_ms = expected(length, chance) / (self.cost(index) + wrong + guessed);
            if tokens_per_ms > best.tokens_per_ms {
                best = Worth { length, tokens_per_ms };
            }
        }
        Some(best).filter(|best| best.length > 0)
    }

    /// Milliseconds of a step of one token, once one was measured.
    pub(super) fn plain_ms(&self) -> Option<f64> {
        self.measured[0]
    }

    /// Milliseconds of a step of this many tokens, interpolated between the known ones.
    pub(super) fn step_ms(&self, rows: usize) -> f64 {
        let upper = ROWS.iter().position(|it| rows <= *it).unwrap_or(ROWS.len() - 1);
        let lower = upper.saturating_sub(1);
        let (from, to) = (to_float(ROWS[lower]), to_float(ROWS[upper]));
        let (low, high) = (self.cost(lower), self.cost(upper));
        if to <= from { high } else { low + (high - low) * (to_float(rows) - from) / (to - from) }
    }

    /// What a guess that is wrong somewhere costs the next step on average: it computes the tokens
    /// before the wrong one again.
    fn wrong(&self, length: usize, chance: f64) -> f64 {
        let all = chance.powi(i32::try_from(length).unwrap_or(i32::MAX));
        let rows = expected(length, chance) + 1.0;
        let index = (0..ROWS.len()).find(|index| to_float(ROWS[*index]) >= rows);
        (1.0 - all) * (self.cost(index.unwrap_or(ROWS.len() - 1)) - self.cost(0)).max(0.0)
    }

    fn cost(&self, index: usize) -> f64 {
        let known =
            |other: usize| self.measured[other].map(|ms| ms * RATIOS[index] / RATIOS[other]);
        (0..ROWS.len())
            // Measured ones first, then the nearest. If none is, the ratios alone give the lengths,
            // as if a single token took 1 ms.
            .min_by_key(|other| (self.measured[*other].is_none(), other.abs_diff(index)))
            .and_then(known)
            .unwrap_or(RATIOS[index])
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is small")]
fn to_float(rows: usize) -> f64 {
    rows as f64
}

#[expect(clippy::cast_precision_loss, reason = "a time of hours is exact in f64")]
fn milliseconds(time_us: u64) -> f64 {
    time_us as f64 / 1e3
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn microseconds(ms: f64) -> u64 {
    (ms * 1e3) as u64
}

/// Tokens that a step with a draft of `length` writes on average: the right ones up to the first
/// wrong one, and the one that the model puts there.
fn expected(length: usize, chance: f64) -> f64 {
    (0..=length).map(|tokens| chance.powi(i32::try_from(tokens).unwrap_or(i32::MAX))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: Again = Again { owed: 0, whole_step: false };

    impl Pace {
        fn best_length(&self, available: usize, chance: f64, again: Again) -> usize {
            self.best(available, chance, again, 0.0).map_or(0, |best| best.length)
        }
    }

    #[test]
    fn a_sure_draft_is_long_and_a_doubtful_one_is_not_made() {
        let pace = Pace::default();
        assert_eq!(pace.best_length(100, 0.99, ONCE), 31);
        assert_eq!(pace.best_length(100, 0.2, ONCE), 0);
        assert_eq!(pace.best_length(100, 0.0, ONCE), 0);
        assert_eq!(pace.best_length(0, 0.99, ONCE), 0);
    }

    #[test]
    fn a_short_rest_is_drafted_whole() {
        let pace = Pace::default();
        assert_eq!(pace.best_length(13, 0.99, ONCE), 13);
        assert_eq!(pace.best_length(1, 0.99, ONCE), 1);
    }

    #[test]
    fn what_is_measured_decides() {
        let mut pace = Pace::default();
        // A device on which eight tokens cost as much as one, and more cost a lot.
        for (rows, ms) in [(1, 10.0), (8, 10.5), (16, 100.0), (32, 200.0)] {
            pace.took(rows, ms);
        }
        assert_eq!(pace.best_length(100, 0.9, ONCE), 7);
        // A device that gains nothing from batches.
        let mut linear = Pace::default();
        for rows in ROWS {
            linear.took(rows, rows as f64);
        }
        assert_eq!(linear.best_length(100, 0.97, ONCE), 0);
    }

    const WITH_EXPERTS: [f64; ROWS.len()] = [1.0, 1.6, 3.2, 5.9, 8.9, 14.0];

    /// More tokens need more of the experts: the curve is as measured with 64 experts, eight of
    /// them for each token (docs/reference/kernels.md), where half of a token's cost is experts.
    #[test]
    fn a_model_with_experts_gets_shorter_drafts_once_it_is_measured() {
        let known = Pace::default();
        let mut experts = Pace::default();
        for (rows, ratio) in ROWS.into_iter().zip(WITH_EXPERTS) {
            experts.took(rows, 10.0 * ratio);
        }
        for chance in [0.6, 0.7, 0.8, 0.9] {
            let (dense, sparse) =
                (known.best_length(100, chance, ONCE), experts.best_length(100, chance, ONCE));
            assert!(sparse < dense, "{chance}: {sparse} and {dense}");
        }
        // A draft that is nearly certain still pays.
        assert!(experts.best_length(100, 0.99, ONCE) > 0);
    }

    #[test]
    fn a_pause_of_the_machine_is_not_a_cost() {
        let mut pace = Pace::default();
        pace.took(1, 10.0);
        pace.took(1, 1000.0);
        assert!((pace.cost(0) - 10.0).abs() < 1e-9);
        pace.took(1, 20.0);
        assert!((pace.cost(0) - 12.0).abs() < 1e-9);
    }

    #[test]
    fn a_machine_that_stays_slow_is_believed() {
        let mut pace = Pace::default();
        pace.took(1, 10.0);
        (0..40).for_each(|_| pace.took(1, 100.0));
        assert!(pace.cost(0) > 60.0);
    }

    #[test]
    fn what_was_measured_is_known_to_the_next() {
        let mut pace = Pace::default();
        pace.took(1, 10.0);
        pace.took(8, 10.5);
        let next = Pace::known(&pace.costs());
        assert_eq!(next.costs(), pace.costs());
        assert_eq!(next.best_length(100, 0.9, ONCE), pace.best_length(100, 0.9, ONCE));
        // Rows that are not in our list, and times of zero, are skipped.
        let odd = [StepCost { rows: 3, time_us: 9 }, StepCost { rows: 1, time_us: 0 }];
        assert_eq!(Pace::known(&odd).costs(), []);
    }

    #[test]
    fn what_is_owed_takes_room_and_what_is_taken_back_whole_makes_drafts_shorter() {
        let pace = Pace::default();
        let owing = |owed| Again { owed, whole_step: true };
        assert_eq!(pace.best_length(100, 0.99, owing(0)), 15);
        assert_eq!(pace.best_length(100, 0.99, owing(5)), 26);
        assert_eq!(pace.best_length(100, 0.99, owing(31)), 0);
        assert_eq!(pace.best_length(100, 0.99, owing(60)), 0);
        for chance in [0.3, 0.5, 0.7, 0.8, 0.9] {
            let again = pace.best_length(100, chance, owing(0));
            assert!(again <= pace.best_length(100, chance, ONCE), "{chance}");
        }
    }

    #[test]
    fn what_it_costs_to_guess_makes_drafts_shorter_and_then_none() {
        let mut pace = Pace::default();
        pace.took(1, 40.0);
        let length = |draft_ms| pace.best(15, 0.8, ONCE, draft_ms).map_or(0, |it| it.length);
        let lengths: Vec<usize> = [0.0, 4.0, 12.0, 40.0].map(length).to_vec();
        assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
        assert!(lengths[1] >= 3 && lengths[3] == 0, "{lengths:?}");
    }

    #[test]
    fn a_step_between_two_known_ones_lies_on_their_line() {
        let mut pace = Pace::default();
        pace.took(4, 40.0);
        pace.took(8, 60.0);
        assert!((pace.step_ms(6) - 50.0).abs() < 1e-9);
        assert!((pace.step_ms(8) - 60.0).abs() < 1e-9);
        assert!(pace.step_ms(1) < pace.step_ms(2));
        assert!(pace.plain_ms().is_none());
    }
}
