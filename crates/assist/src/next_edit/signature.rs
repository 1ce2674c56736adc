//! Calls of functions whose parameters changed, and values of types whose fields changed.

use std::ops::Range;

use localcoder_protocol::FollowsFrom;

use super::changes::Change;
use super::code::{Call, Callee, Code, Part};
use super::places::{Place, View};
use super::renames::with_replaced;
use super::tokens::{self, Middle, Token};

pub(super) fn places(view: View<'_>, change: &Change) -> Vec<Place> {
    let Some(code) = view.code else { return Vec::new() };
    let Some(head) = Head::of(view, change) else { return fields(view, code, change) };
    let (row, column) = (head.row, head.column);
    if let Some((callee, part)) = code.signature_at(row, column) {
        return calls(view, code, &head, &callee, part);
    }
    let commas = |words: &[String]| words.iter().filter(|it| *it == ",").count();
    let gives_more_or_less = commas(&head.removed) != commas(&head.inserted);
    if gives_more_or_less && let Some(callee) = code.function_of_return(row, column) {
        return all_calls(code, &callee, |_| true);
    }
    fields(view, code, change)
}

#[derive(Debug)]
struct Head {
    row: usize,
    column: usize,
    before: String,
    removed: Vec<String>,
    inserted: Vec<String>,
}

