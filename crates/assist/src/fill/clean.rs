//! From what a model wrote to what is shown: whole lines of the block, nothing that already follows
//! the cursor, and balanced brackets.

use localcoder_protocol::{GhostText, RecentEdit, Silence};

use super::gap::Gap;
use super::lines::{Lines, indent};
use super::{circles, marks};
use crate::syntax;

/// Cuts a suggestion to what may be shown. Each step can undo what another relied on, so the order
/// is fixed: control tokens, circles, what follows already, the fewest errors, brackets, and what
/// follows once more.
pub(super) fn finish(
    gap: &Gap,
    lines: &Lines,
    written: &str,
    cut: bool,
) -> Result<GhostText, Silence> {
    // The document's line ends are put back at the very end; until then a text has `\n` alone.
    let text = written.replace('\r', "");
    let text = marks::without(gap, &text);
    let text = match lines {
        Lines::One => {
            let line = text.split('\n').next().unwrap_or_default();
            if circles::is_circle(line) { String::new() } else { line.to_owned() }
        }
        Lines::Block(_) => block(gap, text, cut),
        Lines::Free => text.to_owned(),
    };
    let (text, replaces) = match lines {
        // The white space at its end is a part of the line.
        Lines::Free => (text, 0),
        _ => without_rest(gap, without_following(gap, text.trim_end()).trim_end()),
    };
    // Brackets come last: the lines cut off before may have closed some of them.
    let text = closed(gap, lines, fitting(gap, lines, text));
    // A line that was cut off may be that which follows once its brackets are closed.
    let text = match lines {
        Lines::Free => text,
        _ => without_following(gap, &text),
    };
    // Nothing but white space, or what the line already has.
    if text.trim().is_empty() || (replaces > 0 && text == gap.rest().trim_end()) {
        return Err(Silence::NothingToAdd);
    }
    if !matches!(lines, Lines::Free) && !says_something(gap, &text, replaces) {
        return Err(Silence::NothingToAdd);
    }
    let text = text.replace('\n', gap.line_end);
    Ok(GhostText { text, replaces })
}

/// Whether a text is more than punctuation, or leaves the document with fewer errors. A lone `}` or
/// `)` is a suggestion only where it is missing.
fn says_something(gap: &Gap, text: &str, replaces: u32) -> bool {
    let says = text.chars().any(|c| c.is_alphanumeric() || ['"', '\'', '_'].contains(&c));
    if says || replaces > 0 || gap.language.id == "markdown" {
        return true;
    }
    match (errors_with(gap, "", 0), errors_with(gap, text, 0)) {
        (Some(without), Some(with)) => with < without,
        _ => true,
    }
}

/// The lines of a block: whole ones, and none that repeat.
fn block(gap: &Gap, text: &str, cut: bool) -> String {
    // The line's white space is already there, before the cursor.
    let text = if gap.line_before().is_empty() || !gap.line_before().trim().is_empty() {
        text
    } else {
        text.trim_start_matches([' ', '\t'])
    };
    let mut lines: Vec<&str> = text.split('\n').collect();
    if cut && lines.len() > 1 {
        lines.pop();
    }
    let mut kept: Vec<&str> = Vec::new();
    for line in lines {
        if circles::comes_round(&kept, line) || circles::is_circle(line) {
            break;
        }
        kept.push(line);
    }
    kept.join("\n")
}

