//! A model that writes the file from its first line instead of the selection is asked again, with
//! the first word of the selection already written for it.
//!
//! Of a 1.5B model's answers to 29 instructions (`types`, `simplify`, `performance`) two were cut
//! off for this reason, in the second attempt as in the first.

use super::Task;
use crate::layout::Layout;

/// An answer with this many first lines of the file does not begin like it by chance.
const LINES_MIN: usize = 2;

impl Task {
    /// The same prompt with the answer begun, and that beginning, if an answer was the file from
    /// its first line on.
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

/// Whether both texts begin with the same lines, blank ones aside.
fn begins_alike(a: &str, b: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.take(LINES_MIN).map(str::to_owned).collect()
    };
    let (a, b) = (lines(a), lines(b));
    a.len() == LINES_MIN && a == b
}
