//! A small model that guesses what the loaded one writes where no known text resembles it:
//! explanations, and new code. Both have the same tokens.
//!
//! Its guesses cost time, so it is asked only if the measured costs of both models promise a gain.
//! It stops where it is no longer sure, and it is left out for a while if the gain does not come.
//! What it has read is kept and follows the loaded model: wrong guesses are cut off, and a
//! beginning is read only once.

use std::sync::Arc;
use std::time::Instant;

use localcoder_protocol::{DraftUse, DraftWhen, Purpose};

use super::draft::{Draft, Odds, Trust};
use super::pace::{Again, Pace, Worth};
use crate::engine::{Session, SessionError};
use crate::llama::{Model, Token};

/// Most tokens in one guess: beyond this hardly any is right.
const TOKENS_MAX: usize = 15;
/// Upper bounds of the classes of probabilities; the last class ends at 1.
const CLASSES: [f32; 5] = [0.3, 0.5, 0.7, 0.85, 0.95];
/// How often the loaded model agrees, by class of probability, and over all: how well a 0.5B
/// predicts what a 1.5B and a 7B write, see docs/reference/drafting.md. These priors weigh as much
/// as a dozen tokens.
const AGREES: [f64; CLASSES.len() + 1] = [0.22, 0.41, 0.56, 0.71, 0.85, 0.98];
const AGREES_OVER_ALL: f64 = 0.8;
const PRIOR_TOKENS: f64 = 12.0;
/// How many tokens have to be expected for reading a prompt to be worth it: about a paragraph. Only
/// few are expected if the selection is the draft of most of the text.
const FOLLOWING_TOKENS: usize = 128;
const FOLLOWING_IN_AN_EDIT: usize = 24;
/// After this many guesses it is known whether there is a gain.
const ROUNDS_MIN: u32 = 8;
const RESTS_MAX: u32 = 64;
/// Steps that are timed when it is loaded, after an untimed one.
const TIMED_STEPS: usize = 3;
/// Time to read a token relative to that of a step, until it is measured: above anything measured
/// so far.
const READ_RATIO: f64 = 0.25;
/// Shorter prompts say little about the time to read.
const READ_TOKENS_MIN: usize = 32;

pub(crate) struct DraftModel {
    session: Session,
    model: Arc<Model>,
    when: DraftWhen,
    steps: Pace,
    read_ms: Option<f64>,
    agrees: [Odds; CLASSES.len() + 1],
    over_all: Odds,
    /// Of the open guess: the class of each token, and the time that the round has taken so far.
    open: (Vec<usize>, f64),
    /// The token it was not confident enough to guess, and its class.
    unsaid: Option<(Token, usize)>,
    rounds: Rounds,
    /// For how many more generations it is left out, and for how many the next time.
    rests: (u32, u32),
    is_off: bool,
    used: DraftUse,
}

#[derive(Debug, Clone, Copy, Default)]
struct Rounds {
    count: u32,
    tokens: f64,
    ms: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) purpose: Purpose,
    pub(super) text: &'a [Token],
    pub(super) most: usize,
    pub(super) left: usize,
    /// Whether the selection serves as a draft as well.
    pub(super) is_edit: bool,
    pub(super) again: Again,
}

impl DraftModel {
    pub(crate) fn new(
        mut session: Session,
        model: Arc<Model>,
        when: DraftWhen,
    ) -> Result<Self, SessionError> {
        let mut steps = Pace::default();
        let mut best = f64::INFINITY;
        // The untimed step: the first one touches weights and buffers for the first time.
        session.prefill(Purpose::Edit, &[0], (1, true), &[], |_| {})?;
        for _ in 0..TIMED_STEPS {
            let started = Instant::now();
            session.advance(&[0])?;
            // The best, since a pause of the machine only ever makes a step longer.
            best = best.min(ms_since(started));
        }
        steps.took(1, best);
        let odds = |chance: f64| Odds {
            right: PRIOR_TOKENS * chance,
            wrong: PRIOR_TOKENS * (1.0 - chance),
        };
        Ok(Self {
            session,
            model,
            when,
            steps,
            read_ms: None,
            agrees: AGREES.map(odds),
            over_all: odds(AGREES_OVER_ALL),
            open: (Vec::new(), 0.0),
            unsaid: None,
            rounds: Rounds::default(),
            rests: (0, 1),
            is_off: false,
            used: DraftUse::default(),
        })
    }

    pub(crate) fn step_ms(&self) -> f64 {
        self.steps.step_ms(1)
    }

