//! Where an edit belongs in a document, and putting it there.
//!
//! An edit is applied only where its original text stands, whole lines, byte for byte. Every
//! byte outside of it stays. Nothing is guessed: text that is found twice is refused.

use localcoder_protocol::{DocumentText, Edit, ErrorCode, ErrorInfo, LineRange};

use crate::document::{Line, lines};
use crate::language::file_name;

/// Finds the place of an edit in the document as it is now, and says whether it moved.
///
/// # Errors
/// `documentChanged` where the original text is gone, or stands at several other places.
pub fn locate(document: &DocumentText, edit: &Edit) -> Result<(LineRange, bool), ErrorInfo> {
    let lines = lines(&document.text);
    let wanted = crate::document::lines(&edit.original);
    let there = (edit.range.start as usize).wrapping_sub(1);
    let height = u64::from(edit.range.end) + 1 - u64::from(edit.range.start.min(edit.range.end));
    if height == wanted.len() as u64 && stands_at(&lines, there, &wanted) {
        return Ok((edit.range, false));
    }
    let mut found = (0..lines.len()).filter(|&at| stands_at(&lines, at, &wanted));
    let changed = |what: String| {
        Err(ErrorInfo::new(
            ErrorCode::DocumentChanged,
            format!("`{}` has changed since the edit was made", file_name(&document.path)),
        )
        .with_cause(what)
        .with_hint("the document was left as it is; select the lines again and ask once more"))
    };
    match (found.next(), found.count()) {
        (None, _) => changed("the lines to be replaced are no longer there".to_owned()),
        (Some(at), 0) => {
            let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
            Ok((LineRange { start: number(at + 1), end: number(at + wanted.len()) }, true))
        }
        (Some(_), more) => changed(format!(
            "the lines to be replaced moved, and they now stand at {} places",
            more + 1
        )),
    }
}

/// Puts an edit's replacement in place of `range`, which [`locate`] has found in the same text.
///
/// # Errors
/// `documentChanged` where the edit's original does not stand there.
pub fn apply(text: &str, range: LineRange, edit: &Edit) -> Result<String, ErrorInfo> {
    let lines = lines(text);
    let wanted = crate::document::lines(&edit.original);
    let start = (range.start as usize).wrapping_sub(1);
    if !stands_at(&lines, start, &wanted) {
        return Err(ErrorInfo::new(
            ErrorCode::DocumentChanged,
            format!("lines {}-{} are not those that the edit replaces", range.start, range.end),
        )
        .with_hint("the document was left as it is; ask once more"));
    }
    let offset: usize = lines[..start].iter().map(|line| line.text.len() + line.end.len()).sum();
    let (head, rest) = text.split_at(offset);
    let tail = &rest[edit.original.len()..];
    Ok(format!("{head}{}{tail}", edit.replacement))
}

