//! Whose turn it is among the requests that wait for a model. The model's file is checked, a slot
//! is found for it, and it is loaded; then the first request whose model is ready and that comes
//! after no other is worked on.
//!
//! A request that waits for a load lets requests pass whose model is loaded, but keeps them out of
//! the slot that it waits for, so that no request waits forever.

use localcoder_protocol::{ErrorCode, ErrorInfo, LoadProfile, Stage};

use super::action::Action;
use super::placing::{Held, Place, place};
use super::ticket::{Step, Ticket};
use super::wanted::{Standing, Wanted, refusal_of_large};
use super::{Context, Schedule, errors, fit, residency};
use crate::ModelFile;
use crate::core::pool::{Load, Phase, PoolView, SLOTS, SlotId};
use crate::core::reply::Reply;
use crate::core::suspect::Suspect;

/// After this long, a reading of the free memory is out of date.
const LOOK_AGAIN_MS: u64 = 1_000;

#[derive(Debug, Default, Clone, Copy)]
struct InFront {
    claimed: [bool; SLOTS],
    used: [bool; SLOTS],
}

/// Whether something was decided. What was decided changes the pool, so the view that the rest of
/// the queue would be considered with is out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Waits,
    Decided,
}

impl Schedule {
    /// Makes one decision, if there is one to make; returns whether it did. To be called again once
    /// that decision was carried out, which may have made room for others: the host calls it until
    /// nothing is decided. One at a time, because each decision is made on the pool as it is, and a
    /// second one on the same view could promise the same memory or slot again. It ends, since each
    /// decision moves a request forward, ends it, or takes a model away that nothing waits for.
    pub(in crate::core) fn plan(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) -> bool {
        if !std::mem::take(&mut self.changed) {
            return false;
        }
        // All files first: the shell inspects them while the requests ahead are considered.
        self.inspect_queued(cx, out);
        let mut in_front = InFront::default();
        let mut index = 0;
        while index < self.queue.len() {
            if self.consider(index, &mut in_front, cx, out) == Turn::Decided {
                self.changed = true;
                return true;
            }
            index += 1;
        }
        // Only after the queue, so that a request that can begin does, and before anything is
        // looked for that would take memory.
        if self.residency.short_of_memory && self.drop_drafts(cx, out) {
            self.residency.draft_went(cx.now_ms);
            return true;
        }
        // Helpers are sought only where nothing was decided. Both check that nobody waits.
        self.seek_draft(cx, out);
        self.seek_suggester(cx, out);
        let wants = |slot| self.wants(slot);
        // Last, since a request that was just considered may want this very model.
        let unneeded = self.residency.unneeded(cx.now_ms, cx.settings, cx.pool, wants);
        let Some((slot, why)) = unneeded else { return false };
        self.unload_slot(slot, out);
        self.residency.unloaded = Some(why);
        true
    }

    /// Starts the inspection of new requests' files. A request whose model is loaded continues with
    /// that model meanwhile, so that a slow disk does not delay it; [`Schedule::verify_active`]
    /// deals with a file that turns out to be another one.
    fn inspect_queued(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        let mut wanted: Vec<Vec<String>> = Vec::new();
        for index in 0..self.queue.len() {
            if self.queue[index].step != Step::Queued {
                continue;
            }
            let trusted = self.trusted(index, cx);
            let ticket = &mut self.queue[index];
            ticket.unverified = trusted.is_some();
            ticket.step = if trusted.is_some() { Step::Placing } else { Step::Inspecting };
            // An earlier reading of the free memory is not used with a later look at the file.
            ticket.inspected_ms = None;
            ticket.file = trusted.or(ticket.file.take());
            // One inspection for all requests with the same list, whose results all of them get.
            if !wanted.contains(&ticket.references) {
                wanted.push(ticket.references.clone());
            }
        }
        out.extend(wanted.into_iter().map(Action::Inspect));
    }

    /// The loaded model that a request means, as far as is known. A request to load a model waits
    /// for the inspection instead, which is how changes of a file are noticed.
    fn trusted(&mut self, index: usize, cx: &Context<'_>) -> Option<ModelFile> {
        let ticket = &mut self.queue[index];
        if ticket.job.is_warm() {
            return None;
        }
        let mut file = self.resolutions.of(&ticket.references)?;
        // A named model is not replaced: the user wants that one or an error.
        if let Some(instead) = self.ladder.instead_of(&file.path).filter(|_| !ticket.named) {
            ticket.references.insert(0, instead.to_owned());
            file = self.resolutions.of(&ticket.references)?;
        }
        let (file, settings) = (file.clone(), ticket.settings.clone());
        let fitting = self.fitting(cx);
        let standing = fitting.standing(&fitting.wanted(file.clone(), &settings));
        matches!(standing, Standing::Ready(_)).then_some(file)
    }

