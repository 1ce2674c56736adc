//! The places that follow from what was changed last, the likeliest first. Where it is clear what is
//! to be there it is said; else a model has to.

use std::ops::Range;

use localcoder_protocol::{Diagnostic, FollowsFrom};

use super::changes::Change;
use super::code::Code;
use super::tokens::{Kind, Token};
use super::{pattern, renames, signature};

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

    /// Whether some of them were changed of late.
    fn was_changed(&self, rows: &Range<usize>) -> bool {
        self.changes.iter().any(|it| it.rows.start < rows.end && rows.start < it.rows.end)
    }

    /// How far a row is to go from the cursor; downward is the way most people go on.
    fn distance(&self, row: usize) -> usize {
        match row.checked_sub(self.cursor) {
            Some(down) => down * 2,
            None => (self.cursor - row) * 4 + 1,
        }
    }
}

/// Changes that may be the one from which something follows: where a function's head was changed, its
/// body is what is changed next.
const CHANGES_MAX: usize = 4;

type Rule = fn(View<'_>, &Change) -> Vec<Place>;

/// All of them; few, as rules say little where they are not sure.
pub(super) fn of(view: View<'_>) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let newest = view.changes.first().into_iter();
    let latest = || view.changes.iter().take(CHANGES_MAX);
    let mut found: Vec<Vec<Place>> = Vec::new();
    found.push(latest().flat_map(|change| renames::places(view, change)).collect());
    found.push(latest().flat_map(|change| signature::places(view, change)).collect());
    found.push(diagnostics(view));
    let rules: [Rule; 2] = [renames::literals, pattern::places];
    found.extend(rules.iter().map(|rule| newest.clone().flat_map(|it| rule(view, it)).collect()));
    for mut found in found {
        found.retain(|place| {
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

/// Where tools report something.
fn diagnostics(view: View<'_>) -> Vec<Place> {
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
