//! Next edit: after a change, the place that follows from it and what is to be there. From a
//! document and its recent changes to the places ([`NextEditTask`]) that a model is asked about one
//! after another, and from what it wrote to an edit, or the reason why there is none.
//!
//! Places are found without a model, so that nothing is computed if nothing follows. A place at
//! which the code leaves no choice, such as the use of a name that was just changed, needs no model
//! at all.

mod bindings;
mod changes;
mod code;
mod formats;
mod heads;
mod lines;
mod pattern;
mod places;
mod renames;
mod signature;
mod tokens;
mod window;

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use localcoder_protocol::{
    FollowsFrom, LineRange, NextEdit, NextEditParams, RecentEdit, Silence, WorkerPrompt,
};

use crate::document;
use crate::errors::AssistError;
use crate::language::Language;
use crate::{python, same, syntax};
use changes::Change;
use code::Code;
use places::{Place, View};
use window::{Changed, Window, ZETA_CURSOR};

/// Below this mean log-probability an edit is not shown.
const UNSURE_BELOW: f32 = -0.35;
/// Places that a model is asked about for one request: each takes as long as a suggestion.
const ASKED_MAX: usize = 2;
const LINES_MAX: usize = 12;

#[derive(Debug, Clone)]
pub struct NextEditTask {
    path: String,
    language: &'static Language,
    lines: Vec<String>,
    line_end: &'static str,
    edits: Vec<RecentEdit>,
    places: VecDeque<Place>,
    asked: usize,
    /// The places for which the model's answer was unusable, by their hashes.
    refused: Vec<u64>,
    explicit: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextEditWay {
    Words,
    /// As Sweep's models for next edits were trained, with the token that begins a file.
    Sweep(u32),
    /// As Zed's model Zeta was trained.
    Zeta,
}

#[derive(Debug)]
pub struct NextEditCall {
    pub prompt: WorkerPrompt,
    pub max_tokens: u32,
    pub stop: Vec<String>,
    pub draft: String,
}

impl NextEditTask {
    /// Takes a request.
    ///
    /// # Errors
    /// The place is not in the document.
    pub fn new(params: &NextEditParams) -> Result<Self, AssistError> {
        let NextEditParams { document, position, edits, diagnostics, explicit, .. } = params;
        let all = document::lines(&document.text);
        let at = LineRange { start: position.line, end: position.line };
        let cursor = document::rows(document, &all, at)?.start;
        let language = Language::of(document.language_id.as_deref(), &document.path);
        let lines: Vec<String> = all.iter().map(|line| line.text.to_owned()).collect();
        let text = lines.join("\n");
        let own = edits.iter().rev().filter(|edit| edit.path == document.path);
        let changes: Vec<Change> =
            own.flat_map(|edit| changes::of(edit, &lines, cursor).into_iter().rev()).collect();
        let code = Code::of(language, &text);
        let view = View {
            language: language.id,
            lines: &lines,
            code: code.as_ref(),
            cursor,
            changes: &changes,
            diagnostics,
        };
        let places = places::of(view).into();
        Ok(Self {
            path: document.path.clone(),
            language,
            line_end: document::usual_end(&all).unwrap_or("\n"),
            places,
            lines,
            edits: edits.clone(),
            asked: 0,
            refused: Vec::new(),
            explicit: *explicit,
        })
    }

    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    #[must_use]
    pub fn language(&self) -> &'static str {
        self.language.id
    }

    /// The edit that follows without a doubt, so that no model is asked; `None` if a model is
    /// needed.
    ///
    /// # Errors
    /// Nothing follows.
    pub fn known(&self) -> Result<Option<NextEdit>, Silence> {
        let Some(place) = self.places.front() else { return Err(Silence::NothingFollows) };
        let guess = place.guess.as_ref().filter(|_| place.is_certain);
        let edit =
            |guess: &Vec<String>| self.checked(place.rows.clone(), guess, place.because).ok();
        Ok(guess.and_then(edit))
    }

    /// The task without places that a model was asked about before without a usable answer: while
    /// the user keeps typing elsewhere, it would answer the same each time.
    #[must_use]
    pub fn without(mut self, refused: impl Fn(u64) -> bool) -> Self {
        if !self.explicit {
            let kept: VecDeque<Place> =
                self.places.iter().filter(|it| !refused(self.mark(it))).cloned().collect();
            self.places = kept;
        }
        self
    }

    #[must_use]
    pub fn refused(&self) -> &[u64] {
        &self.refused
    }

