//! The text of an explanation as it streams: thoughts and control tokens never reach the user.
//!
//! What is handed out is final: the pieces joined are the whole text. Rewrites have rules of their
//! own (see `clean`).

use crate::clean::CONTROL;

const THOUGHT: (&str, &str) = ("<think>", "</think>");

/// A prose answer that grows. Feed it what the model writes, and show what it returns.
#[derive(Debug, Clone, Default)]
pub struct Explanation {
    /// Written and not yet handed out, because it may become a control token.
    held: String,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    #[default]
    Start,
    Thinking,
    Telling,
    /// A control token came; nothing after it counts.
    Over,
}

impl Explanation {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a piece from the model and returns what can be shown now; often the piece itself. A
    /// control token that comes in pieces is held back until it is whole or can't become one.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let mut shown = String::new();
        while self.step(&mut shown) {}
        shown
    }

    /// Returns what was held back in case it became a control token.
    #[must_use]
    pub fn finish(self) -> String {
        match self.state {
            // What looked like the beginning of a token is text after all, as nothing follows.
            State::Start | State::Telling => self.held,
            State::Thinking | State::Over => String::new(),
        }
    }

    /// Takes one step with the held text; false if more must come first, or if nothing is left to
    /// do. A thought may be followed by another, so its end leads back to the start.
    fn step(&mut self, shown: &mut String) -> bool {
        match self.state {
            State::Start => {
                self.held.drain(..self.held.len() - self.held.trim_start().len());
                if self.held.starts_with(THOUGHT.0) {
                    self.state = State::Thinking;
                } else if self.held.is_empty() || THOUGHT.0.starts_with(&self.held) {
                    return false;
                } else {
                    self.state = State::Telling;
                }
                true
            }
            State::Thinking => {
                let Some(end) = self.held.find(THOUGHT.1) else { return false };
                self.held.drain(..end + THOUGHT.1.len());
                self.state = State::Start;
                true
            }
            State::Telling => {
                let end = CONTROL.iter().filter_map(|token| self.held.find(token)).min();
                let ready = end.unwrap_or_else(|| self.held.len() - self.doubtful());
                shown.extend(self.held.drain(..ready));
                if end.is_some() {
                    self.state = State::Over;
                }
                false
            }
            State::Over => {
                self.held.clear();
                false
            }
        }
    }

    /// How many bytes at the end may be the beginning of a control token.
    fn doubtful(&self) -> usize {
        // The longest of several: `<|im_` begins two tokens, and `<` begins them all.
        let longest = |token: &&str| {
            let starts = token.char_indices().map(|(at, _)| at).skip(1);
            starts.filter(|&at| self.held.ends_with(&token[..at])).max()
        };
        CONTROL.iter().filter_map(longest).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        for size in [1, 3, raw.len().max(1)] {
            let mut explanation = Explanation::new();
            let mut text = String::new();
            let characters: Vec<char> = raw.chars().collect();
            for piece in characters.chunks(size) {
                text += &explanation.push(&piece.iter().collect::<String>());
            }
            text += &explanation.finish();
            assert_eq!(text, expected, "{raw:?} in pieces of {size}");
        }
    }

    #[test]
    fn text_streams_and_what_is_not_text_does_not() {
        check("It adds two numbers.", "It adds two numbers.");
        check("<think>\nHm.\n</think>\n\nIt adds.", "It adds.");
        check("It adds.<|im_end|>\n<|im_start|>user", "It adds.");
        check("`a < b` and `a <| b` é 你", "`a < b` and `a <| b` é 你");
        check("<think>\nIt never ends", "");
        check("<thin ice", "<thin ice");
        check("", "");
    }

    #[test]
    fn ordinary_text_is_not_held_back() {
        let mut explanation = Explanation::new();
        assert_eq!(explanation.push("It"), "It");
        assert_eq!(explanation.push(" is <"), " is ");
        assert_eq!(explanation.push("3"), "<3");
    }

    proptest! {
        #[test]
        fn text_without_control_tokens_arrives_whole(text in "[a-z][a-z <|/>é\n]{0,40}") {
            prop_assume!(!CONTROL.iter().any(|token| text.contains(token)));
            check(&text, &text);
        }
    }
}
