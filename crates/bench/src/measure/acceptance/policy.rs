//! What a draft model would have done for a text that another model has written: which tokens it
//! would have guessed, in how many steps, and at what cost.

use localcoder_protocol::Foreseen;

use super::super::projection;

/// How many tokens must have occurred in the text before for the tokens after them to be looked up.
/// Shorter runs occur everywhere and say little of what follows.
const LOOKUP_RUN: usize = 3;
/// Upper ends of the classes of probabilities. The last is above 1, because the comparison is
/// strict and a certain token has a probability of exactly 1.
const CLASSES: [f32; 6] = [0.3, 0.5, 0.7, 0.85, 0.95, 1.01];

/// A text, and what the draft model would have predicted for each of its tokens, given the true
/// tokens before it.
#[derive(Debug, Clone)]
pub(super) struct Scored {
    pub(super) prompt: Vec<i32>,
    pub(super) tokens: Vec<Foreseen>,
    /// Whether each token is new, that is, in no line of the prompt's code.
    pub(super) is_new: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Policy {
    pub(super) most: usize,
    /// Guessing stops once the probability that all guesses so far are right falls below this.
    pub(super) least: f64,
}

/// The result of guessing by a policy, as sums over texts; counts are floats because all that is
/// done with them is dividing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) tokens: f64,
    pub(super) rounds: f64,
    pub(super) guessed: f64,
    pub(super) right: f64,
    pub(super) ms: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    pub(super) step_ms: fn(f64) -> f64,
    pub(super) draft_ms: f64,
}

/// A step of a 7B model on an M3 Pro with kernels for few rows, as projected elsewhere.
pub(super) fn few_rows(tokens: f64) -> f64 {
    projection::step_ms(tokens)
}

/// A step there if each further row costs nearly as much as the first, as it did with llama.cpp's
/// matrix-vector kernels on that machine: 4.3 times for 5 rows (ggml-org/llama.cpp, pull request
/// 27776).
pub(super) fn row_by_row(tokens: f64) -> f64 {
    projection::step_ms(1.0) * (1.0 + 3.3 * (tokens - 1.0) / 4.0)
}

impl Outcome {
    pub(super) fn add(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.rounds += other.rounds;
        self.guessed += other.guessed;
        self.right += other.right;
        self.ms += other.ms;
    }

    pub(super) fn tokens_per_s(&self) -> f64 {
        self.tokens * 1e3 / self.ms
    }

    /// Tokens per step: those that were guessed right, and the one that the step itself writes.
    pub(super) fn a_step(&self) -> f64 {
        self.tokens / self.rounds
    }
}

/// Replays how a text would have been written. What would have been guessed after a wrong token is
/// not known: it is counted as guessed up to the limit, which is the most that it can cost.
pub(super) fn replay(text: &Scored, policy: Policy, costs: Costs, only_new: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let mut at = 0;
    while at < text.tokens.len() {
        if only_new && !text.is_new[at] {
            at += 1;
            continue;
        }
        let (right, guessed) = guess(&text.tokens[at..], policy);
        // Then comes the step's own token, except at the end of the text.
        let written = (right + 1).min(text.tokens.len() - at);
        // Finding that there is nothing to guess takes a step of the draft model, too.
        let steps = to_float(guessed.max(1));
        outcome.add(Outcome {
            tokens: to_float(written),
            rounds: 1.0,
            guessed: to_float(guessed),
            right: to_float(right),
            ms: (costs.step_ms)(to_float(guessed + 1)) + steps * costs.draft_ms,
        });
        at += written;
    }
    outcome
}

/// How many tokens are guessed right from here, and how many are guessed in all. The probability of
/// the whole run decides, not that of each token: a chain of fairly sure guesses is not sure at the
/// end.
fn guess(tokens: &[Foreseen], policy: Policy) -> (usize, usize) {
    let mut sure = 1.0;
    for (index, foreseen) in tokens.iter().take(policy.most).enumerate() {
        sure *= f64::from(foreseen.probability);
        if sure < policy.least {
            // The draft model sees its doubt before it offers the token, so this one costs nothing
            // to check.
            return (index, index);
        }
        if foreseen.likeliest != foreseen.token {
            return (index, policy.most);
        }
    }
    let all = policy.most.min(tokens.len());
    (all, all)
}

/// The best way to guess for these costs, of 12 lengths and 7 thresholds. The grid is small enough
/// to try all, and a projection with the wrong policy would understate what a draft model gains.
pub(super) fn best(texts: &[Scored], costs: Costs, only_new: bool) -> (Policy, Outcome) {
    let policies = (1..=12)
        .flat_map(|most| [0.0, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9].map(|least| Policy { most, least }));
    let replayed = policies.map(|policy| (policy, all(texts, policy, costs, only_new)));
    let faster = |a: &(Policy, Outcome), b: &(Policy, Outcome)| {
        a.1.tokens_per_s().total_cmp(&b.1.tokens_per_s())
    };
    replayed.max_by(faster).expect("there are some")
}

