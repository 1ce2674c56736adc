//! The places that follow from what was changed last, the likeliest first. Where it is clear what is
//! to be there it is said; else a model has to.

use std::ops::Range;

use localcoder_protocol::{Diagnostic, FollowsFrom};

use super::changes::Change;
use super::code::{Callee, Code, Name, Part};
use super::pattern;
use super::tokens::{self, Kind, Token};

/// A place and why it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) rows: Range<usize>,
    pub(super) because: FollowsFrom,
    /// What most likely is to be there.
    pub(super) guess: Option<Vec<String>>,
    /// Whether nothing else can be meant, so that no model is asked.
    pub(super) is_certain: bool,
    /// What a tool says of it.
    pub(super) message: Option<String>,
}

impl Place {
    pub(super) fn new(because: FollowsFrom, rows: Range<usize>) -> Self {
        Self { rows, because, guess: None, is_certain: false, message: None }
    }
}

/// A document after a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) lines: &'a [String],
    pub(super) code: Option<&'a Code<'a>>,
    pub(super) cursor: usize,
    /// The newest first.
    pub(super) changes: &'a [Change],
    pub(super) diagnostics: &'a [Diagnostic],
}

impl View<'_> {
    /// Whether some of the rows were just changed.
    pub(super) fn is_changed(&self, rows: &Range<usize>) -> bool {
        let newest = self.changes.iter();
        newest.take(1).any(|it| it.rows.start < rows.end && rows.start < it.rows.end)
    }

    /// How far a row is to go from the cursor; downward is the way most people go on.
    fn distance(&self, row: usize) -> usize {
        match row.checked_sub(self.cursor) {
            Some(down) => down * 2,
            None => (self.cursor - row) * 4 + 1,
        }
    }
}

/// All of them; few, as rules say little where they are not sure.
pub(super) fn of(view: View<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    let Some(newest) = view.changes.first() else { return places };
    let rules: [fn(View<'_>, &Change) -> Vec<Place>; 4] =
        [renames, signatures, diagnostics, pattern::places];
    for rule in rules {
        let mut found = rule(view, newest);
        found.retain(|place| !view.is_changed(&place.rows) && place.rows.end <= view.lines.len());
        found.sort_by_key(|place| view.distance(place.rows.start));
        for place in found {
            if !places.iter().any(|it: &Place| it.rows.contains(&place.rows.start)) {
                places.push(place);
            }
        }
    }
    for place in &mut places {
        place.message = place.message.take().or_else(|| message_at(view, &place.rows));
    }
    places
}

fn message_at(view: View<'_>, rows: &Range<usize>) -> Option<String> {
    let at = |it: &&Diagnostic| rows.contains(&(it.line as usize).saturating_sub(1));
    view.diagnostics.iter().find(at).map(|it| it.message.clone())
}

/// Places of a name that was changed where it is defined.
fn renames(view: View<'_>, _: &Change) -> Vec<Place> {
    let Some(code) = view.code else { return Vec::new() };
    let renamed = |change: &Change| {
        let (before, row) = change.line()?;
        let (before, after) = (tokens::of(before), tokens::of(&view.lines[row]));
        let (old, new) = tokens::renamed(&before, &after)?;
        Some((old.to_owned(), new.to_owned(), row))
    };
    // The newest change says what is being renamed; an older one may be where it is defined.
    let Some((old, new, _)) = view.changes.first().and_then(renamed) else { return Vec::new() };
    let rows: Vec<usize> = (view.changes.iter().filter_map(renamed))
        .filter(|(one, other, _)| (one, other) == (&old, &new))
        .map(|(_, _, row)| row)
        .collect();
    let names = code.names(&new);
    let Some(binding) = names.iter().find(|it| it.is_binding && rows.contains(&it.row())) else {
        return Vec::new();
    };
    let scope = code.local_scope(binding);
    let is_part = code.is_part_of_type(binding);
    let old_names = code.names(&old);
    let bound: Vec<&Name<'_>> = old_names.iter().filter(|it| it.is_binding).collect();
    let is_elsewhere_bound = |row: usize| {
        let locals = bound.iter().filter_map(|it| code.local_scope(it));
        locals.into_iter().any(|rows| rows.contains(&row)) && scope.is_none()
    };
    let is_meant = |name: &&Name<'_>| {
        let row = name.row();
        let is_argument = code.names_argument_of(name).is_some();
        if is_part {
            return name.is_member || !is_elsewhere_bound(row) && !name.is_binding;
        }
        match &scope {
            Some(rows) => rows.contains(&row) && (!name.is_member || name.is_shorthand()),
            None => !is_argument && !name.is_member && !is_elsewhere_bound(row),
        }
    };
    let is_gone = |name: &Name<'_>| {
        let others = bound.iter().any(|it| match &scope {
            Some(rows) => rows.contains(&it.row()) || code.local_scope(it).is_none(),
            None => code.local_scope(it).is_none(),
        });
        !others && (!is_part || code.name_is_of_self(name))
    };
    let meant: Vec<&Name<'_>> = old_names.iter().filter(is_meant).collect();
    let mut rows: Vec<usize> = meant.iter().map(|name| name.row()).collect();
    rows.dedup();
    let place = |row: usize| {
        let here: Vec<&&Name<'_>> = meant.iter().filter(|name| name.row() == row).collect();
        let start =
            code.text.match_indices('\n').nth(row.checked_sub(1)?).map_or(0, |(at, _)| at + 1);
        let mut line = view.lines[row].clone();
        for name in here.iter().rev() {
            let range = name.range().start - start..name.range().end - start;
            let text = match name.is_shorthand() {
                true => format!("{old}: {new}"),
                false => new.clone(),
            };
            line.get(range.clone())?;
            line.replace_range(range, &text);
        }
        Some(Place {
            guess: Some(vec![line]),
            is_certain: here.iter().all(|name| is_gone(name)),
            ..Place::new(FollowsFrom::Rename, row..row + 1)
        })
    };
    rows.into_iter().filter_map(place).collect()
}

