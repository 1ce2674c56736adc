//! Takes the thoughts out of an answer while it is written, so that they are neither shown nor
//! taken for code, and counts them: a model that thinks forever is stopped.
//!
//! What is handed out is final. Thoughts in the middle of an answer are left to `clean`.

use localcoder_protocol::{ANSWER_OPENINGS, THOUGHTS, Thought};

/// Most tokens of thoughts in one answer: half a minute on a laptop that writes 17 a second.
pub const THOUGHT_TOKENS_MAX: u32 = 512;

/// An answer that grows. Feed it what the model writes, a token at a time.
#[derive(Debug, Clone)]
pub struct Thoughts {
    marks: Vec<&'static Thought>,
    held: String,
    state: State,
    tokens: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far, which may be the answer's own.
    Start,
    Thinking(&'static str),
    /// After a thought: the line ends there belong to it, not to the answer.
    Behind,
    Answering,
}

impl Thoughts {
    /// For an answer that may itself begin as `own` does, such as code that contains marks of
    /// thoughts: those do not count as marks then.
    #[must_use]
    pub fn new(own: &str) -> Self {
        let is_mark = |it: &&Thought| !own.contains(it.open) && !own.contains(it.close);
        Self {
            marks: THOUGHTS.iter().filter(is_mark).collect(),
            held: String::new(),
            state: State::Start,
            tokens: 0,
        }
    }

    pub fn push(&mut self, piece: &str) -> String {
        if matches!(self.state, State::Thinking(_)) {
            // A piece is a token; what opens and closes a thought is not counted.
            self.tokens += 1;
        }
        self.held.push_str(piece);
        // A piece may close one thought and open the next.
        while self.step() {}
        match self.state {
            State::Answering => std::mem::take(&mut self.held),
            _ => String::new(),
        }
    }

    /// Returns what was held back in case it became a thought.
    #[must_use]
    pub fn finish(&mut self) -> String {
        match self.state {
            State::Thinking(_) => String::new(),
            _ => std::mem::take(&mut self.held),
        }
    }

    /// The number of thought tokens, if there was nothing else and may never be: either there were
    /// too many, or nothing more comes (`at_end`).
    #[must_use]
    pub fn endless(&self, at_end: bool) -> Option<u32> {
        let thinks = matches!(self.state, State::Thinking(_));
        (thinks && (at_end || self.tokens >= THOUGHT_TOKENS_MAX)).then_some(self.tokens)
    }

    #[must_use]
    pub fn is_thinking(&self) -> bool {
        matches!(self.state, State::Thinking(_))
    }

    fn step(&mut self) -> bool {
        match self.state {
            State::Answering => false,
            State::Thinking(close) => {
                let Some(end) = self.held.find(close) else { return false };
                self.held.drain(..end + close.len());
                self.state = State::Behind;
                true
            }
            State::Start | State::Behind => self.begin(),
        }
    }

    /// Decides what the held text begins with: another thought, words that open the answer after
    /// one, or the answer. False if it is not decided yet, as what is held may still become a mark,
    /// or if it is the answer.
    fn begin(&mut self) -> bool {
        let text = self.held.trim_start();
        let spaces = self.held.len() - text.len();
        if let Some(mark) = self.marks.iter().find(|it| text.starts_with(it.open)) {
            self.state = State::Thinking(mark.close);
            self.held.drain(..spaces + mark.open.len());
            return true;
        }
        let opening = ANSWER_OPENINGS.iter().find(|it| text.starts_with(**it));
        if let Some(opening) = opening.filter(|_| self.state == State::Behind) {
            self.held.drain(..spaces + opening.len());
            return true;
        }
        let may_come = |mark: &str| mark.starts_with(text);
        let is_open = self.marks.iter().any(|it| may_come(it.open))
            || self.state == State::Behind && ANSWER_OPENINGS.iter().any(|it| may_come(it));
        if is_open {
            return false;
        }
        // The indentation of the answer's first line is part of the answer.
        if self.state == State::Behind {
            let lines = self.held[..spaces].rfind('\n').map_or(0, |end| end + 1);
            self.held.drain(..lines);
        }
        self.state = State::Answering;
        false
    }
}

impl Default for Thoughts {
    fn default() -> Self {
        Self::new("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(own: &str, raw: &str, expected: &str) {
        // A mark comes in whatever pieces the tokenizer makes of it.
        for size in [1, 2, 5, raw.len().max(1)] {
            let mut thoughts = Thoughts::new(own);
            let characters: Vec<char> = raw.chars().collect();
            let mut text = String::new();
            for piece in characters.chunks(size) {
                text += &thoughts.push(&piece.iter().collect::<String>());
            }
            text += &thoughts.finish();
            assert_eq!(text, expected, "{raw:?} in pieces of {size}");
        }
    }

    #[test]
    fn thoughts_of_every_family_go_and_the_answer_stays_as_it_is() {
        for Thought { open, close, .. } in THOUGHTS {
            check("", &format!("{open}\nHm, x?\n{close}\n\n    x = 1\n"), "    x = 1\n");
            check("", &format!("\n{open}{close}x"), "x");
            check("", &format!("{open}a{close}\n{open}b{close}x"), "x");
            check("", &format!("{open}It never ends"), "");
            check(open, &format!("{open}a{close}"), &format!("{open}a{close}"));
        }
        check(
            "",
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>x = 1",
            "x = 1",
        );
    }

    #[test]
    fn what_is_not_a_thought_stays() {
        check("", "    return x\n\n", "    return x\n\n");
        check("", "<thin ice", "<thin ice");
        check("", "<", "<");
        check("", "  \n", "  \n");
        check("", "x = '<think>a</think>'", "x = '<think>a</think>'");
        check("", "Here are my reasons", "Here are my reasons");
    }

    #[test]
    fn ordinary_text_is_not_held_back() {
        let mut thoughts = Thoughts::default();
        assert_eq!(thoughts.push("def"), "def");
        assert_eq!(thoughts.push(" <think>"), " <think>");
    }

    #[test]
    fn a_thought_without_end_is_reported_and_its_tokens_are_counted() {
        let mut thoughts = Thoughts::default();
        thoughts.push("<think>");
        for _ in 1..THOUGHT_TOKENS_MAX {
            thoughts.push(" hm");
            assert_eq!(thoughts.endless(false), None);
        }
        thoughts.push(" hm");
        assert_eq!(thoughts.endless(false), Some(THOUGHT_TOKENS_MAX));
        let mut thoughts = Thoughts::default();
        thoughts.push("<think>");
        thoughts.push(" hm");
        assert!(thoughts.is_thinking());
        assert_eq!((thoughts.endless(false), thoughts.endless(true)), (None, Some(1)));
        thoughts.push("</think>");
        assert_eq!(thoughts.endless(true), None);
    }
}
