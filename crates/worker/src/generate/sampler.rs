//! Chooses the next token from the logits. The same seed and logits give the same token.

use std::cmp::Ordering;

use localcoder_protocol::WorkerSampling;

use crate::llama::Token;

pub(crate) const PENALTY_TOKENS: usize = 64;
/// How many of the best candidates are sorted before the whole vocabulary is.
const HEAD: usize = 1024;

/// A logit was not a number, or none was finite: the weights are damaged, or a GPU has computed
/// garbage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotANumber;

/// Whether all logits are equal, which no model with intact weights produces. Looks only as far as
/// the first that differs.
pub(crate) fn says_nothing(logits: &[f32]) -> bool {
    let (first, rest) = logits.split_first().unwrap_or((&0.0, &[]));
    !rest.is_empty() && rest.iter().all(|logit| logit == first)
}

#[derive(Debug)]
pub(crate) struct Sampler {
    sampling: WorkerSampling,
    random: Random,
    candidates: Vec<Candidate>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    token: Token,
    /// First the logit, then the weight made from it.
    weight: f32,
}

impl Sampler {
    pub(crate) fn new(sampling: WorkerSampling) -> Self {
        Self { sampling, random: Random::new(sampling.seed), candidates: Vec::new() }
    }

    /// The next token, after `before`, which is the prompt and all that was written. A temperature
    /// of 0 takes the likeliest without looking at penalties, `top_p` or the seed, so an answer at
    /// 0 depends on the logits alone.
    pub(crate) fn choose(&mut self, logits: &[f32], before: &[Token]) -> Result<Token, NotANumber> {
        if self.sampling.temperature <= 0.0 {
            return greedy(logits);
        }
        let best = self.fill(logits, before)?;
        let temperature = self.sampling.temperature.max(1e-3);
        for candidate in &mut self.candidates {
            candidate.weight = ((candidate.weight - best) / temperature).exp();
        }
        let kept = self.keep_top_p();
        Ok(self.draw(kept))
    }

    fn fill(&mut self, logits: &[f32], before: &[Token]) -> Result<f32, NotANumber> {
        self.candidates.clear();
        for (token, logit) in (0..).zip(logits) {
            if logit.is_nan() {
                return Err(NotANumber);
            }
            self.candidates.push(Candidate { token, weight: *logit });
        }
        let recent = &before[before.len().saturating_sub(PENALTY_TOKENS)..];
        for (index, token) in recent.iter().enumerate() {
            // Penalize each token once, however often it occurs.
            if recent[..index].contains(token) {
                continue;
            }
            let Some(candidate) =
                usize::try_from(*token).ok().and_then(|index| self.candidates.get_mut(index))
            else {
                continue;
            };
            // A positive logit is divided and a negative one multiplied: dividing a negative one
            // would make the token likelier.
            let penalty = self.sampling.repeat_penalty.max(0.01);
            candidate.weight = if candidate.weight > 0.0 {
                candidate.weight / penalty
            } else {
                candidate.weight * penalty
            };
        }
        let best = self.candidates.iter().map(|it| it.weight).fold(f32::NEG_INFINITY, f32::max);
        if best.is_finite() { Ok(best) } else { Err(NotANumber) }
    }

    /// Puts the fewest candidates that together have `top_p` of the weight first, and returns how
    /// many they are.
    fn keep_top_p(&mut self) -> usize {
        if self.sampling.top_p >= 1.0 {
            return self.candidates.len();
        }
        let total: f64 = self.candidates.iter().map(|it| f64::from(it.weight)).sum();
        let wanted = total * f64::from(self.sampling.top_p.max(0.0));
        // Sorting a whole vocabulary takes longer than a small model's step.
        if self.candidates.len() > HEAD {
            self.candidates.select_nth_unstable_by(HEAD, order);
            self.candidates[..HEAD].sort_unstable_by(order);
            if let Some(kept) = reached(&self.candidates[..HEAD], wanted) {
                return kept;
            }
        }
        self.candidates.sort_unstable_by(order);
        reached(&self.candidates, wanted).unwrap_or(self.candidates.len())
    }

    fn draw(&mut self, kept: usize) -> Token {
        let kept = &self.candidates[..kept];
        let total: f64 = kept.iter().map(|it| f64::from(it.weight)).sum();
        let mut left = self.random.next() * total;
        for candidate in kept {
            left -= f64::from(candidate.weight);
            if left < 0.0 {
                return candidate.token;
            }
        }
        // Rounding left nothing: take the last with any weight. There is one, since the best weighs
        // 1.
        kept.iter().rev().find(|it| it.weight > 0.0).map_or(0, |it| it.token)
    }
}

/// Heavier first; ties go to the lower token, so that the order is unique.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    b.weight.total_cmp(&a.weight).then(a.token.cmp(&b.token))
}

/// How many candidates it takes to reach `wanted` together, at least one; `None` if they don't.
fn reached(candidates: &[Candidate], wanted: f64) -> Option<usize> {
    let mut sum = 0.0;
    candidates
        .iter()
        .position(|it| {
            sum += f64::from(it.weight);
            sum >= wanted
        })
        .map(|index| index + 1)
}

