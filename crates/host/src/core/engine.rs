//! A worker and the model in it: started, greeted, loaded, unloaded. Which request uses it is
//! decided in `waiting` and `run`, what is done about silence and crashes in `watch`.

use std::collections::BTreeMap;

use localcoder_protocol::{
    Device, Devices, DevicesAnswer, ErrorCode, ErrorInfo, Heartbeat, HeartbeatParams, LoadModel,
    LoadModelAnswer, LoadModelParams, LoadProfile, LoadProgress, LoadProgressParams, MemoryUse,
    Nothing, Notification, PrefillProgress, Request, Speed, Token, UnloadModel, WORKER_VERSION,
    WorkerCancel, WorkerCancelParams, WorkerHello, WorkerHelloAnswer, WorkerHelloParams, WorkerId,
};
use localcoder_transport::{Id, Message};
use serde_json::Value;

use super::event::{Effect, WorkerEnding};
use super::lifecycle::{Lifecycle, Phase};
use super::prefix::Prefix;
use super::slots::SlotId;
use super::{Host, USELESS_MAX, errors};
use crate::ModelFile;

/// What a worker has said of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) pid: u32,
    pub(super) llama_build: String,
}

/// A model in the worker.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) file: ModelFile,
    pub(super) profile: LoadProfile,
    pub(super) context_tokens: u32,
    pub(super) memory: MemoryUse,
    /// Tokens in its KV cache after the last answer.
    pub(super) held_tokens: u32,
    pub(super) device: String,
    /// Whether it is to be loaded otherwise when it is wanted next.
    pub(super) outdated: bool,
    /// In its last answer.
    pub(super) speed: Option<Speed>,
}

#[derive(Debug)]
pub(super) struct Loading {
    pub(super) file: ModelFile,
    pub(super) profile: LoadProfile,
    pub(super) fraction: f32,
}

/// What an answer of the worker belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Hello,
    Devices,
    Load,
    Unload,
    RestorePrefix,
    SavePrefix,
    Job,
    Cancel,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Engine {
    pub(super) generation: u64,
    pub(super) life: Lifecycle,
    pub(super) greeting: Option<Greeting>,
    pub(super) loaded: Option<Loaded>,
    pub(super) loading: Option<Loading>,
    pub(super) calls: BTreeMap<i64, Call>,
    /// What is known of the state that the loaded model could begin with.
    pub(super) prefix: Prefix,
    /// When the model was used last, or loaded.
    pub(super) used_ms: u64,
    /// When it may be started again after a crash.
    pub(super) restart_at_ms: Option<u64>,
    /// A cancelled call that the worker has not ended yet.
    pub(super) stale: Option<i64>,
}

impl Engine {
    pub(super) fn running_generation(&self) -> Option<u64> {
        (self.life.phase() != Phase::Dead).then_some(self.generation)
    }

    pub(super) fn worker(&self) -> Option<(u32, &str)> {
        let Greeting { pid, llama_build } = self.greeting.as_ref()?;
        Some((*pid, llama_build))
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self.life.phase(), Phase::Spawning | Phase::Handshake)
    }

    pub(super) fn loading_fraction(&self) -> Option<f32> {
        self.loading.as_ref().map(|loading| loading.fraction)
    }

    pub(super) fn awaits(&self, wanted: &[Call]) -> bool {
        self.calls.values().any(|call| wanted.contains(call))
    }

    /// Whether nothing is computed in it, and nothing comes or goes.
    pub(super) fn is_idle(&self) -> bool {
        use Call::{Job, Load, RestorePrefix, SavePrefix, Unload};
        self.life.phase() == Phase::Ready
            && self.stale.is_none()
            && !self.prefix.is_awaited()
            && !self.awaits(&[Job, Load, Unload, RestorePrefix, SavePrefix])
    }
}

impl Host {
    pub(super) fn start_worker(&mut self, slot: SlotId) {
        let generation = self.slots.new_generation();
        let engine = &mut self.slots[slot];
        engine.generation = generation;
        engine.life.enter(self.now_ms, Phase::Spawning);
        engine.restart_at_ms = None;
        self.effects.push(Effect::StartWorker { generation });
    }

    pub(super) fn call_worker<R: Request>(
        &mut self,
        slot: SlotId,
        call: Call,
        params: &R::Params,
    ) -> i64 {
        let id = self.slots.new_call();
        let engine = &mut self.slots[slot];
        engine.life.asked(self.now_ms);
        if call == Call::Job {
            engine.life.enter(self.now_ms, Phase::Busy);
        }
        engine.calls.insert(id, call);
        let generation = engine.generation;
        let message = Message::request::<R>(id, params);
        self.effects.push(Effect::SendWorker { generation, message });
        id
    }

    pub(super) fn load_model(&mut self, slot: SlotId, file: ModelFile, profile: LoadProfile) {
        self.load_begins(&file);
        let measured = self.known(slot, &file, &profile);
        let model_ref = file.path.to_string_lossy().into_owned();
        let chat_template = file.chat_template.clone();
        let params = LoadModelParams { model_ref, chat_template, profile, measured };
        self.call_worker::<LoadModel>(slot, Call::Load, &params);
        let engine = &mut self.slots[slot];
        engine.loaded = None;
        engine.prefix = Prefix::default();
        engine.loading = Some(Loading { file, profile, fraction: 0.0 });
        engine.life.enter(self.now_ms, Phase::Loading);
    }

