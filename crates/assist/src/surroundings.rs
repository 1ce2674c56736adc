//! The lines around a selection that may go into its prompt, and the account of those that do.
//!
//! Whole lines only, without blank lines at the ends. Which of them fit is decided in `budget`.

use std::ops::Range;

use crate::document::Line;

/// More lines than this on one side never fit the budget, so they are not even counted.
const LINES_MAX: usize = 512;

const BYTES_MAX: usize = 32 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Side {
    /// The lines that may be given, the nearest first, without white space at their ends.
    pub(crate) lines: Vec<String>,
    gap: usize,
    total: usize,
}

pub(crate) fn both(lines: &[Line<'_>], selection: &Range<usize>) -> (Side, Side) {
    let before: Vec<_> = lines[..selection.start].iter().rev().collect();
    let after: Vec<_> = lines[selection.end..].iter().collect();
    (Side::new(&before), Side::new(&after))
}

impl Side {
    fn new(total: &[&Line<'_>]) -> Self {
        // Blank lines at the end of the document are not something that was left out.
        let filled = total.iter().rposition(|line| !line.is_blank()).map_or(0, |last| last + 1);
        let gap = total.iter().take_while(|line| line.is_blank()).count().min(filled);
        let mut bytes = 0;
        let near = total[gap..filled].iter().take(LINES_MAX).map(|line| line.text.trim_end());
        let near = near.take_while(|text| {
            bytes += text.len() + 1;
            bytes <= BYTES_MAX
        });
        Self { lines: near.map(str::to_owned).collect(), gap, total: filled }
    }

    /// The lines, the nearest first, with one blank line for all blank lines between them and the
    /// selection.
    pub(crate) fn with_gap(&self) -> impl DoubleEndedIterator<Item = String> {
        let gap = (self.gap > 0).then(String::new);
        gap.into_iter().chain(self.lines.iter().cloned())
    }

    /// How many of the first `fitting` lines are given: blank lines at the far end are dropped.
    fn given(&self, fitting: usize) -> usize {
        let fitting = &self.lines[..fitting.min(self.lines.len())];
        fitting.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1)
    }

    /// How far from the selection the furthest of the given lines is, in lines.
    pub(crate) fn reach(&self, fitting: usize) -> usize {
        match self.given(fitting) {
            0 => 0,
            given => self.gap + given,
        }
    }

    /// The given lines in the order of the document before the selection.
    pub(crate) fn text_before(&self, fitting: usize) -> String {
        let mut lines = self.lines[..self.given(fitting)].to_vec();
        lines.reverse();
        lines.join("\n")
    }

    pub(crate) fn text_after(&self, fitting: usize) -> String {
        self.lines[..self.given(fitting)].join("\n")
    }

    /// How many lines are given and how many are left out. Blank lines next to the selection count
    /// as given if any line beyond them is.
    pub(crate) fn account(&self, fitting: usize) -> (u32, u32) {
        let given = self.reach(fitting);
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        (number(given), number(self.total - given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::lines;

    #[test]
    fn both_sides_are_taken_nearest_first_and_told_apart_from_blank_lines() {
        let lines = lines("\na\n\nb  \n\nSELECTED\n\n\nc\nd\n\n");
        let (before, after) = both(&lines, &(5..6));
        assert_eq!(before.lines, ["b", "", "a"]);
        assert_eq!(after.lines, ["c", "d"]);
        assert_eq!((before.reach(0), before.reach(1), after.reach(1)), (0, 2, 3));
        assert_eq!(before.text_before(3), "a\n\nb");
        assert_eq!((before.text_before(2), before.account(2)), ("b".to_owned(), (2, 2)));
        assert_eq!((before.account(3), before.account(0)), ((4, 0), (0, 4)));
        assert_eq!((after.text_after(1), after.account(1)), ("c".to_owned(), (3, 1)));
    }

    #[test]
    fn blank_surroundings_are_none() {
        let lines = lines("\n \nSELECTED\n\n");
        let (before, after) = both(&lines, &(2..3));
        assert_eq!((before.text_before(9), before.account(9)), (String::new(), (0, 0)));
        assert_eq!(after.account(9), (0, 0));
    }

    #[test]
    fn only_lines_that_could_fit_are_counted_and_all_are_accounted_for() {
        let text = "x\n".repeat(2000) + "SELECTED";
        let (before, _) = both(&lines(&text), &(2000..2001));
        assert_eq!(before.lines.len(), LINES_MAX);
        assert_eq!(before.account(10), (10, 1990));
        let long = "y".repeat(BYTES_MAX) + "\nx\nSELECTED";
        let (before, _) = both(&lines(&long), &(2..3));
        assert_eq!((before.lines.len(), before.account(9)), (1, (1, 1)));
    }
}
