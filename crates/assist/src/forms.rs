//! Answers whose code comes in another form: as a patch, between marks of search and replacement,
//! with a number before each line, in JSON, or between tags.
//!
//! A form is undone only if nothing has to be guessed: what a patch removes must occur in the
//! selection exactly once. Otherwise the answer is left as it is, and the guard against patches
//! refuses it. Called by `clean`.

use crate::clean::trim_blank;
use crate::language::Language;

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

const OF_PAGES: &[&str] = &["code", "output"];

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

/// Fewer lines with numbers or signs may not be marks at all.
const MARKED_LINES_MIN: usize = 2;

/// The lines between a tag and its end, if those are the first and the last line.
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

/// The code of an answer in another form. `None` if it is in none of these, or if it can't be
/// undone.
pub(crate) fn code(answer: &str, selection: &str, language: &Language) -> Option<String> {
    of_prefixed(answer, selection, language)
        .or_else(|| of_patch(answer, selection))
        .or_else(|| of_search_and_replace(answer, selection))
        .or_else(|| of_numbered(answer, selection, language))
        .or_else(|| of_json(answer, selection))
}

/// Lines that all begin with the same sign, as the added lines of a patch or a quoted mail.
fn of_prefixed(answer: &str, selection: &str, language: &Language) -> Option<String> {
    let lines = || answer.split('\n').filter(|line| !line.trim().is_empty());
    let sign = ['+', '>'].into_iter().find(|sign| lines().all(|line| line.starts_with(*sign)))?;
    if language.prose || lines().count() < MARKED_LINES_MIN || selection.starts_with(sign) {
        return None;
    }
    let lines: Vec<&str> =
        answer.split('\n').map(|line| line.strip_prefix(sign).unwrap_or(line)).collect();
    // A quoted mail has a blank after the sign.
    let is_apart = sign == '>' && lines.iter().all(|line| line.is_empty() || line.starts_with(' '));
    let width = usize::from(is_apart);
    let code: Vec<&str> = lines.iter().map(|line| line.get(width..).unwrap_or("")).collect();
    Some(code.join("\n"))
}

#[derive(Debug, Default)]
struct Change<'a> {
    old: Vec<&'a str>,
    new: Vec<New<'a>>,
}

#[derive(Debug)]
enum New<'a> {
    /// The old line with this number.
    Kept(usize),
    Added(&'a str),
}

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

/// Blocks between merge conflict marks: what is searched for, and what replaces it.
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
            // The file's name may be there.
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

/// The selection with the changes applied, one after the other. `None` if one of them does not fit
/// at exactly one place, as a patch's line numbers are made up by small models and can't be used.
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
        // Two places fit equally well, and choosing one would be a guess.
        if fits.next().is_some() {
            return None;
        }
        // Kept lines are taken from the selection: models copy them with other white space.
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

/// The additional indentation of the old lines compared with the selection's lines, which must be
/// equal otherwise. `None` if they are not.
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
    // In these languages, numbered lines can be keys, items or rows.
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

/// The only string of an object under a key for code, or its only string of several lines.
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
    // Two of them are the old and the new code, or something else.
    codes.next().is_none().then(|| code.replace("\r\n", "\n").trim_end().to_owned())
}
