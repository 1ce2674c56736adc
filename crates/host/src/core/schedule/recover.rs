//! What follows a failure: another worker, less memory, the CPU, a smaller model, or the end of the
//! waiting requests.

use std::path::Path;

use localcoder_protocol::{ErrorCode, ErrorInfo, LoadProfile, MemoryUse, Stage};
use localcoder_settings::Settings;

use super::action::Action;
use super::ladder::{MemoryShortage, SmallerModel, StepDown};
use super::ticket::{Step, Ticket};
use super::{Context, Schedule, USELESS_MAX};
use crate::ModelFile;
use crate::core::errors::Doing;
use crate::core::jobs::Job;
use crate::core::pool::{Died, Loading, SlotId};

/// One crash during an answer may have other reasons than the GPU; this many within the time window
/// do not. A crash during a load counts at once.
const GPU_CRASHES_MAX: usize = 2;

impl Schedule {
    /// A worker could not be started, or can't be used. Only the requests for this slot end;
    /// nothing is tried again by itself, because a missing or mismatched program stays so.
    pub(in crate::core) fn start_failed(
        &mut self,
        slot: SlotId,
        error: &ErrorInfo,
        out: &mut Vec<Action>,
    ) {
        self.changed = true;
        self.failed = Some(error.clone());
        self.fail_waiting(|ticket| ticket.slot == Some(slot), error, out);
    }

    pub(in crate::core) fn loaded(
        &mut self,
        (file, profile): (&ModelFile, &LoadProfile),
        memory: MemoryUse,
        cx: &Context<'_>,
    ) {
        // Something works again, so the status shows no earlier failure.
        self.failed = None;
        self.residency.unloaded = None;
        self.knowledge.note_memory(cx.now_ms, (file, profile), memory);
        // How fast it is may have changed: other settings, or another device.
        self.speeds.forget(file);
        self.drafts.model_loaded(&file.path);
        self.suggester.model_loaded(&file.path);
        // Less memory is free now than the waiting requests have seen.
        self.look_again();
    }

    pub(in crate::core) fn unloaded(&mut self) {
        self.look_again();
    }

    /// A model could not be loaded, and its worker lives. Another way is looked for first, since
    /// each of them is an answer for the user and an error is none; only if there is none do the
    /// waiting requests end.
    pub(in crate::core) fn load_failed(
        &mut self,
        slot: SlotId,
        loading: &Loading,
        error: ErrorInfo,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let file = &loading.file;
        if self.load_falls_back_to_cpu(&loading.profile, &error, cx)
            || self.loads_with_less(slot, loading, &error, cx, out)
        {
            // They find their place again with what was lowered; no request ends or begins here.
            self.look_again();
            return;
        }
        self.changed = true;
        let error = match error.code {
            ErrorCode::OutOfMemory => self.ladder.out_of_steps(file, error),
            _ => error,
        };
        self.failed = Some(error.clone());
        self.fail_waiting(|ticket| ticket.slot == Some(slot), &error, out);
        // Nothing about these gets better by waiting or by more memory.
        if matches!(error.code, ErrorCode::ModelDamaged | ErrorCode::ModelUnsupported) {
            self.ladder.lost(std::slice::from_ref(&file.info.reference));
            // All requests that wait for it fail, whichever slot it would have been loaded into.
            self.fail_waiting(|ticket| ticket.is_for(file), &error, out);
            self.useless.push_back(file.clone());
            if self.useless.len() > USELESS_MAX {
                self.useless.pop_front();
            }
        }
    }

