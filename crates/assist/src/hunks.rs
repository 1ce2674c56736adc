//! An edit split into changes that can be kept or dropped one by one.
//!
//! Each is an edit of its own, with its own anchor, so that it finds its place even if the code
//! next to it was changed by hand. A change that only adds or only removes lines includes a
//! neighboring line, since an edit replaces whole lines. All of them together are the edit.

use std::ops::Range;

use localcoder_protocol::Edit;
use localcoder_protocol::limits::LOCATED_EDITS_MAX;

use crate::{diff, document, place};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) old: Range<usize>,
    pub(crate) new: Range<usize>,
}

impl Part {
    pub(crate) fn up_to(&self, other: &Self) -> Self {
        Self { old: self.old.start..other.old.end, new: self.new.start..other.new.end }
    }

    /// The part with a neighboring line if one side is empty: the line before, or the one after if
    /// `within` has none before. The neighbor is unchanged, so it is added to both sides; without
    /// it the edit would replace or leave no line, which has no place of its own.
    pub(crate) fn with_neighbor(mut self, within: Range<usize>) -> Self {
        if self.old.is_empty() || self.new.is_empty() {
            if self.old.start > within.start {
                self.old.start -= 1;
                self.new.start -= 1;
            } else if self.old.end < within.end {
                self.old.end += 1;
                self.new.end += 1;
            }
        }
        self
    }
}

/// The changes of an edit that was made from this document, in order; empty if it changes nothing.
/// One hunk for all of it where they are too many for a client to find again, or where they don't
/// add up.
pub(crate) fn hunks(document: &str, edit: &Edit) -> Vec<Edit> {
    // An edit that does not fit its own document is shown whole; who applies it finds out why it is
    // refused.
    let Ok(edited) = place::apply(document, edit.range, edit) else { return vec![edit.clone()] };
    if edited == document {
        return Vec::new();
    }
    let range = edit.range.start as usize - 1..edit.range.end as usize;
    let (old, new) = (lines(document), lines(&edited));
    let changes = diff::changes(document, &edited, range.clone());
    let parts = changes.iter().map(|change| {
        let (old, new) = change.sides();
        Part { old, new }
    });
    let is_blank = |lines: Range<usize>| old[lines].iter().all(|line| line.trim().is_empty());
    let parts = joined(parts, is_blank);
    let made: Vec<Edit> =
        grown(parts, &range).into_iter().map(|part| one(document, &old, &new, &part)).collect();
    // Better one hunk for everything than several that do not add up to the edit.
    if made.len() < LOCATED_EDITS_MAX
        && together(document, &made).as_deref() == Some(edited.as_str())
    {
        made
    } else {
        vec![edit.clone()]
    }
}

/// Joins parts that have nothing between them, blank lines aside. `is_nothing` is asked of lines of
/// the old document.
fn joined(
    parts: impl Iterator<Item = Part>,
    is_nothing: impl Fn(Range<usize>) -> bool,
) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::new();
    for part in parts {
        match all.last_mut() {
            Some(last)
                if part.old.start <= last.old.end || is_nothing(last.old.end..part.old.start) =>
            {
                *last = last.up_to(&part);
            }
            _ => all.push(part),
        }
    }
    all
}

/// Gives each part the lines that an edit needs; none takes a line that another has, so parts that
/// now touch become one.
fn grown(parts: Vec<Part>, range: &Range<usize>) -> Vec<Part> {
    let mut free_from = range.start;
    let grown = parts.into_iter().map(|part| {
        let part = part.with_neighbor(free_from..range.end);
        // A part may take the line before it only if the part above has not taken that line: two
        // edits of one line could not both be applied.
        free_from = part.old.end;
        part
    });
    joined(grown.collect::<Vec<_>>().into_iter(), |lines| lines.is_empty())
}

pub(crate) fn one(document: &str, old: &[&str], new: &[&str], part: &Part) -> Edit {
    Edit {
        range: document::range(&part.old),
        original: whole(&old[part.old.clone()]),
        replacement: whole(new.get(part.new.clone()).unwrap_or_default()),
        anchor: place::anchor(document, &part.old),
    }
}

/// Lines without the last line end, as edits have them: what is replaced keeps the end of its last
/// line.
fn whole(lines: &[&str]) -> String {
    let text = lines.concat();
    let without = text.strip_suffix("\r\n").or(text.strip_suffix('\n'));
    without.map(str::to_owned).unwrap_or(text)
}

