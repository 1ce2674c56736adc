//! The worker and the model in it: started, greeted, loaded, watched, and started again when it
//! dies. Which request uses it is decided in `run`.

use std::collections::BTreeMap;

use localcoder_protocol::{
    ErrorInfo, LoadModel, LoadModelAnswer, LoadModelParams, LoadProfile, LoadProgress,
    LoadProgressParams, MemoryUse, Nothing, Notification, Ping, PrefillProgress, Request, Token,
    WORKER_VERSION, WorkerCancel, WorkerCancelParams, WorkerHello, WorkerHelloAnswer,
    WorkerHelloParams, WorkerId,
};
use localcoder_transport::{Id, Message};
use serde_json::Value;

use super::errors::{self, Doing};
use super::event::{Effect, WorkerEnding};
use super::prefix::Prefix;
use super::{Host, job::Job, job::Step, job::Work};
use crate::ModelFile;

/// A busy worker is asked this often whether its request loop runs.
const PING_EVERY_MS: u64 = 2_000;
/// Without an answer for this long it is killed (policy: 10 s without a sign of life).
const PING_DEADLINE_MS: u64 = 10_000;
/// A cancelled generation must have ended by then, or the worker is killed.
const CANCEL_DEADLINE_MS: u64 = 10_000;
/// Clock jumps of this size between two events mean that the machine or this process slept, and
/// silence during sleep is no hang.
const SLEEP_MS: u64 = 5_000;
/// Waits before the first, second and third start after a crash (policy).
const BACKOFF_MS: [u64; 3] = [250, 1_000, 4_000];
/// Crashes within this time count against the budget of `BACKOFF_MS.len()` automatic starts.
const CRASH_WINDOW_MS: u64 = 5 * 60 * 1_000;

/// How far the worker process is.
#[derive(Debug, Default, PartialEq, Eq)]
enum WorkerState {
    #[default]
    None,
    Starting,
    Greeting {
        pid: u32,
    },
    Up {
        pid: u32,
        llama_build: String,
    },
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
}

#[derive(Debug)]
struct Loading {
    file: ModelFile,
    profile: LoadProfile,
    fraction: f32,
}

/// What an answer of the worker belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Hello,
    Load,
    RestorePrefix,
    SavePrefix,
    Job,
    Ping,
    Cancel,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Engine {
    generation: u64,
    worker: WorkerState,
    loaded: Option<Loaded>,
    loading: Option<Loading>,
    calls: BTreeMap<i64, Call>,
    last_call: i64,
    /// What is known of the state that the loaded model could begin with.
    pub(super) prefix: Prefix,
    /// The last failure, until something works again.
    pub(super) failed: Option<ErrorInfo>,
    crashes_ms: Vec<u64>,
    restart_at_ms: Option<u64>,
    /// A cancelled call that the worker has not ended yet, and since when.
    stale: Option<(i64, u64)>,
    ping_sent_ms: Option<u64>,
    pinged_ms: u64,
    seen_ms: u64,
    /// Why we killed it, where we did.
    killed_because: Option<&'static str>,
}

/// What stands between a job and the model it wants.
pub(super) enum Readiness {
    Ready(Box<Loaded>),
    Wait { loading: Option<f32> },
    StartWorker,
    Load,
}

impl Engine {
    pub(super) fn running_generation(&self) -> Option<u64> {
        (self.worker != WorkerState::None).then_some(self.generation)
    }