    /// A file was inspected.
    pub(in crate::core) fn model_inspected(
        &mut self,
        references: &[String],
        result: &Result<ModelFile, ErrorInfo>,
        free_bytes: Option<u64>,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        self.changed = true;
        self.free_bytes = free_bytes;
        self.resolutions.set(references, result.as_ref().ok());
        // Surveys and suggestions share the inspections of requests, so each result goes to all who
        // may have asked; whoever did not ask ignores it.
        for survey in self.surveys.inspected(references, result, free_bytes) {
            let (asker, answer) = survey.answer(cx.settings, self.fitting(cx));
            out.push(Action::Reply(asker, Ok(Reply::Survey(answer))));
        }
        if let Some(suggested) = self.speeds.suggest(references, result) {
            self.knowledge.mark_suggested(cx.now_ms, suggested.model);
            out.push(Action::Suggest(suggested.params));
        }
        match result {
            Ok(file) => self.ladder.found(file, references),
            Err(error) => {
                self.ladder.lost(references);
                self.doubt(references, error);
            }
        }
        self.verify_active(references, result, cx, out);
        let mut index = 0;
        while index < self.queue.len() {
            let ticket = &self.queue[index];
            let looks = ticket.step == Step::Inspecting || ticket.unverified;
            if looks && ticket.references == references {
                match result {
                    Ok(file) => self.file_found(index, file, free_bytes, cx),
                    Err(error) => {
                        self.note_missing(references, index, error, cx);
                        self.fail_queued(index, error.clone(), out);
                        // No increment: the next request has moved to this index.
                        continue;
                    }
                }
            }
            index += 1;
        }
    }

    fn file_found(
        &mut self,
        index: usize,
        file: &ModelFile,
        free_bytes: Option<u64>,
        cx: &Context<'_>,
    ) {
        let ticket = &mut self.queue[index];
        ticket.unverified = false;
        match self.ladder.instead_of(&file.path).filter(|_| !ticket.named) {
            Some(instead) => {
                // It takes that model's place, if it still exists.
                // The list now begins with the smaller one, so the answer to this inspection is no
                // longer for it.
                ticket.references.insert(0, instead.to_owned());
                ticket.step = Step::Queued;
            }
            None => {
                ticket.file = Some(file.clone());
                ticket.free_bytes = free_bytes;
                ticket.inspected_ms = Some(cx.now_ms);
                ticket.step = Step::Placing;
            }
        }
    }

    fn note_missing(
        &mut self,
        references: &[String],
        index: usize,
        error: &ErrorInfo,
        cx: &Context<'_>,
    ) {
        // Only what is wanted by the settings is the state of the engine; a client that asks for a
        // missing model by name gets an error of its own.
        let only_ahead = self.queue[index].job.is_ahead_of_need();
        if references == cx.settings.code_models() && !only_ahead {
            self.failed = Some(error.clone());
        }
    }

    /// The active request was started before its file was inspected, and the file turned out to be
    /// another one: the request starts over with the right one, unless a part of its answer was
    /// shown.
    fn verify_active(
        &mut self,
        references: &[String],
        result: &Result<ModelFile, ErrorInfo>,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let unverified = |it: &&mut Ticket| it.unverified && it.references == references;
        let Some(ticket) = self.active.as_mut().filter(unverified) else { return };
        ticket.unverified = false;
        let replaced = |file: &ModelFile| {
            !ticket.is_for(file) || (!ticket.named && self.ladder.instead_of(&file.path).is_some())
        };
        // What was shown can't be taken back, so the answer is completed by the model that began
        // it.
        let stays = ticket.job.has_shown() || result.as_ref().is_ok_and(|file| !replaced(file));
        if stays {
            return;
        }
        if let Err(error) = result {
            if references == cx.settings.code_models() && ticket.is_wanted() {
                self.failed = Some(error.clone());
            }
            self.fail_active(error.clone(), out);
        } else if ticket.job.is_ahead_of_need() {
            // Nobody waits for it, so it is not worth another load.
            self.fail_active(errors::cancelled(), out);
        } else if let Some(ticket) = self.end_active(out) {
            out.extend(ticket.asker.clone().map(Action::Restarted));
            // In front: it had its turn already.
            self.queue.push_front(ticket.restarted());
        }
    }

