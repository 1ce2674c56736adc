//! Which request has its turn at which model: the queue, the request being worked on, and
//! everything that decides in which slot a model is loaded and how it is run. It reads the pool and
//! returns its decisions as [`Action`]s; the host reports the results.
//!
//! The parts build on one another: this file ends and reports requests, `recover` decides what
//! follows a failure, `run` works on the request whose turn it is, `plan` gives the turns.

mod action;
mod drafting;
mod drafts;
mod fit;
mod helping;
mod knowledge;
mod ladder;
mod placing;
mod plan;
mod recover;
mod residency;
mod resolutions;
mod run;
mod speed;
mod status;
mod suggester;
mod suggesting;
mod survey;
mod ticket;
mod wanted;

use std::collections::VecDeque;

use localcoder_protocol::limits::{QUEUE_MAX, REQUEST_ID_BYTES_MAX};
use localcoder_protocol::{
    ErrorCode, ErrorInfo, PrepareAnswer, Silence, Stage, SurveyParams, TestKind, UnloadAnswer,
    WarmAnswer,
};
use localcoder_settings::Settings;

use super::errors;
use super::event::ClientId;
use super::jobs::{Job, Rank};
use super::pool::{PoolView, SlotId};
use super::random::Random;
use super::reply::Reply;
use super::suspect::Suspect;
use crate::ModelFile;
pub(super) use action::{Action, Asker, Report, Trial};
use drafts::Drafts;
pub use knowledge::KeptSpeeds;
use knowledge::Knowledge;
use ladder::Ladder;
use residency::Residency;
use resolutions::Resolutions;
use speed::Speeds;
pub(super) use status::ScheduleStatus;
use suggester::Suggester;
use survey::Surveys;
use ticket::Step;
pub(super) use ticket::Ticket;
use wanted::Fitting;

/// How many files are remembered that can't be loaded; users have fewer.
const USELESS_MAX: usize = 16;

/// What the schedule reads but does not own. It is passed to each call and never held: no machine
/// of the core holds another, so that a change of one can't reach into the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) now_ms: u64,
    pub(super) settings: &'a Settings,
    pub(super) pool: PoolView<'a>,
    /// Whether the host takes no new work.
    pub(super) draining: bool,
    pub(super) has_clients: bool,
    /// Whether any client watches for changes.
    pub(super) is_watched: bool,
}

#[derive(Debug)]
struct OpenTrial {
    number: u32,
    name: String,
    kind: TestKind,
    /// When the client must have reported its end.
    due_ms: u64,
}

#[derive(Debug)]
pub(super) struct Schedule {
    queue: VecDeque<Ticket>,
    /// The request being worked on; it has left `queue`. There is at most one over all models,
    /// since two would share the processor.
    active: Option<Ticket>,
    resolutions: Resolutions,
    ladder: Ladder,
    /// Files that were found damaged or are not supported. The host neither loads them by itself
    /// again nor takes them as the smaller model; a user who asks for one still gets the attempt,
    /// and the error.
    useless: VecDeque<ModelFile>,
    /// The words of the error with which the GPU failed; while it is set, all layers are computed
    /// on the CPU. The next host starts with it (see [`Knowledge`]), so that it does not fail in
    /// the same way first.
    gpu_failure: Option<String>,
    /// The last failure, until something works again.
    failed: Option<ErrorInfo>,
    /// The model whose last load never ended, because the host or the machine went down in it. It
    /// is not loaded ahead until a user has asked for it.
    suspect: Option<Suspect>,
    free_bytes: Option<u64>,
    residency: Residency,
    knowledge: Knowledge,
    speeds: Speeds,
    drafts: Drafts,
    suggester: Suggester,
    surveys: Surveys,
    trial: Option<OpenTrial>,
    seeds: Random,
    /// Whether anything has changed that may give a request its turn. Every event that may have
    /// sets it and [`Schedule::plan`] takes it, so that a piece of text, which changes nothing
    /// here, does not make the whole queue be considered again.
    changed: bool,
}

