//! A document as lines with their line ends, and checks of what a user selected in it.
//!
//! Line ends are `\n` and `\r\n`, in any mixture; a lone `\r` is an ordinary character, as it is
//! to `git`. Nothing here changes a document (see `place`).

use localcoder_protocol::{DocumentText, LineRange};

use crate::errors::AssistError;
use crate::language::file_name;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileText<'a> {
    /// Whether the file begins with a byte order mark. It is not part of `text`; write it back.
    pub byte_order_mark: bool,
    pub text: &'a str,
}

const BYTE_ORDER_MARK: &[u8] = &[0xEF, 0xBB, 0xBF];

/// Takes the bytes of a file as text. A byte order mark is taken off, as grammars and models would
/// see it as a character of the first line.
///
/// # Errors
/// `notText` for a binary file and for text that is not UTF-8. The message calls the file
/// `name`.
pub fn check_text<'a>(name: &str, bytes: &'a [u8]) -> Result<FileText<'a>, AssistError> {
    let refuse = |why: String| Err(AssistError::NotUtf8 { name: name.to_owned(), why });
    // Before the search for NUL, which UTF-16 has in every other byte: the reason should name the
    // encoding.
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return refuse("it begins like UTF-16".to_owned());
    }
    let mark = bytes.starts_with(BYTE_ORDER_MARK);
    let body = if mark { &bytes[BYTE_ORDER_MARK.len()..] } else { bytes };
    if let Some(place) = body.iter().position(|&byte| byte == 0) {
        return refuse(format!("it has a NUL byte at offset {place}, so it is probably binary"));
    }
    if body.contains(&b'\r') && !body.contains(&b'\n') {
        // It would count as one line, and an edit would mix other line ends into it.
        return Err(AssistError::OneLine { name: name.to_owned() });
    }
    match std::str::from_utf8(body) {
        Ok(text) => Ok(FileText { byte_order_mark: mark, text }),
        Err(error) => refuse(format!("the bytes at offset {} are not UTF-8", error.valid_up_to())),
    }
}

/// One line without its end, and its end: `"\n"`, `"\r\n"` or, for the last one, `""`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) text: &'a str,
    pub(crate) end: &'a str,
}

impl Line<'_> {
    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Splits text into lines. There is always at least one, and the last has no end: a text that
/// ends with a line end has an empty last line, as editors show it.
pub(crate) fn lines(text: &str) -> Vec<Line<'_>> {
    text.split('\n')
        .enumerate()
        .scan(text.matches('\n').count(), |left, (_, piece)| {
            let ended = *left > 0;
            *left = left.saturating_sub(1);
            Some(match piece.strip_suffix('\r') {
                // Without a `\n` after it, a `\r` at the very end is an ordinary character.
                Some(text) if ended => Line { text, end: "\r\n" },
                _ => Line { text: piece, end: if ended { "\n" } else { "" } },
            })
        })
        .collect()
}