impl Head {
    fn of(view: View<'_>, change: &Change) -> Option<Self> {
        let (line, row) = change.line()?;
        let (before, after) = (tokens::of(line), tokens::of(&view.lines[row]));
        let middle = Middle::of(&before, &after);
        let text = |tokens: &[Token<'_>]| tokens.iter().map(|it| it.text.to_owned()).collect();
        let changed = middle.within(&after);
        let first = changed.first().or_else(|| after.get(middle.start));
        Some(Self {
            row,
            column: first.map_or(0, |token| token.at),
            before: line.to_owned(),
            removed: text(middle.within(&before)),
            inserted: text(changed),
        })
    }
}

fn all_calls(code: &Code<'_>, callee: &Callee, is_meant: impl Fn(&Call) -> bool) -> Vec<Place> {
    let calls = code.calls(callee).into_iter().filter(is_meant);
    calls.map(|it| Place::new(FollowsFrom::Signature, it.rows)).collect()
}

fn calls(view: View<'_>, code: &Code<'_>, head: &Head, callee: &Callee, part: Part) -> Vec<Place> {
    // A result of another type concerns every call, however many arguments it has.
    if part == Part::Result {
        return all_calls(code, callee, |_| true);
    }
    let own = own_parameters(&head.before).zip(own_parameters(&view.lines[head.row]));
    if let Some(order) = own.as_ref().and_then(|(before, after)| order(before, after)) {
        let (before, _) = own.unwrap_or_default();
        let is_order_alone = order.len() == before.len();
        // Calls that still have the old number of arguments. With names instead of places, another
        // order changes nothing.
        let is_meant =
            |call: &&Call| call.arguments == before.len() && !(is_order_alone && call.is_by_name);
        let calls = code.calls(callee);
        let places = calls.iter().filter(is_meant).map(|call| {
            let guess = reordered(view, code, call, &order);
            Place {
                is_certain: guess.is_some(),
                guess: guess.map(|line| vec![line]),
                ..Place::new(FollowsFrom::Signature, call.rows.clone())
            }
        });
        return places.collect();
    }
    let fits = |call: &Call| {
        callee.arity.is_none_or(|(least, most)| (least..=most).contains(&call.arguments))
    };
    // Where the number of arguments has changed, calls that don't fit are surely wrong, and the
    // others may be right as they are.
    let misfits = all_calls(code, callee, |call| !fits(call));
    if misfits.is_empty() && has_another_meaning(view, code, head) {
        return all_calls(code, callee, |call| call.arguments > 0);
    }
    misfits
}

/// Whether a renamed parameter also means something else now: the body was changed by more than
/// that name.
fn has_another_meaning(view: View<'_>, code: &Code<'_>, head: &Head) -> bool {
    let ([old], [new]) = (head.removed.as_slice(), head.inserted.as_slice()) else { return false };
    let Some(rows) = code.function_at(head.row, head.column) else { return false };
    view.changes.iter().any(|change| {
        let Some((before, row)) = change.line() else { return false };
        let (before, after) = (tokens::of(before), tokens::of(&view.lines[row]));
        let names = tokens::renamed(&before, &after);
        let is_of_it = before.iter().any(|token| token.text == old)
            && after.iter().any(|token| token.text == new);
        row != head.row && rows.contains(&row) && is_of_it && names != Some((old, new))
    })
}

/// The parameters as they are written, without the receiver; `None` if they span several lines.
fn own_parameters(line: &str) -> Option<Vec<String>> {
    let tokens = tokens::of(line);
    let open = tokens.iter().position(|token| token.text == "(")?;
    let (mut depth, mut start, mut found) = (0_usize, tokens[open].end(), Vec::new());
    for token in &tokens[open..] {
        match token.text {
            // Commas within a type or a default value separate no parameters.
            "(" | "[" | "{" | "<" => depth += 1,
            ")" | "]" | "}" | ">" => depth = depth.checked_sub(1)?,
            "," if depth == 1 => {
                found.push(line[start..token.at].trim().to_owned());
                start = token.end();
            }
            _ => {}
        }
        if depth == 0 {
            found.push(line[start..token.at].trim().to_owned());
            found.retain(|it| !it.is_empty() && !is_receiver(it));
            return Some(found);
        }
    }
    None
}

fn is_receiver(parameter: &str) -> bool {
    let bare = parameter.trim_start_matches(['&', ' ']).trim_start_matches("mut ");
    let name = bare.split(':').next().unwrap_or(bare).trim();
    ["self", "cls", "this"].contains(&name)
}

/// For each new parameter the index of the old one, if they are the same ones in another order, or
/// fewer.
fn order(before: &[String], after: &[String]) -> Option<Vec<usize>> {
    let of = |parameter: &String| before.iter().position(|it| it == parameter);
    let order: Vec<usize> = after.iter().map(of).collect::<Option<_>>()?;
    // A parameter that is new has no old index, so `collect` has failed for it.
    let is_another = before != after && order.len() <= before.len();
    is_another.then_some(order)
}

/// A call in one line with its arguments in another order.
fn reordered(view: View<'_>, code: &Code<'_>, call: &Call, order: &[usize]) -> Option<String> {
    let (first, last) = (call.places.first()?, call.places.last()?);
    // A certain edit is of one line; and arguments by name or spread from a list have no place to
    // be moved from.
    if call.rows.len() > 1 || !call.is_positional {
        return None;
    }
    let arguments = order.iter().map(|at| Some(&code.text[call.places.get(*at)?.clone()]));
    let arguments = arguments.collect::<Option<Vec<&str>>>()?.join(", ");
    with_replaced(code, view, call.rows.start, &[(first.start..last.end, arguments)])
}

fn fields(view: View<'_>, code: &Code<'_>, change: &Change) -> Vec<Place> {
    let is_put_in = change.before.is_empty() && change.rows.len() == 1;
    let row = change.rows.start;
    let Some(line) = view.lines.get(row).filter(|_| is_put_in) else { return Vec::new() };
    let column = line.len() - line.trim_start().len();
    // A field with a default value need not be named.
    if line.contains('=') || line.contains('(') || line.contains('?') {
        return Vec::new();
    }
    let place = |rows: Range<usize>| Place::new(FollowsFrom::Signature, rows);
    let fields = code.fields_at(row, column);
    if let Some(new) =
        tokens::of(line).iter().find(|it| fields.iter().any(|field| field == it.text))
    {
        let others: Vec<String> = fields.iter().filter(|it| *it != new.text).cloned().collect();
        return code.objects_with(&others, new.text).into_iter().map(place).collect();
    }
    let Some(name) = code.type_with_field_at(row, column) else { return Vec::new() };
    code.values_of(&name).into_iter().map(place).collect()
}