/// The document after all of them; `None` if one of them does not apply. This is the proof that the
/// hunks are the edit, each applied by its own anchor as a client would.
fn together(document: &str, hunks: &[Edit]) -> Option<String> {
    // The last one first, so that the line numbers of those above it stay right.
    hunks
        .iter()
        .rev()
        .try_fold(document.to_owned(), |text, hunk| place::apply(&text, hunk.range, hunk).ok())
}

/// Lines with their ends; the last one, without an end, is included even if empty.
pub(crate) fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if text.is_empty() || text.ends_with('\n') {
        lines.push("");
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use localcoder_protocol::LineRange;

    fn edit(text: &str, start: usize, end: usize, replacement: &str) -> Edit {
        let original = whole(&lines(text)[start - 1..end]);
        Edit {
            range: LineRange { start: start as u32, end: end as u32 },
            original,
            replacement: replacement.into(),
            anchor: place::anchor(text, &(start - 1..end)),
        }
    }

    #[track_caller]
    fn check(text: &str, edit: &Edit, expected: &[(u32, u32, &str, &str)]) {
        let found = hunks(text, edit);
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.range.start, it.range.end, it.original.as_str(), it.replacement.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn changes_with_lines_between_them_are_apart() {
        let text = "0\na\nb\nc\nd\ne\n9\n";
        check(text, &edit(text, 2, 6, "A\nb\nc\nd\nE"), &[(2, 2, "a", "A"), (6, 6, "e", "E")]);
    }

    #[test]
    fn what_only_adds_or_takes_away_has_a_line_beside_it() {
        let text = "0\na\nb\nc\nd\ne\n9\n";
        check(
            text,
            &edit(text, 2, 6, "new\na\nb\nc\nd"),
            &[(2, 2, "a", "new\na"), (5, 6, "d\ne", "d")],
        );
        let crlf = text.replace('\n', "\r\n");
        check(
            &crlf,
            &edit(&crlf, 2, 6, "a\r\nx\r\nb\r\nc\r\nE\r\ne"),
            &[(2, 2, "a", "a\r\nx"), (5, 5, "d", "E")],
        );
    }

    #[test]
    fn those_that_would_need_the_same_line_are_one() {
        let text = "a\nb\n";
        check(text, &edit(text, 1, 1, "x\na\ny"), &[(1, 1, "a", "x\na\ny")]);
        let all = "a\nb\nc\nd\n";
        check(
            all,
            &edit(all, 1, 4, "x\na\ny\nb\nc\nD"),
            &[(1, 2, "a\nb", "x\na\ny\nb"), (4, 4, "d", "D")],
        );
    }

    #[test]
    fn blank_lines_between_changes_keep_nothing_apart() {
        let text = "a\n\nb\nc\n";
        check(text, &edit(text, 1, 4, "A\n\nB\nc"), &[(1, 3, "a\n\nb", "A\n\nB")]);
    }

    #[test]
    fn each_finds_its_place_when_the_code_beside_it_was_changed_by_hand() {
        let text = "def f(a):\n    x = a + 1\n    y = x * 2\n    print(y)\n    return y\n";
        let made = hunks(
            text,
            &edit(text, 1, 5, "def f(a: int):\n    x = a + 1\n    y = x * 2\n    return y"),
        );
        assert_eq!(made.len(), 2, "{made:?}");
        let by_hand = text.replace("x = a + 1", "x = a + 100");
        let document = localcoder_protocol::DocumentText {
            path: "a.py".into(),
            language_id: None,
            text: by_hand,
        };
        let places: Vec<_> = made.iter().map(|it| place::locate(&document, it)).collect();
        assert!(places.iter().all(Result::is_ok), "{places:?}");
    }

    proptest! {
        /// All of them together are the edit, and any subset leaves the lines of the others as they
        /// were.
        #[test]
        fn all_together_are_the_edit(
            text in "([a-c]{1,2}(\n|\r\n)){0,9}[a-c]{0,2}",
            replacement in "([a-c]{1,2}(\n|\r\n)){0,9}[a-c]{0,2}",
            from in 0_usize..9, height in 1_usize..9,
        ) {
            let count = lines(&text).len();
            let start = from.min(count - 1) + 1;
            let end = (start + height - 1).min(count);
            let whole = edit(&text, start, end, &replacement);
            let made = hunks(&text, &whole);
            let expected = place::apply(&text, whole.range, &whole).unwrap();
            prop_assert_eq!(together(&text, &made).unwrap(), expected);
            for pair in made.windows(2) {
                // No line belongs to two of them, since the one that is applied second would not
                // find its original.
                prop_assert!(pair[0].range.end < pair[1].range.start, "{:?}", made);
            }
            for hunk in &made {
                prop_assert!(place::apply(&text, hunk.range, hunk).is_ok());
            }
        }
    }
}
