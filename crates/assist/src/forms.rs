//! Answers that have the code in another form: as a patch, with marks of search and replacement, with
//! a number before each line, in JSON, between tags.
//!
//! A form is undone only where nothing has to be guessed: what a patch takes away must be in the
//! selection, once. The others are left as they are, and the guard of patches refuses them. Called by
//! `clean`.

use crate::clean::trim_blank;
use crate::language::Language;

/// Words of tags that models put round code on lines of their own.
const TAGS: &[&str] = &[
    "code",
    "answer",
    "output",
    "result",
    "response",
    "selection",
    "selected_code",
    "rewritten_code",
    "improved_code",
];

/// Those of them that pages have, too.
const OF_PAGES: &[&str] = &["code", "output"];

/// Keys under which models give code in JSON.
const KEYS: &[&str] = &[
    "code",
    "answer",
    "content",
    "output",
    "result",
    "new_code",
    "selected_code",
    "rewritten_code",
    "improved_code",
];

/// Fewer lines with numbers or signs may mean something else.
const MARKED_LINES_MIN: usize = 2;

/// The lines between a tag and its end, where they are the first and the last line.
pub(crate) fn inside_tags<'a, 'b>(
    lines: &'a [&'b str],
    selection: &str,
    language: &Language,
) -> &'a [&'b str] {
    let [first, inner @ .., last] = trim_blank(lines) else { return lines };
    let tag = TAGS.iter().find(|tag| first.trim() == format!("<{tag}>"));
    let is_closed = |tag: &&&str| last.trim() == format!("</{tag}>");
    let is_code = |tag: &&str| match language.id {
        "xml" => true,
        "html" | "vue" | "svelte" | "markdown" | "javascriptreact" | "typescriptreact" => {
            OF_PAGES.contains(tag)
        }
        _ => false,
    };
    match tag.filter(is_closed).filter(|tag| !is_code(tag)) {
        Some(_) if !selection.contains(first.trim()) => inner,
        _ => lines,
    }
}

/// The code of an answer in another form. `None` where it is in none, or where it can't be undone.
pub(crate) fn code(answer: &str, selection: &str, language: &Language) -> Option<String> {
    of_prefixed(answer, selection, language)
        .or_else(|| of_patch(answer, selection))
        .or_else(|| of_search_and_replace(answer, selection))
        .or_else(|| of_numbered(answer, selection, language))
        .or_else(|| of_json(answer, selection))
}

/// Lines that all begin with the same sign, as what a patch adds or what a mail quotes.
fn of_prefixed(answer: &str, selection: &str, language: &Language) -> Option<String> {
    let lines = || answer.split('\n').filter(|line| !line.trim().is_empty());
    let sign = ['+', '>'].into_iter().find(|sign| lines().all(|line| line.starts_with(*sign)))?;
    if language.prose || lines().count() < MARKED_LINES_MIN || selection.starts_with(sign) {
        return None;
    }
    let lines: Vec<&str> =
        answer.split('\n').map(|line| line.strip_prefix(sign).unwrap_or(line)).collect();
    // A mail has a blank behind the sign.
    let is_apart = sign == '>' && lines.iter().all(|line| line.is_empty() || line.starts_with(' '));
    let width = usize::from(is_apart);
    let code: Vec<&str> = lines.iter().map(|line| line.get(width..).unwrap_or("")).collect();
    Some(code.join("\n"))
}

/// One place of a patch: what is there, and what is to be there.
#[derive(Debug, Default)]
struct Change<'a> {
    old: Vec<&'a str>,
    new: Vec<New<'a>>,
}

#[derive(Debug)]
enum New<'a> {
    /// The line of the old ones with this number.
    Kept(usize),
    Added(&'a str),
}

/// A unified diff of the selection.
fn of_patch(answer: &str, selection: &str) -> Option<String> {
    const HEADS: &[&str] = &["diff --git ", "index ", "--- ", "+++ ", "\\ No newline"];
    let mut changes = vec![Change::default()];
    let (mut added, mut marked) = (false, false);
    for line in answer.split('\n') {
        if line.starts_with("@@") {
            marked = true;
            changes.push(Change::default());
            continue;
        }
        let change = changes.last_mut()?;
        if change.old.is_empty() && HEADS.iter().any(|head| line.starts_with(head)) {
            continue;
        }
        match line.split_at_checked(1) {
            Some(("+", text)) => {
                added = true;
                change.new.push(New::Added(text));
            }
            Some(("-", text)) => change.old.push(text),
            Some((" ", _)) | None => {
                change.new.push(New::Kept(change.old.len()));
                change.old.push(line.strip_prefix(' ').unwrap_or(line));
            }
            Some(_) => return None,
        }
    }
    let takes_away = changes.iter().any(|change| change.old.len() > kept(change));
    // Lines that only begin with dashes are a list.
    (marked || added && takes_away).then(|| applied(&changes, selection)).flatten()
}

fn kept(change: &Change<'_>) -> usize {
    change.new.iter().filter(|new| matches!(new, New::Kept(_))).count()
}