pub(super) fn all(texts: &[Scored], policy: Policy, costs: Costs, only_new: bool) -> Outcome {
    let mut sum = Outcome::default();
    texts.iter().for_each(|text| sum.add(replay(text, policy, costs, only_new)));
    sum
}

/// How often a prediction was right, by the class of its probability: the end of the class, the
/// number of tokens, and the share that was right.
pub(super) fn by_probability(texts: &[Scored], only_new: bool) -> Vec<(f32, usize, f64)> {
    let mut classes = CLASSES.map(|end| (end, 0, 0.0));
    for text in texts {
        let wanted =
            text.tokens.iter().zip(&text.is_new).filter(|(_, is_new)| !only_new || **is_new);
        for (foreseen, _) in wanted {
            let class = classes.iter_mut().find(|(end, ..)| foreseen.probability < *end);
            if let Some((_, count, right)) = class {
                *count += 1;
                *right += if foreseen.likeliest == foreseen.token { 1.0 } else { 0.0 };
            }
        }
    }
    classes.map(|(end, count, right)| (end, count, right / to_float(count.max(1)))).to_vec()
}

/// The share of tokens before which a run of tokens repeats an earlier one in the prompt or the
/// text, and the share of these that continue as the earlier run did.
pub(super) fn looked_up(texts: &[Scored], only_new: bool) -> (f64, f64) {
    let (mut tokens, mut found, mut right) = (0, 0, 0);
    for text in texts {
        let own = text.tokens.iter().map(|it| it.token);
        let all: Vec<i32> = text.prompt.iter().copied().chain(own).collect();
        for at in (text.prompt.len()..all.len()).filter(|it| *it > LOOKUP_RUN) {
            if only_new && !text.is_new[at - text.prompt.len()] {
                continue;
            }
            tokens += 1;
            let (before, run) = all[..at].split_at(at - LOOKUP_RUN);
            // Of several occurrences the latest counts.
            let start = before.windows(LOOKUP_RUN).rposition(|window| window == run);
            let Some(start) = start else { continue };
            found += 1;
            right += usize::from(all[start + LOOKUP_RUN] == all[at]);
        }
    }
    (to_float(found) / to_float(tokens.max(1)), to_float(right) / to_float(found.max(1)))
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(super) fn to_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: &[(i32, i32, f32)]) -> Scored {
        let tokens = rows.iter().map(|(token, likeliest, probability)| Foreseen {
            token: *token,
            bytes: 1,
            likeliest: *likeliest,
            probability: *probability,
        });
        Scored { prompt: Vec::new(), tokens: tokens.collect(), is_new: vec![true; rows.len()] }
    }

    const COSTS: Costs = Costs { step_ms: |rows| 10.0 + rows, draft_ms: 1.0 };

    #[test]
    fn what_is_right_is_taken_up_to_the_first_that_is_not() {
        let text = text(&[(1, 1, 0.9), (2, 2, 0.9), (3, 9, 0.9), (4, 4, 0.9)]);
        let outcome = replay(&text, Policy { most: 3, least: 0.0 }, COSTS, false);
        // Two right guesses and the token that replaces the wrong one; then the last token, after
        // which nothing follows.
        assert_eq!((outcome.tokens, outcome.rounds), (4.0, 2.0));
        assert_eq!((outcome.right, outcome.guessed), (3.0, 4.0));
        assert!((outcome.ms - (14.0 + 3.0 + 12.0 + 1.0)).abs() < 1e-9);
    }

    #[test]
    fn it_stops_where_it_is_not_sure_of_all() {
        let text = text(&[(1, 1, 0.8), (2, 2, 0.5), (3, 3, 0.9)]);
        let outcome = replay(&text, Policy { most: 8, least: 0.5 }, COSTS, false);
        assert_eq!((outcome.rounds, outcome.guessed, outcome.right), (2.0, 2.0, 2.0));
    }

    #[test]
    fn only_what_is_new_counts_where_it_is_asked_for() {
        let mut text = text(&[(1, 1, 0.9), (2, 9, 0.2), (3, 3, 0.9)]);
        text.is_new = vec![true, false, true];
        let outcome = replay(&text, Policy { most: 1, least: 0.0 }, COSTS, true);
        assert_eq!((outcome.tokens, outcome.rounds), (3.0, 2.0));
        let classes = by_probability(&[text], true);
        assert_eq!(classes.iter().map(|it| it.1).sum::<usize>(), 2);
    }

    #[test]
    fn a_run_that_stood_before_is_looked_up() {
        let rows: Vec<_> = [1, 2, 3, 4, 1, 2, 3, 4, 5].map(|it| (it, it, 1.0)).to_vec();
        let (found, right) = looked_up(&[text(&rows)], false);
        assert!((found - 2.0 / 5.0).abs() < 1e-9 && (right - 0.5).abs() < 1e-9, "{found} {right}");
    }

    #[test]
    fn where_every_row_costs_a_step_guesses_do_not_pay() {
        let (few, each) = (few_rows(5.0) / few_rows(1.0), row_by_row(5.0) / row_by_row(1.0));
        assert!(few < 1.2 && (each - 4.3).abs() < 1e-9, "{few} {each}");
    }
}
