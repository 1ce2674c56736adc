//! A suggestion's place, as far as needed to recognize it: typing along what is suggested needs no
//! model, and neither does the place that it leads to.

use localcoder_protocol::GhostText;

use super::gap::Gap;

/// This many bytes before and after a place tell it from others, so that a spot is not a copy of
/// the document. A change further away is noticed by its length, unless it keeps it.
const TAIL_BYTES: usize = 4096;

/// A place in a document. Two are equal if the text before and after them is, as far as it is
/// compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    path: String,
    before_bytes: usize,
    tail: String,
    after_bytes: usize,
    head: String,
    line_end: &'static str,
}

impl Spot {
    pub(super) fn of(gap: &Gap) -> Self {
        let from = gap.before.ceil_char_boundary(gap.before.len().saturating_sub(TAIL_BYTES));
        let to = gap.after.floor_char_boundary(TAIL_BYTES);
        Self {
            path: gap.path.clone(),
            before_bytes: gap.before.len(),
            tail: gap.before[from..].to_owned(),
            after_bytes: gap.after.len(),
            head: gap.after[..to].to_owned(),
            line_end: gap.line_end,
        }
    }

    /// What is left of a suggestion for this place at a later one, if the text typed in between is
    /// what the suggestion says; `None` otherwise. Keys that write what is suggested need no model
    /// then.
    #[must_use]
    pub fn rest_at(&self, suggestion: &GhostText, later: &Self) -> Option<GhostText> {
        let same = self.path == later.path
            && (self.after_bytes, &self.head) == (later.after_bytes, &later.head);
        let typed_bytes = later.before_bytes.checked_sub(self.before_bytes)?;
        // Compared with `\n`, as gaps are; the rest gets the document's line end again.
        let text = suggestion.text.replace("\r\n", "\n");
        let (typed, rest) = text.split_at_checked(typed_bytes)?;
        if !same || rest.trim().is_empty() || !later.tail.ends_with(typed) {
            return None;
        }
        // Both tails are cut to the same length, so after taking off what was typed either may be
        // the longer one.
        let tail = &later.tail[..later.tail.len() - typed.len()];
        if !self.tail.ends_with(tail) && !tail.ends_with(&self.tail) {
            return None;
        }
        let text =
            if self.line_end == "\n" { rest.to_owned() } else { rest.replace('\n', self.line_end) };
        Some(GhostText { text, replaces: suggestion.replaces })
    }
}