    pub(super) fn begin(&mut self) {
        self.rounds = Rounds::default();
        self.open = (Vec::new(), 0.0);
        self.unsaid = None;
        self.used = DraftUse::default();
        // The rest doubles each time that there was no gain, and starts over at one generation with
        // the first gain: a kind of text that it can't guess costs little, and one that it can is
        // found again.
        self.is_off = self.rests.0 > 0;
        self.rests.0 = self.rests.0.saturating_sub(1);
        // For another text, what was learned from the last one counts half.
        let priors = AGREES.iter().chain([&AGREES_OVER_ALL]);
        for (odds, chance) in self.agrees.iter_mut().chain([&mut self.over_all]).zip(priors) {
            odds.right = (odds.right + PRIOR_TOKENS * chance) / 2.0;
            odds.wrong = (odds.wrong + PRIOR_TOKENS * (1.0 - chance)) / 2.0;
        }
    }

    pub(super) fn used(&self) -> DraftUse {
        self.used
    }

    /// What a guess would gain; `None` if it is not worth its cost, or if nothing is known of it:
    /// without the time of a single step of the loaded model there is nothing to compare with. The
    /// cost includes what this model would have to read first.
    pub(super) fn worth(&self, ask: Ask<'_>, pace: &Pace) -> Option<Worth> {
        let most = ask.most.min(TOKENS_MAX);
        let tokens = self.model.vocab_tokens();
        // The two vocabularies agree on the tokens that both have, and one may be longer.
        // llama.cpp would refuse a batch with a token that this model lacks.
        let known = |token: &Token| usize::try_from(*token).is_ok_and(|it| it < tokens);
        let fits = ask.text.len() + most < self.session.window() && ask.text.iter().all(known);
        if most == 0 || !fits {
            return None;
        }
        if self.when == DraftWhen::Always {
            return Some(Worth { length: most, tokens_per_ms: f64::MAX });
        }
        let plain_ms = pace.plain_ms().filter(|_| !self.is_off)?;
        let worth = pace.best(most, self.over_all.chance(), ask.again, self.step_ms())?;
        let unread = self.session.unread(ask.purpose, ask.text);
        let following = if ask.is_edit { FOLLOWING_IN_AN_EDIT } else { FOLLOWING_TOKENS };
        let gain_ms = plain_ms - 1.0 / worth.tokens_per_ms;
        // What is read in the same step costs nothing extra.
        let behind = if unread > READ_TOKENS_MIN { to_float(unread) * self.read_ms() } else { 0.0 };
        // What has to be read first is paid once, and must be earned back within what is still
        // expected to be written.
        (gain_ms * to_float(following.min(ask.left)) > behind).then_some(worth)
    }

    fn read_ms(&self) -> f64 {
        self.read_ms.unwrap_or(self.step_ms() * READ_RATIO)
    }

    pub(super) fn prepare(
        &mut self,
        ask: Ask<'_>,
        pace: &Pace,
        step: usize,
    ) -> Result<(), SessionError> {
        if self.worth(ask, pace).is_some() {
            let started = Instant::now();
            self.session.prefill(ask.purpose, ask.text, (step, false), &[], |_| {})?;
            self.used.time_ms += ms_since(started);
        }
        Ok(())
    }

    /// Guesses what follows a text, as far as each further token is worth what it costs. `worth` is
    /// what [`DraftModel::worth`] has promised: its tokens per millisecond are the bar. `None` if
    /// already the first token is too unsure; the time is lost then, and counts against the gain.
    pub(super) fn guess(
        &mut self,
        ask: Ask<'_>,
        worth: Worth,
        pace: &Pace,
    ) -> Result<Option<Draft>, SessionError> {
        let started = Instant::now();
        let guessed = self.likely(ask, worth, pace);
        let ms = ms_since(started);
        self.used.time_ms += ms;
        let (tokens, classes) = guessed?;
        self.open = (classes, ms);
        if tokens.is_empty() {
            // It was asked but had no guess, and the loaded model continues alone.
            self.note_round(1, ms + pace.plain_ms().unwrap_or(0.0), pace);
            return Ok(None);
        }
        self.used.rounds += 1;
        self.used.drafted_tokens += u32::try_from(tokens.len()).unwrap_or(u32::MAX);
        Ok(Some(Draft { tokens, trust: Trust::Model }))
    }