/// Blocks between the marks of merge conflicts: what is searched, and what replaces it.
fn of_search_and_replace(answer: &str, selection: &str) -> Option<String> {
    #[derive(PartialEq)]
    enum At {
        Outside,
        Search,
        Replace,
    }
    let (mut at, mut changes) = (At::Outside, Vec::new());
    for line in answer.split('\n') {
        match at {
            At::Outside if line.starts_with("<<<<<<<") => {
                at = At::Search;
                changes.push(Change::default());
            }
            // A name of a file may be there.
            At::Outside => {}
            At::Search if line.starts_with("=======") => at = At::Replace,
            At::Search => changes.last_mut()?.old.push(line),
            At::Replace if line.starts_with(">>>>>>>") => at = At::Outside,
            At::Replace => changes.last_mut()?.new.push(New::Added(line)),
        }
    }
    for change in &mut changes {
        let is_blank = |line: &str| line.trim().is_empty();
        while change.old.last().is_some_and(|line| is_blank(line)) {
            change.old.pop();
        }
        while matches!(change.new.last(), Some(New::Added(line)) if is_blank(line)) {
            change.new.pop();
        }
    }
    (at == At::Outside && !selection.contains("<<<<<<<"))
        .then(|| applied(&changes, selection))
        .flatten()
}

/// The selection with the changes made. `None` where one doesn't fit at exactly one place.
fn applied(changes: &[Change<'_>], selection: &str) -> Option<String> {
    let mut lines: Vec<String> = selection.split('\n').map(str::to_owned).collect();
    let changes: Vec<_> =
        changes.iter().filter(|it| !it.new.is_empty() || !it.old.is_empty()).collect();
    if changes.is_empty() {
        return None;
    }
    for change in changes {
        let height = change.old.len();
        let ends = lines.len().checked_sub(height).filter(|_| height > 0)?;
        let mut fits =
            (0..=ends).filter_map(|at| Some((at, shift(change, &lines[at..at + height])?)));
        let (at, shift) = fits.next()?;
        if fits.next().is_some() {
            return None;
        }
        let moved = change.new.iter().map(|new| match new {
            New::Kept(old) => Some(lines[at + old].clone()),
            New::Added(text) if text.trim().is_empty() => Some(String::new()),
            New::Added(text) => text.strip_prefix(shift).map(str::to_owned),
        });
        let new: Vec<String> = moved.collect::<Option<_>>()?;
        lines.splice(at..at + height, new);
    }
    Some(lines.join("\n"))
}

/// By how much the old lines are indented deeper than the lines they are to be, which are the same but
/// for that. `None` where they are others.
fn shift<'a>(change: &Change<'a>, lines: &[String]) -> Option<&'a str> {
    let pairs = || change.old.iter().zip(lines).filter(|(old, _)| !old.trim().is_empty());
    let (first, line) = pairs().next()?;
    let shift = first.trim_end().strip_suffix(line.trim_end())?;
    let same = change.old.iter().zip(lines).all(|(old, line)| match old.trim().is_empty() {
        true => line.trim().is_empty(),
        false => old.strip_prefix(shift).is_some_and(|old| old.trim_end() == line.trim_end()),
    });
    (same && shift.trim().is_empty()).then_some(shift)
}

/// Lines that have their numbers before them, with a sign between.
fn of_numbered(answer: &str, selection: &str, language: &Language) -> Option<String> {
    let split = |line: &str| -> Option<(usize, char, String)> {
        let line = line.trim_start();
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = line[..line.len() - rest.len()].parse().ok()?;
        let rest = rest.trim_start_matches(' ');
        let sign = rest.chars().next().unwrap_or('|');
        let code = rest.strip_prefix(sign).unwrap_or_default();
        let code = if sign == '\t' { code } else { code.strip_prefix(' ').unwrap_or(code) };
        "|:\t".contains(sign).then(|| (number, sign, code.to_owned()))
    };
    // There lines with numbers are keys, items or rows.
    let means_something = language.prose || matches!(language.id, "yaml" | "json" | "jsonc" | "");
    if means_something || selection.lines().any(|line| split(line).is_some()) {
        return None;
    }
    let lines: Option<Vec<_>> =
        answer.split('\n').filter(|line| !line.trim().is_empty()).map(split).collect();
    let lines = lines.filter(|lines| lines.len() >= MARKED_LINES_MIN)?;
    let in_order = lines.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 == pair[1].1);
    let code: Vec<String> = lines.into_iter().map(|(_, _, code)| code).collect();
    in_order.then(|| code.join("\n").trim_end().to_owned())
}

/// The only text of an object that is called as code is, or a text of several lines.
fn of_json(answer: &str, selection: &str) -> Option<String> {
    if answer.starts_with('"') && !selection.starts_with('"') {
        let text: String = serde_json::from_str(answer).ok()?;
        return text.contains('\n').then(|| text.trim_end().to_owned());
    }
    if !answer.starts_with('{') || selection.trim_start().starts_with('{') {
        return None;
    }
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(answer).ok()?;
    let mut codes = object.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
    let code = codes.next()?.1.as_str()?;
    // Two of them are the old one and the new one, or something else.
    codes.next().is_none().then(|| code.replace("\r\n", "\n").trim_end().to_owned())
}
