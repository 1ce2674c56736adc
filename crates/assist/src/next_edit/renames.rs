//! Occurrences of a name that was changed at its definition, or at a use as if it had been.

use std::ops::Range;

use localcoder_protocol::FollowsFrom;

use super::changes::Change;
use super::code::{Code, Name};
use super::places::{Place, View};
use super::tokens::{self, Kind, Middle};

/// Member names that values of every language have: such a member may belong to anything.
const COMMON_MEMBERS: &[&str] = &[
    "add", "append", "apply", "clear", "clone", "close", "contains", "copy", "count", "data",
    "delete", "entries", "filter", "find", "first", "format", "get", "has", "id", "index",
    "insert", "items", "join", "keys", "last", "len", "length", "map", "name", "next", "open",
    "pop", "push", "put", "read", "remove", "replace", "reset", "reverse", "run", "send", "set",
    "size", "sort", "split", "start", "stop", "strip", "then", "title", "trim", "type", "update",
    "value", "values", "write",
];

/// A literal is searched for elsewhere only if it reads like a name with at least this many
/// characters.
const LITERAL_CHARS_MIN: usize = 3;

#[derive(Debug)]
struct Rename {
    old: String,
    new: String,
    rows: Vec<usize>,
}

impl Rename {
    /// The renames of a change: some names of a line became others, and nothing else changed.
    fn all(view: View<'_>, code: &Code<'_>, change: &Change) -> Vec<Self> {
        let pairs_of = |change: &Change| {
            let (before, row) = change.line()?;
            let (before, after) = (tokens::of(before), tokens::of(&view.lines[row]));
            let pairs = tokens::renames(&before, &after)?;
            Some((pairs.into_iter().map(|pair| bare(code, pair)).collect::<Vec<_>>(), row))
        };
        let Some((pairs, _)) = pairs_of(change) else { return Vec::new() };
        let all: Vec<_> = view.changes.iter().filter_map(pairs_of).collect();
        let named = pairs.into_iter().map(|pair| {
            // One change says what is being renamed; another may be at its definition.
            let same = all.iter().filter(|(pairs, _)| pairs.contains(&pair));
            let rows = same.map(|(_, row)| *row).collect();
            Self { old: pair.0, new: pair.1, rows }
        });
        named.collect()
    }
}

/// Two names as a grammar has them: in PHP the sign of a variable is a part of its own.
fn bare(code: &Code<'_>, (old, new): (&str, &str)) -> (String, String) {
    let signed = old.strip_prefix('$').zip(new.strip_prefix('$'));
    let (old, new) = signed.filter(|(_, new)| !code.names(new).is_empty()).unwrap_or((old, new));
    (old.to_owned(), new.to_owned())
}

#[derive(Debug)]
struct Use {
    row: usize,
    range: Range<usize>,
    text: String,
    is_certain: bool,
}

pub(super) fn places(view: View<'_>, change: &Change) -> Vec<Place> {
    let Some(code) = view.code else { return Vec::new() };
    let found = |rename: &Rename| {
        let names = code.names(&rename.new);
        match names.iter().find(|it| it.is_binding && rename.rows.contains(&it.row())) {
            Some(binding) => uses(code, rename, binding),
            // The new name is defined nowhere, so it was given at a use, and the definition has to
            // follow.
            None if names.iter().all(|it| !it.is_binding) && !is_reserved(&rename.new) => {
                definition(code, rename)
            }
            None => Vec::new(),
        }
    };
    let renames = Rename::all(view, code, change);
    let mut uses: Vec<Use> = renames.iter().flat_map(found).collect();
    uses.sort_by_key(|it| it.range.start);
    uses.dedup_by_key(|it| it.range.start);
    let rows = uses.chunk_by(|one, other| one.row == other.row);
    rows.filter_map(|uses| renamed(view, code, uses)).collect()
}

/// Whether some language reserves a word, so that nothing can be named that.
fn is_reserved(word: &str) -> bool {
    ["Self", "self", "this", "super", "None", "True", "False", "null", "nil", "true", "false"]
        .contains(&word)
}