    /// Token after token, each as its likeliest one, until the next is not worth what it costs,
    /// with the class of each. Two questions for every token: whether to pass it on, which costs
    /// the loaded model a row of its step whatever comes of it, and whether to compute another one
    /// here. Both are decided by how often the loaded model has agreed with guesses of that
    /// probability, not by the probability itself, which is only what this model says of itself.
    fn likely(
        &mut self,
        ask: Ask<'_>,
        worth: Worth,
        pace: &Pace,
    ) -> Result<(Vec<Token>, Vec<usize>), SessionError> {
        self.read(ask)?;
        let (mut tokens, mut classes) = (Vec::new(), Vec::new());
        let mut right = 1.0;
        while let Some((token, probability)) = self.session.logits(0).and_then(likeliest) {
            let class = class_of(probability);
            right *= self.agrees[class].chance();
            let rows = 1 + ask.again.owed + tokens.len();
            let more_ms = pace.step_ms(rows + 1) - pace.step_ms(rows);
            let always = self.when == DraftWhen::Always;
            let says = always || right >= worth.tokens_per_ms * more_ms;
            if !says || self.model.is_end_of_generation(token) {
                if tokens.is_empty() {
                    // Whether this would have been right is seen for free, and keeps the odds of a
                    // class alive that is no longer guessed with.
                    self.unsaid = Some((token, class));
                }
                break;
            }
            tokens.push(token);
            classes.push(class);
            let next = right * self.over_all.chance();
            // Another token costs a step here and a row there. It pays if its chance is above what
            // the same time is worth otherwise.
            let goes_on = always || next >= worth.tokens_per_ms * (more_ms + self.step_ms());
            if tokens.len() == ask.most.min(TOKENS_MAX) || !goes_on {
                break;
            }
            let started = Instant::now();
            self.session.advance(&[token])?;
            self.steps.took(1, ms_since(started));
        }
        Ok((tokens, classes))
    }

    /// Reads what it has not read of a text yet, and cuts off what it guessed wrong: both by asking
    /// the session for the text, which computes only what differs. The time is only taken from
    /// longer pieces; shorter ones are steps rather than reading.
    fn read(&mut self, ask: Ask<'_>) -> Result<(), SessionError> {
        let started = Instant::now();
        let cached =
            self.session.prefill(ask.purpose, ask.text, (usize::MAX, true), &[], |_| {})?;
        let read = ask.text.len() - cached;
        if read > READ_TOKENS_MIN {
            self.read_ms = Some(ms_since(started) / to_float(read));
        }
        Ok(())
    }

    pub(super) fn verified(&mut self, ms: f64) {
        self.open.1 += ms;
    }

    pub(super) fn judge(&mut self, right: usize, pace: &Pace) {
        let (classes, ms) = std::mem::take(&mut self.open);
        for (index, class) in classes.iter().enumerate().take(right + 1) {
            self.agrees[*class].note(index < right);
            self.over_all.note(index < right);
        }
        self.used.accepted_tokens += u32::try_from(right).unwrap_or(u32::MAX);
        self.note_round(right + 1, ms, pace);
    }

    pub(super) fn follow(&mut self, token: Token) {
        if let Some((unsaid, class)) = self.unsaid.take() {
            self.agrees[class].note(unsaid == token);
            self.over_all.note(unsaid == token);
        }
    }

    fn note_round(&mut self, tokens: usize, ms: f64, pace: &Pace) {
        let Rounds { count, tokens: all, ms: time } = &mut self.rounds;
        *count += 1;
        *all += to_float(tokens);
        *time += ms;
        let Some(plain_ms) = pace.plain_ms().filter(|_| *count >= ROUNDS_MIN) else { return };
        if *time > plain_ms * *all {
            // Once per generation: later rounds of it report the same loss again.
            if !self.is_off {
                self.rests = (self.rests.1, (self.rests.1 * 2).min(RESTS_MAX));
            }
            self.is_off = true;
        } else {
            self.rests.1 = 1;
        }
    }
}

fn class_of(probability: f32) -> usize {
    CLASSES.iter().position(|end| probability < *end).unwrap_or(CLASSES.len())
}

/// The likeliest token and its probability; `None` if a logit is not a number.
pub(crate) fn likeliest(logits: &[f32]) -> Option<(Token, f32)> {
    /// A logit this far below the best adds less than a float can represent.
    const FAR: f32 = 20.0;
    let mut best = (0, f32::NEG_INFINITY);
    for (token, logit) in (0..).zip(logits) {
        if *logit > best.1 {
            best = (token, *logit);
        }
    }
    let near = logits.iter().map(|logit| logit - best.1).filter(|it| *it > -FAR);
    let sum: f32 = near.map(f32::exp).sum();
    (best.1.is_finite() && sum.is_finite() && sum > 0.0).then(|| (best.0, sum.recip()))
}

fn ms_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "it is small")]
fn to_float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_has_its_share() {
        let (token, probability) = likeliest(&[1.0, 3f32.ln(), 0.0, f32::NEG_INFINITY]).unwrap();
        assert_eq!(token, 1);
        let all = 3.0 + 1f32.exp() + 1.0;
        assert!((probability - 3.0 / all).abs() < 1e-6);
        assert_eq!(likeliest(&[2.0]), Some((0, 1.0)));
        assert_eq!(likeliest(&[]), None);
        assert_eq!(likeliest(&[f32::INFINITY]), None);
        assert_eq!(likeliest(&[0.0, f32::NAN]).map(|it| it.0), Some(0));
    }

    #[test]
    fn probabilities_fall_into_classes() {
        let classes = [0.0, 0.3, 0.69, 0.7, 0.9, 0.99, 1.0].map(class_of);
        assert_eq!(classes, [0, 1, 2, 3, 4, 5, 5]);
    }
}
