//! Guesses what an edit writes next. The code that is edited is the draft from the first token;
//! after a difference, the place in it is found again. What was replaced by something else is
//! expected to be replaced again. While the place is lost, a run of tokens that occurred in the
//! text before is followed.
//!
//! It only proposes: the model's logits alone decide what is written (`mod.rs`), so a bad guess
//! costs time and changes nothing.

use std::cell::OnceCell;

use super::renaming::{self, Begun, Difference, Renamings, Vocabulary};
use crate::llama::Token;

/// How far around the place of a difference the code is searched, in tokens: a deleted or moved
/// passage of a function is seldom longer.
const NEAR_TOKENS: usize = 96;
const RUN_MAX: usize = 12;
/// Shortest run that is looked up in the text before, as in prompt lookup decoding.
const LOOKUP_RUN: usize = 3;
/// A place confirmed by a run this long counts as [`Trust::Sure`], and what is before it in both
/// texts as one having been replaced by the other.
const SURE_RUN: usize = 4;
const LIKELY_RUN: usize = 2;
/// How much of the weight of earlier tokens remains at each new one: a few edits change the odds.
const MEMORY: f64 = 0.97;
const ODDS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// At the start, or after a long run of agreement.
    Sure,
    Likely,
    /// The place was just found again.
    Weak,
    /// From an earlier run of the same tokens in the text.
    Lookup,
    /// The rest of a name that was begun, and the code after it.
    Name,
    Model,
}

impl Trust {
    /// Whether the guess comes from the code that is edited.
    pub(super) const fn is_of_the_source(self) -> bool {
        !matches!(self, Self::Lookup | Self::Model)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) tokens: Vec<Token>,
    pub(super) trust: Trust,
}

pub(super) struct Drafter<'v> {
    vocabulary: &'v dyn Vocabulary,
    source: Vec<Token>,
    text: Vec<Token>,
    prompt_tokens: usize,
    prompt: OnceCell<String>,
    /// The next token of the source, if the place is known.
    place: Option<usize>,
    /// How many tokens in a row have confirmed the place.
    run: usize,
    anchor: usize,
    /// Where source and text diverged, until it is known what replaced what.
    parted: Option<Parting>,
    renamings: Renamings,
    /// How many tokens of a replacement have been written at the place.
    renamed: usize,
    odds: [Odds; ODDS],
}

#[derive(Debug, Clone, Copy)]
struct Parting {
    source: usize,
    text: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Odds {
    pub(super) right: f64,
    pub(super) wrong: f64,
}

impl Odds {
    pub(super) fn chance(self) -> f64 {
        (self.right / (self.right + self.wrong)).min(0.995)
    }

    pub(super) fn note(&mut self, right: bool) {
        self.right = self.right * MEMORY + if right { 1.0 } else { 0.0 };
        self.wrong = self.wrong * MEMORY + if right { 0.0 } else { 1.0 };
    }
}

impl<'v> Drafter<'v> {
    /// A drafter for a text that follows `prompt` and is expected to resemble `source`, if there is
    /// one.
    pub(super) fn new(
        source: Vec<Token>,
        prompt: Vec<Token>,
        vocabulary: &'v dyn Vocabulary,
    ) -> Self {
        let place = (!source.is_empty()).then_some(0);
        Self {
            vocabulary,
            source,
            prompt_tokens: prompt.len(),
            prompt: OnceCell::new(),
            text: prompt,
            place,
            run: SURE_RUN,
            anchor: 0,
            parted: None,
            renamings: Renamings::default(),
            renamed: 0,
            // Where nothing is known yet: the best of those tried on 252 edits of the demo model
            // with the step costs of a CPU and of a GPU. Optimism is cheaper than caution, since an
            // answer that diverges soon teaches the drafter its real odds.
            odds: [
                Odds { right: 79.0, wrong: 1.0 },
                Odds { right: 5.0, wrong: 1.0 },
                Odds { right: 9.0, wrong: 1.0 },
                Odds { right: 1.0, wrong: 1.0 },
                Odds { right: 19.0, wrong: 1.0 },
            ],
        }
    }

