//! The places that follow from the latest changes, the likeliest first. If it is clear what is to
//! be there, the place says so; else a model has to.

use std::ops::Range;

use localcoder_protocol::{Diagnostic, FollowsFrom};

use super::changes::Change;
use super::code::Code;
use super::tokens::{Kind, Token};
use super::{formats, heads, lines, pattern, renames, signature};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) rows: Range<usize>,
    pub(super) because: FollowsFrom,
    pub(super) guess: Option<Vec<String>>,
    /// Whether it can only be the guess, so that no model is asked.
    pub(super) is_certain: bool,
    pub(super) message: Option<String>,
}

impl Place {
    pub(super) fn new(because: FollowsFrom, rows: Range<usize>) -> Self {
        Self { rows, because, guess: None, is_certain: false, message: None }
    }

    pub(super) fn line(because: FollowsFrom, row: usize, line: String, is_certain: bool) -> Self {
        Self { guess: Some(vec![line]), is_certain, ..Self::new(because, row..row + 1) }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) language: &'a str,
    pub(super) lines: &'a [String],
    pub(super) code: Option<&'a Code<'a>>,
    pub(super) cursor: usize,
    pub(super) changes: &'a [Change],
    pub(super) diagnostics: &'a [Diagnostic],
}

impl View<'_> {
    pub(super) fn is_changed(&self, rows: &Range<usize>) -> bool {
        let newest = self.changes.iter();
        newest.take(1).any(|it| it.rows.start < rows.end && rows.start < it.rows.end)
    }

    fn was_changed(&self, rows: &Range<usize>) -> bool {
        self.changes.iter().any(|it| it.rows.start < rows.end && rows.start < it.rows.end)
    }

    /// How far a row is from the cursor; downward counts as nearer, since most people continue that
    /// way.
    fn distance(&self, row: usize) -> usize {
        match row.checked_sub(self.cursor) {
            Some(down) => down * 2,
            None => (self.cursor - row) * 4 + 1,
        }
    }
}

/// How many recent changes are considered as the cause: after a function's head, users change its
/// body, so the newest change need not be the one.
const CHANGES_MAX: usize = 4;

type Rule = fn(View<'_>, &Change) -> Vec<Place>;

/// All places. There are few, since rules find nothing unless they are fairly sure.
pub(super) fn of(view: View<'_>) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let newest = view.changes.first().into_iter();
    let latest = || view.changes.iter().take(CHANGES_MAX);
    let of = |rule: Rule| latest().flat_map(|change| rule(view, change)).collect();
    let of_newest = |rule: Rule| newest.clone().flat_map(|change| rule(view, change)).collect();
    // In this order, as a row is taken by the first rule that finds it: those that follow the
    // grammar before those that go by the looks of a line. The latter take the newest change alone,
    // since they would repeat an older one long after it is done.
    let found: [Vec<Place>; 8] = [
        of(renames::places),
        of(formats::places),
        of(heads::places),
        of(signature::places),
        diagnostics(view),
        of_newest(renames::literals),
        of_newest(pattern::places),
        of_newest(lines::places),
    ];
    for mut found in found {
        found.retain(|place| {
            // A call that was changed since has been adapted already, whatever it reads like now.
            let is_done = place.because == FollowsFrom::Signature && view.was_changed(&place.rows);
            !is_done && !view.is_changed(&place.rows) && place.rows.end <= view.lines.len()
        });
        found.sort_by_key(|place| (!place.is_certain, view.distance(place.rows.start)));
        for place in found {
            if !places.iter().any(|it| it.rows.contains(&place.rows.start)) {
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

fn diagnostics(view: View<'_>) -> Vec<Place> {
    let places = view.diagnostics.iter().filter_map(|it| {
        let row = (it.line as usize).checked_sub(1)?;
        let place = Place::new(FollowsFrom::Diagnostic, row..row + 1);
        Some(Place { message: Some(it.message.clone()), ..place })
    });
    places.collect()
}

pub(super) fn is_specific(token: &Token<'_>) -> bool {
    token.kind != Kind::Sign
}