/// The text without the lines that already follow the cursor's line. The whole tail has to agree as
/// far as both go, so that a line which merely occurs below as well is kept.
fn without_following(gap: &Gap, text: &str) -> String {
    let following: Vec<&str> =
        gap.after.split('\n').skip(1).filter(|line| !line.trim().is_empty()).collect();
    let Some(next) = following.first() else { return text.to_owned() };
    let mut lines: Vec<&str> = text.split('\n').collect();
    let is_blank = |line: &str| line.trim().is_empty();
    let whole = |at: usize, line: &str| {
        // The first line continues the cursor's line.
        if at == 0 { format!("{}{line}", gap.line_before()) } else { line.to_owned() }
    };
    let repeats = |lines: &[&str]| {
        (0..lines.len()).find(|at| {
            if is_blank(lines[*at]) || bare(&whole(*at, lines[*at])) != bare(next) {
                return false;
            }
            let rest = lines[*at..].iter().filter(|line| !is_blank(line)).skip(1);
            // A bracket alone says little: its indentation has to match too, and the text has to
            // end with it.
            let speaks = next.chars().any(char::is_alphanumeric);
            let all = rest.zip(following.iter().skip(1)).all(|(a, b)| bare(a) == bare(b));
            all && (speaks || indent(&whole(*at, lines[*at])) == indent(next))
        })
    };
    // A model that wrote the next line and then everything after it has written it twice.
    while let Some(at) = repeats(&lines) {
        lines.truncate(at);
    }
    lines.join("\n")
}

/// A line without its indentation, its comment, and an optional sign at its end.
fn bare(line: &str) -> &str {
    let remark = [" # ", " // "].iter().filter_map(|mark| line.trim().find(mark)).min();
    let line = line.trim();
    line[..remark.unwrap_or(line.len())].trim_end().trim_end_matches([';', ','])
}

/// The text without what follows the cursor in its line, and 0; or the text as it is and how many
/// UTF-16 units behind the cursor it replaces, if it has that rest and more comes after it. Editors
/// have put a bracket there when the one before it was typed, so this is the usual case, not a rare
/// one.
fn without_rest(gap: &Gap, text: &str) -> (String, u32) {
    let rest = gap.rest().trim_end();
    let kept = |text: &str| (text.to_owned(), 0);
    let Some(first) = rest.chars().next() else { return kept(text) };
    let (line, others) = text.split_once('\n').map_or((text, None), |(a, b)| (a, Some(b)));
    // For a bracket the matching counts, not the end of the line: a call within the text may end
    // with the same sign.
    let at = if [')', ']', '}'].contains(&first) {
        unmatched(line).1
    } else {
        line.ends_with(rest).then(|| line.len() - rest.len())
    };
    let Some(at) = at.filter(|at| line[*at..].starts_with(first)) else { return kept(text) };
    if others.is_none() && (line[at..] == *rest || !line[at..].starts_with(rest)) {
        return kept(&line[..at]);
    }
    let units = rest.encode_utf16().count();
    (text.to_owned(), u32::try_from(units).unwrap_or(0))
}

/// Brackets that a text opens and does not close, and the position of the first one that it closes
/// without having opened it. Quoted text within a line does not count. A quote without a partner in
/// its line is an apostrophe or a lifetime, not the beginning of a text.
fn unmatched(text: &str) -> (Vec<char>, Option<usize>) {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if let Some(mark) = quote {
            if c == '\n' || (c == mark && !escaped) {
                quote = None;
            }
            escaped = c == '\\' && !escaped;
            continue;
        }
        escaped = false;
        match c {
            '"' | '\'' | '`' if text[at + 1..].split('\n').next().unwrap_or("").contains(c) => {
                quote = Some(c);
            }
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' if open.last() == Some(&c) => {
                open.pop();
            }
            ')' | ']' | '}' => return (open, Some(at)),
            _ => {}
        }
    }
    (open, None)
}

/// As many lines of a block as leave the document with the fewest errors: a model may write what
/// already follows the cursor, in other words.
fn fitting(gap: &Gap, lines: &Lines, text: String) -> String {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    if !matches!(lines, Lines::Block(_)) || ends.is_empty() {
        return text;
    }
    let Some(mut fewest) = errors_with(gap, &text, 0).filter(|count| *count > 0) else {
        return text;
    };
    let mut end = text.len();
    // From the longest on, and only if there are fewer errors, so that of equal ones the longest
    // stays.
    for at in ends.into_iter().rev().filter(|at| !text[..*at].trim().is_empty()) {
        if let Some(count) = errors_with(gap, &text[..at], 0).filter(|count| *count < fewest) {
            (fewest, end) = (count, at);
        }
    }
    text[..end].to_owned()
}