    /// Gives the memory back. The worker stays: it takes little, and the next load is sooner.
    pub(super) fn unload_model(&mut self, slot: SlotId) {
        let engine = &mut self.slots[slot];
        engine.loaded = None;
        engine.prefix = Prefix::default();
        engine.life.enter(self.now_ms, Phase::Empty);
        for job in self.queue.iter_mut().filter(|job| job.slot == Some(slot)) {
            job.slot = None;
        }
        self.call_worker::<UnloadModel>(slot, Call::Unload, &Nothing {});
    }

    /// Tells the worker to stop a call whose answer nobody waits for any more.
    pub(super) fn cancel_call(&mut self, call: i64) {
        let Some(slot) = self.slots.of_call(call) else { return };
        let engine = &self.slots[slot];
        // One that is being ended needs no more of it.
        let computes = engine.life.phase() == Phase::Busy;
        if !computes || engine.calls.get(&call) != Some(&Call::Job) {
            return;
        }
        self.slots[slot].stale = Some(call);
        self.slots[slot].life.enter(self.now_ms, Phase::Draining);
        let params = WorkerCancelParams { request_id: call.unsigned_abs() };
        self.call_worker::<WorkerCancel>(slot, Call::Cancel, &params);
    }

    pub(super) fn worker_started(&mut self, generation: u64, result: Result<u32, ErrorInfo>) {
        let slot = self.slots.of_generation(generation);
        let starts = slot.filter(|slot| self.slots[*slot].life.phase() == Phase::Spawning);
        let Some(slot) = starts else {
            match result {
                // It is not wanted any more, and came after all.
                Ok(_) => self.effects.push(Effect::KillWorker { generation }),
                Err(_) => self.worker_ended(generation, &WorkerEnding::default()),
            }
            return;
        };
        match result {
            Ok(_) => {
                self.slots[slot].life.enter(self.now_ms, Phase::Handshake);
                let worker = WorkerId { slot: u32::try_from(slot).unwrap_or(0), generation };
                let params = WorkerHelloParams {
                    worker_version: WORKER_VERSION,
                    worker,
                    heartbeat_ms: self.config.heartbeat_ms,
                };
                self.call_worker::<WorkerHello>(slot, Call::Hello, &params);
            }
            Err(error) => {
                self.slots[slot].life.enter(self.now_ms, Phase::Dead);
                self.failed = Some(error.clone());
                self.fail_waiting_for(slot, &error);
            }
        }
    }

    pub(super) fn worker_message(&mut self, generation: u64, message: Message) {
        let Some(slot) = self.slots.of_generation(generation) else { return };
        if self.slots[slot].life.phase() == Phase::Stopping {
            return;
        }
        self.slots[slot].life.heard(self.now_ms);
        match message {
            Message::Response { id: Id::Number(id), result } => {
                self.worker_answer(slot, id, result);
            }
            Message::Notification { method, params } => {
                // All of them carry the worker's name; another's is not for what runs now.
                let named = params.pointer("/worker/generation").and_then(Value::as_u64);
                if named == Some(generation) {
                    self.worker_notification(slot, &method, params);
                }
            }
            Message::Response { .. } | Message::Request { .. } => {}
        }
    }

    fn worker_answer(&mut self, slot: SlotId, id: i64, result: Result<Value, ErrorInfo>) {
        let engine = &mut self.slots[slot];
        let call = engine.calls.remove(&id);
        if call.is_none() {
            // Nothing was asked by that number.
            return;
        }
        engine.life.moved(self.now_ms);
        if engine.calls.is_empty() {
            engine.life.rests();
        }
        if engine.stale == Some(id) {
            engine.stale = None;
        }
        if call == Some(Call::Job) && engine.stale.is_none() {
            engine.life.enter(self.now_ms, Phase::Ready);
        }
        match call {
            Some(Call::Hello) => self.worker_greeted(slot, result),
            Some(Call::Devices) => self.devices_told(result),
            Some(Call::Load) => self.model_loaded(slot, result),
            Some(Call::RestorePrefix) => self.prefix_restored(slot, result),
            Some(Call::SavePrefix) => self.prefix_saved(slot, result),
            Some(Call::Job) => self.job_answered(id, result),
            Some(Call::Unload) => self.unloaded(slot, &result),
            Some(Call::Cancel) | None => {}
        }
    }

    fn unloaded(&mut self, slot: SlotId, result: &Result<Value, ErrorInfo>) {
        if result.is_err() {
            // Its memory is given to others, so it must be free.
            self.end_worker(slot, true, "it did not give its memory back");
        }
        // What is free now is another number than before.
        self.look_again();
    }