impl Schedule {
    /// `measurements` and `unfinished_load` as an earlier host has kept them.
    pub(super) fn new(
        machine: String,
        measurements: Option<&str>,
        unfinished_load: Option<&str>,
        seed: u64,
    ) -> Self {
        let knowledge = Knowledge::new(machine, measurements);
        Self {
            queue: VecDeque::new(),
            active: None,
            resolutions: Resolutions::default(),
            ladder: Ladder::default(),
            useless: VecDeque::new(),
            gpu_failure: knowledge.gpu_failure(),
            failed: None,
            suspect: unfinished_load.and_then(Suspect::read),
            free_bytes: None,
            residency: Residency::default(),
            knowledge,
            speeds: Speeds::default(),
            drafts: Drafts::default(),
            suggester: Suggester::default(),
            surveys: Surveys::default(),
            trial: None,
            seeds: Random::new(seed),
            changed: false,
        }
    }

    fn fitting<'a>(&'a self, cx: &Context<'a>) -> Fitting<'a> {
        Fitting {
            ladder: &self.ladder,
            knowledge: &self.knowledge,
            gpu_failed: self.gpu_failure.is_some(),
            pool: cx.pool,
        }
    }

    pub(super) fn works_ahead(&self, settings: &Settings) -> bool {
        self.residency.works_ahead(settings)
    }

    pub(super) fn is_done(&self) -> bool {
        self.nobody_waits() && self.surveys.is_empty()
    }

    fn nobody_waits(&self) -> bool {
        self.active.is_none() && self.queue.is_empty()
    }

    fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.active.iter().chain(&self.queue)
    }

    pub(super) fn deadline_ms(&self, settings: &Settings, pool: PoolView<'_>) -> Option<u64> {
        let unload = self.residency.deadline_ms(settings, pool, |slot| self.wants(slot));
        let others =
            [unload, self.knowledge.deadline_ms(), self.trial.as_ref().map(|it| it.due_ms)];
        others.into_iter().flatten().min()
    }

    fn wants(&self, slot: SlotId) -> bool {
        self.tickets().any(|ticket| ticket.slot == Some(slot))
    }

    pub(super) fn touch(&mut self) {
        self.changed = true;
    }

    /// The text to be kept for the next host, if it is time, or the host ends.
    pub(super) fn take_kept(&mut self, now_ms: u64, ends: bool) -> Option<String> {
        self.knowledge.take_kept(now_ms, ends)
    }

    pub(super) fn check_room(&self) -> Result<(), ErrorInfo> {
        if self.queue.len() < QUEUE_MAX {
            return Ok(());
        }
        let text = format!("{QUEUE_MAX} requests are waiting already");
        Err(ErrorInfo::new(ErrorCode::Busy, text).with_hint("wait for them, or cancel some"))
    }

    pub(super) fn check_request_id(&self, client: ClientId, id: &str) -> Result<(), ErrorInfo> {
        if id.is_empty() || id.len() > REQUEST_ID_BYTES_MAX {
            let text = format!("a `requestId` has 1 to {REQUEST_ID_BYTES_MAX} bytes");
            return Err(ErrorInfo::new(ErrorCode::Protocol, text));
        }
        if self.tickets().any(|ticket| ticket.is(client, id)) {
            let text = format!("the request `{id}` is running already");
            return Err(ErrorInfo::new(ErrorCode::Protocol, text));
        }
        Ok(())
    }

    /// Queues a request, or ends it at once where it is of use only now: what has a lower rank than
    /// a request that is asked for does not wait for it, because its answer would come too late to
    /// be seen. Requests that yield to this one are ended first.
    pub(super) fn queue(&mut self, ticket: Ticket, cx: &Context<'_>, out: &mut Vec<Action>) {
        self.changed = true;
        // A load can run next to the current request; everything else needs the processor.
        if !ticket.job.is_warm() {
            self.make_way(&ticket, out);
        }
        let busy = |it: &Ticket| !it.job.is_warm() && it.job.rank() == Rank::Asked;
        // Answered instead of queued: a suggestion is of use only before the next key.
        if ticket.job.rank() == Rank::Ghost && self.tickets().any(busy) {
            say_nothing(ticket, Silence::Busy, out);
            return;
        }
        let waits = self.active.is_some();
        if waits {
            ticket.report(Stage::Queued, "Waiting for another request".to_owned(), out);
        }
        let only_ahead = ticket.job.rank() == Rank::Ahead;
        if only_ahead && (waits || !self.queue.is_empty() || !self.works_ahead(cx.settings)) {
            refuse(ticket, errors::cancelled(), out);
            return;
        }
        self.queue.push_back(ticket);
    }

    fn queue_own(
        &mut self,
        references: Vec<String>,
        job: Job,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        self.queue(Ticket::new(None, references, job, cx.settings.clone()), cx, out);
    }

    /// Ends requests that yield to this one: those of a lower rank, and earlier suggestions for the
    /// same client, which no longer looks at them.
    fn make_way(&mut self, ticket: &Ticket, out: &mut Vec<Action>) {
        // Jobs ahead of need don't wait for one another: the latest replaces the earlier ones.
        let (rank, owner) = (ticket.job.rank(), ticket.job.ghost_owner());
        let same = |it: &Ticket| owner.is_some() && it.job.ghost_owner() == owner;
        let yields = |it: &Ticket| {
            it.job.rank() < rank || same(it) || (rank, it.job.rank()) == (Rank::Ahead, Rank::Ahead)
        };
        let end = |ticket: Ticket, out: &mut Vec<Action>| match same(&ticket) {
            true => say_nothing(ticket, Silence::Superseded, out),
            false => refuse(ticket, errors::cancelled(), out),
        };
        if self.active.as_ref().is_some_and(yields)
            && let Some(ticket) = self.end_active(out)
        {
            end(ticket, out);
        }
        while let Some(index) = self.queue.iter().position(yields) {
            self.changed = true;
            if let Some(ticket) = self.queue.remove(index) {
                end(ticket, out);
            }
        }
    }

    /// Ends a suggestion that the user did not ask for because its model is not loaded, and loads
    /// the model for the next one.
    fn load_for_later(&mut self, index: usize, cx: &Context<'_>, out: &mut Vec<Action>) {
        self.changed = true;
        let Some(ticket) = self.queue.remove(index) else { return };
        let (references, settings) = (ticket.references.clone(), ticket.settings.clone());
        let loads = self.queue.iter().any(|it| it.job.is_warm());
        // A smaller model that has gone is looked for again when there is time.
        let wanted = ticket.job.ghost_owner().is_some()
            && self.works_ahead(cx.settings)
            && !self.suggester.is(&references);
        say_nothing(ticket, Silence::Loading, out);
        if wanted && !loads {
            let ticket = Ticket::new(None, references, Job::Warm, *settings);
            self.queue(ticket.ahead(true), cx, out);
        }
    }

    pub(super) fn survey(
        &mut self,
        asker: Asker,
        params: SurveyParams,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        match self.surveys.begin(asker.clone(), params, cx.settings) {
            Ok(references) => {
                let looks = references.into_iter().map(|it| Action::Inspect(vec![it]));
                out.extend(looks);
            }
            Err(error) => out.push(Action::Reply(asker, Err(error))),
        }
    }

    /// Ends a client's request; returns whether there was one. The client is answered now, not when
    /// its worker has stopped: tokens that are still on their way find no active request in that
    /// slot and are dropped, and the slot takes no other request until the worker has ended the
    /// call ([`crate::core::pool::Engine::settles`]).
    pub(super) fn cancel(
        &mut self,
        client: ClientId,
        request_id: &str,
        out: &mut Vec<Action>,
    ) -> bool {
        self.changed = true;
        let is_it = |ticket: &Ticket| ticket.is(client, request_id);
        let ticket = if self.active.as_ref().is_some_and(is_it) {
            self.end_active(out)
        } else {
            let index = self.queue.iter().position(is_it);
            index.and_then(|index| self.queue.remove(index))
        };
        let asker = ticket.and_then(|ticket| ticket.asker);
        let found = asker.is_some();
        out.extend(asker.map(|asker| Action::Reply(asker, Err(errors::cancelled()))));
        found
    }

    pub(super) fn client_gone(&mut self, client: ClientId, out: &mut Vec<Action>) {
        self.changed = true;
        // Without answers: there is nobody to receive them.
        self.queue.retain(|ticket| !ticket.is_of(client));
        self.surveys.forget_client(client);
        if self.active.as_ref().is_some_and(|ticket| ticket.is_of(client)) {
            self.end_active(out);
        }
    }

    pub(super) fn stop(&mut self, error: &ErrorInfo, out: &mut Vec<Action>) {
        self.changed = true;
        self.fail_active(error.clone(), out);
        let waiting = self.queue.drain(..).filter_map(|ticket| ticket.asker);
        let askers = waiting.chain(self.surveys.take_askers());
        out.extend(askers.map(|asker| Action::Reply(asker, Err(error.clone()))));
    }

    /// Why nothing is suggested though suggestions are not turned off.
    pub(super) fn ghost_silence(&self, settings: &Settings) -> Option<Silence> {
        let pauses = self.residency.saves_power && !settings.ghost_text_while_saving_power;
        if pauses {
            Some(Silence::SavingPower)
        } else {
            self.residency.short_of_memory.then_some(Silence::MemoryShort)
        }
    }

    pub(super) fn set_power_saving(&mut self, saves: bool) {
        self.residency.saves_power = saves;
        self.changed = true;
    }

    pub(super) fn set_memory_short(&mut self, short: bool) {
        self.residency.short_of_memory = short;
        self.suggester.memory_changed();
        self.changed = true;
    }

    /// Unloads a model whose memory or file is needed, named by its reference or its path; a draft
    /// model of that file is meant as well. Nothing is unloaded that a request uses or waits for,
    /// which the answer says.
    pub(super) fn unload(
        &mut self,
        model: &str,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) -> UnloadAnswer {
        let is_it =
            |file: &ModelFile| file.info.reference == model || file.path.as_os_str() == model;
        let found: Vec<_> = cx
            .pool
            .engines()
            .filter(|(_, engine)| engine.loaded().is_some_and(|loaded| is_it(&loaded.file)))
            .collect();
        let unused = |slot: SlotId| residency::is_unused(cx.pool.engine(slot)) && !self.wants(slot);
        let unloaded = found.iter().all(|(slot, _)| unused(*slot));
        if unloaded {
            for (slot, _) in found {
                self.unload_slot(slot, out);
            }
        }
        // Not lazily after `unloaded`: a draft model is unloaded even where the model itself can't
        // be.
        let unloaded = self.drop_draft(is_it, cx, out) && unloaded;
        UnloadAnswer { unloaded }
    }

    fn unload_slot(&mut self, slot: SlotId, out: &mut Vec<Action>) {
        // They look for a place again; with the slot still noted, `wants` would keep the next idle
        // model of that slot in memory for them.
        for ticket in self.queue.iter_mut().filter(|ticket| ticket.slot == Some(slot)) {
            ticket.slot = None;
        }
        self.changed = true;
        out.push(Action::Unload(slot));
    }

    pub(super) fn woke(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        if !self.works_ahead(cx.settings) || !cx.has_clients {
            return;
        }
        let loaded = cx.pool.engines().filter(|(_, engine)| engine.loaded().is_some());
        if let Some((slot, _)) = loaded.max_by_key(|(_, engine)| engine.used_ms()) {
            self.keep_warm(slot, cx, out);
        }
    }

    fn keep_warm(&mut self, slot: SlotId, cx: &Context<'_>, out: &mut Vec<Action>) {
        let Some(loaded) = cx.pool.engine(slot).loaded() else { return };
        if self.nobody_waits() {
            let references = vec![loaded.file.info.reference.clone()];
            self.queue_own(references, Job::keep_warm(), cx, out);
        }
    }

    /// The settings have changed. If they make models run in another way, what was lowered or given
    /// up before is tried again. The model that is wanted now is loaded while the old one still
    /// answers, provided that any was loaded.
    pub(super) fn settings_changed(
        &mut self,
        before: &Settings,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        self.changed = true;
        let now = cx.settings;
        if before.acceleration != now.acceleration && self.gpu_failure.take().is_some() {
            self.knowledge.set_gpu_failure(cx.now_ms, None);
        }
        if before == now {
            return;
        }
        if before.draft_model != now.draft_model || now.runs_otherwise(before) {
            self.drafts_changed(cx, out);
        }
        if before.suggestion_model != now.suggestion_model || now.runs_otherwise(before) {
            self.suggester_changed(cx, out);
        }
        if now.runs_otherwise(before) {
            out.push(Action::Outdate(self.ladder.forget()));
            out.push(Action::ForgetCrashes);
        }
        let uses = |(_, engine): (SlotId, &super::pool::Engine)| {
            engine.loaded().is_some() || engine.loading().is_some()
        };
        if cx.pool.engines().any(uses) && !cx.draining {
            self.queue_own(now.code_models(), Job::Warm, cx, out);
        }
    }

    fn look_again(&mut self) {
        self.changed = true;
        // If a file is being inspected, the result will include what is free then.
        let known = |ticket: &&mut Ticket| ticket.step == Step::Placing && !ticket.unverified;
        for ticket in self.queue.iter_mut().filter(known) {
            ticket.step = Step::Queued;
        }
    }

    /// Ends the work on the active request: its model was in use until now, and whatever its worker
    /// still computes is stopped.
    fn end_active(&mut self, out: &mut Vec<Action>) -> Option<Ticket> {
        let ticket = self.active.take()?;
        self.changed = true;
        self.trial = None;
        // Cancelled even if the worker has just ended: the pool knows whether a call is open, and
        // ignores the action if none is.
        if let Some(slot) = ticket.slot {
            out.push(Action::Cancel(slot));
            out.push(Action::Release(slot));
        }
        Some(ticket)
    }

    fn fail_active(&mut self, error: ErrorInfo, out: &mut Vec<Action>) {
        if let Some(ticket) = self.end_active(out) {
            refuse(ticket, error, out);
        }
    }

    fn fail_queued(&mut self, index: usize, error: ErrorInfo, out: &mut Vec<Action>) {
        self.changed = true;
        if let Some(ticket) = self.queue.remove(index) {
            refuse(ticket, error, out);
        }
    }

    fn fail_waiting(
        &mut self,
        is_meant: impl Fn(&Ticket) -> bool,
        error: &ErrorInfo,
        out: &mut Vec<Action>,
    ) {
        while let Some(index) = self.queue.iter().position(&is_meant) {
            self.fail_queued(index, error.clone(), out);
        }
    }

    fn end_warm(&mut self, index: usize, loaded: bool, out: &mut Vec<Action>) {
        self.changed = true;
        let asker = self.queue.remove(index).and_then(|ticket| ticket.asker);
        let reply = Ok(Reply::Warm(WarmAnswer { loaded }));
        out.extend(asker.map(|asker| Action::Reply(asker, reply)));
    }
}

fn refuse(ticket: Ticket, error: ErrorInfo, out: &mut Vec<Action>) {
    let Some(asker) = ticket.asker else { return };
    let result = match ticket.job {
        Job::Prepare(_) => Ok(Reply::Prepare(PrepareAnswer { prepared: false })),
        // A suggestion that was not asked for ends with "nothing, and why", never with an error.
        _ if ticket.job.is_suggestion()
            && (ticket.job.is_ahead_of_need() || error.code == ErrorCode::Cancelled) =>
        {
            Ok(ticket.job.nothing_for(&error))
        }
        _ => Err(error),
    };
    out.push(Action::Reply(asker, result));
}

fn say_nothing(ticket: Ticket, reason: Silence, out: &mut Vec<Action>) {
    let Some(asker) = ticket.asker else { return };
    out.push(Action::Reply(asker, Ok(ticket.job.nothing(reason))));
}
