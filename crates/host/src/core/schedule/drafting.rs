//! Which model drafts for a loaded one. It is looked for once nothing else is to be done, loaded
//! only if there is ample room for both, and the first to go when memory is needed. A loaded model
//! that is better off without a draft model gets none until the settings change.

use std::path::Path;

use localcoder_protocol::{DraftUse, ErrorCode, ErrorInfo};
use localcoder_settings::Helper;

use super::action::Action;
use super::drafts::Drafts;
use super::{Context, Schedule, residency};
use crate::ModelFile;
use crate::core::event::Help;
use crate::core::pool::{Engine, SlotId};

/// A draft model none of whose tokens were used in this many answers in a row wastes its memory.
const UNUSED_ANSWERS_MAX: u32 = 12;
/// Shorter answers do not show whether drafting helps.
const TOKENS_MIN: u32 = 16;

impl Schedule {
    pub(super) fn seek_draft(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        if !self.may_help(&cx.settings.draft_model, cx) {
            return;
        }
        for (_, engine) in cx.pool.engines() {
            // No search for a model that is in use: its worker would not load anything now.
            let Some(loaded) = engine.loaded().filter(|_| residency::is_unused(engine)) else {
                continue;
            };
            let path = &loaded.file.path;
            let does_without = self.drafts.without.contains_key(path);
            // `insert` comes last: it notes that one was looked for.
            if loaded.draft.is_none() && !does_without && self.drafts.sought.insert(path.clone()) {
                let named = cx.settings.draft_model.name().map(str::to_owned);
                out.push(Action::FindHelper { path: path.clone(), help: Help::Drafts, named });
            }
        }
    }

    /// The search has ended, with a draft model or without. `path` is the model that it was for: it
    /// may have been unloaded or replaced while the shell looked at files, and then the result is
    /// dropped.
    pub(in crate::core) fn draft_found(
        &mut self,
        path: &Path,
        found: Result<ModelFile, ErrorInfo>,
        free_bytes: Option<u64>,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let is_it = |(_, engine): &(SlotId, &Engine)| {
            engine.loaded().is_some_and(|loaded| loaded.file.path == path && loaded.draft.is_none())
        };
        let Some((slot, engine)) = cx.pool.engines().find(is_it) else { return };
        let Some(loaded) = engine.loaded() else { return };
        let file = match found {
            // The user can name as the draft model what is then chosen as the model.
            Ok(file) if file.path == path => {
                self.drafts.give_up(path, Some("it is the same model".to_owned()));
                return;
            }
            Ok(file) => file,
            Err(error) => {
                let is_told = cx.settings.draft_model != Helper::Auto;
                self.drafts.give_up(path, is_told.then(|| error.to_string()));
                return;
            }
        };
        // Checked again, since a request may have begun while the shell was looking; a load would
        // compete with it for the processor.
        if !self.may_help(&cx.settings.draft_model, cx) || !residency::is_unused(engine) {
            // It will be looked for again when there is time.
            self.drafts.sought.remove(path);
            self.changed = true;
            return;
        }
        match self.fits_beside(&file, &loaded.profile, free_bytes, cx) {
            Ok(()) => out.push(Action::LoadDraft(slot, Box::new(file))),
            Err(Some(why)) if cx.settings.draft_model.name().is_some() => {
                self.drafts.give_up(path, Some(why));
            }
            // More memory may be free when the model is loaded the next time.
            Err(_) => {}
        }
    }

    pub(in crate::core) fn draft_loaded(
        &mut self,
        slot: SlotId,
        error: Option<&ErrorInfo>,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        // Less memory is free now than the waiting requests have seen.
        self.look_again();
        let Some(loaded) = cx.pool.engine(slot).loaded() else { return };
        if let Some(error) = error {
            let is_told = cx.settings.draft_model != Helper::Auto;
            self.drafts.give_up(&loaded.file.path, is_told.then(|| error.to_string()));
            // The setting was changed while the draft model was being loaded.
        } else if cx.settings.draft_model == Helper::Without {
            out.push(Action::UnloadDraft(slot));
        }
    }

    /// Notes what drafting did for an answer. A draft model that wastes its memory is unloaded,
    /// unless the user named it.
    pub(super) fn draft_used(
        &mut self,
        slot: SlotId,
        (tokens, used): (u32, DraftUse),
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let Some(loaded) = cx.pool.engine(slot).loaded() else { return };
        if loaded.draft.is_none() || tokens < TOKENS_MIN {
            return;
        }
        let path = &loaded.file.path;
        let unused = self.drafts.unused.entry(path.clone()).or_default();
        *unused = if used.rounds > 0 { 0 } else { *unused + 1 };
        if *unused >= UNUSED_ANSWERS_MAX && cx.settings.draft_model == Helper::Auto {
            self.drafts.give_up(path, None);
            out.push(Action::UnloadDraft(slot));
        }
    }

    /// Memory is needed: idle draft models are unloaded before any other model. Returns whether any
    /// was; the caller then decides again after that, since what is free has changed.
    pub(super) fn drop_drafts(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        let mut any = false;
        for (slot, engine) in cx.pool.engines() {
            let Some(loaded) = engine.loaded().filter(|_| residency::is_unused(engine)) else {
                continue;
            };
            if loaded.draft.is_some() && !self.works_in(slot) {
                // It will be looked for again when the model is loaded the next time.
                out.push(Action::UnloadDraft(slot));
                any = true;
            }
        }
        any
    }

    /// The memory or the file of a draft model is needed; returns whether it is free now. One that
    /// is in use stays.
    pub(super) fn drop_draft(
        &mut self,
        is_it: impl Fn(&ModelFile) -> bool,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> bool {
        let mut dropped = true;
        for (slot, engine) in cx.pool.engines() {
            // Every slot is looked at: the same small model may draft for two.
            let draft = engine.loaded().and_then(|loaded| loaded.draft.as_ref());
            if !draft.is_some_and(|draft| is_it(&draft.file)) {
                continue;
            }
            if residency::is_unused(engine) && !self.works_in(slot) {
                out.push(Action::UnloadDraft(slot));
            } else {
                dropped = false;
            }
        }
        dropped
    }

    fn works_in(&self, slot: SlotId) -> bool {
        self.active.as_ref().is_some_and(|ticket| ticket.slot == Some(slot))
    }

    /// A model lacked memory for an answer, or took its worker down: from its next load on it does
    /// without a draft model. Returns whether it had one.
    pub(super) fn do_without(&mut self, path: &Path, had_draft: bool, why: &ErrorInfo) -> bool {
        if had_draft {
            let what = match why.code {
                ErrorCode::OutOfMemory => "memory ran short",
                _ => "its worker has ended with it",
            };
            self.drafts.give_up(path, Some(what.to_owned()));
        }
        had_draft
    }

    /// The settings have changed: decisions made under the old ones do not count. Draft models are
    /// unloaded even if the new settings want the same one, which is then found again.
    pub(super) fn drafts_changed(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        self.drafts = Drafts::default();
        for (slot, engine) in cx.pool.engines() {
            let has_one = engine.loaded().is_some_and(|loaded| loaded.draft.is_some());
            if has_one {
                out.push(Action::UnloadDraft(slot));
            }
        }
    }
}
