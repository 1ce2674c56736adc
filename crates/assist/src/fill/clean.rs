//! From what a model wrote to what is shown: whole lines of the block, nothing that stands behind
//! the cursor already, brackets as they have to be.

use localcoder_protocol::{GhostText, RecentEdit, Silence};

use super::gap::Gap;
use super::lines::{Lines, indent};
use super::{circles, marks};
use crate::syntax;

pub(super) fn finish(
    gap: &Gap,
    lines: &Lines,
    written: &str,
    cut: bool,
) -> Result<GhostText, Silence> {
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
    let text = closed(gap, lines, text);
    // Nothing but white space, or what the line has already.
    if text.trim().is_empty() || (replaces > 0 && text == gap.rest().trim_end()) {
        return Err(Silence::NothingToAdd);
    }
    if !matches!(lines, Lines::Free) && !says_something(gap, &text, replaces) {
        return Err(Silence::NothingToAdd);
    }
    let text = text.replace('\n', gap.line_end);
    Ok(GhostText { text, replaces })
}

/// Whether a text has more than punctuation, or the document fewer errors with it.
fn says_something(gap: &Gap, text: &str, replaces: u32) -> bool {
    let says = text.chars().any(|c| c.is_alphanumeric() || ['"', '\'', '_'].contains(&c));
    if says || replaces > 0 || gap.language.id == "markdown" {
        return true;
    }
    let errors = |text: &str| {
        syntax::error_count(gap.language, &format!("{}{text}{}", gap.before, gap.after))
    };
    match (errors(""), errors(text)) {
        (Some(without), Some(with)) => with < without,
        _ => true,
    }
}

/// The lines of a block: whole ones, and none round in circles.
fn block(gap: &Gap, text: &str, cut: bool) -> String {
    // The cursor stands behind the line's white space already.
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

/// Without the lines that stand behind the cursor's.
fn without_following(gap: &Gap, text: &str) -> String {
    let following: Vec<&str> =
        gap.after.split('\n').skip(1).filter(|line| !line.trim().is_empty()).collect();
    let Some(next) = following.first() else { return text.to_owned() };
    let mut lines: Vec<&str> = text.split('\n').collect();
    let is_blank = |line: &str| line.trim().is_empty();
    let whole = |at: usize, line: &str| {
        // The first line goes on with what the cursor's line has.
        if at == 0 { format!("{}{line}", gap.line_before()) } else { line.to_owned() }
    };
    let repeats = (0..lines.len()).find(|at| {
        if is_blank(lines[*at]) || bare(&whole(*at, lines[*at])) != bare(next) {
            return false;
        }
        let rest = lines[*at..].iter().filter(|line| !is_blank(line)).skip(1);
        // A bracket alone says little: it has to stand where the other one does, and end it all.
        let speaks = next.chars().any(char::is_alphanumeric);
        let all = rest.zip(following.iter().skip(1)).all(|(a, b)| bare(a) == bare(b));
        all && (speaks || indent(&whole(*at, lines[*at])) == indent(next))
    });
    if let Some(at) = repeats {
        lines.truncate(at);
    }
    lines.join("\n")
}

/// A line without its indentation, and without what may or may not end it.
fn bare(line: &str) -> &str {
    line.trim().trim_end_matches([';', ','])
}

/// Without what stands behind the cursor in its line; or with it, where more comes after it.
fn without_rest(gap: &Gap, text: &str) -> (String, u32) {
    let rest = gap.rest().trim_end();
    let kept = |text: &str| (text.to_owned(), 0);
    let Some(first) = rest.chars().next() else { return kept(text) };
    let (line, others) = text.split_once('\n').map_or((text, None), |(a, b)| (a, Some(b)));
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

/// Brackets that a text opens and does not close, and where the first is that it closes and did not
/// open. What stands between quotes in a line does not count.
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

/// With the brackets closed that it opens, where the document has fewer errors with them.
fn closed(gap: &Gap, lines: &Lines, text: String) -> String {
    let (open, _) = unmatched(&text);
    let opens_more = text.trim_end().ends_with(['(', '[', '{', ',', ':']);
    let closers: String = open.iter().rev().collect();
    let candidate = match lines {
        // The next line goes on with it.
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
            let own = if unmatched(&text).0.is_empty() { None } else { first };
            let white = own.filter(|line| !text.starts_with(*line)).unwrap_or(header);
            let white: String = white.chars().take_while(|c| [' ', '\t'].contains(c)).collect();
            let closers: String = all.iter().rev().collect();
            format!("{text}\n{white}{closers}")
        }
    };
    let errors = |text: &str| {
        syntax::error_count(gap.language, &format!("{}{text}{}", gap.before, gap.after))
    };
    match (errors(&text), errors(&candidate)) {
        (Some(without), Some(with)) if with >= without => text,
        (None, _) if matches!(lines, Lines::Block(_)) => text,
        _ => candidate,
    }
}

/// Whether a suggestion would make a line again that was just changed into another.
pub(super) fn takes_back(gap: &Gap, suggestion: &GhostText, edits: &[RecentEdit]) -> bool {
    let Some(edit) = edits.last().filter(|edit| edit.path == gap.path) else { return false };
    let first = suggestion.text.lines().next().unwrap_or_default();
    let behind = if suggestion.replaces > 0 { "" } else { gap.rest() };
    let line = format!("{}{first}{behind}", gap.line_before());
    let has = |text: &str| text.lines().any(|it| it.trim() == line.trim());
    has(&edit.before) && !has(&edit.after)
}
