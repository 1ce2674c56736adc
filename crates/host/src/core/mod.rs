//! The host without I/O. [`Host::handle`] takes an event and the time and returns what to do;
//! the same events give the same effects, so the whole host is tested in memory.
//!
//! It never waits: what takes time is an effect whose outcome comes back as an event.
//!
//! Four machines do the work, each with fields of its own, and none calls another: what happens in
//! the `pool` of workers becomes outcomes for the `schedule`, which passes what has arrived to
//! `jobs` and decides what is to be done; whatever clients are sent goes through `sessions`. This
//! file carries the values from one to the next.

mod configuration;
mod errors;
mod event;
mod ghost;
mod jobs;
mod life;
mod pool;
mod random;
mod reply;
mod requests;
mod schedule;
mod sessions;
mod suspect;

use localcoder_assist::Fill;
pub use localcoder_protocol::limits::{CLIENTS_MAX, QUEUE_MAX};
use localcoder_protocol::{
    BUILD_ID, CancelAnswer, ConfigureAnswer, Confined, ErrorInfo, HostStatus, Infill, ModelUse,
    NextEditAnswer, PROTOCOL_VERSION, RecordDecisionParams, Silence, WarmAnswer, WarmParams,
    WorkerStatus,
};
use localcoder_settings::{Contents, Settings};
use localcoder_transport::Message;

use configuration::Configuration;
pub use event::{ClientId, Death, Effect, Event, Help, WorkerEnding};
use ghost::Ghost;
use jobs::{Completed, Counting, Job, Predicted, ghost_answer, infill_way, next_edit_answer};
use life::Life;
use pool::{Outcome, Pool, SlotId};
use random::Random;
pub use reply::{Notice, Reply};
use requests::{Asked, Predict, Suggest, Work, locate_edits};
pub use schedule::KeptSpeeds;
use schedule::{Action, Asker, Context, Schedule, ScheduleStatus, Ticket};
use sessions::Sessions;

/// Bound on decisions after one event: a request may be moved only a few times, so it is never
/// reached. A fault in the schedule must not turn the host into one that does nothing else.
const DECISIONS_MAX: usize = 16 * QUEUE_MAX;

#[derive(Debug, Clone)]
pub struct HostConfig {
    pub pid: u32,
    pub confined: Confined,
    pub file_settings: Contents,
    /// The last settings of the editor: a model may be loaded before an editor has connected and
    /// sent them.
    pub editor_settings: Contents,
    pub idle_exit_ms: u64,
    /// Source of the seeds of requests without one.
    pub seed: u64,
    pub heartbeat_ms: u64,
    pub machine: String,
    pub measurements: Option<String>,
    /// The text of an [`Effect::LoadBegins`] that no [`Effect::LoadEnded`] followed: that load took
    /// the host down, or the machine.
    pub unfinished_load: Option<String>,
}

/// The host: feed it events through [`Host::handle`], carry out the effects, and call it again with
/// a tick when [`Host::next_deadline_ms`] has come. It owns the four machines, and is the only one
/// that sees all of them.
#[derive(Debug)]
pub struct Host {
    now_ms: u64,
    life: Life,
    configuration: Configuration,
    pool: Pool,
    schedule: Schedule,
    sessions: Sessions,
    ghost: Ghost,
    /// Source of the edits' ids.
    names: Random,
    effects: Vec<Effect>,
}

impl Host {
    #[must_use]
    pub fn new(config: HostConfig) -> Self {
        let HostConfig { machine, measurements, unfinished_load, seed, .. } = config;
        Self {
            now_ms: 0,
            life: Life::new(config.pid, config.confined, config.idle_exit_ms),
            configuration: Configuration::new(config.file_settings, config.editor_settings),
            // Inverted, so that it differs from the sequences of the requests and of the edits'
            // ids.
            pool: Pool::new(config.heartbeat_ms, !seed),
            names: Random::new(seed.rotate_left(32)),
            schedule: Schedule::new(
                machine,
                measurements.as_deref(),
                unfinished_load.as_deref(),
                seed,
            ),
            sessions: Sessions::default(),
            ghost: Ghost::default(),
            effects: Vec::new(),
        }
    }

