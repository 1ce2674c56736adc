//! The workers and the models in them: started, greeted, loaded, asked, watched, ended. The pool
//! knows slots and calls, and nothing of requests, queues and clients: what it is asked to do
//! becomes effects, and what comes back becomes an [`Outcome`].

mod budget;
mod draft;
mod engine;
mod lifecycle;
mod outcome;
mod prefix;
mod slot;
#[cfg(test)]
mod tests;
mod view;

use localcoder_protocol::{
    CountTokens, CountTokensAnswer, CountTokensParams, Device, Devices, DevicesAnswer, ErrorCode,
    ErrorInfo, Heartbeat, HeartbeatParams, LoadModel, LoadModelAnswer, LoadModelParams,
    LoadProfile, LoadProgress, LoadProgressParams, Measured, Nothing, Notification,
    PrefillProgress, PrefillProgressParams, Request, RestorePrefix, RestorePrefixParams,
    SavePrefix, SavePrefixParams, Token, TokenParams, UnloadModel, WORKER_VERSION, WorkerCancel,
    WorkerCancelParams, WorkerGenerate, WorkerGenerateAnswer, WorkerGenerateParams, WorkerHello,
    WorkerHelloAnswer, WorkerHelloParams, WorkerId,
};
use localcoder_transport::{Id, Message};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::errors::{self, Doing};
use super::event::{Death, Effect, WorkerEnding};
use super::random::Random;
use super::suspect::Suspect;
use crate::ModelFile;
use budget::{Budgets, Run};
use engine::{Call, Greeting};
pub(super) use engine::{Engine, Loaded, Loading};
pub(super) use lifecycle::Phase;
use lifecycle::{EndReason, Signal};
use outcome::At;
pub(super) use outcome::{Died, GenerateCall, Outcome, Question};
use prefix::Prefix;
pub(super) use prefix::prompt as beginning;
pub(super) use slot::{SLOTS, SlotId};
pub(super) use view::PoolView;

/// A gap of this length between two events means that the machine or this process slept; silence
/// during sleep is not a hang.
const SLEEP_MS: u64 = 5_000;
/// The share by which a wait is lengthened or shortened at random, so that workers do not all start
/// at once (policy).
const JITTER_PERCENT: u64 = 20;

#[derive(Debug)]
pub(super) struct Load {
    pub(super) slot: SlotId,
    pub(super) file: ModelFile,
    pub(super) profile: LoadProfile,
    /// What an earlier worker measured of the model.
    pub(super) measured: Measured,
}

/// Calls and generations are counted over all slots, so that a number is unambiguous whichever
/// worker it belongs to.
#[derive(Debug)]
pub(super) struct Pool {
    engines: [Engine; SLOTS],
    generations: u64,
    calls: i64,
    budgets: Budgets,
    devices: Vec<Device>,
    random: Random,
    heartbeat_ms: u64,
    seen_ms: u64,
    /// Workers are being ended because the host is about to end, so that none of these ends is a
    /// crash.
    leaving: bool,
}

impl Pool {
    pub(super) fn new(heartbeat_ms: u64, seed: u64) -> Self {
        Self {
            engines: Default::default(),
            generations: 0,
            calls: 0,
            budgets: Budgets::default(),
            devices: Vec::new(),
            random: Random::new(seed),
            heartbeat_ms,
            seen_ms: 0,
            leaving: false,
        }
    }