    /// A file can't be used, so requests for which it was found good inspect it again. That no
    /// model exists at all says nothing about a file.
    fn doubt(&mut self, references: &[String], error: &ErrorInfo) {
        if error.code == ErrorCode::NoModel {
            return;
        }
        let found = |ticket: &Ticket| {
            ticket.file.as_ref().is_some_and(|file| references.contains(&file.info.reference))
        };
        let waiting = self.queue.iter_mut().filter(|ticket| ticket.step == Step::Placing);
        for ticket in waiting.filter(|ticket| found(ticket) && !ticket.unverified) {
            ticket.step = Step::Queued;
        }
    }

    /// Does what can be done for one waiting request now: begin it, wait, find it a place, or end
    /// it. What it waits for is noted in `in_front` for those behind it. Called in the order of the
    /// queue and again for all after each decision, so it must not depend on what it said the last
    /// time: everything that lasts is in the ticket.
    fn consider(
        &mut self,
        index: usize,
        in_front: &mut InFront,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> Turn {
        let ticket = &self.queue[index];
        let (Step::Placing, Some(file)) = (ticket.step, ticket.file.clone()) else {
            return Turn::Waits;
        };
        let fitting = self.fitting(cx);
        let wanted = fitting.wanted(file, &ticket.settings);
        match fitting.standing(&wanted) {
            Standing::Ready(slot) => self.model_is_ready(index, slot, in_front, cx, out),
            // A suggestion never waits for a load, since the text around the cursor is another one
            // by then; the model is loaded for the next one.
            Standing::Coming(..) | Standing::Elsewhere if is_ghost(ticket) => {
                self.load_for_later(index, cx, out);
                Turn::Decided
            }
            Standing::Coming(slot, fraction) => {
                let ticket = &mut self.queue[index];
                // Reported here only the first time; the rest comes from [`Self::load_progress`].
                if ticket.slot.replace(slot) != Some(slot) {
                    let message = format!("Loading {}", wanted.file.info.name);
                    ticket.report_fraction(Stage::Loading, Some(fraction), message, true, out);
                }
                Turn::Waits
            }
            // Work ahead must not take memory from a model for what may never be asked.
            Standing::Elsewhere if ticket.job.is_ahead_of_need() => {
                self.fail_queued(index, errors::cancelled(), out);
                Turn::Decided
            }
            Standing::Elsewhere if ticket.unverified => {
                // Its model has been unloaded meanwhile. The file is being inspected already, and a
                // second inspection could overtake the first and make requests take slots from each
                // other.
                let ticket = &mut self.queue[index];
                (ticket.step, ticket.unverified) = (Step::Inspecting, false);
                Turn::Waits
            }
            // The memory that was free then may be taken by now: by another program, or by a load
            // that this request waited for.
            Standing::Elsewhere if is_too_old(ticket, cx.now_ms) => {
                let ticket = &mut self.queue[index];
                ticket.step = Step::Queued;
                self.inspect_queued(cx, out);
                Turn::Waits
            }
            Standing::Elsewhere => self.find_place(index, &wanted, in_front, cx, out),
        }
    }

    fn model_is_ready(
        &mut self,
        index: usize,
        slot: SlotId,
        in_front: &mut InFront,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> Turn {
        let ticket = &mut self.queue[index];
        ticket.slot = Some(slot);
        let engine = cx.pool.engine(slot);
        if ticket.job.is_warm() {
            // The end comes first: keeping it warm queues a request only if nobody waits, and this
            // ticket counts.
            let ahead = ticket.ahead;
            self.end_warm(index, true, out);
            if ahead && residency::is_cold(engine, cx.now_ms) && self.works_ahead(cx.settings) {
                self.keep_warm(slot, cx, out);
            }
            return Turn::Decided;
        }
        // `claimed`: whoever waits for the slot comes first, otherwise a stream of requests for the
        // loaded model would keep it out forever. `settles`: the worker still computes what was
        // cancelled, or reads the kept state that this request would begin with.
        if self.active.is_some() || in_front.claimed[slot] || engine.settles() {
            in_front.used[slot] = true;
            return Turn::Waits;
        }
        self.active = self.queue.remove(index);
        self.begin(cx, out);
        Turn::Decided
    }

    /// Decides where the model goes, and carries out the first step to it. This is where a request
    /// can end in front of its model: refused by the profile, for lack of memory, or because nobody
    /// waits for it and it would cost somebody else something.
    fn find_place(
        &mut self,
        index: usize,
        wanted: &Wanted,
        in_front: &mut InFront,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> Turn {
        // A slot from an earlier look does not count any more: it may have been taken since.
        let ticket = &mut self.queue[index];
        ticket.slot = None;
        let (ahead, own, beside) = (ticket.ahead, ticket.asker.is_none(), ticket.beside);
        let (free_bytes, settings, named) =
            (ticket.free_bytes, ticket.settings.clone(), ticket.named);
        let file = &wanted.file;
        if let Some(error) = refusal_of_large(file, &settings) {
            self.fail_queued(index, error, out);
            return Turn::Decided;
        }
        // A user's request gets the attempt and its error; the host's own does not try it again.
        if self.is_suspect(file, ahead) || (own && self.useless.contains(file)) {
            self.end_warm(index, false, out);
            return Turn::Decided;
        }
        let mut profiles = wanted.profiles();
        // Each round lowers something, and there is little to lower, so the loop ends.
        loop {
            // In the loop: lowering may have started the search.
            if self.ladder.is_looking(&file.path) {
                return Turn::Waits;
            }
            let needed = self.fitting(cx).needed(file, &profiles);
            let held = self.held(in_front, cx.pool);
            // A helper takes what is free and ends otherwise; it must come before the arms that
            // make room.
            match place(&needed, free_bytes, &held, slot_of_file(file, cx.pool)) {
                Place::After(_) | Place::Wait(_) | Place::NoRoom(_) if beside => {
                    self.end_warm(index, false, out);
                    return Turn::Decided;
                }
                Place::Here { slot, window } => {
                    let profile = profiles[window];
                    return self.load_into(index, slot, (file, profile), cx, out);
                }
                // Before a model is unloaded for another, models that only make others faster are.
                Place::After(_) | Place::NoRoom(_) if self.drop_drafts(cx, out) => {
                    return Turn::Decided;
                }
                Place::After(slots) => {
                    for slot in slots {
                        self.unload_slot(slot, out);
                    }
                    return Turn::Decided;
                }
                Place::Wait(slots) => return self.wait_for(&slots, in_front, out),
                Place::NoRoom(free) => {
                    let last = profiles.len() - 1;
                    let profile = profiles[last];
                    let error = fit::too_large(file, &profile, needed[last], free);
                    let (ran, wants) = ((file, &profile), (&*settings, named));
                    if !self.lower(ran, wants, &error, cx, out) {
                        let error = self.ladder.out_of_steps(file, error);
                        self.failed = Some(error.clone());
                        self.fail_queued(index, error, out);
                        return Turn::Decided;
                    }
                    // What was lowered is a part of what is wanted now.
                    profiles = self.fitting(cx).wanted(file.clone(), &settings).profiles();
                }
            }
        }
    }

    /// These slots will become free, and are given to no other request until then. Work ahead in
    /// one of them is ended: it is nothing that a request should wait for.
    fn wait_for(
        &mut self,
        slots: &[SlotId],
        in_front: &mut InFront,
        out: &mut Vec<Action>,
    ) -> Turn {
        for slot in slots {
            in_front.claimed[*slot] = true;
        }
        let reads_ahead = |ticket: &Ticket| {
            ticket.job.is_ahead_of_need() && ticket.slot.is_some_and(|slot| slots.contains(&slot))
        };
        if self.active.as_ref().is_some_and(reads_ahead) {
            self.fail_active(errors::cancelled(), out);
            return Turn::Decided;
        }
        Turn::Waits
    }

    /// What is in each slot, as a request sees it that has others ahead of it: a claimed slot is
    /// out of reach, and a model that one of them will use is busy.
    fn held(&self, in_front: &InFront, pool: PoolView<'_>) -> [Held; SLOTS] {
        std::array::from_fn(|slot| match self.held_in(slot, pool) {
            _ if in_front.claimed[slot] => Held::Moving,
            Held::Model { bytes, mapped_bytes, used_ms, .. } if in_front.used[slot] => {
                Held::Model { bytes, mapped_bytes, used_ms, idle: false }
            }
            held => held,
        })
    }

    pub(super) fn held_in(&self, slot: SlotId, pool: PoolView<'_>) -> Held {
        let engine = pool.engine(slot);
        // Between two questions of one request its worker is idle, but the model is not.
        let works = self.active.as_ref().is_some_and(|ticket| ticket.slot == Some(slot));
        match engine.loaded() {
            _ if engine.loading().is_some() || engine.phase() == Phase::Stopping => Held::Moving,
            _ if engine.changes_draft() => Held::Moving,
            None if engine.is_unloading() => Held::Moving,
            None => Held::Nothing,
            Some(loaded) => Held::Model {
                bytes: loaded.all_memory().total_bytes(),
                mapped_bytes: loaded.all_memory().weights_bytes,
                used_ms: engine.used_ms(),
                idle: engine.is_idle() && !works,
            },
        }
    }

    /// Whether a model is not loaded ahead because its last load never ended. If a user asks for
    /// it, it is loaded and no longer suspect: the host has noted the new load on the disk before
    /// it begins, so a second failure is noticed, too.
    fn is_suspect(&mut self, file: &ModelFile, ahead: bool) -> bool {
        let is_it = self.suspect.as_ref().is_some_and(|suspect| *suspect == Suspect::of(file));
        if is_it && !ahead {
            self.suspect = None;
        }
        is_it && ahead
    }

    fn load_into(
        &mut self,
        index: usize,
        slot: SlotId,
        (file, profile): (&ModelFile, LoadProfile),
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> Turn {
        // Asked at the last moment, for the profile that is really used: a crash in one way of
        // running a model does not forbid another.
        if let Some(until) = cx.pool.left_alone_until(file, &profile) {
            let error = errors::left_alone(&file.info.name, until - cx.now_ms);
            self.fail_queued(index, error, out);
            return Turn::Decided;
        }
        let slot = self.running_instead_of(slot, cx.pool);
        let ticket = &mut self.queue[index];
        ticket.slot = Some(slot);
        let engine = cx.pool.engine(slot);
        match engine.phase() {
            // The pool restarts a crashed worker after a pause. Starting it here would skip the
            // pause.
            Phase::Dead if !engine.restarts_soon() => {
                ticket.report(Stage::Loading, "Starting the engine".to_owned(), out);
                out.push(Action::Start(slot));
                Turn::Decided
            }
            // A GPU's failure falls back to the CPU, and without a GPU the same failure is the
            // file's.
            // Which devices exist decides what a failure means.
            Phase::Empty if !engine.awaits_devices() => {
                let build = engine.worker().map_or("", |(_, llama_build)| llama_build);
                let measured = self.knowledge.measured(build, file, &profile);
                let message = format!("Loading {}", file.info.name);
                ticket.report_fraction(Stage::Loading, Some(0.0), message, false, out);
                let load = Load { slot, file: file.clone(), profile, measured };
                out.push(Action::Load(Box::new(load)));
                Turn::Decided
            }
            _ => Turn::Waits,
        }
    }

    /// An empty slot whose worker runs, if the worker of the given slot does not: the start of a
    /// process is saved.
    fn running_instead_of(&self, slot: SlotId, pool: PoolView<'_>) -> SlotId {
        let runs = |slot: SlotId| pool.engine(slot).phase() == Phase::Empty;
        if runs(slot) {
            return slot;
        }
        // That the worker is empty is not enough: its unload may not have been answered, and its
        // memory not be free.
        let other = (0..SLOTS).find(|it| runs(*it) && self.held_in(*it, pool) == Held::Nothing);
        other.unwrap_or(slot)
    }

    pub(in crate::core) fn load_progress(
        &self,
        slot: SlotId,
        fraction: f32,
        out: &mut Vec<Action>,
    ) {
        for ticket in self.queue.iter().filter(|ticket| ticket.slot == Some(slot)) {
            let Some(file) = &ticket.file else { continue };
            let message = format!("Loading {}", file.info.name);
            ticket.report_fraction(Stage::Loading, Some(fraction), message, true, out);
        }
    }
}

fn is_ghost(ticket: &Ticket) -> bool {
    ticket.job.is_suggestion() && ticket.job.is_ahead_of_need()
}

fn is_too_old(ticket: &Ticket, now_ms: u64) -> bool {
    ticket.inspected_ms.is_none_or(|at| now_ms > at + LOOK_AGAIN_MS)
}

fn slot_of_file(file: &ModelFile, pool: PoolView<'_>) -> Option<SlotId> {
    let holds = |path: &ModelFile| path.path == file.path;
    let mut engines = pool.engines();
    let found = engines.find(|(_, engine)| engine.loaded().is_some_and(|it| holds(&it.file)));
    found.map(|(slot, _)| slot)
}
