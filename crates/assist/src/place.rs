//! Where an edit belongs in a document, and how it is applied there.
//!
//! An edit is applied only where its original text is found, as whole lines, byte for byte, between
//! the neighbors that told its place from others when it was made. Every byte outside of it stays.
//! Nothing is guessed: if two places would do, the edit is refused.

use std::ops::Range;

use data_encoding::HEXLOWER;
use localcoder_protocol::{Anchor, DocumentText, Edit, LineRange};
use sha2::{Digest, Sha256};

use crate::document::{self, Line, lines};
use crate::errors::AssistError;
use crate::language::file_name;

/// How many neighbors on either side identify a place: at least as many as a unified diff has, and
/// at most as many as text that occurs twice seldom agrees for.
const NEIGHBORS: std::ops::RangeInclusive<usize> = 3..=8;

/// Fewer lines may match by chance when others are moved or typed; such an edit needs a matching
/// neighbor on at least one side, even if its text occurred only once.
const LINES_ALONE_MIN: usize = 5;

/// What tells lines of a document (0-based, half open) from others that read the same.
pub(crate) fn anchor(text: &str, range: &Range<usize>) -> Anchor {
    let lines = lines(text);
    let own = &lines[range.clone()];
    let is_only = |count| {
        let (before, after) = neighbors(&lines, range, count);
        places(&lines, before, own, after).nth(1).is_none()
    };
    let unique = NEIGHBORS.clone().find(|count| is_only(*count));
    // Where no number of neighbors tells the place from others, none are kept: the edit then holds
    // only while the document is unchanged.
    let (before, after) = neighbors(&lines, range, unique.unwrap_or_default());
    Anchor {
        document_sha256: sha256(text),
        before: written(before),
        after: written(after),
        alone: is_only(0),
        unique: unique.is_some(),
    }
}

/// The edit that replaces lines of a document with a text.
///
/// # Errors
/// `linesOutOfRange` if the document does not have them.
pub fn edit_of(
    document: &DocumentText,
    range: LineRange,
    replacement: &str,
) -> Result<Edit, AssistError> {
    let all = lines(&document.text);
    let rows = (range.start as usize).wrapping_sub(1)..range.end as usize;
    let Some(own) = all.get(rows.clone()).filter(|own| !own.is_empty()) else {
        let name = file_name(&document.path).to_owned();
        let (start, end) = (range.start as usize, range.end as usize);
        return Err(AssistError::NoLines { name, start, end, total: document::count(&all) });
    };
    let (last, inner) = (own[own.len() - 1], &own[..own.len() - 1]);
    let mut original: String = inner.iter().flat_map(|line| [line.text, line.end]).collect();
    original.push_str(last.text);
    let anchor = anchor(&document.text, &rows);
    Ok(Edit { range, original, replacement: replacement.to_owned(), anchor })
}

/// Finds the place of an edit in the document as it is now, and says whether it moved.
///
/// # Errors
/// `documentChanged` if the edit has no place any more, or could have several.
pub fn locate(document: &DocumentText, edit: &Edit) -> Result<(LineRange, bool), AssistError> {
    place(document, &lines(&document.text), &sha256(&document.text), edit)
}