    pub(super) fn chance(&self, trust: Trust) -> f64 {
        self.odds.get(trust as usize).map_or(0.0, |odds| odds.chance())
    }

    pub(super) fn guess(&self, most: usize) -> Option<Draft> {
        let (tokens, trust) = match self.place {
            Some(place) => {
                let trust = match self.run {
                    SURE_RUN.. => Trust::Sure,
                    LIKELY_RUN.. => Trust::Likely,
                    _ => Trust::Weak,
                };
                (self.renamings.apply(&self.source[place..], self.renamed, most), trust)
            }
            None => match self.completed_name() {
                Some(mut tokens) => {
                    tokens.truncate(most);
                    (tokens, Trust::Name)
                }
                None => {
                    let found = followed(&self.text)?;
                    (found[..found.len().min(most)].to_vec(), Trust::Lookup)
                }
            },
        };
        (!tokens.is_empty()).then_some(Draft { tokens, trust })
    }

    fn completed_name(&self) -> Option<Vec<Token>> {
        let parted = self.parted?;
        let (before, rest) = self.source.split_at_checked(parted.source)?;
        let written = self.text.get(parted.text..)?;
        let prompt = || self.vocabulary.text(&self.text[..self.prompt_tokens]);
        let known = self.prompt.get_or_init(prompt);
        renaming::complete(known, Begun { before, rest, written }, self.vocabulary)
    }

    pub(super) fn judge(&mut self, draft: &Draft, right: usize) {
        let Some(odds) = self.odds.get_mut(draft.trust as usize) else { return };
        // What follows the first wrong token was never judged: it continued a text that was not
        // written.
        for index in 0..draft.tokens.len().min(right + 1) {
            odds.note(index < right);
        }
    }

    pub(super) fn follow(&mut self, token: Token) {
        self.text.push(token);
        if let Some(place) = self.place {
            if self.goes_on(place, token) {
                self.run += 1;
                self.learn_what_was_replaced();
                return;
            }
            self.anchor = place;
            // A short agreement in between may be chance: then the first divergence stays the one
            // to learn from.
            if self.parted.is_none() || self.run >= SURE_RUN {
                self.parted = Some(Parting { source: place, text: self.text.len() - 1 });
            }
        }
        self.find_again();
        self.learn_what_was_replaced();
    }

    /// Whether the token is the one expected at the place; if so, the place moves past it.
    fn goes_on(&mut self, place: usize, token: Token) -> bool {
        // Taken, so that every way out below but one leaves no replacement half written.
        let begun = std::mem::take(&mut self.renamed);
        if let Some(passage) = self.renamings.at(&self.source[place..]) {
            if passage.to.get(begun) == Some(&token) {
                if begun + 1 == passage.to.len() {
                    self.place = Some(place + passage.from.len());
                } else {
                    self.renamed = begun + 1;
                }
                return true;
            }
            let from = passage.from.clone();
            self.renamings.forget(&from);
            // The start of the replacement is in the text already, so the old passage can no longer
            // come here: the place is lost.
            if begun > 0 {
                return false;
            }
        } else if self.source.get(place) != Some(&token) {
            let (before, rest) = self.source.split_at(place);
            if let Some(rest) = self.renamings.unlearn(before, rest, self.vocabulary) {
                self.replace_rest(place, rest);
            }
        }
        let as_it_was = self.source.get(place) == Some(&token);
        self.place = Some(place + usize::from(as_it_was));
        as_it_was
    }

    fn replace_rest(&mut self, place: usize, rest: Vec<Token>) {
        self.source.truncate(place);
        self.source.extend(rest);
    }

