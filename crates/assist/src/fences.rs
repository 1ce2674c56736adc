//! Fences around the code of an answer: which line opens the outer one, which one closes it, and
//! what remains without them.
//!
//! Fences that are part of the code or of the text stay. Called by `clean`.

use crate::clean::{is_heading, is_prose, is_remark};
use crate::language::Language;

/// Length of a fence around code that contains no fence.
const USUAL: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence {
    sign: char,
    length: usize,
    indent: usize,
    /// Nothing follows the signs, so that it may close a fence.
    bare: bool,
    /// What follows the signs is one word.
    plain: bool,
}

fn fence(line: &str) -> Option<Fence> {
    let text = line.trim();
    let sign = text.chars().next().filter(|sign| "`~".contains(*sign))?;
    let tag = text.trim_start_matches(sign);
    let length = text.len() - tag.len();
    // Longer lines of tildes underline headings.
    let fits = if sign == '~' { length == USUAL } else { length >= USUAL };
    (fits && !tag.contains(sign)).then_some(Fence {
        sign,
        length,
        indent: line.len() - line.trim_start().len(),
        bare: tag.is_empty(),
        plain: tag.chars().all(|c| c.is_alphanumeric() || "+-#._".contains(c)),
    })
}

fn count(lines: &[&str]) -> usize {
    lines.iter().filter(|line| fence(line).is_some()).count()
}

/// The lines inside the fence that the prompt opened with `length` backticks, or inside the one
/// that the answer opens itself. Fences of the code (a docstring with an example, a Markdown text)
/// stay, which is decided by comparing numbers: how many the selection has, and how many the
/// answer.
pub(crate) fn inside<'a, 'b>(
    lines: &'a [&'b str],
    length: usize,
    selection: &str,
    language: &Language,
) -> &'a [&'b str] {
    let own: Vec<&str> = selection.lines().collect();
    let Some(at) = opened(lines, &own, language) else {
        return without_last(before_end(lines, length, language), count(&own));
    };
    let mut inner = closed(&lines[at..], &own);
    if !language.prose {
        // The old code is shown first, then the new code.
        let rest = &lines[at + 1 + inner.len()..];
        if trimmed(inner) == trimmed(&own)
            && let Some(next) = rest.iter().skip(1).position(|line| fence(line).is_some())
        {
            inner = closed(&rest[next + 1..], &own);
        }
        // Fences within fences.
        while let Some(at) = opened(inner, &own, language) {
            inner = closed(&inner[at..], &own);
        }
    }
    without_last(inner, count(&own))
}

fn trimmed<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect()
}

/// The line that opens a fence around all of the code: the first one, apart from talk before it.
/// `None` if the answer continues within the fence that the prompt has opened.
fn opened(lines: &[&str], own: &[&str], language: &Language) -> Option<usize> {
    let at = lines.iter().position(|line| fence(line).is_some())?;
    let known = |line: &str| own.iter().any(|own| own.trim() == line.trim());
    // In a prose text, sentences and headings are what was asked for.
    let announces = |line: &&str| line.trim().is_empty() || is_remark(line);
    let talks = |line: &&str| {
        announces(line)
            || !language.prose
                && !known(line)
                && (is_prose(line) || is_heading(line) || is_label(line))
    };
    let first_own = own.iter().find(|line| !line.trim().is_empty());
    let own_fences = count(own);
    let all = count(&lines[at..]);
    // If the selection begins with a fence, the first one of the answer is most likely that one.
    let is_outer = first_own.is_none_or(|line| fence(line).is_none()) && all > own_fences;
    let head = &lines[..at];
    // What may be code otherwise is talk if the fence clearly does not close anything.
    let opens = fence(lines[at]).is_some_and(|it| !it.bare) || all > own_fences + 1;
    let is_talk = head.iter().all(announces) || opens && head.iter().all(talks);
    // A bare fence with nothing after it closes the prompt's.
    let has_code = lines[at + 1..].iter().any(|line| !line.trim().is_empty());
    (is_outer && is_talk && (has_code || fence(lines[at]).is_some_and(|it| !it.bare))).then_some(at)
}

/// Whether a line is a few words with a closing sign ("Answer:", "Sure!"), or the name of a file.
fn is_label(line: &str) -> bool {
    let line = line.trim_end();
    let is_of_name = |c: char| c.is_alphanumeric() || "._-/`*:".contains(c);
    let is_name = line.contains('.') && line.chars().all(is_of_name);
    is_name
        || line.starts_with(char::is_uppercase)
            && line.ends_with([':', '!', '.'])
            && line.split_whitespace().count() <= 4
}

/// What is between the fence in the first line and the one that closes it; all that follows where
/// none does, as an answer may have been cut off or simply not closed.
fn closed<'a, 'b>(lines: &'a [&'b str], own: &[&str]) -> &'a [&'b str] {
    let (Some(outer), tail) = (fence(lines[0]), &lines[1..]) else { return lines };
    let closes = |it: Fence| it.bare && it.sign == outer.sign && it.length >= outer.length;
    let last = tail.iter().rposition(|line| !line.trim().is_empty());
    // If the selection contains fences itself, the outer fence closes at the end, provided that as
    // many fences as the selection has come before it.
    if let Some(last) = last
        && count(own) > 0
        && fence(tail[last]).is_some_and(closes)
        && count(&tail[..last]) == count(own)
    {
        return &tail[..last];
    }
    let mut depth = 1;
    for (at, line) in tail.iter().enumerate() {
        match fence(line) {
            // More deeply indented fences belong to a docstring.
            Some(it) if it.indent > outer.indent || it.sign != outer.sign => {}
            Some(it) if closes(it) => depth -= 1,
            // A tag says that another fence opens. Anything more than a word after the signs is
            // text.
            Some(it) if it.length >= outer.length && it.plain => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return &tail[..at];
        }
    }
    tail
}

/// What comes before the fence that closes the prompt's. Shorter fences are part of the code.
fn before_end<'a, 'b>(lines: &'a [&'b str], length: usize, language: &Language) -> &'a [&'b str] {
    let ends = |line: &&str| {
        fence(line)
            .is_some_and(|it| it.sign == '`' && it.indent == 0 && it.length >= length && it.plain)
    };
    match lines.iter().position(ends) {
        // A prose text may have been given a fence of its own; half a pair does not count.
        Some(_) if language.prose && count(lines).is_multiple_of(2) => lines,
        Some(end) => &lines[..end],
        None => lines,
    }
}

/// Drops a fence that is left over at the end: models close the prompt's long fence with one of the
/// usual length.
fn without_last<'a, 'b>(lines: &'a [&'b str], own_fences: usize) -> &'a [&'b str] {
    match lines.iter().rposition(|line| !line.trim().is_empty()) {
        Some(last)
            if !count(lines).is_multiple_of(2)
                && own_fences.is_multiple_of(2)
                && fence(lines[last]).is_some_and(|it| it.bare) =>
        {
            &lines[..last]
        }
        _ => lines,
    }
}