fn uses(code: &Code<'_>, rename: &Rename, binding: &Name<'_>) -> Vec<Use> {
    let Rename { old, new, .. } = rename;
    let scope = code.local_scope(binding);
    let is_part = code.is_part_of_type(binding);
    let function = code.function_whose_parameter(binding);
    // What is renamed is told from where the new name is bound: local to a function, a part of a
    // type, a parameter, or of the whole file. Every use of the old name is then judged by that.
    let mut old_names = code.names(old);
    old_names.retain(|name| name.is_signed_like(binding));
    let bound: Vec<&Name<'_>> = old_names.iter().filter(|it| it.is_binding).collect();
    // A function that declares a variable of the old name itself means its own.
    let is_elsewhere_bound = |row: usize| {
        let mut locals = bound.iter().filter_map(|it| code.local_scope(it));
        scope.is_none() && locals.any(|rows| rows.contains(&row))
    };
    let is_meant = |name: &&Name<'_>| {
        let row = name.row();
        let argument_of = code.names_argument_of(name);
        // An argument by its name (`f(size=1)`) is the parameter of what is called, not a variable
        // here.
        if let Some(called) = argument_of {
            let called = called.rsplit('.').next().unwrap_or(called);
            return function.as_deref() == Some(called);
        }
        if is_part {
            return name.is_member
                || name.is_shorthand()
                || !is_elsewhere_bound(row) && !name.is_binding;
        }
        match &scope {
            Some(rows) => rows.contains(&row) && (!name.is_member || name.is_shorthand()),
            None => (!name.is_member || name.is_shorthand()) && !is_elsewhere_bound(row),
        }
    };
    // The old name is still defined somewhere that these uses may mean as well. Then a model is
    // asked rather than the text replaced.
    let has_others = bound.iter().any(|it| match &scope {
        Some(rows) => rows.contains(&it.row()) || code.local_scope(it).is_none(),
        None => code.local_scope(it).is_none(),
    });
    let is_certain = |name: &Name<'_>| {
        let is_common = || is_part && COMMON_MEMBERS.contains(&old.as_str());
        // Nothing tells here whose field that is.
        let is_of_another = is_part && name.is_shorthand();
        !has_others && !is_of_another && (!is_common() || code.name_is_of_self(name))
    };
    let with = |name: &Name<'_>| match (name.is_shorthand(), is_part) {
        // `{ size }` is a field and a variable; only one of them has been renamed, so both are
        // written out.
        (true, true) => format!("{new}: {old}"),
        (true, false) => format!("{old}: {new}"),
        (false, _) => new.clone(),
    };
    let meant = old_names.iter().filter(is_meant);
    let to_use = |name: &Name<'_>| Use {
        row: name.row(),
        range: name.range(),
        text: with(name),
        is_certain: is_certain(name),
    };
    meant.map(to_use).collect()
}

/// The definition of a name that is used by a new name which nothing defines: it should get that
/// name.
fn definition(code: &Code<'_>, rename: &Rename) -> Vec<Use> {
    let old_names = code.names(&rename.old);
    let is_here = |name: &&Name<'_>| !name.is_import && !name.is_member;
    let Some(binding) = old_names.iter().filter(is_here).find(|it| it.is_binding) else {
        return Vec::new();
    };
    let scope = code.local_scope(binding);
    let is_seen = |row: usize| scope.as_ref().is_none_or(|rows| rows.contains(&row));
    if !rename.rows.iter().all(|row| is_seen(*row)) {
        return Vec::new();
    }
    // If the old name is still used elsewhere, the new one may belong to something yet to be
    // written.
    let is_used = old_names.iter().any(|it| !it.is_binding);
    let (row, range) = (binding.row(), binding.range());
    vec![Use { row, range, text: rename.new.clone(), is_certain: !is_used }]
}

/// A row with all of its names changed. It is certain only if all of them are, as it is shown as
/// one edit.
fn renamed(view: View<'_>, code: &Code<'_>, uses: &[Use]) -> Option<Place> {
    let row = uses.first()?.row;
    let replaced: Vec<(Range<usize>, String)> =
        uses.iter().map(|it| (it.range.clone(), it.text.clone())).collect();
    let line = with_replaced(code, view, row, &replaced)?;
    let is_certain = uses.iter().all(|it| it.is_certain);
    Some(Place::line(FollowsFrom::Rename, row, line, is_certain))
}

/// A row with some byte ranges of the document, given in order, replaced by other texts.
pub(super) fn with_replaced(
    code: &Code<'_>,
    view: View<'_>,
    row: usize,
    replaced: &[(Range<usize>, String)],
) -> Option<String> {
    let start = code.line_start(row);
    let mut line = view.lines.get(row)?.clone();
    // From the end, so that the places before stay valid.
    for (range, text) in replaced.iter().rev() {
        let range = range.start.checked_sub(start)?..range.end.checked_sub(start)?;
        line.get(range.clone())?;
        line.replace_range(range, text);
    }
    Some(line)
}

/// Other occurrences of a changed string literal, if it reads as a name.
pub(super) fn literals(view: View<'_>, change: &Change) -> Vec<Place> {
    let (Some(code), Some((before, row))) = (view.code, change.line()) else { return Vec::new() };
    let (before, after) = (tokens::of(before), tokens::of(&view.lines[row]));
    let middle = Middle::of(&before, &after);
    let ([old], [new]) = (middle.within(&before), middle.within(&after)) else { return Vec::new() };
    let is_name = |text: &str| {
        let inner = text.trim_matches(['"', '\'', '`']);
        inner.chars().count() >= LITERAL_CHARS_MIN
            && inner.starts_with(char::is_alphabetic)
            && inner.chars().all(|c| c.is_alphanumeric() || "_-./:".contains(c))
    };
    let both = [old, new];
    if !both.iter().all(|it| it.kind == Kind::Text && is_name(it.text)) {
        return Vec::new();
    }
    let place = |(row, range): (usize, Range<usize>)| {
        let line = with_replaced(code, view, row, &[(range, new.text.to_owned())])?;
        let guess = Some(vec![line]);
        Some(Place { guess, ..Place::new(FollowsFrom::Rename, row..row + 1) })
    };
    // If the new literal is already used elsewhere, it is another value and not a new name.
    if code.literals(new.text).iter().any(|(at, _)| *at != row) {
        return Vec::new();
    }
    code.literals(old.text).into_iter().filter_map(place).collect()
}