    /// A worker has ended by itself. Three things are decided, in this order: whether the next load
    /// is done in another way (that must be known before the requests look for a place again), what
    /// becomes of the active request (asked again once if nothing of it was shown), and what
    /// becomes of those that wait for a load in that slot. If nobody waits, the lost model is
    /// loaded again, so that the next request does not pay for the crash.
    pub(in crate::core) fn died(
        &mut self,
        slot: SlotId,
        died: Died,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let Died { doing, lost, had_draft, loading, error, restarts, recent_crashes } = died;
        self.failed = Some(error.clone());
        // With less memory, or on the CPU, the load may succeed at once.
        let other_way = match (&loading, &lost) {
            // If the crash budget is spent, the worker is left alone; lowering something would be
            // for nothing.
            _ if !restarts => false,
            (Some(loading), _) => {
                self.loads_with_less(slot, loading, &error, cx, out)
                    || self.crash_falls_back(doing, recent_crashes, &loading.profile, &error, cx)
            }
            (None, Some((file, profile))) => {
                // The draft model goes first: it is the last thing that was added, and the model
                // has run without it.
                self.do_without(&file.path, had_draft, &error)
                    || self.answers_with_less(&error, file, profile, cx, out)
                    || self.crash_falls_back(doing, recent_crashes, profile, &error, cx)
            }
            (None, None) => false,
        };
        if self.active.as_ref().is_some_and(|ticket| ticket.slot == Some(slot)) {
            let message = "The engine ended; asking a new one";
            // Whether or not there is another way: a second attempt in the same way is made, too,
            // once.
            if !(restarts && self.begin_again(message, out)) {
                self.fail_active(error.clone(), out);
            }
        }
        match doing {
            // They look for a place with less, and this attempt does not count as theirs: each step
            // has its own bound.
            Doing::Loading if other_way => {}
            Doing::Starting | Doing::Loading if restarts => {
                self.wait_once_more(slot, &error, out);
            }
            _ => self.fail_waiting(|ticket| ticket.slot == Some(slot), &error, out),
        }
        // After the requests above have been put back, since these load it anyway.
        let comes_back = restarts && self.nobody_waits() && !cx.draining;
        if let Some((file, _)) = lost.filter(|_| comes_back) {
            // The status should return to "ready" by itself.
            self.queue_own(vec![file.info.reference], Job::Warm, cx, out);
        }
        // Other requests may need the memory.
        self.look_again();
    }

    /// Requests that wait for a model that was not loaded wait for the next worker, once. Without
    /// the bound, a model that takes its worker down in each load would be tried until the budget
    /// is spent, with the user waiting.
    fn wait_once_more(&mut self, slot: SlotId, error: &ErrorInfo, out: &mut Vec<Action>) {
        let waits = |ticket: &Ticket| ticket.slot == Some(slot);
        self.fail_waiting(|ticket| waits(ticket) && !ticket.may_begin_again(), error, out);
        while let Some(index) = self.queue.iter().position(waits) {
            let Some(ticket) = self.queue.remove(index) else { return };
            let ticket = restart(ticket, "The engine ended; restarting it", out);
            // At the same index: it has lost its worker, not its turn.
            self.queue.insert(index, ticket);
        }
    }

    /// Starts the active request over, once and only if nothing of its answer was shown; returns
    /// whether it does.
    pub(super) fn begin_again(&mut self, message: &str, out: &mut Vec<Action>) -> bool {
        let Some(ticket) = self.active.take_if(|ticket| ticket.may_begin_again()) else {
            return false;
        };
        let ticket = restart(ticket, message, out);
        self.queue.push_front(ticket);
        true
    }

    /// Whether a failed load is repeated on the CPU. `true` means that the GPU is given up for all
    /// models from now on.
    fn load_falls_back_to_cpu(
        &mut self,
        profile: &LoadProfile,
        error: &ErrorInfo,
        cx: &Context<'_>,
    ) -> bool {
        // A bad file fails on a CPU, too, and lack of memory has its own ladder.
        if error.code != ErrorCode::ModelLoadFailed || cx.pool.gpu_of(profile).is_none() {
            // Without a GPU in use there is nothing to fall back from.
            return false;
        }
        self.gpu_failed(error, cx);
        true
    }

    pub(super) fn crash_falls_back(
        &mut self,
        doing: Doing,
        recent_crashes: usize,
        profile: &LoadProfile,
        error: &ErrorInfo,
        cx: &Context<'_>,
    ) -> bool {
        let often = recent_crashes >= GPU_CRASHES_MAX;
        let may_help = doing == Doing::Loading || (doing == Doing::Answering && often);
        if !may_help || cx.pool.gpu_of(profile).is_none() {
            return false;
        }
        self.gpu_failed(error, cx);
        true
    }

    /// Gives up the GPU for the CPU: once, visibly, and for later hosts as well, until the user
    /// changes `localcoder.acceleration`.
    fn gpu_failed(&mut self, error: &ErrorInfo, cx: &Context<'_>) {
        self.gpu_failure = Some(error.to_string());
        self.failed = None;
        self.knowledge.set_gpu_failure(cx.now_ms, self.gpu_failure.clone());
        self.look_again();
    }