    pub(super) fn view(&self, now_ms: u64) -> PoolView<'_> {
        let Self { engines, budgets, devices, .. } = self;
        PoolView { engines, budgets, devices, now_ms }
    }

    pub(super) fn generations(&self) -> u64 {
        self.generations
    }

    pub(super) fn runs(&self) -> bool {
        self.engines.iter().any(Engine::is_running)
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.engines.iter().filter_map(|engine| engine.deadline_ms(self.seen_ms)).min()
    }

    pub(super) fn notice_time(&mut self, now_ms: u64) {
        if now_ms - self.seen_ms > SLEEP_MS {
            for engine in &mut self.engines {
                engine.life.slept(now_ms);
            }
        }
        self.seen_ms = now_ms;
    }

    /// Does what has become due: restarts, and what follows a hang.
    pub(super) fn look(&mut self, now_ms: u64, effects: &mut Vec<Effect>) -> Vec<At> {
        let mut outcomes = Vec::new();
        for slot in 0..SLOTS {
            let engine = &mut self.engines[slot];
            // Nothing is started here: the schedule plans again and starts what is still wanted.
            if engine.restart_at_ms.take_if(|at| *at <= now_ms).is_some() {
                outcomes.push((slot, Outcome::Settled));
            }
            let Some(signal) = engine.life.look(now_ms) else { continue };
            match signal {
                // The slot is used again as if the process were gone; its memory may not be, which
                // the next reading of the free memory shows.
                Signal::GiveUp => {
                    let ending = WorkerEnding::from(Death::LeftAlone);
                    let generation = engine.generation;
                    outcomes.extend(self.worker_ended(now_ms, generation, &ending, effects));
                }
                signal => {
                    effects.push(send_signal(engine.generation, signal));
                    outcomes.push((slot, Outcome::Settled));
                }
            }
        }
        outcomes
    }

    pub(super) fn start(&mut self, now_ms: u64, slot: SlotId, effects: &mut Vec<Effect>) {
        self.generations += 1;
        let generation = self.generations;
        let engine = &mut self.engines[slot];
        engine.generation = generation;
        engine.life.enter(now_ms, Phase::Spawning);
        engine.restart_at_ms = None;
        effects.push(Effect::StartWorker { generation });
    }

    pub(super) fn load(&mut self, now_ms: u64, load: Load, effects: &mut Vec<Effect>) {
        let Load { slot, file, profile, measured } = load;
        // Written to the disk before the worker is asked: if the load takes the machine down, the
        // next host must find it.
        effects.push(Effect::LoadBegins(Suspect::of(&file).to_text()));
        let model_ref = file.path.to_string_lossy().into_owned();
        let chat_template = file.chat_template.clone();
        let params = LoadModelParams { model_ref, chat_template, profile, measured };
        self.call::<LoadModel>(now_ms, slot, Call::Load, &params, effects);
        // The slot counts as empty from here on, although the worker may hold the old model until
        // it reads this.
        let engine = &mut self.engines[slot];
        engine.loaded = None;
        engine.coming_draft = None;
        engine.prefix = Prefix::default();
        engine.loading = Some(Loading { file, profile, fraction: 0.0 });
        engine.life.enter(now_ms, Phase::Loading);
    }

    /// Unloads the model. The worker stays: it takes little memory, and saves the next load its
    /// start.
    pub(super) fn unload(&mut self, now_ms: u64, slot: SlotId, effects: &mut Vec<Effect>) {
        let engine = &mut self.engines[slot];
        engine.loaded = None;
        engine.coming_draft = None;
        engine.prefix = Prefix::default();
        engine.life.enter(now_ms, Phase::Empty);
        self.call::<UnloadModel>(now_ms, slot, Call::Unload, &Nothing {}, effects);
    }

    pub(super) fn ask(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        question: Question,
        effects: &mut Vec<Effect>,
    ) {
        self.engines[slot].used_ms = now_ms;
        let call = match question {
            Question::Count(texts) => {
                let params = CountTokensParams { texts };
                self.call::<CountTokens>(now_ms, slot, Call::Count, &params, effects)
            }
            Question::Generate(call, sampling) => {
                let GenerateCall { purpose, prompt, max_tokens, stop, draft, block_end, .. } =
                    *call;
                // A generation is identified by the number of its call, which `call` below counts
                // up to.
                let request_id = (self.calls + 1).unsigned_abs();
                let params = WorkerGenerateParams {
                    request_id,
                    purpose,
                    prompt,
                    sampling,
                    max_tokens,
                    stop,
                    draft,
                    plain: false,
                    block_end,
                };
                self.call::<WorkerGenerate>(now_ms, slot, Call::Generate, &params, effects)
            }
        };
        self.engines[slot].current = Some(call);
    }

    /// Asks the worker to stop the current call, whose answer is no longer needed. From now on
    /// nothing that it says of that call reaches a request; the slot takes the next one once the
    /// worker has answered the call itself, for which it has a limit of its own (`Draining`). Does
    /// nothing if no call is open.
    pub(super) fn cancel(&mut self, now_ms: u64, slot: SlotId, effects: &mut Vec<Effect>) {
        let engine = &mut self.engines[slot];
        // Taken even if the worker is being ended, so that the end is not taken for that of an
        // answer.
        let Some(call) = engine.current.take() else { return };
        // A worker that is being ended need not be asked.
        if engine.life.phase() != Phase::Busy {
            return;
        }
        engine.cancelled = Some(call);
        engine.life.enter(now_ms, Phase::Draining);
        let params = WorkerCancelParams { request_id: call.unsigned_abs() };
        self.call::<WorkerCancel>(now_ms, slot, Call::Cancel, &params, effects);
    }

    pub(super) fn release(&mut self, now_ms: u64, slot: SlotId) {
        self.engines[slot].used_ms = now_ms;
    }

    /// After an answer, the worker's cache holds the prompts' common beginning: its state is saved
    /// if none is kept yet.
    pub(super) fn save_prefix(&mut self, now_ms: u64, slot: SlotId, effects: &mut Vec<Effect>) {
        let engine = &mut self.engines[slot];
        // `Missing` alone: a state that was restored, or is being saved, is not saved again.
        if let (Prefix::Missing(key), Some(loaded)) = (&engine.prefix, &engine.loaded) {
            let params = SavePrefixParams { prompt: prefix::prompt(&loaded.file) };
            engine.prefix = Prefix::Saving(key.clone());
            self.call::<SavePrefix>(now_ms, slot, Call::SavePrefix, &params, effects);
        }
    }

    /// Counts a failure of a model as a crash even though its worker lives. The wait is not used:
    /// there is no process to start.
    pub(super) fn count_crash(&mut self, now_ms: u64, file: &ModelFile, profile: &LoadProfile) {
        let _ = self.budgets.crashed(&Run::of(file, profile), now_ms);
    }

    pub(super) fn forget_crashes(&mut self) {
        self.budgets.forget();
    }

    pub(super) fn outdate(&mut self, paths: &[std::path::PathBuf]) {
        for loaded in self.engines.iter_mut().filter_map(|engine| engine.loaded.as_mut()) {
            loaded.outdated |= paths.contains(&loaded.file.path);
        }
    }

    pub(super) fn leave(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        self.leaving = true;
        // This load ends because the host wants it, so the model is not suspect.
        if self.engines.iter().any(|engine| engine.loading.is_some()) {
            effects.push(Effect::LoadEnded);
        }
        for slot in 0..SLOTS {
            self.end(now_ms, slot, false, EndReason::HostLeaves, effects);
        }
    }

    pub(super) fn stay(&mut self) {
        self.leaving = false;
    }

    /// Ends a worker, at once or by asking first.
    fn end(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        at_once: bool,
        reason: EndReason,
        effects: &mut Vec<Effect>,
    ) {
        let engine = &mut self.engines[slot];
        if let Some(signal) = engine.life.end(now_ms, at_once, reason) {
            effects.push(send_signal(engine.generation, signal));
        }
    }

    fn call<R: Request>(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        call: Call,
        params: &R::Params,
        effects: &mut Vec<Effect>,
    ) -> i64 {
        self.calls += 1;
        let id = self.calls;
        let engine = &mut self.engines[slot];
        engine.life.record_request(now_ms);
        if call.is_for_a_job() {
            engine.life.enter(now_ms, Phase::Busy);
        }
        engine.calls.insert(id, call);
        let message = Message::request::<R>(id, params);
        effects.push(Effect::SendWorker { generation: engine.generation, message });
        id
    }

    /// The slot in which this incarnation runs. Messages and ends of processes are reported by the
    /// number, since by the time that they arrive another worker may be in the slot.
    fn of_generation(&self, generation: u64) -> Option<SlotId> {
        self.engines.iter().position(|engine| engine.running_generation() == Some(generation))
    }

    pub(super) fn worker_started(
        &mut self,
        now_ms: u64,
        generation: u64,
        result: Result<u32, ErrorInfo>,
        effects: &mut Vec<Effect>,
    ) -> Option<At> {
        let starts = |slot: &SlotId| self.engines[*slot].life.phase() == Phase::Spawning;
        let Some(slot) = self.of_generation(generation).filter(starts) else {
            return match result {
                // The start was given up, but the process came after all.
                // It was started too late to be of use, and nothing else would end it.
                Ok(_) => {
                    effects.push(Effect::KillWorker { generation });
                    None
                }
                Err(_) => self.worker_ended(now_ms, generation, &WorkerEnding::default(), effects),
            };
        };
        match result {
            Ok(_) => {
                self.engines[slot].life.enter(now_ms, Phase::Handshake);
                let worker = WorkerId { slot: u32::try_from(slot).unwrap_or(0), generation };
                let params = WorkerHelloParams {
                    worker_version: WORKER_VERSION,
                    worker,
                    heartbeat_ms: self.heartbeat_ms,
                };
                self.call::<WorkerHello>(now_ms, slot, Call::Hello, &params, effects);
                Some((slot, Outcome::Settled))
            }
            Err(error) => {
                self.engines[slot].life.enter(now_ms, Phase::Dead);
                Some((slot, Outcome::StartFailed(error)))
            }
        }
    }

    pub(super) fn worker_message(
        &mut self,
        now_ms: u64,
        generation: u64,
        message: Message,
        effects: &mut Vec<Effect>,
    ) -> Option<At> {
        let slot = self.of_generation(generation)?;
        let engine = &mut self.engines[slot];
        // The requests that it served are answered when it has ended; a late answer now would make
        // the slot ready for others.
        if engine.life.phase() == Phase::Stopping {
            return None;
        }
        let recovers = engine.life.is_unresponsive(now_ms);
        engine.life.record_message(now_ms);
        let outcome = match message {
            Message::Response { id: Id::Number(id), result } => {
                self.answered(now_ms, slot, id, result, effects)
            }
            Message::Notification { method, params } => {
                // All notifications carry the worker's number; those of an earlier worker do not
                // concern the one that runs now.
                let named = params.pointer("/worker/generation").and_then(Value::as_u64);
                let own = named == Some(generation);
                own.then(|| self.notified(now_ms, slot, &method, params)).flatten()
            }
            Message::Response { .. } | Message::Request { .. } => None,
        };
        // It was reported as unresponsive, which is no longer true.
        outcome.or(recovers.then_some(Outcome::Settled)).map(|outcome| (slot, outcome))
    }

    fn answered(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        id: i64,
        result: Result<Value, ErrorInfo>,
        effects: &mut Vec<Effect>,
    ) -> Option<Outcome> {
        let engine = &mut self.engines[slot];
        let call = engine.calls.remove(&id)?;
        // An answer of any kind is progress, also one that nobody waits for any more.
        engine.life.record_progress(now_ms);
        if engine.calls.is_empty() {
            engine.life.record_idle();
        }
        engine.cancelled.take_if(|cancelled| *cancelled == id);
        let is_current = engine.current.take_if(|current| *current == id).is_some();
        // Not while a cancelled call is open: the phase stays `Draining` until that one is
        // answered, and the answer to `cancel` itself changes nothing.
        if call.is_for_a_job() && engine.cancelled.is_none() {
            engine.life.enter(now_ms, Phase::Ready);
        }
        Some(match call {
            Call::Hello => self.greeted(now_ms, slot, result, effects),
            Call::Devices => {
                // If the question failed, the list stays empty, and the next worker that says hello
                // is asked.
                if let Ok(DevicesAnswer { devices, .. }) = read::<Devices>(result) {
                    self.devices = devices;
                }
                Outcome::Settled
            }
            Call::Load => self.load_answered(now_ms, slot, result, effects)?,
            Call::LoadDraft => self.draft_answered(slot, result)?,
            Call::UnloadDraft => Outcome::Unloaded,
            Call::RestorePrefix => {
                self.prefix_restored(slot, result);
                Outcome::Settled
            }
            Call::SavePrefix => {
                self.prefix_saved(slot, result, effects);
                Outcome::Settled
            }
            Call::Count if is_current => match read::<CountTokens>(result) {
                Ok(CountTokensAnswer { counts, .. }) => Outcome::Counted(counts),
                Err(error) => Outcome::Failed(error),
            },
            Call::Generate if is_current => match read::<WorkerGenerate>(result) {
                Ok(answer) => self.generated(slot, answer),
                Err(error) => Outcome::Failed(error),
            },
            Call::Unload => {
                if result.is_err() {
                    // Its memory is promised to others, so it must be free.
                    self.end(now_ms, slot, true, EndReason::MemoryKept, effects);
                }
                Outcome::Unloaded
            }
            // Nobody waits for the words of a cancelled call, but a request may wait for the slot.
            Call::Cancel | Call::Count | Call::Generate => Outcome::Settled,
        })
    }

    fn generated(&mut self, slot: SlotId, answer: WorkerGenerateAnswer) -> Outcome {
        if let Some(loaded) = &mut self.engines[slot].loaded {
            loaded.held_tokens = answer.held_tokens;
        }
        Outcome::Generated(Box::new(answer))
    }

    fn greeted(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        result: Result<Value, ErrorInfo>,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        let failure = match read::<WorkerHello>(result) {
            Ok(hello) if hello.worker_version == WORKER_VERSION => {
                let engine = &mut self.engines[slot];
                let WorkerHelloAnswer { pid, llama_build, confined, .. } = hello;
                engine.greeting = Some(Greeting { pid, llama_build, confined });
                engine.life.enter(now_ms, Phase::Empty);
                // Once for all workers, which run on the same machine.
                if self.devices.is_empty() {
                    self.call::<Devices>(now_ms, slot, Call::Devices, &Nothing {}, effects);
                }
                return Outcome::Settled;
            }
            Ok(hello) => errors::worker_version(hello.worker_version, WORKER_VERSION),
            Err(error) => error,
        };
        // Another version stays another version: starting it again would not help.
        self.end(now_ms, slot, false, EndReason::OtherVersion, effects);
        Outcome::StartFailed(failure)
    }

    fn load_answered(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        result: Result<Value, ErrorInfo>,
        effects: &mut Vec<Effect>,
    ) -> Option<Outcome> {
        let engine = &mut self.engines[slot];
        let loading = engine.loading.take()?;
        effects.push(Effect::LoadEnded);
        let answer = match read::<LoadModel>(result) {
            Ok(answer) => answer,
            Err(error) => {
                engine.life.enter(now_ms, Phase::Empty);
                if error.code == ErrorCode::Internal {
                    // Whether it holds the model is not known.
                    self.end(now_ms, slot, true, EndReason::MalformedAnswer, effects);
                }
                return Some(Outcome::LoadFailed { loading: Box::new(loading), error });
            }
        };
        let LoadModelAnswer { context_tokens, device, memory, .. } = answer;
        let Loading { file, profile, .. } = loading;
        engine.life.enter(now_ms, Phase::Ready);
        engine.used_ms = now_ms;
        engine.loaded = Some(Loaded {
            file: file.clone(),
            profile,
            context_tokens,
            memory,
            held_tokens: 0,
            device,
            outdated: false,
            draft: None,
        });
        self.look_for_prefix(slot, effects);
        Some(Outcome::Loaded { file: Box::new(file), profile, memory })
    }

    fn look_for_prefix(&mut self, slot: SlotId, effects: &mut Vec<Effect>) {
        let engine = &mut self.engines[slot];
        let (Some(loaded), Some(greeting)) = (&engine.loaded, &engine.greeting) else { return };
        let Loaded { device, file, profile, .. } = loaded;
        let key = prefix::key(&greeting.llama_build, device, (file, profile));
        effects.push(Effect::FindPrefix { generation: engine.generation, key: key.clone() });
        engine.prefix = Prefix::Looking(key);
    }

    pub(super) fn prefix_found(
        &mut self,
        now_ms: u64,
        (generation, key): (u64, &str),
        bytes: Option<u64>,
        effects: &mut Vec<Effect>,
    ) -> Option<At> {
        let slot = self.of_generation(generation)?;
        let engine = &self.engines[slot];
        let loaded = engine.loaded.as_ref()?;
        // Another model may have been loaded while the shell was looking.
        if !matches!(&engine.prefix, Prefix::Looking(it) if it == key) {
            return None;
        }
        self.engines[slot].prefix = match bytes {
            Some(bytes) => {
                let params = RestorePrefixParams { prompt: prefix::prompt(&loaded.file), bytes };
                self.call::<RestorePrefix>(now_ms, slot, Call::RestorePrefix, &params, effects);
                Prefix::Restoring(key.to_owned())
            }
            None => Prefix::Missing(key.to_owned()),
        };
        Some((slot, Outcome::Settled))
    }

    fn prefix_restored(&mut self, slot: SlotId, result: Result<Value, ErrorInfo>) {
        let prefix = &mut self.engines[slot].prefix;
        let Prefix::Restoring(key) = std::mem::take(prefix) else { return };
        if prefix::answer(result).is_none_or(|answer| answer.tokens == 0) {
            // It belongs to another vocabulary or template than expected, so a new one is saved.
            *prefix = Prefix::Missing(key);
        }
    }

    fn prefix_saved(
        &mut self,
        slot: SlotId,
        result: Result<Value, ErrorInfo>,
        effects: &mut Vec<Effect>,
    ) {
        let engine = &mut self.engines[slot];
        let Prefix::Saving(key) = std::mem::take(&mut engine.prefix) else { return };
        // Zero tokens: the cache does not hold the beginning, so there is nothing to keep; the next
        // load tries again.
        if let Some(answer) = prefix::answer(result).filter(|answer| answer.tokens > 0) {
            let (generation, bytes) = (engine.generation, answer.bytes);
            effects.push(Effect::KeepPrefix { generation, key, bytes });
        }
    }

    fn notified(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        method: &str,
        params: Value,
    ) -> Option<Outcome> {
        let engine = &mut self.engines[slot];
        let is_current = |call: u64| engine.current.is_some_and(|id| id.unsigned_abs() == call);
        match method {
            Token::METHOD => {
                let TokenParams { request_id, text, .. } = serde_json::from_value(params).ok()?;
                // Recorded for a cancelled call, too: a worker that still writes does not hang.
                engine.life.record_token(now_ms);
                is_current(request_id).then_some(Outcome::Text(text))
            }
            Heartbeat::METHOD => {
                let HeartbeatParams { progress, .. } = serde_json::from_value(params).ok()?;
                engine.life.record_heartbeat(now_ms, progress);
                None
            }
            PrefillProgress::METHOD => {
                engine.life.record_progress(now_ms);
                let PrefillProgressParams { request_id, done_tokens, total_tokens, .. } =
                    serde_json::from_value(params).ok()?;
                #[expect(clippy::cast_precision_loss, reason = "a fraction to show")]
                let fraction = done_tokens as f32 / total_tokens.max(1) as f32;
                let is_progress = total_tokens > 0 && is_current(request_id);
                is_progress.then_some(Outcome::PrefillProgress(fraction.clamp(0.0, 1.0)))
            }
            LoadProgress::METHOD => {
                engine.life.record_progress(now_ms);
                let LoadProgressParams { fraction, .. } = serde_json::from_value(params).ok()?;
                let loading = engine.loading.as_mut()?;
                loading.fraction = fraction.clamp(0.0, 1.0);
                Some(Outcome::LoadProgress(loading.fraction))
            }
            _ => None,
        }
    }

    /// A process has ended: by itself, by a signal of ours, or because it could not be ended and is
    /// given up. Everything that was in it is taken out of the slot, and with the phase `Dead` its
    /// number names nothing any more, so that late messages, or a second report of the same end,
    /// find no slot.
    ///
    /// An end that the host wanted is not a crash and counts nowhere. Any other is counted for the
    /// model and the way in which it was run, whatever the reason, and that count decides whether
    /// another worker is started; what becomes of the requests is the schedule's decision, for
    /// which the outcome says what was lost and what the worker was doing.
    pub(super) fn worker_ended(
        &mut self,
        now_ms: u64,
        generation: u64,
        ending: &WorkerEnding,
        effects: &mut Vec<Effect>,
    ) -> Option<At> {
        let slot = self.of_generation(generation)?;
        let engine = &mut self.engines[slot];
        let doing = if engine.is_starting() {
            Doing::Starting
        } else if engine.loading.is_some() {
            Doing::Loading
        } else if engine.current.is_some() {
            Doing::Answering
        } else if engine.greeting.is_none() {
            Doing::Starting
        } else {
            Doing::Nothing
        };
        // Read before `Dead` is entered, which forgets it.
        let reason = engine.life.end_reason();
        let had_draft = engine.coming_draft.take().is_some();
        let had_draft = had_draft || engine.loaded.as_ref().is_some_and(|it| it.draft.is_some());
        let lost = engine.loaded.take().map(|loaded| (loaded.file, loaded.profile));
        let loading = engine.loading.take();
        engine.life.enter(now_ms, Phase::Dead);
        engine.greeting = None;
        engine.prefix = Prefix::default();
        engine.calls.clear();
        (engine.current, engine.cancelled) = (None, None);
        if loading.is_some() {
            effects.push(Effect::LoadEnded);
        }
        if self.leaving || reason == Some(EndReason::HostLeaves) {
            return Some((slot, Outcome::Left));
        }
        // The model that was being loaded is the one that is blamed; a worker without any has a
        // budget of its own.
        let ran = loading.as_ref().map(|it| Run::of(&it.file, &it.profile));
        let ran = ran.or(lost.as_ref().map(|(file, profile)| Run::of(file, profile)));
        let run = ran.unwrap_or_default();
        let restarts = self.plan_restart(now_ms, slot, &run);
        // If the host ended it, its own reason says more than the signal that it sent.
        let killed = reason.map(|it| WorkerEnding::from(Death::Ended(it.to_string())));
        let error = errors::worker_ended(doing, killed.as_ref().unwrap_or(ending), restarts);
        // After the crash was counted, so that this one is included.
        let recent_crashes = self.budgets.recent(&run, now_ms);
        let died = Died { doing, lost, had_draft, loading, error, restarts, recent_crashes };
        Some((slot, Outcome::Died(Box::new(died))))
    }

    fn plan_restart(&mut self, now_ms: u64, slot: SlotId, run: &Run) -> bool {
        let Some(wait) = self.budgets.crashed(run, now_ms) else { return false };
        let spread = wait * JITTER_PERCENT / 100;
        // From `wait - spread` to `wait + spread`.
        let jitter = u64::from(self.random.next()) % (2 * spread + 1);
        self.engines[slot].restart_at_ms = Some(now_ms + wait - spread + jitter);
        true
    }
}

fn send_signal(generation: u64, signal: Signal) -> Effect {
    match signal {
        Signal::Stop => Effect::StopWorker { generation },
        Signal::Terminate => Effect::TerminateWorker { generation },
        // Giving up is not a signal: nothing more is sent.
        Signal::Kill | Signal::GiveUp => Effect::KillWorker { generation },
    }
}

fn read<R: Request>(result: Result<Value, ErrorInfo>) -> Result<R::Answer, ErrorInfo>
where
    R::Answer: DeserializeOwned,
{
    serde_json::from_value(result?)
        .map_err(|error| errors::malformed_worker_answer(R::METHOD, &error))
}
