//! What follows from a change to a function's head apart from its calls' arguments: the same head
//! elsewhere, what its body returns, and calls that must wait for it now.

use std::ops::Range;

use localcoder_protocol::FollowsFrom;

use super::changes::Change;
use super::code::Code;
use super::places::{Place, View};
use super::renames::with_replaced;

pub(super) fn places(view: View<'_>, change: &Change) -> Vec<Place> {
    let (Some(code), Some((before, row))) = (view.code, change.line()) else { return Vec::new() };
    let after = view.lines[row].as_str();
    let Some(function) = code.function_declared_on(row) else { return Vec::new() };
    let mut places = twins(view, code, row, &function.name, (before, after));
    if let Some(wrap) = Wrap::of(view.language, before, after) {
        let returned = function.returned.iter();
        places.extend(returned.filter_map(|it| wrap.place(view, code, it.clone())));
    }
    if !is_async(before) && is_async(after) {
        places.extend(code.awaitable_calls(&function.name).into_iter().filter_map(|at| {
            let (at, text) =
                if view.language == "rust" { (at.end, ".await") } else { (at.start, "await ") };
            replaced(view, code, at..at, text.to_owned())
        }));
    }
    places
}

fn is_async(line: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "async")
}

fn replaced(view: View<'_>, code: &Code<'_>, at: Range<usize>, text: String) -> Option<Place> {
    let row = code.text.get(..at.start)?.matches('\n').count();
    let line = with_replaced(code, view, row, &[(at, text)])?;
    Some(Place::line(FollowsFrom::Signature, row, line, true))
}

/// Where the head is written as it was: a declaration and its definition, a trait or an interface
/// and what implements it.
fn twins(
    view: View<'_>,
    code: &Code<'_>,
    row: usize,
    name: &str,
    (before, after): (&str, &str),
) -> Vec<Place> {
    let (Some(old), Some(new)) = (head(before, name), head(after, name)) else { return Vec::new() };
    let (old, new) = (&before[old], &after[new]);
    let others = view.lines.iter().enumerate().filter(|(at, _)| *at != row);
    let place = |(at, line): (usize, &String)| {
        let range = head(line, name).filter(|it| &line[it.clone()] == old)?;
        // A call may read the same.
        code.function_declared_on(at).filter(|it| it.name == name)?;
        let mut text = line.clone();
        text.replace_range(range, new);
        Some(Place::line(FollowsFrom::Signature, at, text, true))
    };
    if old == new { Vec::new() } else { others.filter_map(place).collect() }
}

fn head(line: &str, name: &str) -> Option<Range<usize>> {
    let is_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    // The name may occur before as part of another one, or as a type.
    let mut starts = line.match_indices(name).map(|(at, _)| at);
    let start = starts.find(|at| {
        let rest = &line[at + name.len()..];
        !line[..*at].ends_with(is_of_a_name) && rest.starts_with(['(', '<'])
    })?;
    // What follows the head differs between a declaration and its definition.
    let end = line.trim_end().trim_end_matches(['{', ';', '=', ':']).trim_end().len();
    (start < end).then_some(start..end)
}

/// What a returned value is put in since the result's type changed.
struct Wrap {
    before: &'static str,
    after: &'static str,
}

impl Wrap {
    fn of(language: &str, before: &str, after: &str) -> Option<Self> {
        match language {
            "rust" => {
                let (old, new) = (result(before)?, result(after)?);
                let inner = |of: &str| {
                    let rest = new.strip_prefix(of)?.trim_start();
                    let rest = rest.strip_prefix(&old)?;
                    // The old result has to be what is wrapped: with another type the values
                    // themselves are to change.
                    rest.starts_with([',', '>']).then_some(())
                };
                if inner("Option<").is_some() {
                    return Some(Self { before: "Some(", after: ")" });
                }
                let is_result = ["Result<", "io::Result<", "anyhow::Result<"];
                let is_result = is_result.iter().any(|of| inner(of).is_some());
                is_result.then_some(Self { before: "Ok(", after: ")" })
            }
            "go" => {
                let tail = |line: &str| {
                    let at = line.rfind(')')?;
                    let (head, rest) = line.split_at(at + 1);
                    let rest = rest.trim().trim_end_matches('{').trim_end();
                    // Several results stand between parentheses of their own.
                    let results = head.rsplit_once(") (").map(|(_, it)| it.trim_end_matches(')'));
                    Some(if rest.is_empty() { results?.to_owned() } else { rest.to_owned() })
                };
                let is_more = tail(after)? == format!("{}, error", tail(before)?);
                is_more.then_some(Self { before: "", after: ", nil" })
            }
            _ => None,
        }
    }

    fn place(&self, view: View<'_>, code: &Code<'_>, value: Range<usize>) -> Option<Place> {
        let text = code.text.get(value.clone())?;
        let is_done = text.contains('\n')
            || !self.before.is_empty()
                && ["Ok(", "Err(", "Some(", "None"].iter().any(|it| text.starts_with(it));
        if is_done {
            return None;
        }
        replaced(view, code, value, [self.before, text, self.after].concat())
    }
}

fn result(line: &str) -> Option<String> {
    let (_, result) = line.split_once("->")?;
    Some(result.trim().trim_end_matches('{').trim().to_owned())
}
