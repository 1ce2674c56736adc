//! From what a model wrote to what is shown: whole lines of the block, nothing that stands behind
//! the cursor already, brackets as they have to be.

use localcoder_protocol::{GhostText, RecentEdit, Silence};

use super::gap::Gap;
use super::lines::{Lines, indent};
use crate::{clean::CONTROL, syntax};

/// So often a line may be in a row; more is a model that goes round in circles.
const REPEATS_MAX: usize = 2;
/// And so often in all, where it says something.
const RETURNS_MAX: usize = 3;
/// What is shorter comes often in any code.
const SAYS_CHARS: usize = 8;

pub(super) fn finish(
    gap: &Gap,
    lines: &Lines,
    written: &str,
    cut: bool,
) -> Result<GhostText, Silence> {
    let text = written.replace('\r', "");
    let control = CONTROL.iter().filter_map(|token| text.find(token)).min();
    let text = &text[..control.unwrap_or(text.len())];
    let text = match lines {
        Lines::One => text.split('\n').next().unwrap_or_default().to_owned(),
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
    let text = text.replace('\n', gap.line_end);
    Ok(GhostText { text, replaces })
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
        if comes_round(&kept, line) {
            break;
        }
        kept.push(line);
    }
    kept.join("\n")
}

/// Whether a line goes round in a circle that the ones before have begun.
fn comes_round(before: &[&str], line: &str) -> bool {
    let line = line.trim();
    let same = |it: &&&str| it.trim() == line;
    let in_row = before.iter().rev().take_while(same).count();
    let in_all = before.iter().filter(same).count();
    !line.is_empty()
        && (in_row >= REPEATS_MAX || (line.len() >= SAYS_CHARS && in_all >= RETURNS_MAX))
}

/// Whether what was written so far goes round in circles, so that no more of it is of use.
pub(super) fn goes_round(written: &str) -> bool {
    let lines: Vec<&str> = written.split('\n').collect();
    // The last one may go on otherwise.
    (1..lines.len().saturating_sub(1)).any(|at| comes_round(&lines[..at], lines[at]))
}

/// Without the lines that stand behind the cursor's.
fn without_following(gap: &Gap, text: &str) -> String {
    let following: Vec<&str> =
        gap.after.split('\n').skip(1).filter(|line| !line.trim().is_empty()).collect();
    let Some(next) = following.first() else { return text.to_owned() };
    let mut lines: Vec<&str> = text.split('\n').collect();
    let is_blank = |line: &str| line.trim().is_empty();
    let whole = |at: usize, line: &str| {
        // The first line continues what the cursor's line has.
        if at == 0 { format!("{}{line}", gap.line_before()) } else { line.to_owned() }
    };
    let repeats = (0..lines.len()).find(|at| {
        if is_blank(lines[*at]) || whole(*at, lines[*at]).trim() != next.trim() {
            return false;
        }
        let rest = lines[*at..].iter().filter(|line| !is_blank(line)).skip(1);
        // A bracket alone says little: it has to stand where the other one does, and end it all.
        let speaks = next.chars().any(char::is_alphanumeric);
        let all = rest.zip(following.iter().skip(1)).all(|(a, b)| a.trim_end() == b.trim_end());
        all && (speaks || indent(&whole(*at, lines[*at])) == indent(next))
    });
    if let Some(at) = repeats {
        lines.truncate(at);
    }
    lines.join("\n")
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
        // The next line continues it.
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