/// Whether the document has more errors with a suggestion than without. A suggestion that is to be
/// continued (it ends with an open bracket, a colon or a comma) may break it.
pub(super) fn breaks(gap: &Gap, lines: &Lines, suggestion: &GhostText) -> bool {
    let text = suggestion.text.replace('\r', "");
    let goes_on = text.trim_end().ends_with(['(', '[', '{', ',', ':']);
    if goes_on || matches!(lines, Lines::Free) {
        return false;
    }
    match (errors_with(gap, "", 0), errors_with(gap, &text, suggestion.replaces)) {
        (Some(without), Some(with)) => with > without,
        _ => false,
    }
}

fn errors_with(gap: &Gap, text: &str, replaces: u32) -> Option<usize> {
    let after = gap.behind(replaces);
    syntax::error_count(gap.language, &format!("{}{text}{after}", gap.before))
}

/// Closes the brackets that the text opens, if the document then has fewer errors. Where a closing
/// bracket is already behind the cursor or further down, one more makes it worse and is left out.
/// Without a grammar a line's brackets are closed and a block's are not.
fn closed(gap: &Gap, lines: &Lines, text: String) -> String {
    let (open, _) = unmatched(&text);
    let opens_more = text.trim_end().ends_with(['(', '[', '{', ',', ':']);
    let closers: String = open.iter().rev().collect();
    let candidate = match lines {
        // The next line continues this one.
        Lines::One if opens_more => return text,
        Lines::One if closers.is_empty() => return text,
        Lines::Free => return text,
        Lines::One => format!("{text}{closers}"),
        Lines::Block(_) => {
            let header = gap.before.trim_end().rsplit('\n').next().unwrap_or_default();
            let mut all = open;
            let is_open = header.ends_with('{') && !text.trim_start().starts_with('}');
            if all.is_empty()
                && is_open
                && text.contains('\n') | !gap.line_before().trim().is_empty()
            {
                all.push('}');
            }
            if all.is_empty() {
                return text;
            }
            let first = text.split('\n').find(|line| unmatched(line).0.len() == 1);
            // `}` goes to the indentation of the line that opened it: the text's own, or the header
            // before the cursor.
            let own = if unmatched(&text).0.is_empty() { None } else { first };
            let white = own.filter(|line| !text.starts_with(*line)).unwrap_or(header);
            let white: String = white.chars().take_while(|c| [' ', '\t'].contains(c)).collect();
            let closers: String = all.iter().rev().collect();
            format!("{text}\n{white}{closers}")
        }
    };
    match (errors_with(gap, &text, 0), errors_with(gap, &candidate, 0)) {
        (Some(without), Some(with)) if with >= without => text,
        (None, _) if matches!(lines, Lines::Block(_)) => text,
        _ => candidate,
    }
}

/// Whether a suggestion would restore a line that was just changed into another. Models are told of
/// recent edits with the old text in the prompt, and copy it.
pub(super) fn takes_back(gap: &Gap, suggestion: &GhostText, edits: &[RecentEdit]) -> bool {
    let Some(edit) = edits.last().filter(|edit| edit.path == gap.path) else { return false };
    // Lines are compared as they would be in the document, with what stays behind the cursor.
    let behind = if suggestion.replaces > 0 { "" } else { gap.rest() };
    let whole = format!("{}{}{behind}", gap.line_before(), suggestion.text);
    let has = |text: &str, line: &str| text.lines().any(|it| it.trim() == line.trim());
    let says = |line: &str| line.chars().any(char::is_alphanumeric);
    let mut lines = whole.lines().filter(|line| says(line));
    lines.any(|line| has(&edit.before, line) && !has(&edit.after, line))
}