    fn loads_with_less(
        &mut self,
        slot: SlotId,
        loading: &Loading,
        error: &ErrorInfo,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> bool {
        let Loading { file, profile, .. } = loading;
        // A cache of a kind that a model can't have is reported as a plain load error.
        if error.code == ErrorCode::ModelLoadFailed {
            return self.ladder.takes_back_kv(file, profile);
        }
        // Steps are taken for the settings of a request that waits; without one, nobody needs the
        // model.
        let waits = self.queue.iter().find(|ticket| ticket.slot == Some(slot));
        let Some(ticket) = waits.filter(|_| error.code == ErrorCode::OutOfMemory) else {
            return false;
        };
        let (settings, named) = (ticket.settings.clone(), ticket.named);
        self.lower((file, profile), (&settings, named), error, cx, out)
    }

    /// An answer failed for lack of memory: before the next one the model is loaded with less,
    /// under the settings of the request that failed.
    pub(super) fn answers_with_less(
        &mut self,
        error: &ErrorInfo,
        file: &ModelFile,
        profile: &LoadProfile,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> bool {
        let active = self.active.as_ref().filter(|_| error.code == ErrorCode::OutOfMemory);
        let Some(ticket) = active else { return false };
        let (settings, named) = (ticket.settings.clone(), ticket.named);
        self.lower((file, profile), (&settings, named), error, cx, out)
    }

    /// Takes the next step for a model for which memory did not suffice; returns whether there was
    /// one.
    pub(super) fn lower(
        &mut self,
        (file, profile): (&ModelFile, &LoadProfile),
        (settings, named): (&Settings, bool),
        error: &ErrorInfo,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> bool {
        let on_gpu = cx.pool.gpu_of(profile).is_some();
        let (profile, free_bytes) = (*profile, self.free_bytes);
        // The last reading for any request: it decides only how large a smaller model may be.
        let shortage = MemoryShortage { file, profile, on_gpu, settings, named, free_bytes, error };
        match self.ladder.step_down(&shortage) {
            StepDown::Nothing => return false,
            StepDown::Looking => {}
            StepDown::Seek { path, bytes } => out.push(Action::FindSmaller { path, bytes }),
            StepDown::Lowered { how } => self.report_lowered(&file.path, &how, out),
        }
        true
    }

    pub(in crate::core) fn smaller_found(
        &mut self,
        path: &Path,
        found: Option<ModelFile>,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        // A damaged smaller model would be found again and again.
        let found = found.filter(|found| !self.useless.contains(found));
        match self.ladder.smaller_found(path, found.as_ref()) {
            SmallerModel::NotNeeded => return,
            SmallerModel::Found { how } => self.report_lowered(path, &how, out),
            SmallerModel::NoneSmaller(error) => self.none_is_smaller(path, &error, cx, out),
        }
        self.look_again();
    }

    /// There is no smaller model: the next step is taken, or all requests that wait for it end. The
    /// profile that was tried is derived again, because the load that failed is long forgotten.
    fn none_is_smaller(
        &mut self,
        path: &Path,
        error: &ErrorInfo,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let waits = |ticket: &Ticket| ticket.file.as_ref().is_some_and(|file| file.path == path);
        let Some(ticket) = self.queue.iter().find(|ticket| waits(ticket)) else { return };
        let (Some(file), settings) = (ticket.file.clone(), ticket.settings.clone()) else { return };
        let named = ticket.named;
        let profile = self.fitting(cx).wanted(file.clone(), &settings).profile;
        if self.lower((&file, &profile), (&settings, named), error, cx, out) {
            return;
        }
        let error = self.ladder.out_of_steps(&file, error.clone());
        self.failed = Some(error.clone());
        self.fail_waiting(waits, &error, out);
    }

    fn report_lowered(&self, path: &Path, how: &str, out: &mut Vec<Action>) {
        let waits = |ticket: &&Ticket| {
            let file = ticket.file.as_ref();
            ticket.step != Step::Queued && file.is_some_and(|file| file.path == path)
        };
        for ticket in self.queue.iter().filter(waits) {
            let message = format!("Not enough memory; trying again, and {how}");
            ticket.report(Stage::Retrying, message, out);
        }
    }
}

fn restart(ticket: Ticket, message: &str, out: &mut Vec<Action>) -> Ticket {
    let ticket = ticket.again();
    out.extend(ticket.asker.clone().map(Action::Restarted));
    ticket.report(Stage::Retrying, message.to_owned(), out);
    ticket
}