    pub(super) fn worker(&self) -> Option<(u32, &str)> {
        match &self.worker {
            WorkerState::Up { pid, llama_build } => Some((*pid, llama_build)),
            _ => None,
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn is_starting(&self) -> bool {
        matches!(self.worker, WorkerState::Starting | WorkerState::Greeting { .. })
    }

    /// A crash was counted and the next start is only waiting for its time.
    pub(super) fn restarts_soon(&self) -> bool {
        self.worker == WorkerState::None && self.restart_at_ms.is_some()
    }

    pub(super) fn loaded(&self) -> Option<&Loaded> {
        self.loaded.as_ref()
    }

    /// Notes what the KV cache holds.
    pub(super) fn holds(&mut self, tokens: u32) {
        if let Some(loaded) = &mut self.loaded {
            loaded.held_tokens = tokens;
        }
    }

    pub(super) fn loading_fraction(&self) -> Option<f32> {
        self.loading.as_ref().map(|loading| loading.fraction)
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        if self.killed_because.is_some() {
            // Its end is all that is awaited now.
            return self.restart_at_ms;
        }
        let ping = self.busy().then(|| match self.ping_sent_ms {
            Some(sent) => sent + PING_DEADLINE_MS,
            None => self.pinged_ms + PING_EVERY_MS,
        });
        // While a ping is out, wake often enough to tell sleep from silence.
        let awake = self.ping_sent_ms.map(|_| self.seen_ms + PING_EVERY_MS);
        let stale = self.stale.map(|(_, since)| since + CANCEL_DEADLINE_MS);
        [ping, awake, stale, self.restart_at_ms].into_iter().flatten().min()
    }

    fn busy(&self) -> bool {
        matches!(self.worker, WorkerState::Up { .. })
            && self.calls.values().any(|call| matches!(call, Call::Job | Call::Load))
    }

    /// What must be done next for this file and profile to be loaded.
    pub(super) fn readiness(&self, file: &ModelFile, profile: &LoadProfile) -> Readiness {
        match &self.worker {
            WorkerState::None if self.restart_at_ms.is_some() => Readiness::Wait { loading: None },
            WorkerState::None => Readiness::StartWorker,
            WorkerState::Starting | WorkerState::Greeting { .. } => {
                Readiness::Wait { loading: None }
            }
            WorkerState::Up { .. } if self.stale.is_some() || self.prefix.is_awaited() => {
                Readiness::Wait { loading: None }
            }
            WorkerState::Up { .. } => match (&self.loading, &self.loaded) {
                (Some(loading), _) => Readiness::Wait { loading: Some(loading.fraction) },
                (None, Some(loaded)) if loaded.file == *file && loaded.profile == *profile => {
                    Readiness::Ready(Box::new(loaded.clone()))
                }
                _ => Readiness::Load,
            },
        }
    }
}

impl Host {
    pub(super) fn start_worker(&mut self) {
        self.engine.generation += 1;
        self.engine.worker = WorkerState::Starting;
        self.engine.restart_at_ms = None;
        self.engine.killed_because = None;
        self.effects.push(Effect::StartWorker { generation: self.engine.generation });
    }

    pub(super) fn call_worker<R: Request>(&mut self, call: Call, params: &R::Params) -> i64 {
        self.engine.last_call += 1;
        let id = self.engine.last_call;
        self.engine.calls.insert(id, call);
        let generation = self.engine.generation;
        let message = Message::request::<R>(id, params);
        self.effects.push(Effect::SendWorker { generation, message });
        id
    }

    /// The number the next call will have; a generation is named by it.
    pub(super) fn next_call(&self) -> i64 {
        self.engine.last_call + 1
    }

    /// Calls the worker for the active job.
    pub(super) fn call_for_job<R: Request>(&mut self, params: &R::Params) -> i64 {
        self.call_worker::<R>(Call::Job, params)
    }

    pub(super) fn load_model(&mut self, file: ModelFile, profile: LoadProfile) {
        let measured = self.known(&file, &profile);
        let model_ref = file.path.to_string_lossy().into_owned();
        let chat_template = file.chat_template.clone();
        let params = LoadModelParams { model_ref, chat_template, profile, measured };
        self.call_worker::<LoadModel>(Call::Load, &params);
        self.engine.loaded = None;
        self.engine.prefix = Prefix::default();
        self.engine.loading = Some(Loading { file, profile, fraction: 0.0 });
    }

    /// Tells the worker to stop a call whose answer nobody waits for any more.
    pub(super) fn cancel_call(&mut self, call: i64) {
        if self.engine.calls.get(&call) != Some(&Call::Job) {
            return;
        }
        self.engine.stale = Some((call, self.now_ms));
        let params = WorkerCancelParams { request_id: call.unsigned_abs() };
        self.call_worker::<WorkerCancel>(Call::Cancel, &params);
    }

    pub(super) fn worker_started(&mut self, generation: u64, result: Result<u32, ErrorInfo>) {
        if generation != self.engine.generation || self.engine.worker != WorkerState::Starting {
            return;
        }
        match result {
            Ok(pid) => {
                self.engine.worker = WorkerState::Greeting { pid };
                let worker = WorkerId { slot: 0, generation };
                let params = WorkerHelloParams { worker_version: WORKER_VERSION, worker };
                self.call_worker::<WorkerHello>(Call::Hello, &params);
            }
            Err(error) => {
                self.engine.worker = WorkerState::None;
                self.engine.failed = Some(error.clone());
                self.fail_active(error);
            }
        }
    }

    pub(super) fn worker_message(&mut self, generation: u64, message: Message) {
        if generation != self.engine.generation || self.engine.worker == WorkerState::None {
            return;
        }
        // Any message is a sign of life.
        self.engine.ping_sent_ms = None;
        match message {
            Message::Response { id: Id::Number(id), result } => self.worker_answer(id, result),
            Message::Notification { method, params } => self.worker_notification(&method, params),
            Message::Response { .. } | Message::Request { .. } => {}
        }
    }

    fn worker_answer(&mut self, id: i64, result: Result<Value, ErrorInfo>) {
        if self.engine.stale.is_some_and(|(call, _)| call == id) {
            self.engine.stale = None;
        }
        match self.engine.calls.remove(&id) {
            Some(Call::Hello) => self.worker_greeted(result),
            Some(Call::Load) => self.model_loaded(result),
            Some(Call::RestorePrefix) => self.prefix_restored(result),
            Some(Call::SavePrefix) => self.prefix_saved(result),
            Some(Call::Job) => self.job_answered(id, result),
            Some(Call::Ping | Call::Cancel) | None => {}
        }
    }

    fn worker_greeted(&mut self, result: Result<Value, ErrorInfo>) {
        let greeting = result.and_then(|value| {
            serde_json::from_value::<WorkerHelloAnswer>(value)
                .map_err(|error| errors::worker_nonsense(WorkerHello::METHOD, &error))
        });
        let failure = match greeting {
            Ok(hello) if hello.worker_version == WORKER_VERSION => {
                self.engine.worker =
                    WorkerState::Up { pid: hello.pid, llama_build: hello.llama_build };
                self.engine.pinged_ms = self.now_ms;
                return;
            }
            Ok(hello) => errors::worker_version(hello.worker_version, WORKER_VERSION),
            Err(error) => error,
        };
        // Another version stays another version: starting it again would not help.
        self.engine.failed = Some(failure.clone());
        self.fail_active(failure);
        self.kill_worker("it is of another version");
    }

    fn model_loaded(&mut self, result: Result<Value, ErrorInfo>) {
        let Some(loading) = self.engine.loading.take() else { return };
        let answer = result.and_then(|value| {
            serde_json::from_value::<LoadModelAnswer>(value)
                .map_err(|error| errors::worker_nonsense(LoadModel::METHOD, &error))
        });
        match answer {
            Ok(answer) => {
                self.engine.failed = None;
                self.engine.loaded = Some(Loaded {
                    file: loading.file,
                    profile: loading.profile,
                    context_tokens: answer.context_tokens,
                    memory: answer.memory,
                    held_tokens: 0,
                    device: answer.device,
                });
                self.look_for_prefix();
            }
            Err(error) => {
                self.engine.failed = Some(error.clone());
                let wanted = self.active.as_ref().and_then(|job| job.file.as_ref());
                if wanted == Some(&loading.file) {
                    self.fail_active(error);
                }
            }
        }
    }

    fn worker_notification(&mut self, method: &str, params: Value) {
        if method == LoadProgress::METHOD {
            let progress = serde_json::from_value::<LoadProgressParams>(params);
            if let (Ok(progress), Some(loading)) = (progress, self.engine.loading.as_mut()) {
                loading.fraction = progress.fraction.clamp(0.0, 1.0);
            }
        } else if method == PrefillProgress::METHOD {
            if let Ok(progress) = serde_json::from_value(params) {
                self.prefill_progress(progress);
            }
        } else if method == Token::METHOD
            && let Ok(token) = serde_json::from_value(params)
        {
            self.token(&token);
        }
    }

    pub(super) fn kill_worker(&mut self, because: &'static str) {
        if self.engine.killed_because.is_none()
            && let Some(generation) = self.engine.running_generation()
        {
            self.engine.killed_because = Some(because);
            self.effects.push(Effect::KillWorker { generation });
        }
    }

    pub(super) fn worker_ended(&mut self, generation: u64, ending: &WorkerEnding) {
        if generation != self.engine.generation || self.engine.worker == WorkerState::None {
            return;
        }
        let step = self.active.as_ref().map(|job| job.step);
        let doing = match step {
            _ if self.engine.is_starting() => Doing::Starting,
            _ if self.engine.loading.is_some() => Doing::Loading,
            Some(Step::Counting | Step::Generating) => Doing::Answering,
            _ => Doing::Nothing,
        };
        let killed = self.engine.killed_because.map(errors::worker_hung);
        let had_model = self.engine.loaded.take().is_some();
        self.engine.worker = WorkerState::None;
        self.engine.loading = None;
        self.engine.prefix = Prefix::default();
        self.engine.calls.clear();
        self.engine.stale = None;
        self.engine.ping_sent_ms = None;
        if self.exited {
            return;
        }
        let restart = self.plan_restart();
        let error = errors::worker_ended(doing, killed.as_ref().unwrap_or(ending), restart);
        self.engine.failed = Some(error.clone());
        if matches!(step, Some(Step::NeedsModel | Step::Counting | Step::Generating)) {
            self.fail_active(error);
        }
        if restart && had_model && self.active.is_none() && self.queue.is_empty() {
            // The window should say "ready" again without being asked.
            self.queue_job(Job::new(None, Id::Number(0), None, None, Work::Warm));
        }
    }

    /// Counts the crash and says whether the worker is started again by itself.
    fn plan_restart(&mut self) -> bool {
        let now = self.now_ms;
        self.engine.crashes_ms.retain(|at| now - at < CRASH_WINDOW_MS);
        self.engine.crashes_ms.push(now);
        let Some(wait) = BACKOFF_MS.get(self.engine.crashes_ms.len() - 1) else { return false };
        self.engine.restart_at_ms = Some(now + wait);
        true
    }

    /// Called at every event: restarts that are due, hangs.
    pub(super) fn watch_worker(&mut self) {
        let slept = self.now_ms - self.engine.seen_ms > SLEEP_MS;
        self.engine.seen_ms = self.now_ms;
        if self.engine.restart_at_ms.is_some_and(|at| at <= self.now_ms) {
            self.engine.restart_at_ms = None;
        }
        if let Some((call, since)) = self.engine.stale {
            if slept {
                self.engine.stale = Some((call, self.now_ms));
            } else if self.now_ms >= since + CANCEL_DEADLINE_MS {
                self.kill_worker("it did not stop when it was told to");
            }
        }
        match self.engine.ping_sent_ms {
            Some(_) if slept => self.engine.ping_sent_ms = Some(self.now_ms),
            Some(sent) if self.now_ms >= sent + PING_DEADLINE_MS => {
                self.kill_worker("it gave no sign of life for 10 seconds");
            }
            None if self.engine.busy() && self.now_ms >= self.engine.pinged_ms + PING_EVERY_MS => {
                self.engine.ping_sent_ms = Some(self.now_ms);
                self.engine.pinged_ms = self.now_ms;
                self.call_worker::<Ping>(Call::Ping, &Nothing {});
            }
            _ => {}
        }
    }
}
