//! A model that writes the file from its first line, in place of the selection: it is asked again with
//! the selection begun.
//!
//! Of a 1.5B's answers to 29 instructions (`types`, `simplify`, `performance`) two were cut off so, the
//! second attempt like the first.

use super::Task;
use crate::layout::Layout;

/// Lines that are the file's first and not the selection's by chance.
const LINES_MIN: usize = 2;

impl Task {
    /// The same prompt with the answer begun, and its beginning, where an answer was the file from its
    /// first line on.
    #[must_use]
    pub fn begun_layout(&self, first: &Layout, answer: &str) -> Option<(Layout, String)> {
        let code = self.selection.text.as_str();
        let is_file = begins_alike(answer, &first.before) && !begins_alike(answer, code);
        let end = code.find(|c: char| c.is_whitespace()).filter(|end| *end > 0);
        let begun = &code[..end.filter(|_| is_file)?];
        let layout = Layout {
            prefill: first.prefill.clone() + begun,
            draft: first.draft.strip_prefix(begun).unwrap_or_default().to_owned(),
            ..first.clone()
        };
        Some((layout, begun.to_owned()))
    }
}

/// Whether the first lines of both that say something are the same.
fn begins_alike(a: &str, b: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.take(LINES_MIN).map(str::to_owned).collect()
    };
    let (a, b) = (lines(a), lines(b));
    a.len() == LINES_MIN && a == b
}