    /// A hash that identifies a place together with the change that led to it: by its text and not
    /// its row, so that lines typed above don't make it a new place, and with the newest edit,
    /// after which the answer may be another.
    fn mark(&self, place: &Place) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.lines.get(place.rows.clone()).hash(&mut hasher);
        (&self.path, place.because, &place.message).hash(&mut hasher);
        let newest = self.edits.iter().rev().find(|edit| edit.path == self.path);
        newest.map(|edit| (&edit.before, &edit.after)).hash(&mut hasher);
        hasher.finish()
    }

    fn window(&self) -> Option<(&Place, Window)> {
        let place = self.places.front()?;
        Some((place, Window::new(&self.lines, &place.rows)?))
    }

    /// What to ask about the next place; `None` if there is none left.
    pub fn call(&mut self, way: NextEditWay) -> Option<NextEditCall> {
        // A place that can't be put to a model costs nothing and doesn't count.
        while self.asked < ASKED_MAX {
            self.places.front()?;
            let Some((place, window)) = self.window() else {
                self.places.pop_front();
                continue;
            };
            let call = NextEditCall {
                prompt: match way {
                    NextEditWay::Words => {
                        window.prompt((self.language, &self.path), &self.edits, place)
                    }
                    NextEditWay::Sweep(file) => window.sweep_prompt(file, &self.path, &self.edits),
                    NextEditWay::Zeta => window.zeta_prompt(&self.path, &self.edits),
                },
                max_tokens: window.max_tokens(),
                stop: window.stop(way),
                draft: window.draft(place.guess.as_deref()),
            };
            self.asked += 1;
            return Some(call);
        }
        None
    }

    /// The edit that a model wrote. If there is none, the next place is asked about.
    ///
    /// # Errors
    /// Why there is none.
    pub fn finish(
        &mut self,
        written: &str,
        ended: bool,
        mean_log_probability: Option<f32>,
    ) -> Result<NextEdit, Silence> {
        let found = self.found(written, ended, mean_log_probability);
        // The next call asks about the next place; the mark keeps this one from being asked about
        // with every key.
        if found.is_err()
            && let Some(place) = self.places.pop_front()
        {
            self.refused.push(self.mark(&place));
        }
        found
    }

    fn found(&self, written: &str, ended: bool, mean: Option<f32>) -> Result<NextEdit, Silence> {
        let (place, window) = self.window().ok_or(Silence::NothingFollows)?;
        // A model that is told where the cursor is may write where it is to be.
        let edit = match window.changed(&written.replace(ZETA_CURSOR, ""), ended) {
            Some(Changed::Lines(rows, new)) => self.checked(rows, &new, place.because)?,
            Some(Changed::Nothing) => return Err(Silence::NothingFollows),
            None => return Err(Silence::NothingToAdd),
        };
        match mean {
            Some(mean) if mean < UNSURE_BELOW && !self.explicit => Err(Silence::Unsure),
            _ => Ok(edit),
        }
    }

    fn checked(
        &self,
        rows: Range<usize>,
        new: &[String],
        because: FollowsFrom,
    ) -> Result<NextEdit, Silence> {
        if rows.len() > LINES_MAX || new.len() > LINES_MAX {
            return Err(Silence::NothingToAdd);
        }
        let (rows, new) = self.with_a_line(rows, new);
        let before = self.lines.join("\n");
        let mut after = self.lines.clone();
        after.splice(rows.clone(), new.iter().cloned());
        let after = after.join("\n");
        // A model that is shown the old text tends to write it again. Short texts, such as a
        // bracket, come and go without being a reversal.
        let takes_back = self.edits.last().is_some_and(|edit| {
            let put_back = edit.before.trim();
            put_back.len() > 3 && !before.contains(put_back) && after.contains(put_back)
        });
        if takes_back {
            return Err(Silence::Reversal);
        }
        if before.trim() == after.trim() || same::but_for_layout(self.language, &before, &after) {
            return Err(Silence::NothingFollows);
        }
        if breaks(self.language, &before, &after) {
            return Err(Silence::NothingToAdd);
        }
        let text = |lines: &[String]| lines.join(self.line_end);
        Ok(NextEdit {
            range: document::range(&rows),
            original: text(&self.lines[rows.clone()]),
            replacement: text(&new),
            because,
        })
    }

    /// An edit replaces at least one line: one that only adds lines repeats the line before them,
    /// or at the beginning of the document the line after.
    fn with_a_line(&self, rows: Range<usize>, new: &[String]) -> (Range<usize>, Vec<String>) {
        if !rows.is_empty() && !new.is_empty() {
            return (rows, new.to_vec());
        }
        match rows.start.checked_sub(1) {
            Some(before) => {
                let first = std::iter::once(self.lines[before].clone());
                (before..rows.end, first.chain(new.iter().cloned()).collect())
            }
            None => {
                let last = self.lines.get(rows.end).cloned();
                (rows.start..rows.end + 1, new.iter().cloned().chain(last).collect())
            }
        }
    }
}

/// Whether code that parsed no longer does, or uses names that are not defined anywhere. Python is
/// asked twice, as its own grammar refuses what tree-sitter's accepts.
fn breaks(language: &Language, before: &str, after: &str) -> bool {
    let errors = |text| syntax::error_count(language, text);
    let is_broken = errors(after).zip(errors(before)).is_some_and(|(now, then)| now > then);
    let is_python = language.id == "python";
    let new_name = || {
        let (had, has) = (python::undefined(before)?, python::undefined(after)?);
        Some(has.iter().any(|name| !had.contains(name)))
    };
    let does_not_parse = || {
        let count = |text| python::errors(text).map_or(0, |errors| errors.len());
        count(after) > count(before)
    };
    is_broken || is_python && (does_not_parse() || new_name().unwrap_or(false))
}

#[cfg(test)]
mod tests;