/// The first column of a row in which something was changed.
fn column(view: View<'_>, change: &Change) -> Option<(usize, usize, Middle)> {
    let (before, row) = change.line()?;
    let after = &view.lines[row];
    let (before, after) = (tokens::of(before), tokens::of(after));
    let middle = tokens::Middle::of(&before, &after);
    let text = |tokens: &[Token<'_>]| tokens.iter().map(|it| it.text.to_owned()).collect();
    let changed = middle.within(&after);
    let at = changed.first().or_else(|| after.get(middle.start)).map_or(0, |token| token.at);
    Some((row, at, Middle { removed: text(middle.within(&before)), inserted: text(changed) }))
}

/// What was taken out of a line and put in.
#[derive(Debug)]
struct Middle {
    removed: Vec<String>,
    inserted: Vec<String>,
}

impl Middle {
    fn is_another_order(&self) -> bool {
        let sorted = |words: &[String]| {
            let mut words: Vec<&String> = words.iter().filter(|it| it.as_str() != ",").collect();
            words.sort_unstable();
            words.into_iter().cloned().collect::<Vec<_>>()
        };
        self.removed.len() > 1 && sorted(&self.removed) == sorted(&self.inserted)
    }

    fn has_comma(&self) -> bool {
        self.removed.iter().chain(&self.inserted).any(|it| it == ",")
    }
}

/// Calls of what has other parameters now, and values of what has other fields.
fn signatures(view: View<'_>, newest: &Change) -> Vec<Place> {
    let Some(code) = view.code else { return Vec::new() };
    let calls = |callee: &Callee, is_meant: &dyn Fn(usize) -> bool| -> Vec<Place> {
        let calls = code.calls(callee).into_iter().filter(|it| is_meant(it.arguments));
        calls.map(|it| Place::new(FollowsFrom::Signature, it.rows)).collect()
    };
    let Some((row, at, middle)) = column(view, newest) else {
        return fields(view, code, newest);
    };
    if let Some((callee, part)) = code.signature_at(row, at) {
        let fits =
            |count: usize| callee.arity.is_none_or(|(least, most)| (least..=most).contains(&count));
        return match part {
            Part::Result => calls(&callee, &|_| true),
            Part::Parameters if middle.is_another_order() => calls(&callee, &|count| count > 1),
            Part::Parameters => calls(&callee, &|count| !fits(count)),
        };
    }
    if middle.has_comma()
        && let Some(callee) = code.function_of_return(row, at)
    {
        return calls(&callee, &|_| true);
    }
    fields(view, code, newest)
}

/// Where values of a type are made that has a field more.
fn fields(view: View<'_>, code: &Code<'_>, newest: &Change) -> Vec<Place> {
    let is_put_in = newest.before.is_empty() && newest.rows.len() == 1;
    let row = newest.rows.start;
    let Some(line) = view.lines.get(row).filter(|_| is_put_in) else { return Vec::new() };
    let column = line.len() - line.trim_start().len();
    // One with a value of its own need not be named.
    if line.contains('=') || line.contains('(') {
        return Vec::new();
    }
    let Some(name) = code.type_with_field_at(row, column) else { return Vec::new() };
    let values = code.values_of(&name).into_iter();
    values.map(|rows| Place::new(FollowsFrom::Signature, rows)).collect()
}

/// Where tools report something.
fn diagnostics(view: View<'_>, _: &Change) -> Vec<Place> {
    let places = view.diagnostics.iter().filter_map(|it| {
        let row = (it.line as usize).checked_sub(1)?;
        let place = Place::new(FollowsFrom::Diagnostic, row..row + 1);
        Some(Place { message: Some(it.message.clone()), ..place })
    });
    places.collect()
}

/// Whether a token says something of its own.
pub(super) fn is_specific(token: &Token<'_>) -> bool {
    token.kind != Kind::Sign
}