    /// Called when the place is found again: learns that what the source has between there and the
    /// divergence was replaced by what the text has. A name is believed at once, anything else once
    /// the place is certain.
    fn learn_what_was_replaced(&mut self) {
        let Some(place) = self.place.filter(|_| self.renamed == 0) else { return };
        let Some(parted) = self.parted else { return };
        let met = place.saturating_sub(self.run);
        let old = self.source.get(parted.source..met);
        let new = self.text.get(parted.text..self.text.len().saturating_sub(self.run));
        if self.run >= SURE_RUN {
            self.parted = None;
        }
        // The two may meet so soon again that the run overlaps what differed: then nothing was
        // replaced.
        let (Some(old), Some(new)) = (old, new) else { return };
        let (before, after) = (&self.source[..parted.source], &self.source[met..place]);
        let difference = Difference { before, old, new, after };
        let rest = &self.source[place..];
        if let Some(name) = self.renamings.learn_name(difference, rest, self.vocabulary) {
            self.parted = None;
            if let Some(rest) = name {
                self.replace_rest(place, rest);
            }
        } else if self.run >= SURE_RUN {
            self.renamings.learn_passage(old, new);
        }
    }

    /// Looks for the place in the source that follows tokens most like the end of the text. Of
    /// equals, the nearest to where the place was lost wins, and ahead wins over back.
    ///
    /// Done for each token while the place is lost, so both the part of the source and the runs are
    /// bounded: it must cost nothing next to a step. A wrong place is cheap too, since a short run
    /// gives a guess little trust.
    fn find_again(&mut self) {
        // From 1: a place is judged by the tokens before it.
        let from = self.anchor.saturating_sub(NEAR_TOKENS).max(1);
        let to = (self.anchor + NEAR_TOKENS).min(self.source.len());
        let best = (from..=to)
            .map(|place| (common_end(&self.source[..place], &self.text), place))
            .filter(|(run, _)| *run > 0)
            .max_by_key(|&(run, place)| {
                let ahead = place > self.anchor;
                (run, std::cmp::Reverse(place.abs_diff(self.anchor)), ahead)
            });
        (self.run, self.place) = match best {
            Some((run, place)) => (run, Some(place)),
            None => (0, None),
        };
    }
}

fn common_end(a: &[Token], b: &[Token]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take(RUN_MAX).take_while(|(a, b)| a == b).count()
}

/// What followed the last [`LOOKUP_RUN`] tokens of the text when they last occurred.
fn followed(text: &[Token]) -> Option<&[Token]> {
    let (before, run) = text.split_at_checked(text.len().checked_sub(LOOKUP_RUN)?)?;
    let start = before.windows(LOOKUP_RUN).rposition(|window| window == run)?;
    Some(&text[start + LOOKUP_RUN..])
}

#[cfg(test)]
mod tests {
    use super::super::renaming::tests::Characters;
    use super::*;

    const SOURCE: [Token; 20] =
        [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];

    /// Tokens below 32 are never part of a name, whatever the vocabulary.
    fn after(source: &[Token], tokens: &[Token]) -> Drafter<'static> {
        let mut drafter = Drafter::new(source.to_vec(), Vec::new(), &Characters);
        tokens.iter().for_each(|token| drafter.follow(*token));
        drafter
    }

    fn guessed(tokens: &[Token]) -> Option<(Vec<Token>, Trust)> {
        after(&SOURCE, tokens).guess(4).map(|draft| (draft.tokens, draft.trust))
    }

    #[test]
    fn the_source_is_the_draft_from_the_first_token() {
        assert_eq!(guessed(&[]), Some((vec![10, 11, 12, 13], Trust::Sure)));
        assert_eq!(guessed(&[10, 11]), Some((vec![12, 13, 14, 15], Trust::Sure)));
        assert_eq!(guessed(&SOURCE[..18]), Some((vec![28, 29], Trust::Sure)));
        assert_eq!(guessed(&SOURCE), None);
    }