/// The line end that most of these lines have, `\n` if there are as many of both; `None` if none
/// has one (a document of one line).
pub(crate) fn usual_end(lines: &[Line<'_>]) -> Option<&'static str> {
    let crlf = lines.iter().filter(|line| line.end == "\r\n").count();
    let lf = lines.iter().filter(|line| line.end == "\n").count();
    match (lf, crlf) {
        (0, 0) => None,
        (lf, crlf) if crlf > lf => Some("\r\n"),
        _ => Some("\n"),
    }
}

/// How many lines a person would say the text has: an empty line after the last line end does not
/// count.
pub(crate) fn count(lines: &[Line<'_>]) -> usize {
    match lines {
        [rest @ .., last] if last.text.is_empty() && !rest.is_empty() => rest.len(),
        all => all.len(),
    }
}

/// Rows as a range for the user: counted from 1, the last one included.
pub(crate) fn range(rows: &std::ops::Range<usize>) -> LineRange {
    let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
    LineRange { start: number(rows.start + 1), end: number(rows.end) }
}

/// A selection as 0-based and half open lines. The last, empty line counts here, as an editor's
/// cursor can be in it.
pub(crate) fn rows(
    document: &DocumentText,
    lines: &[Line<'_>],
    selection: LineRange,
) -> Result<std::ops::Range<usize>, AssistError> {
    let (start, end) = (selection.start as usize, selection.end as usize);
    if start == 0 || start > end || end > lines.len() {
        let name = file_name(&document.path).to_owned();
        return Err(AssistError::NoLines { name, start, end, total: count(lines) });
    }
    Ok(start - 1..end)
}

/// Where new code can be written: the first line of a selection that has nothing in it.
pub(crate) fn gap(
    document: &DocumentText,
    lines: &[Line<'_>],
    selection: LineRange,
) -> Option<std::ops::Range<usize>> {
    let range = rows(document, lines, selection).ok()?;
    let is_gap = lines[range.clone()].iter().all(Line::is_blank);
    is_gap.then(|| range.start..range.start + 1)
}

pub(crate) fn select(
    document: &DocumentText,
    lines: &[Line<'_>],
    selection: LineRange,
) -> Result<std::ops::Range<usize>, AssistError> {
    let mut range = rows(document, lines, selection)?;
    while !range.is_empty() && lines[range.start].is_blank() {
        range.start += 1;
    }
    while !range.is_empty() && lines[range.end - 1].is_blank() {
        range.end -= 1;
    }
    if range.is_empty() {
        let name = file_name(&document.path).to_owned();
        return Err(AssistError::Blank { name, lines: selection });
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> DocumentText {
        DocumentText { path: "src/app.py".into(), language_id: None, text: text.into() }
    }

    #[test]
    fn lines_keep_their_ends() {
        let ends = |text| lines(text).iter().map(|line| line.end).collect::<Vec<_>>();
        assert_eq!(ends(""), [""]);
        assert_eq!(ends("a"), [""]);
        assert_eq!(ends("a\n"), ["\n", ""]);
        assert_eq!(ends("a\r\nb\nc\r"), ["\r\n", "\n", ""]);
        assert_eq!(lines("a\r\nb\nc\r")[2].text, "c\r");
    }

    #[track_caller]
    fn check(text: &str, selection: (u32, u32), expected: Result<(usize, usize), &str>) {
        let document = document(text);
        let range = LineRange { start: selection.0, end: selection.1 };
        match (select(&document, &lines(text), range), expected) {
            (Ok(range), Ok(expected)) => assert_eq!((range.start + 1, range.end), expected),
            (Err(error), Err(expected)) => {
                assert!(error.to_string().contains(expected), "{error}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_selection_loses_the_blank_lines_at_its_ends_and_no_others() {
        check("a\n", (1, 1), Ok((1, 1)));
        check("a\n", (1, 2), Ok((1, 1)));
        check("\n  \na\n\nb\n\t\n", (1, 7), Ok((3, 5)));
        check("a", (1, 2), Err("lines 1-2 are not in `app.py`, which has 1 line"));
        check("a\nb\n", (3, 9), Err("which has 2 lines"));
        check("a\nb\n", (0, 1), Err("lines 0-1"));
        check("a\nb\n", (2, 1), Err("lines 2-1"));
        check("", (1, 1), Err("nothing but white space"));
        check("a\n  \n\n", (2, 3), Err("lines 2-3 of `app.py`"));
    }

    #[test]
    fn bytes_that_are_not_text_are_refused_with_the_reason() {
        let refusal = |bytes: &[u8]| match check_text("x.bin", bytes).unwrap_err() {
            AssistError::NotUtf8 { why, .. } => why,
            other => panic!("{other}"),
        };
        assert!(refusal(b"ELF\0\x01").contains("NUL byte at offset 3"));
        assert!(refusal(b"caf\xe9!").contains("offset 3 are not UTF-8"));
        assert!(refusal(b"\xff\xfea\0").contains("UTF-16"));
        let marked = check_text("x", b"\xef\xbb\xbfa\r\n").unwrap();
        assert_eq!(marked, FileText { byte_order_mark: true, text: "a\r\n" });
    }
}