fn place(
    document: &DocumentText,
    lines: &[Line<'_>],
    document_sha256: &str,
    edit: &Edit,
) -> Result<(LineRange, bool), AssistError> {
    let wanted = crate::document::lines(&edit.original);
    let anchor = &edit.anchor;
    let changed = |what: &'static str| Err(moved_away(document, what));
    // In an unchanged document the line numbers still hold, even among lines that read the same.
    if document_sha256 == anchor.document_sha256 {
        // A start of 0, which no document has, wraps to a line that none has either.
        let there = (edit.range.start as usize).wrapping_sub(1);
        if stands_at(lines, there, &wanted) {
            return Ok((edit.range, false));
        }
    }
    if !anchor.unique {
        return changed("the lines to be replaced stood at several places that read the same");
    }
    let (before, after) = (read(&anchor.before), read(&anchor.after));
    let mut found: Vec<usize> = places(lines, &[], &wanted, &[]).collect();
    if found.is_empty() {
        return changed("the lines to be replaced are no longer there");
    }
    if anchor.alone && found.len() > 1 {
        return changed("the lines to be replaced now stand at several places");
    }
    let stands_between = |before: &[Line<'_>], after: &[Line<'_>]| {
        let places: Vec<usize> = places(lines, before, &wanted, after).collect();
        move |at: &usize| places.contains(at)
    };
    if !anchor.alone {
        found.retain(stands_between(&before, &after));
    } else if wanted.len() < LINES_ALONE_MIN {
        let (is_behind, is_before) = (stands_between(&before, &[]), stands_between(&[], &after));
        // Without lines on a side, the edge of the document was there, which no other place has.
        let starts = |at: &usize| !before.is_empty() || *at == 0;
        let ends = |at: &usize| !after.is_empty() || at + wanted.len() == lines.len();
        found.retain(|at| (is_behind(at) && starts(at)) || (is_before(at) && ends(at)));
    }
    match found.as_slice() {
        [at] => {
            let range = document::range(&(*at..at + wanted.len()));
            Ok((range, range != edit.range))
        }
        [] => {
            changed("the lines beside those to be replaced, which tell their place, have changed")
        }
        _ => changed("the lines to be replaced now stand at several places"),
    }
}

/// Finds the places of edits that were made from one document, each by itself. Two edits that now
/// claim the same lines have no place.
#[must_use]
pub fn locate_all(document: &DocumentText, edits: &[Edit]) -> Vec<Result<LineRange, AssistError>> {
    let (lines, now) = (lines(&document.text), sha256(&document.text));
    let one = |edit| place(document, &lines, &now, edit).map(|(range, _)| range);
    let found: Vec<_> = edits.iter().map(one).collect();
    let overlaps = |at: usize, range: &LineRange| {
        let others = found.iter().enumerate().filter(|(other, _)| *other != at);
        let mut others = others.filter_map(|(_, it)| it.as_ref().ok());
        others.any(|other| range.start <= other.end && other.start <= range.end)
    };
    let placed = found.iter().enumerate().map(|(at, it)| match it {
        Ok(range) if overlaps(at, range) => {
            Err(moved_away(document, "two of the edits would replace the same lines"))
        }
        other => other.clone(),
    });
    placed.collect()
}

/// Applies edits that belong together to a document: all of them, or none. Returns the text, and
/// where the first of them was.
///
/// # Errors
/// As [`locate`].
pub fn apply_all(
    document: &DocumentText,
    edits: &[&Edit],
) -> Result<(String, LineRange), AssistError> {
    // All are located before any is applied, as their digest is that of the document without them.
    let mut places = Vec::new();
    for edit in edits {
        places.push((locate(document, edit)?.0, *edit));
    }
    let first = places.first().map_or(LineRange { start: 1, end: 1 }, |(range, _)| *range);
    // From the end, so that no edit moves another.
    places.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = document.text.clone();
    for (range, edit) in places {
        text = apply(&text, range, edit)?;
    }
    Ok((text, first))
}

fn moved_away(document: &DocumentText, why: &'static str) -> AssistError {
    AssistError::Changed { name: file_name(&document.path).to_owned(), why }
}

/// The index of each line at which `own` follows `before` and is followed by `after`.
fn places<'a>(
    lines: &'a [Line<'a>],
    before: &'a [Line<'a>],
    own: &'a [Line<'a>],
    after: &'a [Line<'a>],
) -> impl Iterator<Item = usize> + 'a {
    let same = |found: Option<&[Line<'_>]>, wanted: &[Line<'_>]| {
        // By their text alone, since an anchor keeps no line ends.
        found.is_some_and(|found| found.iter().map(|line| line.text).eq(texts(wanted)))
    };
    (before.len()..lines.len()).filter(move |&at| {
        let end = at + own.len();
        stands_at(lines, at, own)
            && same(lines.get(at - before.len()..at), before)
            && same(lines.get(end..end + after.len()), after)
    })
}

fn texts<'a>(lines: &'a [Line<'a>]) -> impl Iterator<Item = &'a str> {
    lines.iter().map(|line| line.text)
}

/// This many lines on either side, or fewer if the document ends.
fn neighbors<'a>(
    lines: &'a [Line<'a>],
    range: &Range<usize>,
    count: usize,
) -> (&'a [Line<'a>], &'a [Line<'a>]) {
    let start = range.start.saturating_sub(count);
    let end = (range.end + count).min(lines.len());
    (&lines[start..range.start], &lines[range.end..end])
}

