//! Lines that were put in or taken out: the same beside lines that read alike.

use localcoder_protocol::FollowsFrom;

use super::changes::Change;
use super::pattern::form;
use super::places::{Place, View, is_specific};
use super::tokens::{self, Kind, Token, indent};

const LINES_MAX: usize = 3;

pub(super) fn places(view: View<'_>, newest: &Change) -> Vec<Place> {
    let rows = newest.rows.clone();
    if newest.before.is_empty() && (1..=LINES_MAX).contains(&rows.len()) {
        let put_in = &view.lines[rows.clone()];
        let of = |row: Option<usize>| row.and_then(|row| view.lines.get(row)).map(String::as_str);
        let before = of(rows.start.checked_sub(1)).filter(|line| !line.trim().is_empty());
        let below = before.map(|line| below(view, newest, line, put_in)).unwrap_or_default();
        if below.is_empty() && put_in.iter().all(|line| is_decorator(line)) {
            return above(view, newest, put_in);
        }
        return below;
    }
    match newest.before.as_slice() {
        [line] if rows.is_empty() => removed(view, line),
        _ => Vec::new(),
    }
}

fn is_decorator(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('@') || line.starts_with("#[")
}

/// Whether two lines are of one kind: the same form, and the same word first.
fn is_alike(one: &[Token<'_>], other: &[Token<'_>]) -> bool {
    let first = |tokens: &[Token<'_>]| -> Option<String> {
        let word = tokens.iter().find(|it| is_specific(it))?;
        Some(word.text.to_owned())
    };
    one.len() >= 2
        && form(one) == form(other)
        && first(one).is_some_and(|it| Some(it) == first(other))
}

/// A line with the words of another one in place of those that it shares with its neighbor.
fn adapted(line: &str, neighbor: &[Token<'_>], other: &[Token<'_>]) -> String {
    let mut text = line.to_owned();
    for token in tokens::of(line).iter().rev().filter(|it| it.kind == Kind::Word) {
        let at = neighbor.iter().position(|it| it.text == token.text);
        if let Some(other) = at.and_then(|at| other.get(at)) {
            text.replace_range(token.at..token.end(), other.text);
        }
    }
    text
}

/// Below the other lines that read like the one above the new ones.
fn below(view: View<'_>, change: &Change, line: &str, put_in: &[String]) -> Vec<Place> {
    let before = tokens::of(line);
    let place = |(row, other): (usize, &String)| {
        let tokens = tokens::of(other);
        let is_it = row + 1 != change.rows.start && is_alike(&before, &tokens);
        // The new lines keep their distance to the line above them, which may be indented otherwise
        // here.
        let deeper = indent(other) as isize - indent(line) as isize;
        let new: Vec<String> = put_in
            .iter()
            .map(|it| {
                let column = usize::try_from(indent(it) as isize + deeper).unwrap_or(0);
                let mark = if it.starts_with('\t') { "\t" } else { " " };
                mark.repeat(column) + adapted(it, &before, &tokens).trim_start()
            })
            .collect();
        let next = view.lines.get(row + 1);
        // The line may be there already, with other names.
        let is_done = next.is_some_and(|it| form(&tokens::of(it)) == form(&tokens::of(&put_in[0])));
        (is_it && !is_done).then(|| Place {
            guess: Some(std::iter::once(other.clone()).chain(new).collect()),
            ..Place::new(FollowsFrom::Pattern, row..row + 1)
        })
    };
    view.lines.iter().enumerate().filter_map(place).collect()
}

/// Above the other functions, for what is written above a function.
fn above(view: View<'_>, change: &Change, put_in: &[String]) -> Vec<Place> {
    let Some(code) = view.code else { return Vec::new() };
    let Some(first) = view.lines.get(change.rows.end) else { return Vec::new() };
    let rows = (change.rows.end + 1..view.lines.len()).filter(|row| {
        // A function that has a decorator already may be meant to have that one alone.
        let is_bare = !is_decorator(&view.lines[row - 1]);
        indent(&view.lines[*row]) == indent(first) && is_bare
    });
    let functions = code.function_rows();
    let rows = rows.filter(|row| functions.contains(row));
    let place = |row: usize| Place {
        guess: Some(put_in.iter().chain([&view.lines[row]]).cloned().collect()),
        ..Place::new(FollowsFrom::Pattern, row..row + 1)
    };
    rows.map(place).collect()
}

fn removed(view: View<'_>, line: &str) -> Vec<Place> {
    let before = tokens::of(line);
    let Some(open) = before.iter().position(|it| it.text == "(") else { return Vec::new() };
    let head = &before[..=open];
    // A statement that is nothing but a call.
    let is_call =
        open > 0 && head[..open].iter().all(|it| is_specific(it) || [".", "!"].contains(&it.text));
    let is_it = |line: &&String| {
        let tokens = tokens::of(line);
        tokens.len() >= head.len()
            && head.iter().zip(&tokens).all(|(one, other)| one.text == other.text)
    };
    // `if (` and the like look like calls.
    let is_keyword =
        ["if", "for", "while", "switch", "match", "return", "catch", "def", "fn", "func"]
            .contains(&before[0].text);
    if !is_call || is_keyword {
        return Vec::new();
    }
    let places = view.lines.iter().enumerate().filter(|(_, line)| is_it(line)).map(|(row, _)| {
        Place { guess: Some(Vec::new()), ..Place::new(FollowsFrom::Pattern, row..row + 1) }
    });
    places.collect()
}