/// Whether the wanted text is exactly the whole lines from `start` on.
fn stands_at(lines: &[Line<'_>], start: usize, wanted: &[Line<'_>]) -> bool {
    let Some(end) = start.checked_add(wanted.len()) else { return false };
    let Some(found) = lines.get(start..end) else { return false };
    let (last, inner) = (wanted.len() - 1, ..wanted.len() - 1);
    found[inner] == wanted[inner] && found[last].text == wanted[last].text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> DocumentText {
        DocumentText { path: "a/b.py".into(), language_id: None, text: text.into() }
    }

    fn edit(start: u32, original: &str, replacement: &str) -> Edit {
        let end = start + original.matches('\n').count() as u32;
        Edit {
            range: LineRange { start, end },
            original: original.into(),
            replacement: replacement.into(),
        }
    }

    /// The text of whole lines, without the end of the last.
    fn text_of(lines: &[Line<'_>], range: std::ops::Range<usize>) -> String {
        let text: String = lines[range].iter().map(|line| [line.text, line.end].concat()).collect();
        text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(&text).to_owned()
    }

    #[track_caller]
    fn check(text: &str, edit: &Edit, expected: Result<(u32, u32, bool), &str>) {
        match (locate(&document(text), edit), expected) {
            (Ok((range, moved)), Ok(expected)) => {
                assert_eq!((range.start, range.end, moved), expected);
            }
            (Err(error), Err(expected)) => {
                assert_eq!(error.code, ErrorCode::DocumentChanged);
                assert!(error.to_string().contains(expected), "{error}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn an_edit_is_found_where_it_was_or_where_it_alone_moved_to() {
        check("a\nb\nc\n", &edit(2, "b", "x"), Ok((2, 2, false)));
        check("b\nb\nb\n", &edit(2, "b", "x"), Ok((2, 2, false)));
        check("new\na\nb\nc\n", &edit(2, "b", "x"), Ok((3, 3, true)));
        check("new\na\r\nb", &edit(1, "a\r\nb", "x"), Ok((2, 3, true)));
        check("b", &edit(7, "b", "x"), Ok((1, 1, true)));
    }

    #[test]
    fn an_edit_whose_text_is_gone_or_ambiguous_is_refused() {
        check("a\nB\nc\n", &edit(2, "b", "x"), Err("no longer there"));
        check("ab\nbc\n", &edit(2, "b", "x"), Err("no longer there"));
        check("a\nb\n", &edit(1, "a\r\nb", "x"), Err("no longer there"));
        check("b\na\nb\nb\n", &edit(2, "b", "x"), Err("3 places"));
        check("", &edit(1, "b", "x"), Err("`b.py` has changed"));
        let zero = Edit { range: LineRange { start: 0, end: 0 }, ..edit(1, "q", "x") };
        check("a\n", &zero, Err("no longer there"));
    }

    #[test]
    fn applying_needs_the_original_at_the_range() {
        let moved = edit(1, "b", "x");
        assert_eq!(apply("a\nb\n", LineRange { start: 2, end: 2 }, &moved).unwrap(), "a\nx\n");
        assert!(apply("a\nb\n", moved.range, &moved).is_err());
        assert!(apply("a\nb\n", LineRange { start: 0, end: 0 }, &moved).is_err());
    }

    proptest! {
        /// Line ends of both kinds, no last line end, empty documents: what is outside of the
        /// edit is the same afterwards, and applying the reverse edit gives the document back.
        #[test]
        fn every_byte_outside_of_the_edit_stays(
            text in "([a-c]{0,2}(\n|\r\n)){0,6}[a-c]{0,2}",
            replacement in "([a-c]{0,2}(\n|\r\n)){0,3}[a-c]{0,2}",
            from in 0_usize..7, height in 1_usize..4,
        ) {
            let all = lines(&text);
            let start = from.min(all.len() - 1);
            let end = (start + height).min(all.len());
            let original = text_of(&all, start..end);
            let made = edit(start as u32 + 1, &original, &replacement);
            let (range, moved) = locate(&document(&text), &made).unwrap();
            prop_assert!(!moved);
            let changed = apply(&text, range, &made).unwrap();
            let head: String = all[..start].iter().map(|line| format!("{}{}", line.text, line.end)).collect();
            prop_assert!(changed.starts_with(&head));
            prop_assert_eq!(changed.len() + original.len(), text.len() + replacement.len());
            let back = edit(start as u32 + 1, &replacement, &original);
            prop_assert_eq!(apply(&changed, back.range, &back).unwrap(), text);
        }

        #[test]
        fn a_moved_edit_is_found_or_refused_and_never_misplaced(
            text in "([a-c]{0,1}(\n|\r\n)){0,8}", original in "[a-c](\n[a-c]){0,2}", start in 1_u32..9,
        ) {
            let made = edit(start, &original, "new");
            if let Ok((range, _)) = locate(&document(&text), &made) {
                let all = lines(&text);
                prop_assert_eq!(text_of(&all, range.start as usize - 1..range.end as usize), original);
            }
        }
    }
}
