//! Short passages that an edit has replaced by others: a renamed variable is renamed again where
//! it stands next, so a draft has the new name there. Of one replacement that was wrong once
//! nothing is kept.
//!
//! Tokens alone are compared: what a name is in the language at hand is not asked. Called by the
//! drafter.

use crate::llama::Token;

/// Longest passage, of either side: a name of several words. With 3 a little is lost, with 10
/// nothing is gained (edits of the demo model).
const SPAN_MAX: usize = 6;
/// More are not kept; the oldest goes. An edit seldom renames as many things.
const COUNT_MAX: usize = 16;

/// A passage of the source and what is written in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Renaming {
    pub(super) from: Vec<Token>,
    pub(super) to: Vec<Token>,
}

/// All that an answer has shown so far.
#[derive(Debug, Default)]
pub(super) struct Renamings(Vec<Renaming>);

impl Renamings {
    /// The one whose passage begins here in the source.
    pub(super) fn at(&self, source: &[Token]) -> Option<&Renaming> {
        self.0.iter().find(|renaming| source.starts_with(&renaming.from))
    }

    /// Takes what stood in the source and what was written instead, if it is like a name.
    pub(super) fn learn(&mut self, from: &[Token], to: &[Token]) {
        let short = |tokens: &[Token]| (1..=SPAN_MAX).contains(&tokens.len());
        if !short(from) || !short(to) || from == to {
            return;
        }
        self.forget(from);
        if self.0.len() == COUNT_MAX {
            self.0.remove(0);
        }
        self.0.push(Renaming { from: from.to_vec(), to: to.to_vec() });
    }

    pub(super) fn forget(&mut self, from: &[Token]) {
        self.0.retain(|renaming| renaming.from != from);
    }

    /// The source from a place on as the answer is expected to have it: at most `most` tokens,
    /// the first `done` of the passage that begins it left out.
    pub(super) fn apply(&self, mut source: &[Token], mut done: usize, most: usize) -> Vec<Token> {
        let mut tokens = Vec::new();
        while tokens.len() < most && !source.is_empty() {
            let used = match self.at(source) {
                Some(renaming) => {
                    tokens.extend(&renaming.to[done..]);
                    renaming.from.len()
                }
                None => {
                    tokens.push(source[0]);
                    1
                }
            };
            done = 0;
            source = &source[used..];
        }
        tokens.truncate(most);
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamings(pairs: &[(&[Token], &[Token])]) -> Renamings {
        let mut renamings = Renamings::default();
        pairs.iter().for_each(|(from, to)| renamings.learn(from, to));
        renamings
    }

    #[test]
    fn what_was_replaced_is_replaced_wherever_it_stands() {
        let renamings = renamings(&[(&[1, 2], &[9]), (&[5], &[7, 8])]);
        assert_eq!(renamings.apply(&[0, 1, 2, 3, 5, 1], 0, 10), [0, 9, 3, 7, 8, 1]);
        assert_eq!(renamings.apply(&[5, 3], 1, 10), [8, 3]);
        assert_eq!(renamings.apply(&[3, 5, 3], 0, 2), [3, 7]);
    }

    #[test]
    fn the_last_replacement_of_a_passage_counts() {
        let mut renamings = renamings(&[(&[1], &[2]), (&[1], &[3])]);
        assert_eq!(renamings.apply(&[1], 0, 4), [3]);
        renamings.forget(&[1]);
        assert_eq!(renamings.apply(&[1], 0, 4), [1]);
    }

    #[test]
    fn what_is_no_name_is_not_learned() {
        let long = [1; SPAN_MAX + 1];
        let renamings = renamings(&[(&[], &[2]), (&[1], &[]), (&long, &[2]), (&[3], &[3])]);
        assert_eq!(renamings.at(&[1, 1, 1, 1, 1, 1, 1]), None);
        assert_eq!(renamings.at(&[3]), None);
    }

    #[test]
    fn there_is_a_bound() {
        let mut renamings = Renamings::default();
        for token in 0..100 {
            renamings.learn(&[token], &[token + 1_000]);
        }
        assert_eq!(renamings.at(&[0]), None);
        assert_eq!(renamings.apply(&[99], 0, 1), [1_099]);
        assert_eq!(renamings.0.len(), COUNT_MAX);
    }
}