    fn worker_greeted(&mut self, slot: SlotId, result: Result<Value, ErrorInfo>) {
        let greeting = result.and_then(|value| {
            serde_json::from_value::<WorkerHelloAnswer>(value)
                .map_err(|error| errors::worker_nonsense(WorkerHello::METHOD, &error))
        });
        let failure = match greeting {
            Ok(hello) if hello.worker_version == WORKER_VERSION => {
                let engine = &mut self.slots[slot];
                let (pid, llama_build) = (hello.pid, hello.llama_build);
                engine.greeting = Some(Greeting { pid, llama_build });
                engine.life.enter(self.now_ms, Phase::Empty);
                if self.devices.is_empty() {
                    self.call_worker::<Devices>(slot, Call::Devices, &Nothing {});
                }
                return;
            }
            Ok(hello) => errors::worker_version(hello.worker_version, WORKER_VERSION),
            Err(error) => error,
        };
        // Another version stays another version: starting it again would not help.
        self.failed = Some(failure.clone());
        self.fail_waiting_for(slot, &failure);
        self.end_worker(slot, false, "it is of another version");
    }

    fn devices_told(&mut self, result: Result<Value, ErrorInfo>) {
        let answer = result.ok().and_then(|value| serde_json::from_value(value).ok());
        if let Some(DevicesAnswer { devices, .. }) = answer {
            self.devices = devices;
        }
    }

    /// The GPU that a load with this profile uses.
    pub(super) fn gpu_of(&self, profile: &LoadProfile) -> Option<&Device> {
        let wants = profile.gpu_layers != Some(0);
        self.devices.iter().find(|device| wants && device.gpu)
    }

    fn model_loaded(&mut self, slot: SlotId, result: Result<Value, ErrorInfo>) {
        let Some(loading) = self.slots[slot].loading.take() else { return };
        self.load_ended();
        let answer = result.and_then(|value| {
            serde_json::from_value::<LoadModelAnswer>(value)
                .map_err(|error| errors::worker_nonsense(LoadModel::METHOD, &error))
        });
        match answer {
            Ok(answer) => {
                self.failed = None;
                self.unloaded = None;
                self.note_memory(&loading.file, &loading.profile, answer.memory);
                let engine = &mut self.slots[slot];
                engine.life.enter(self.now_ms, Phase::Ready);
                engine.used_ms = self.now_ms;
                engine.loaded = Some(Loaded {
                    file: loading.file,
                    profile: loading.profile,
                    context_tokens: answer.context_tokens,
                    memory: answer.memory,
                    held_tokens: 0,
                    device: answer.device,
                    outdated: false,
                    speed: None,
                });
                self.look_for_prefix(slot);
                // Less is free now than those who wait have seen.
                self.look_again();
            }
            Err(error) => {
                let nonsense = error.code == ErrorCode::Internal;
                self.load_failed(slot, &loading, error);
                if nonsense {
                    // It may hold the model, or not.
                    self.end_worker(slot, true, "its answer made no sense");
                }
            }
        }
    }

    fn load_failed(&mut self, slot: SlotId, loading: &Loading, error: ErrorInfo) {
        self.slots[slot].life.enter(self.now_ms, Phase::Empty);
        if self.falls_back_to_cpu(&loading.profile, &error)
            || self.loads_with_less(slot, loading, &error)
        {
            self.look_again();
            return;
        }
        let error = match error.code {
            ErrorCode::OutOfMemory => self.out_of_steps(&loading.file, error),
            _ => error,
        };
        self.failed = Some(error.clone());
        self.fail_waiting_for(slot, &error);
        if matches!(error.code, ErrorCode::ModelDamaged | ErrorCode::ModelUnsupported) {
            self.ladder.lost(std::slice::from_ref(&loading.file.info.reference));
            self.fail_waiting_with(&loading.file, &error);
            self.useless.push_back(loading.file.clone());
            if self.useless.len() > USELESS_MAX {
                self.useless.pop_front();
            }
        }
    }

    fn worker_notification(&mut self, slot: SlotId, method: &str, params: Value) {
        let now = self.now_ms;
        if method == Heartbeat::METHOD {
            if let Ok(HeartbeatParams { progress, .. }) = serde_json::from_value(params) {
                self.slots[slot].life.beat(now, progress);
            }
        } else if method == LoadProgress::METHOD {
            self.slots[slot].life.moved(now);
            let progress = serde_json::from_value::<LoadProgressParams>(params);
            if let (Ok(progress), Some(loading)) = (progress, self.slots[slot].loading.as_mut()) {
                loading.fraction = progress.fraction.clamp(0.0, 1.0);
            }
        } else if method == PrefillProgress::METHOD {
            self.slots[slot].life.moved(now);
            if let Ok(progress) = serde_json::from_value(params)
                && self.is_of_active(slot)
            {
                self.prefill_progress(progress);
            }
        } else if method == Token::METHOD
            && let Ok(token) = serde_json::from_value(params)
        {
            self.slots[slot].life.wrote(now);
            if self.is_of_active(slot) {
                self.token(&token);
            }
        }
    }

    /// Ends a worker, at once or by asking first.
    pub(super) fn end_worker(&mut self, slot: SlotId, at_once: bool, because: &'static str) {
        if let Some(order) = self.slots[slot].life.end(self.now_ms, at_once, because) {
            self.follow(slot, order);
        }
    }
}