    /// Takes one event; returns what to do, in order. A time before the last one counts as the last
    /// one.
    ///
    /// The steps are the same for each event: the event itself; whatever has become due by itself;
    /// turns, until nothing more can be decided; text that has gathered; one status for all of
    /// that; and last, since it depends on everything before, whether the host may end. Each step
    /// may leave work for a later one, none for an earlier one, so nothing waits for the next event
    /// that this one has made possible.
    pub fn handle(&mut self, now_ms: u64, event: Event) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        let now = self.now_ms;
        if self.life.begin(now) {
            self.sessions.begin(now);
        }
        // Asked before the pool learns the time, since it then computes its next deadline.
        let pool_is_due = self.pool.deadline_ms().is_some_and(|due| due <= now);
        self.pool.notice_time(now);
        match event {
            Event::ClientConnected(client) => self.client_connected(client),
            Event::ClientMessage(client, message) => self.client_message(client, message),
            Event::ClientMalformed(client, reason) => {
                self.sessions.malformed(client, &reason, &mut self.effects);
            }
            Event::ClientGone(client) => {
                self.ghost.client_gone(client);
                if self.sessions.disconnect(now, client) {
                    self.ask(|schedule, _, out| schedule.client_gone(client, out));
                }
            }
            Event::ModelInspected { references, result, free_bytes } => {
                self.sessions.status_changed();
                self.ask(|schedule, cx, out| {
                    schedule.model_inspected(&references, &result, free_bytes, cx, out);
                });
            }
            Event::HelperFound { path, help, found, free_bytes } => {
                self.ask(|schedule, cx, out| match help {
                    Help::Drafts => schedule.draft_found(&path, *found, free_bytes, cx, out),
                    Help::Suggests { .. } => {
                        schedule.suggester_found(&path, *found, free_bytes, cx, out);
                    }
                });
            }
            Event::SmallerFound { path, found } => {
                self.sessions.status_changed();
                self.ask(|schedule, cx, out| schedule.smaller_found(&path, *found, cx, out));
            }
            Event::SettingsRead { client, id, contents } => {
                self.configuration.set_file(*contents);
                let answer = Reply::Configure(self.settle_settings());
                self.sessions.reply(client, id, Ok(answer), &mut self.effects);
            }
            Event::PowerSaving(saves) => {
                self.schedule.set_power_saving(saves);
                self.sessions.status_changed();
            }
            Event::MemoryShort(short) => {
                self.schedule.set_memory_short(short);
                self.sessions.status_changed();
            }
            Event::Woke => self.ask(Schedule::woke),
            Event::Terminate => self.stop(),
            Event::Tick => {}
            Event::WorkerStarted { .. }
            | Event::WorkerMessage { .. }
            | Event::WorkerEnded { .. }
            | Event::PrefixFound { .. } => self.worker_event(event),
        }
        self.follow_time(pool_is_due);
        self.plan();
        self.sessions.flush(now, &mut self.effects);
        // After all decisions, so that watchers get one status for the whole event.
        self.send_status();
        self.leave_when_unused();
        let kept = self.schedule.take_kept(now, self.life.has_exited());
        self.effects.extend(kept.map(Effect::KeepMeasurements));
        std::mem::take(&mut self.effects)
    }

    /// When [`Event::Tick`] is due, on the clock of [`Self::handle`]; `None` while nothing is
    /// awaited.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let alone = self.sessions.alone_since_ms().filter(|_| !self.life.is_leaving());
        let (settings, pool) = (self.configuration.settings(), self.pool.view(self.now_ms));
        [
            self.life.unused_from_ms(alone),
            self.sessions.deadline_ms(self.now_ms),
            self.pool.deadline_ms(),
            self.schedule.deadline_ms(settings, pool),
            self.ghost.deadline_ms(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn worker_event(&mut self, event: Event) {
        let (pool, now, effects) = (&mut self.pool, self.now_ms, &mut self.effects);
        let outcome = match event {
            Event::WorkerStarted { generation, result } => {
                pool.worker_started(now, generation, result, effects)
            }
            Event::WorkerMessage { generation, message } => {
                pool.worker_message(now, generation, message, effects)
            }
            Event::WorkerEnded { generation, ending } => {
                pool.worker_ended(now, generation, &ending, effects)
            }
            Event::PrefixFound { generation, key, bytes } => {
                pool.prefix_found(now, (generation, &key), bytes, effects)
            }
            _ => None,
        };
        if let Some((slot, outcome)) = outcome {
            self.outcome(slot, outcome);
        }
    }

    fn follow_time(&mut self, pool_is_due: bool) {
        let now = self.now_ms;
        if pool_is_due {
            self.sessions.status_changed();
            for (slot, outcome) in self.pool.look(now, &mut self.effects) {
                self.outcome(slot, outcome);
            }
        }
        if self.ghost.wakes(now) {
            self.sessions.status_changed();
        }
        let (settings, pool) = (self.configuration.settings(), self.pool.view(now));
        if self.schedule.deadline_ms(settings, pool).is_some_and(|due| due <= now) {
            self.ask(Schedule::look);
        }
    }

    /// Gives the schedule a result of the pool's work. Text and the progress of reading, of which
    /// there are many in a second, change nothing in the status, so it is not compared after them.
    fn outcome(&mut self, slot: SlotId, outcome: Outcome) {
        if !matches!(outcome, Outcome::Text(_) | Outcome::PrefillProgress(_)) {
            self.sessions.status_changed();
        }
        self.ask(|schedule, cx, out| match outcome {
            Outcome::Text(text) => schedule.text(slot, &text, cx, out),
            Outcome::PrefillProgress(fraction) => schedule.prefill_progress(slot, fraction, out),
            Outcome::LoadProgress(fraction) => schedule.load_progress(slot, fraction, out),
            Outcome::Settled => schedule.touch(),
            Outcome::StartFailed(error) => schedule.start_failed(slot, &error, out),
            Outcome::Loaded { file, profile, memory } => {
                schedule.loaded((&file, &profile), memory, cx);
            }
            Outcome::LoadFailed { loading, error } => {
                schedule.load_failed(slot, &loading, error, cx, out);
            }
            Outcome::DraftLoaded(error) => schedule.draft_loaded(slot, error.as_deref(), cx, out),
            Outcome::Unloaded | Outcome::Left => schedule.unloaded(),
            Outcome::Counted(counts) => schedule.counted(slot, &counts, cx, out),
            Outcome::Generated(answer) => schedule.generated(slot, &answer, cx, out),
            Outcome::Failed(error) => schedule.answer_failed(slot, error, cx, out),
            Outcome::Died(died) => schedule.died(slot, *died, cx, out),
        });
    }

    /// Asks the schedule something and carries out its decisions before it returns, so that whoever
    /// asks next sees the pool as these have left it. The context is made for each question, since
    /// it borrows the pool, which the decisions change.
    fn ask<T>(
        &mut self,
        ask: impl FnOnce(&mut Schedule, &Context<'_>, &mut Vec<Action>) -> T,
    ) -> T {
        let cx = Context {
            now_ms: self.now_ms,
            settings: self.configuration.settings(),
            pool: self.pool.view(self.now_ms),
            draining: self.life.is_draining(),
            has_clients: self.sessions.count() > 0,
            is_watched: self.sessions.is_watched(),
        };
        let mut actions = Vec::new();
        let result = ask(&mut self.schedule, &cx, &mut actions);
        for action in actions {
            self.carry_out(action);
        }
        result
    }

    /// Gives turns until no further request can have one. Each decision changes the pool, and with
    /// it what the others may do (an unload makes room, a load takes it), so the schedule is asked
    /// again after each, until it has nothing to decide. A host that leaves gives no turns: its
    /// workers are being ended.
    fn plan(&mut self) {
        if self.life.is_leaving() {
            return;
        }
        for _ in 0..DECISIONS_MAX {
            if !self.ask(Schedule::plan) {
                return;
            }
            self.sessions.status_changed();
        }
    }

    fn carry_out(&mut self, action: Action) {
        let (now, effects) = (self.now_ms, &mut self.effects);
        match action {
            Action::Start(slot) => self.pool.start(now, slot, effects),
            Action::Load(load) => self.pool.load(now, *load, effects),
            Action::Unload(slot) => self.pool.unload(now, slot, effects),
            Action::Ask(slot, question) => self.pool.ask(now, slot, question, effects),
            Action::Cancel(slot) => self.pool.cancel(now, slot, effects),
            Action::Release(slot) => self.pool.release(now, slot),
            Action::SavePrefix(slot) => self.pool.save_prefix(now, slot, effects),
            Action::CountCrash(file, profile) => self.pool.count_crash(now, &file, &profile),
            Action::Outdate(paths) => self.pool.outdate(&paths),
            Action::ForgetCrashes => self.pool.forget_crashes(),
            Action::Inspect(references) => effects.push(Effect::InspectModel { references }),
            Action::FindHelper { path, help, named } => {
                effects.push(Effect::FindHelper { path, help, named });
            }
            Action::LoadDraft(slot, file) => self.pool.load_draft(now, slot, *file, effects),
            Action::UnloadDraft(slot) => self.pool.unload_draft(now, slot, effects),
            Action::FindSmaller { path, bytes } => {
                effects.push(Effect::FindSmaller { path, bytes });
            }
            Action::Report(report) => self.sessions.report(now, *report, effects),
            Action::TryEdit(asker, trial) => self.sessions.try_edit(&asker, *trial, effects),
            Action::Stream(asker, text) => self.sessions.delta(now, asker, &text, effects),
            Action::Draft(asker, so_far) => self.sessions.draft(asker, so_far, effects),
            Action::Restarted(asker) => self.sessions.restarted(&asker),
            Action::CountShown(shown) => effects.push(Effect::CountShown(shown)),
            Action::Hold(client, held) => self.ghost.hold(client, *held),
            Action::Completed(asker, completed, made_with) => {
                self.completed(asker, *completed, *made_with);
            }
            Action::Predicted(asker, predicted) => {
                let Predicted { owner, refused, answer } = *predicted;
                self.ghost.refuse(owner, &refused);
                let reply = Reply::PredictEdit(Box::new(answer));
                self.sessions.finish(asker, Ok(reply), effects);
            }
            // There is one of these for each key. It says how long to wait after the next one, and
            // the status is not compared: suggestions are not among the requests that it counts.
            Action::Reply(asker, Ok(Reply::Complete(answer))) => {
                let reply = Reply::Complete(Box::new(self.ghost.paced(*answer)));
                self.sessions.finish(asker, Ok(reply), effects);
            }
            Action::Reply(asker, result) => {
                self.sessions.status_changed();
                self.sessions.finish(asker, result, effects);
            }
            Action::Suggest(params) => self.sessions.suggest(&params, effects),
        }
    }

    fn client_connected(&mut self, client: ClientId) {
        let taken = self.sessions.connect(client, &mut self.effects);
        if taken && self.life.stay() {
            self.pool.stay();
            self.schedule.touch();
        }
    }

    fn client_message(&mut self, client: ClientId, message: Message) {
        let Message::Request { id, method, params } = message else {
            // Clients have no answers to give, and notifications of later versions are skipped.
            return;
        };
        let Some(admitted) = self.sessions.admit(client, &method) else { return };
        let asker = Asker { client, id, request_id: None };
        let asked = admitted.and_then(|()| requests::request(&method, params));
        let answer = asked.and_then(|asked| self.asked(asker.clone(), asked));
        if let Some(result) = answer.transpose() {
            self.sessions.reply(client, asker.id, result, &mut self.effects);
        }
    }

    /// Does what a client asks. Returns the answer if there is one at once; `None` if it comes
    /// later, as an effect.
    fn asked(&mut self, asker: Asker, asked: Asked) -> Result<Option<Reply>, ErrorInfo> {
        let client = asker.client;
        Ok(Some(match asked {
            Asked::Hello(params) => {
                Reply::Hello(self.sessions.hello(client, &params, self.life.pid())?)
            }
            Asked::Status => Reply::Status(Box::new(self.status())),
            Asked::Drain => {
                self.life.drain();
                Reply::Nothing
            }
            Asked::Stop => {
                self.stop();
                Reply::Nothing
            }
            Asked::Configure(params) => {
                let kept = self.configuration.set_editor(params.settings);
                self.effects.extend(kept.map(Effect::KeepEditorSettings));
                Reply::Configure(self.settle_settings())
            }
            Asked::ConfigureFile(params) => {
                let Some(settings) = params.settings else {
                    self.effects.push(Effect::ReadSettings { client, id: asker.id });
                    return Ok(None);
                };
                self.configuration.set_file(settings.into());
                Reply::Configure(self.settle_settings())
            }
            Asked::Cancel(params) => {
                let id = params.request_id;
                let found = self.ask(|schedule, _, out| schedule.cancel(client, &id, out));
                Reply::Cancel(CancelAnswer { found })
            }
            Asked::LocateEdits(params) => Reply::LocateEdits(locate_edits(&params)?),
            Asked::Scopes(params) => Reply::Scopes(Box::new(localcoder_assist::scopes(&params)?)),
            Asked::Tried(params) => {
                self.ask(|schedule, cx, out| schedule.tried(client, &params, cx, out));
                Reply::Nothing
            }
            Asked::RecordDecision(RecordDecisionParams { edit_id, decision }) => {
                if self.configuration.settings().ledger {
                    self.effects.push(Effect::CountDecision { edit_id, decision });
                }
                Reply::Nothing
            }
            Asked::Unload(params) => {
                Reply::Unload(self.ask(|schedule, cx, out| schedule.unload(&params.model, cx, out)))
            }
            Asked::Survey(_) if self.life.is_leaving() => return Err(errors::draining()),
            Asked::Survey(params) => {
                self.ask(|schedule, cx, out| schedule.survey(asker, params, cx, out));
                return Ok(None);
            }
            Asked::Warm(params) => return self.warm(asker, params),
            Asked::Snooze(params) => {
                self.ghost.snooze(self.now_ms, params.minutes);
                self.sessions.status_changed();
                Reply::Nothing
            }
            Asked::Complete(suggest) => return self.complete(asker, *suggest),
            Asked::PredictEdit(predict) => return self.predict_edit(asker, *predict),
            Asked::Work(work) => {
                self.work(asker, *work)?;
                return Ok(None);
            }
        }))
    }

    /// Loads a model ahead of its use. Where nothing is to be done ahead, the answer says so at
    /// once: that is not an error of the client.
    fn warm(&mut self, asker: Asker, params: WarmParams) -> Result<Option<Reply>, ErrorInfo> {
        let settings = self.configuration.settings();
        if params.ahead && !self.schedule.works_ahead(settings) {
            return Ok(Some(Reply::Warm(WarmAnswer { loaded: false })));
        }
        self.check_room()?;
        let references = params.model.map_or_else(|| settings.code_models(), |model| vec![model]);
        let ticket = Ticket::new(Some(asker), references, Job::Warm, settings.clone());
        self.queue(ticket.ahead(params.ahead));
        Ok(None)
    }

    /// Ghost text: what is known without a model is the answer at once.
    fn complete(&mut self, asker: Asker, suggest: Suggest) -> Result<Option<Reply>, ErrorInfo> {
        let Suggest { request_id, model, overrides, fill } = suggest;
        let (client, now) = (asker.client, self.now_ms);
        let settings = self.configuration.with(&overrides)?;
        self.schedule.check_request_id(client, &request_id)?;
        let say = |ghost: &Ghost, reason| {
            Ok(Some(Reply::Complete(Box::new(ghost.paced(ghost_answer(Err(reason)))))))
        };
        if let Some(reason) = self.ghost.silence_at(now, &fill, &settings) {
            return say(&self.ghost, reason);
        }
        // Before anything that was kept is looked up, since that is kept by model.
        let (references, settings) = match model {
            Some(model) => (vec![model], settings),
            None => self.ask(|schedule, cx, _| schedule.suggestion_models(settings, cx)),
        };
        let kept = || self.ghost.kept(client, &references, &fill.spot());
        // An option of this request may change what is suggested; what is kept was made without.
        let kept = overrides.is_empty().then(kept).flatten();
        // A user who asks again where there was no suggestion wants it computed.
        let kept = kept.filter(|kept| kept.suggestion.is_some() || !fill.is_explicit());
        if let Some(answer) = kept {
            // The line before was accepted as it was suggested, and only now the next one is
            // computed.
            if let (None, Some(next)) = (&answer.suggestion, fill.next_line()) {
                self.complete_ahead(next, client, (references, settings));
            }
            return Ok(Some(Reply::Complete(Box::new(answer))));
        }
        // After what is kept, which costs nothing to show.
        let pauses = self.schedule.ghost_silence(&settings).filter(|_| !fill.is_explicit());
        if let Some(reason) = pauses {
            return say(&self.ghost, reason);
        }
        self.check_room()?;
        let asker = Asker { request_id: Some(request_id), ..asker };
        let job = Job::complete(fill, client, self.ghost.held(client));
        self.ask(|schedule, cx, out| {
            schedule.queue(Ticket::new(Some(asker), references, job, settings), cx, out);
        });
        Ok(None)
    }

    fn predict_edit(&mut self, asker: Asker, predict: Predict) -> Result<Option<Reply>, ErrorInfo> {
        let Predict { request_id, model, overrides, task } = predict;
        let settings = self.configuration.with(&overrides)?;
        self.schedule.check_request_id(asker.client, &request_id)?;
        let say = |found| Ok(Some(Reply::PredictEdit(Box::new(next_edit_answer(found)))));
        // A place that the model had nothing to say about is not asked about again.
        let task = task.without(|mark| self.ghost.is_refused(asker.client, mark));
        let is_explicit = task.is_explicit();
        let off = self.ghost.silence_in(self.now_ms, task.language(), &settings);
        if let Some(reason) = off.filter(|_| !is_explicit) {
            return say(Err(reason));
        }
        // Where the code leaves no choice, no model is asked.
        match task.known() {
            Ok(Some(edit)) => {
                let answer = next_edit_answer(Ok(edit));
                let answer = NextEditAnswer { infill: Some(Infill::Kept), ..answer };
                return Ok(Some(Reply::PredictEdit(Box::new(answer))));
            }
            Ok(None) => {}
            Err(reason) => return say(Err(reason)),
        }
        let pauses = self.schedule.ghost_silence(&settings).filter(|_| !is_explicit);
        if let Some(reason) = pauses {
            return say(Err(reason));
        }
        self.check_room()?;
        let references = model.map_or_else(|| settings.code_models(), |model| vec![model]);
        let client = asker.client;
        let asker = Asker { request_id: Some(request_id), ..asker };
        let job = Job::next_edit(Box::new(task), client);
        self.ask(|schedule, cx, out| {
            schedule.queue(Ticket::new(Some(asker), references, job, settings), cx, out);
        });
        Ok(None)
    }

    /// A suggestion is ready, or there is none. What follows from accepting it is computed while
    /// the user reads it.
    fn completed(
        &mut self,
        asker: Option<Asker>,
        completed: Completed,
        (references, settings): (Vec<String>, Settings),
    ) {
        let Completed { fill, owner, ahead, answer, ended } = completed;
        self.ghost.note(answer.usage);
        if let Some(model) = &answer.model {
            self.ask(|schedule, cx, _| {
                schedule.suggestion_took(&model.reference, answer.usage, cx);
            });
        }
        let suggestion = answer.suggestion.clone();
        // Also from a computation ahead: it is kept under the place that the cursor may reach.
        if let Some(text) = &suggestion {
            self.ghost.keep(owner, &references, fill.spot(), Some(text.clone()));
        }
        if let Some(asker) = asker {
            let reply = Reply::Complete(Box::new(self.ghost.paced(answer)));
            self.sessions.finish(asker, Ok(reply), &mut self.effects);
        }
        let Some(text) = suggestion.filter(|_| !ahead && !fill.is_explicit()) else { return };
        let next = fill.accepting(&text);
        if ended && next.next_line().is_some() {
            // What comes in the next line is computed only once this one is accepted: doing it now
            // would cost as much as this one did, and with the next key the prompt read for it
            // would be lost.
            self.ghost.keep(owner, &references, next.spot(), None);
            return;
        }
        self.complete_ahead(next, owner, (references, settings));
    }

    /// Computes a suggestion for a place that the cursor has not reached yet. Nobody is answered;
    /// what comes of it is kept for the place.
    fn complete_ahead(
        &mut self,
        next: Fill,
        owner: ClientId,
        (references, settings): (Vec<String>, Settings),
    ) {
        if next.silence().is_none() {
            let job = Job::complete_ahead(next, owner, self.ghost.held(owner));
            self.ask(|schedule, cx, out| {
                schedule.queue(Ticket::new(None, references, job, settings), cx, out);
            });
        }
    }

    /// Queues a request that needs a model: the one it names, or the one for its purpose.
    fn work(&mut self, asker: Asker, work: Work) -> Result<(), ErrorInfo> {
        self.check_room()?;
        let Work { request_id, model, overrides, kind } = work;
        let settings = self.configuration.with(&overrides)?;
        self.schedule.check_request_id(asker.client, &request_id)?;
        let references = match model {
            Some(model) => vec![model],
            None => match kind.model_use() {
                ModelUse::Code => settings.code_models(),
                ModelUse::General => settings.general_models(),
            },
        };
        let asker = Asker { request_id: Some(request_id), ..asker };
        let job = kind.job(&settings, || Counting::new(self.names.edit_id(), &settings));
        self.queue(Ticket::new(Some(asker), references, job, settings));
        Ok(())
    }

    fn queue(&mut self, ticket: Ticket) {
        self.sessions.status_changed();
        self.ask(|schedule, cx, out| schedule.queue(ticket, cx, out));
    }

    fn check_room(&self) -> Result<(), ErrorInfo> {
        if !self.life.takes_work() {
            return Err(errors::draining());
        }
        self.schedule.check_room()
    }

    fn settle_settings(&mut self) -> ConfigureAnswer {
        let (before, answer) = self.configuration.settle();
        self.ghost.forget_kept();
        self.ask(|schedule, cx, out| schedule.settings_changed(&before, cx, out));
        self.sessions.status_due();
        answer
    }

    /// Ends: no new work is taken, and every running request fails with that as the reason. The
    /// host leaves by the end of this event and is gone once its workers are.
    fn stop(&mut self) {
        self.life.drain();
        self.ask(|schedule, _, out| schedule.stop(&errors::draining(), out));
    }

    fn leave_when_unused(&mut self) {
        let alone = self.sessions.alone_since_ms();
        if self.life.leave(self.now_ms, alone, self.schedule.is_done()) {
            self.pool.leave(self.now_ms, &mut self.effects);
        }
        // After the pool was told to end: without a worker, the host is gone within this event.
        if self.life.exit(self.pool.runs()) {
            self.effects.push(Effect::Exit);
        }
    }

    pub fn status(&mut self) -> HostStatus {
        let status = self.ask(|schedule, cx, _| schedule.status(cx));
        let ScheduleStatus { requests, engine, slot, model, device, .. } = status;
        let pool = self.pool.view(self.now_ms);
        let settings = self.configuration.settings();
        HostStatus {
            protocol_version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
            pid: self.life.pid(),
            uptime_ms: self.life.uptime_ms(self.now_ms),
            confined: self.life.confined().clone(),
            clients: u32::try_from(self.sessions.count()).unwrap_or(u32::MAX),
            requests,
            engine,
            model,
            worker: pool.engine(slot).worker().map(|(pid, llama_build)| WorkerStatus {
                pid,
                generation: self.pool.generations(),
                llama_build: llama_build.to_owned(),
                device,
                confined: pool.engine(slot).confined(),
            }),
            context_tokens: status.context_tokens,
            held_tokens: status.held_tokens,
            memory: status.memory,
            speed: status.speed,
            profile: settings.profile.name.clone(),
            residents: status.residents,
            free_bytes: status.free_bytes,
            devices: pool.devices().to_vec(),
            notes: self.configuration.notes().chain(status.notes).collect(),
            no_ghost_text: self.no_ghost_text(slot).map(Into::into),
        }
    }

    fn no_ghost_text(&self, slot: SlotId) -> Option<Silence> {
        let settings = self.configuration.settings();
        let off = self.ghost.silence(self.now_ms, settings);
        let pauses = || self.schedule.ghost_silence(settings);
        let can_not = || {
            let pool = self.pool.view(self.now_ms);
            let loaded = pool.engine(slot).loaded()?;
            infill_way(&loaded.file).is_none().then_some(Silence::NoInfill)
        };
        off.or_else(pauses).or_else(can_not)
    }

    fn send_status(&mut self) {
        if self.sessions.wants_status() {
            let status = self.status();
            self.sessions.send_status(self.now_ms, &status, &mut self.effects);
        }
    }
}
