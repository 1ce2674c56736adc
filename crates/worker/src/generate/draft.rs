//! Guesses what an edit writes next: the code that is edited is the draft from the first token,
//! and after a difference the place is found again. Where the place is lost, a run of tokens
//! that stood in the text before is followed.
//!
//! It only proposes; what is written is decided by the model's logits alone (`mod.rs`), so a bad
//! guess costs time and changes nothing.

use crate::llama::Token;

/// How far round the place of a difference the code is searched for it, in tokens: a deleted or
/// moved passage of a function is seldom longer.
const NEAR_TOKENS: usize = 96;
/// Longest run that is compared to judge a place.
const RUN_MAX: usize = 12;
/// Shortest run that is followed into the text before, as with prompt lookup.
const LOOKUP_RUN: usize = 3;
/// A place this well confirmed counts as [`Trust::Sure`].
const SURE_RUN: usize = 4;
/// A place that has gone on for two tokens counts as [`Trust::Likely`].
const LIKELY_RUN: usize = 2;
/// Weight of what was seen before, against one new token: a few edits change the odds.
const MEMORY: f64 = 0.97;

/// How well a guess is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// At the start, or after a run of agreement.
    Sure,
    /// After a short run.
    Likely,
    /// The place was just found again.
    Weak,
    /// A run of the text before.
    Lookup,
}

/// A guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    /// The tokens.
    pub(super) tokens: Vec<Token>,
    /// How well they are founded.
    pub(super) trust: Trust,
}

/// Where in the source the text is, and how good the guesses were.
#[derive(Debug)]
pub(super) struct Drafter {
    source: Vec<Token>,
    /// The prompt and what was written after it.
    text: Vec<Token>,
    /// The next token of the source, where the place is known.
    place: Option<usize>,
    /// How many tokens in a row have confirmed the place.
    run: usize,
    /// Where the place was last known.
    anchor: usize,
    odds: [Odds; 4],
}

/// Share of guessed tokens that were right, of those that had a chance.
#[derive(Debug, Clone, Copy)]
struct Odds {
    right: f64,
    wrong: f64,
}

impl Drafter {
    /// A drafter for a text that follows `prompt` and is expected to resemble `source`.
    pub(super) fn new(source: Vec<Token>, prompt: Vec<Token>) -> Self {
        Self {
            source,
            text: prompt,
            place: Some(0),
            run: SURE_RUN,
            anchor: 0,
            // Where nothing is known: most of an edit is copied, a new place is a coin's throw.
            odds: [
                Odds { right: 19.0, wrong: 1.0 },
                Odds { right: 5.0, wrong: 1.0 },
                Odds { right: 2.0, wrong: 1.5 },
                Odds { right: 1.0, wrong: 1.0 },
            ],
        }
    }

    /// The chance that a token guessed with this trust is right, given that those before are.
    pub(super) fn chance(&self, trust: Trust) -> f64 {
        let odds = self.odds[trust as usize];
        (odds.right / (odds.right + odds.wrong)).min(0.995)
    }

    /// The best guess of at most `most` tokens.
    pub(super) fn guess(&self, most: usize) -> Option<Draft> {
        let (tokens, trust) = match self.place {
            Some(place) => {
                let trust = match self.run {
                    SURE_RUN.. => Trust::Sure,
                    LIKELY_RUN.. => Trust::Likely,
                    _ => Trust::Weak,
                };
                (&self.source[place..], trust)
            }
            None => (followed(&self.text)?, Trust::Lookup),
        };
        let tokens = &tokens[..tokens.len().min(most)];
        (!tokens.is_empty()).then(|| Draft { tokens: tokens.to_vec(), trust })
    }

    /// Learns how a guess did: its first `right` tokens were.
    pub(super) fn judge(&mut self, draft: &Draft, right: usize) {
        let odds = &mut self.odds[draft.trust as usize];
        for index in 0..draft.tokens.len().min(right + 1) {
            odds.right *= MEMORY;
            odds.wrong *= MEMORY;
            if index < right {
                odds.right += 1.0;
            } else {
                odds.wrong += 1.0;
            }
        }
    }

    /// Takes the token that was written.
    pub(super) fn follow(&mut self, token: Token) {
        self.text.push(token);
        if let Some(place) = self.place {
            if self.source.get(place) == Some(&token) {
                self.place = Some(place + 1);
                self.run += 1;
                return;
            }
            self.anchor = place;
        }
        self.find_again();
    }

    /// Looks for the place whose tokens before it are most like the end of the text; of equals,
    /// the nearest to where it was lost, ahead rather than behind.
    fn find_again(&mut self) {
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

/// How many tokens at the ends of both are the same, up to [`RUN_MAX`].
fn common_end(a: &[Token], b: &[Token]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take(RUN_MAX).take_while(|(a, b)| a == b).count()
}

/// What followed the last [`LOOKUP_RUN`] tokens of the text the last time they stood there.
fn followed(text: &[Token]) -> Option<&[Token]> {
    let (before, run) = text.split_at_checked(text.len().checked_sub(LOOKUP_RUN)?)?;
    let start = before.windows(LOOKUP_RUN).rposition(|window| window == run)?;
    Some(&text[start + LOOKUP_RUN..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: [Token; 20] =
        [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29];

    fn after(source: &[Token], tokens: &[Token]) -> Drafter {
        let mut drafter = Drafter::new(source.to_vec(), Vec::new());
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
        let mut drafter = Drafter::new(SOURCE.to_vec(), vec![50, 51, 52, 53, 54, 60]);
        [50, 51, 52].into_iter().for_each(|token| drafter.follow(token));
        let draft = drafter.guess(2).unwrap();
        assert_eq!((draft.tokens, draft.trust), (vec![53, 54], Trust::Lookup));
        assert_eq!(after(&[], &[]).guess(4), None);
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
        // Only what had a chance counts.
        let mut one = after(&SOURCE, &[]);
        one.judge(&Draft { tokens: vec![1; 2], trust: Trust::Sure }, 0);
        assert!((one.chance(Trust::Sure) - worse).abs() < 1e-9);
    }
}