/// The token with the highest logit; the lowest token on a tie.
fn greedy(logits: &[f32]) -> Result<Token, NotANumber> {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, logit) in (0..).zip(logits) {
        if logit.is_nan() {
            return Err(NotANumber);
        }
        if *logit > best.1 {
            best = (token, *logit);
        }
    }
    // All at minus infinity, or one at plus infinity: nothing was computed that could be chosen
    // from.
    if best.1.is_finite() { Ok(best.0) } else { Err(NotANumber) }
}

/// SplitMix64: small, well distributed, and the same on every machine. Written here rather than
/// taken from a library, because a seed must give the same text in every version of this program,
/// and no library promises that.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u32) -> Self {
        Self(u64::from(seed))
    }

    /// A number from 0 to 1, without 1 itself.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let top = u32::try_from(mixed >> 32).unwrap_or(u32::MAX);
        f64::from(top) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(temperature: f32, top_p: f32, repeat_penalty: f32, seed: u32) -> Sampler {
        Sampler::new(WorkerSampling { temperature, top_p, repeat_penalty, seed })
    }

    fn draws(mut sampler: Sampler, logits: &[f32], before: &[Token]) -> Vec<Token> {
        (0..2_000).map(|_| sampler.choose(logits, before).unwrap()).collect()
    }

    #[test]
    fn greedy_takes_the_highest_and_ignores_the_rest() {
        let mut greedy = sampler(0.0, 0.1, 9.0, 1);
        assert_eq!(greedy.choose(&[1.0, 3.0, 2.0, 3.0], &[1, 1, 1]), Ok(1));
        assert_eq!(greedy.choose(&[-5.0, -2.0], &[]), Ok(1));
    }

    #[test]
    fn what_is_not_a_number_is_found() {
        for temperature in [0.0, 1.0] {
            let mut sampler = sampler(temperature, 0.9, 1.1, 1);
            assert_eq!(sampler.choose(&[1.0, f32::NAN], &[]), Err(NotANumber));
            assert_eq!(sampler.choose(&[f32::NEG_INFINITY], &[]), Err(NotANumber));
            assert_eq!(sampler.choose(&[f32::INFINITY], &[]), Err(NotANumber));
            assert_eq!(sampler.choose(&[], &[]), Err(NotANumber));
            assert_eq!(sampler.choose(&[f32::NEG_INFINITY, 0.0], &[]), Ok(1));
        }
    }

    #[test]
    fn logits_that_are_all_the_same_say_nothing() {
        assert!(says_nothing(&[0.0; 100]) && says_nothing(&[-0.0, 0.0]) && says_nothing(&[2.5; 3]));
        assert!(!says_nothing(&[0.0, 0.0, 1e-6]));
        // A single token leaves no choice, and NaN is reported as such.
        assert!(!says_nothing(&[1.0]) && !says_nothing(&[]) && !says_nothing(&[f32::NAN; 2]));
    }

    #[test]
    fn the_seed_decides() {
        let logits: Vec<f32> = (0..500u16).map(|it| f32::from(it % 97) / 20.0).collect();
        let same = draws(sampler(0.8, 0.9, 1.1, 7), &logits, &[]);
        assert_eq!(same, draws(sampler(0.8, 0.9, 1.1, 7), &logits, &[]));
        assert_ne!(same, draws(sampler(0.8, 0.9, 1.1, 8), &logits, &[]));
    }

    #[test]
    fn draws_follow_the_probabilities() {
        // Odds of 3 to 1.
        let tokens = draws(sampler(1.0, 1.0, 1.0, 3), &[3f32.ln(), 0.0], &[]);
        let zeros = tokens.iter().filter(|token| **token == 0).count();
        assert!((1_400..1_600).contains(&zeros), "{zeros} of 2000");
    }

    #[test]
    fn top_p_leaves_out_the_tail() {
        // Probabilities 0.5, 0.3, 0.2: 0.6 needs two of them.
        let logits = [0.2f32.ln(), 0.5f32.ln(), 0.3f32.ln()];
        let tokens = draws(sampler(1.0, 0.6, 1.0, 3), &logits, &[]);
        assert!(tokens.contains(&1) && tokens.contains(&2) && !tokens.contains(&0));
        assert!(draws(sampler(1.0, 0.0, 1.0, 3), &logits, &[]).iter().all(|token| *token == 1));
    }

    #[test]
    fn top_p_is_right_beyond_the_sorted_head() {
        let flat = vec![0.0; 4 * HEAD];
        let tokens = draws(sampler(1.0, 0.5, 1.0, 3), &flat, &[]);
        let limit = Token::try_from(2 * HEAD).unwrap();
        assert!(tokens.iter().all(|token| *token < limit));
        assert!(tokens.iter().any(|token| *token >= limit / 2));
    }

    #[test]
    fn the_penalty_is_once_a_token_and_reaches_back_64_tokens() {
        let logits = [1.0, 1.0];
        let count = |before: &[Token], penalty| {
            let tokens = draws(sampler(0.1, 1.0, penalty, 3), &logits, before);
            tokens.iter().filter(|token| **token == 0).count()
        };
        assert!(count(&[0], 1.5) < 200);
        assert_eq!(count(&[0], 1.5), count(&[0, 0, 0], 1.5));
        let mut long = vec![0];
        long.extend([5; PENALTY_TOKENS]);
        assert_eq!(count(&long, 1.5), count(&[], 1.0));
    }
}
