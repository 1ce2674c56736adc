//! A change to an edit that is still undecided. The model is given the document as it would be with
//! that edit; the result is returned as an edit of the document as it is, in the place of the
//! undecided one.

use std::ops::Range;

use localcoder_protocol::{DocumentText, Edit, LineRange, PendingEdit};

use crate::document::Line;
use crate::errors::AssistError;
use crate::hunks::{self, Part};
use crate::{diff, document, place};

/// What the undecided edit was made from: the document, the lines that the edit replaces in it
/// (0-based and half open), these lines and the instructions so far as the prompt gives them.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    document: DocumentText,
    lines: Range<usize>,
    pub(crate) original: String,
    pub(crate) instructions: String,
}

/// The document with the edit in it, the lines of the edit's text there, and what it was made from.
///
/// # Errors
/// `documentChanged` if the edit has no place in the document.
pub(crate) fn with_pending(
    document: &DocumentText,
    pending: &PendingEdit,
) -> Result<(DocumentText, LineRange, Base), AssistError> {
    let (edit, imports) = (&pending.edit, pending.imports.as_ref());
    let (range, _) = place::locate(document, edit)?;
    let all: Vec<&Edit> = std::iter::once(edit).chain(imports).collect();
    let (text, _) = place::apply_all(document, &all)?;
    let mut start = range.start;
    if let Some(imports) = imports
        && place::locate(document, imports)?.0.start < range.start
    // The imports come first in the document, so they have moved the edit's lines down.
    {
        // Added before it is taken away, as the numbers are unsigned and an edit of imports may
        // shorten them.
        start = start + line_count(&imports.replacement) - line_count(&imports.original);
    }
    let now = LineRange { start, end: start + line_count(&edit.replacement) - 1 };
    let base = Base {
        document: document.clone(),
        lines: range.start as usize - 1..range.end as usize,
        // The prompt has `\n` alone, whatever the document has.
        original: edit.original.replace("\r\n", "\n"),
        instructions: pending.instructions.join("; then: "),
    };
    Ok((DocumentText { text, ..document.clone() }, now, base))
}

impl Base {
    /// The edits that turn the document into `after`: the one of the selected lines, and that of
    /// the imports before them, if any.
    pub(crate) fn edits_to(&self, after: &str) -> (Edit, Option<Edit>) {
        let before = self.document.text.as_str();
        let (old, new) = (hunks::lines(before), hunks::lines(after));
        let mut above: Option<Part> = None;
        let mut own = self.lines.clone();
        let mut grown_above = 0;
        let mut grown = 0;
        // The whole documents are compared and not the two edits with each other: what the second
        // one leaves of the first is part of the result, although nobody has written it this time.
        for change in diff::changes(before, after, 0..old.len()) {
            let (from, to) = change.sides();
            let more = to.len() as isize - from.len() as isize;
            // What is inserted right before the lines is a comment on them, or belongs to them.
            if from.start < self.lines.start && from.end <= self.lines.start {
                let part = Part { old: from, new: to };
                above = Some(above.map_or(part.clone(), |it| it.up_to(&part)));
                grown_above += more;
            } else {
                own.start = own.start.min(from.start);
                own.end = own.end.max(from.end);
                grown += more;
            }
        }
        // Lines of the result: what the changes above have added moves the beginning, and what
        // those of the lines have added moves the end as well.
        let start = own.start.saturating_add_signed(grown_above);
        let end = own.end.saturating_add_signed(grown_above + grown).max(start);
        let edit = hunks::one(before, &old, &new, &Part { old: own, new: start..end });
        let above = above.map(|part| part.with_neighbor(0..self.lines.start));
        (edit, above.map(|part| hunks::one(before, &old, &new, &part)))
    }

    pub(crate) fn text(&self) -> &str {
        &self.document.text
    }
}

fn line_count(text: &str) -> u32 {
    let lines: Vec<Line<'_>> = document::lines(text);
    u32::try_from(lines.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "import os\n\ndef f(p):\n    return os.path.join(p, 'a')\n\ny = 1\n";

    fn document() -> DocumentText {
        DocumentText { path: "a.py".into(), language_id: None, text: TEXT.into() }
    }

    fn edit(start: usize, end: usize, replacement: &str) -> Edit {
        let lines = hunks::lines(TEXT);
        let original = lines[start - 1..end].concat().trim_end_matches('\n').to_owned();
        Edit {
            range: LineRange { start: start as u32, end: end as u32 },
            original,
            replacement: replacement.into(),
            anchor: place::anchor(TEXT, &(start - 1..end)),
        }
    }

    fn pending() -> PendingEdit {
        PendingEdit {
            edit: edit(3, 4, "def f(p: Path):\n    \"\"\"Joins.\"\"\"\n    return p / 'a'"),
            imports: Some(edit(1, 1, "import os\nfrom pathlib import Path")),
            instructions: vec!["Use pathlib.".into(), "Shorter.".into()],
        }
    }

    #[test]
    fn the_model_sees_the_text_that_waits_and_is_told_what_it_was() {
        let (now, range, base) = with_pending(&document(), &pending()).unwrap();
        assert!(now.text.starts_with("import os\nfrom pathlib import Path\n\ndef f(p: Path):"));
        assert_eq!(range, LineRange { start: 4, end: 6 });
        assert_eq!(base.original, "def f(p):\n    return os.path.join(p, 'a')");
        assert_eq!(base.instructions, "Use pathlib.; then: Shorter.");
    }

    #[test]
    fn what_comes_of_it_is_an_edit_of_the_document_as_it_is() {
        let (now, _, base) = with_pending(&document(), &pending()).unwrap();
        let after = now.text.replace("    \"\"\"Joins.\"\"\"\n", "");
        let (edit, imports) = base.edits_to(&after);
        assert_eq!((edit.range.start, edit.range.end), (3, 4));
        assert_eq!(edit.replacement, "def f(p: Path):\n    return p / 'a'");
        let imports = imports.unwrap();
        assert_eq!(imports.original, "import os");
        let all = [&edit, &imports];
        assert_eq!(place::apply_all(&document(), &all).unwrap().0, after);
    }

    #[test]
    fn a_comment_right_before_the_lines_is_part_of_their_edit() {
        let (now, _, base) = with_pending(&document(), &pending()).unwrap();
        // This comment once counted as above the lines, and became a part of the imports' edit.
        let after = now.text.replace("def f(p: Path)", "# Joins.\ndef f(p: Path)");
        let (edit, imports) = base.edits_to(&after);
        assert!(edit.replacement.starts_with("# Joins.\ndef f"), "{edit:?}");
        assert_eq!(place::apply_all(&document(), &[&edit, &imports.unwrap()]).unwrap().0, after);
    }

    #[test]
    fn what_takes_all_of_it_back_leaves_the_lines_as_they_were() {
        let (_, _, base) = with_pending(&document(), &pending()).unwrap();
        let (edit, imports) = base.edits_to(TEXT);
        assert_eq!((edit.replacement, imports), (edit.original.clone(), None));
    }

    #[test]
    fn an_edit_whose_lines_were_changed_is_refused() {
        let changed = DocumentText { text: TEXT.replace("f(p)", "g(p)"), ..document() };
        assert!(with_pending(&changed, &pending()).is_err());
    }
}