fn written(lines: &[Line<'_>]) -> Vec<String> {
    texts(lines).map(str::to_owned).collect()
}

fn read(lines: &[String]) -> Vec<Line<'_>> {
    lines.iter().map(|text| Line { text, end: "" }).collect()
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

/// Replaces `range`, which [`locate`] has found in the same text, with an edit's replacement.
///
/// # Errors
/// `documentChanged` if the edit's original is not there.
pub fn apply(text: &str, range: LineRange, edit: &Edit) -> Result<String, AssistError> {
    let lines = lines(text);
    let wanted = crate::document::lines(&edit.original);
    let start = (range.start as usize).wrapping_sub(1);
    if !stands_at(&lines, start, &wanted) {
        return Err(AssistError::NotThose(range));
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
    // The end of the last line is not replaced, so it may be another one by now.
    found[inner] == wanted[inner] && found[last].text == wanted[last].text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(text: &str) -> DocumentText {
        DocumentText { path: "a/b.py".into(), language_id: None, text: text.into() }
    }

    /// An edit made from a document that has `original` at `start`.
    fn edit(text: &str, start: u32, original: &str, replacement: &str) -> Edit {
        let end = start + original.matches('\n').count() as u32;
        Edit {
            range: LineRange { start, end },
            original: original.into(),
            replacement: replacement.into(),
            anchor: anchor(text, &(start as usize - 1..end as usize)),
        }
    }

    /// The text of whole lines, without the last line end.
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
                let AssistError::Changed { why, .. } = error else { panic!("{error}") };
                let full = format!("{error}: {why}");
                assert!(full.contains(expected), "{full}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn an_edit_is_found_where_it_was_or_where_it_alone_moved_to() {
        let one = edit("a\nb\nc\n", 2, "b", "x");
        check("a\nb\nc\n", &one, Ok((2, 2, false)));
        check("new\na\nb\nc\n", &one, Ok((3, 3, true)));
        check("a\nb\nother\n", &one, Ok((2, 2, false)));
        check("b", &one, Err("beside those"));
        let last = edit("new\na\r\nb", 2, "a\r\nb", "x");
        check("new\nnew\na\r\nb", &last, Ok((3, 4, true)));
        check("b\nb\nb\n", &edit("b\nb\nb\n", 2, "b", "x"), Ok((2, 2, false)));
    }

    #[test]
    fn an_edit_whose_text_is_gone_is_refused() {
        let one = edit("a\nb\nc\n", 2, "b", "x");
        check("a\nB\nc\n", &one, Err("no longer there"));
        check("ab\nbc\n", &one, Err("no longer there"));
        check("", &one, Err("`b.py` has changed"));
        check("a\nb\n", &edit("a\r\nb", 1, "a\r\nb", "x"), Err("no longer there"));
    }

    #[test]
    fn one_of_several_that_read_the_same_is_told_by_its_neighbors() {
        let text = "def f():\n    x = 1\n    return x\n\n\ndef g():\n    x = 1\n    return x\n";
        let of_g = edit(text, 7, "    x = 1", "    x = 2");
        assert!(of_g.anchor.unique && !of_g.anchor.before.is_empty(), "{:?}", of_g.anchor);
        check(&format!("import os\n{text}"), &of_g, Ok((8, 8, true)));
        // Its own lines are gone, and similar ones are still there, even at its place.
        let gone = text.replace("def g():\n    x = 1\n", "def g():\n    y = 1\n");
        check(&gone, &of_g, Err("beside those"));
        let moved = format!("\n\n\n\n\n{}", text.split("\n\n\n").next().unwrap());
        assert_eq!(lines(&moved)[6].text, "    x = 1");
        check(&moved, &of_g, Err("beside those"));
    }

    #[test]
    fn one_that_now_stands_at_several_places_is_refused() {
        let one = edit("a\nb\n", 2, "b", "x");
        check("b\na\nb\n", &one, Err("at several places"));
        let rows = "r\n".repeat(40);
        let amid = edit(&rows, 20, "r", "x");
        assert!(!amid.anchor.unique);
        check(&rows, &amid, Ok((20, 20, false)));
        check(&format!("r\n{rows}"), &amid, Err("read the same"));
    }

    #[test]
    fn at_an_edge_of_the_document_the_side_without_lines_proves_only_that_edge() {
        let text = "a\nb\nc\nd\ne\nf\n";
        let first = edit(text, 1, "a\nb", "x");
        assert!(first.anchor.before.is_empty());
        // The lines of this edit are gone, and others came to read the same elsewhere.
        check("A\nc\nd\ne\na\nb\nf\n", &first, Err("beside those"));
        check("a\nb\nnew\nc\n", &first, Ok((1, 2, false)));
        check("new\na\nb\nc\nd\ne\nf\n", &first, Ok((2, 3, true)));
        let last = edit("a\nb\nc\nd\ne", 5, "e", "x");
        assert!(last.anchor.after.is_empty());
        check("e\nb\nc\nD", &last, Err("beside those"));
        check("a\nb\nc\nnew\ne", &last, Ok((5, 5, false)));
    }

    #[test]
    fn applying_needs_the_original_at_the_range() {
        let moved = edit("b", 1, "b", "x");
        assert_eq!(apply("a\nb\n", LineRange { start: 2, end: 2 }, &moved).unwrap(), "a\nx\n");
        assert!(apply("a\nb\n", moved.range, &moved).is_err());
        assert!(apply("a\nb\n", LineRange { start: 0, end: 0 }, &moved).is_err());
    }

    proptest! {
        /// Line ends of both kinds, no last line end, empty documents: what is outside of the edit
        /// does not change, and applying the reverse edit restores the document.
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
            let made = edit(&text, start as u32 + 1, &original, &replacement);
            let (range, moved) = locate(&document(&text), &made).unwrap();
            prop_assert!(!moved);
            let changed = apply(&text, range, &made).unwrap();
            let head: String = all[..start].iter().map(|line| format!("{}{}", line.text, line.end)).collect();
            prop_assert!(changed.starts_with(&head));
            prop_assert_eq!(changed.len() + original.len(), text.len() + replacement.len());
            let back = edit(&changed, start as u32 + 1, &replacement, &original);
            prop_assert_eq!(apply(&changed, back.range, &back).unwrap(), text);
        }
    }
}