    #[test]
    fn after_a_replaced_token_the_place_is_found_by_the_next_that_agrees() {
        assert_eq!(guessed(&[10, 11, 99]), None);
        assert_eq!(guessed(&[10, 11, 99, 13]), Some((vec![14, 15, 16, 17], Trust::Weak)));
        assert_eq!(guessed(&[10, 11, 99, 13, 14]), Some((vec![15, 16, 17, 18], Trust::Likely)));
        assert_eq!(guessed(&[10, 11, 99, 13, 14, 15, 16]).unwrap().1, Trust::Sure);
    }

    #[test]
    fn inserted_and_deleted_passages_are_stepped_over() {
        assert_eq!(guessed(&[10, 11, 99, 98, 97, 12]).unwrap().0, [13, 14, 15, 16]);
        assert_eq!(guessed(&[10, 11, 18]), Some((vec![19, 20, 21, 22], Trust::Weak)));
    }

    #[test]
    fn of_two_places_the_nearer_is_taken_and_a_longer_run_beats_it() {
        let source = [1, 2, 3, 7, 4, 5, 6, 7, 8, 9];
        let place = |text: &[Token]| after(&source, text).place;
        assert_eq!(place(&[1, 2, 7]), Some(4));
        assert_eq!(place(&[1, 2, 6, 7]), Some(8));
    }

    #[test]
    fn a_lost_place_falls_back_on_what_was_written_before() {
        let mut drafter = Drafter::new(SOURCE.to_vec(), vec![50, 51, 52, 53, 54, 60], &Characters);
        [50, 51, 52].into_iter().for_each(|token| drafter.follow(token));
        let draft = drafter.guess(2).unwrap();
        assert_eq!((draft.tokens, draft.trust), (vec![53, 54], Trust::Lookup));
        assert_eq!(after(&[], &[]).guess(4), None);
    }

    fn written(source: &str, text: &str) -> String {
        let drafter = after(&Characters.tokens(source), &Characters.tokens(text));
        drafter.guess(200).map_or_else(String::new, |draft| Characters.text(&draft.tokens))
    }

    #[test]
    fn what_was_renamed_once_is_renamed_in_the_next_draft() {
        let source = "n = f(a, n)\ng(n)\nreturn n\n";
        assert_eq!(written(source, "count = f("), "a, count)\ng(count)\nreturn count\n");
        assert_eq!(written(source, "count = f(a, count"), ")\ng(count)\nreturn count\n");
        // If the old name is kept once, it is expected from then on.
        assert_eq!(written(source, "count = f(a, n)"), "\ng(n)\nreturn n\n");
        // What is not a name is replaced literally.
        let source = "a == 1 and b == 2 and c == 3\n";
        assert_eq!(written(source, "a is 1 a"), "nd b is 2 and c is 3\n");
        assert_eq!(written(source, "a is 1 and b == 2"), " and c == 3\n");
    }

    #[test]
    fn a_name_that_the_prompt_has_is_completed() {
        let source = Characters.tokens("n = f(a, n)\ng(n)\n");
        let prompt = Characters.tokens("call it count");
        let mut drafter = Drafter::new(source, prompt, &Characters);
        drafter.follow(Characters.tokens("c")[0]);
        let draft = drafter.guess(200).unwrap();
        assert_eq!(Characters.text(&draft.tokens), "ount = f(a, count)\ng(count)\n");
        assert_eq!(draft.trust, Trust::Name);
    }

    #[test]
    fn the_odds_follow_what_was_seen() {
        let mut drafter = after(&SOURCE, &[]);
        let draft = Draft { tokens: vec![1; 8], trust: Trust::Sure };
        let first = drafter.chance(Trust::Sure);
        drafter.judge(&draft, 0);
        let worse = drafter.chance(Trust::Sure);
        assert!(worse < first);
        for _ in 0..50 {
            drafter.judge(&draft, 8);
        }
        assert!(drafter.chance(Trust::Sure) > 0.98);
        // Only guesses that could be judged count.
        let mut one = after(&SOURCE, &[]);
        one.judge(&Draft { tokens: vec![1; 2], trust: Trust::Sure }, 0);
        assert!((one.chance(Trust::Sure) - worse).abs() < 1e-9);
    }
}
