//! A worker's process in the world: started, asked, sending heartbeats while it has something to
//! do, and finally gone. What it does about each call is drawn in `calls` and carried out in
//! `steps`.

use localcoder_host::core::{Death, Event, WorkerEnding};
use localcoder_protocol::{ErrorCode, ErrorInfo, MemoryUse, WorkerId};
use localcoder_transport::{Id, Message};
use serde_json::{Value, json};

use crate::broken::Outcome;
use crate::faults::Fault;
use crate::world::World;
use crate::world_event::WorldEvent;

pub(crate) use localcoder_protocol::limits::HEARTBEAT_MS as BEAT_EVERY_MS;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Hello,
    Devices,
    Load,
    LoadDraft,
    UnloadDraft,
    Unload,
    Count,
    Generate,
    Save,
    Restore,
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Fine,
    Fails(ErrorCode),
    Nonsense,
    /// The answer carries another number, so it is not delivered.
    Lost,
    Dies,
    /// The process freezes: it no longer reads or writes.
    Silent,
    /// The call never ends, though the process lives.
    Stalls,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// Index into [`crate::store::SPECS`].
    pub(crate) model: usize,
    pub(crate) memory: MemoryUse,
    pub(crate) window: u32,
    pub(crate) on_gpu: bool,
    pub(crate) loaded: bool,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: i64,
    pub(crate) method: Method,
    pub(crate) ending: Ending,
    /// How many messages come before the end.
    pub(crate) steps: u64,
    /// How many of these are about reading the prompt.
    pub(crate) reads: u64,
    pub(crate) done: u64,
    pub(crate) pace_ms: u64,
    pub(crate) stalled: bool,
    pub(crate) cancelled_ms: Option<u64>,
    /// The request whose mark is in the prompt; 0 for none.
    pub(crate) mark: u64,
    pub(crate) texts: Vec<usize>,
    pub(crate) useless: bool,
}

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) generation: u64,
    pub(crate) alive: bool,
    pub(crate) reported_up: bool,
    pub(crate) reported_gone: bool,
    pub(crate) killed: bool,
    pub(crate) stopping: bool,
    pub(crate) silent: bool,
    pub(crate) refused: bool,
    pub(crate) beats: bool,
    progress: u64,
    pub(crate) slow: u64,
    pub(crate) calls: Vec<Call>,
    pub(crate) resident: Option<Resident>,
    pub(crate) draft: Option<MemoryUse>,
    pub(crate) lowered: Vec<&'static str>,
    pub(crate) lowered_under: u64,
    /// When the host last received anything from it, or asked it something while it was idle:
    /// silence counts from then, since an idle worker sends no heartbeats.
    pub(crate) sign_ms: u64,
}

impl Worker {
    pub(crate) fn new(generation: u64, now_ms: u64, slow: u64) -> Self {
        Self {
            generation,
            alive: true,
            reported_up: false,
            reported_gone: false,
            killed: false,
            stopping: false,
            silent: false,
            refused: false,
            beats: false,
            progress: 0,
            slow,
            calls: Vec::new(),
            resident: None,
            draft: None,
            lowered: Vec::new(),
            lowered_under: 0,
            sign_ms: now_ms,
        }
    }

    pub(crate) fn id(&self) -> WorkerId {
        WorkerId { slot: 0, generation: self.generation }
    }

    /// The number of its process, as the start and its greeting tell the host.
    pub(crate) fn pid(&self) -> u32 {
        500 + u32::try_from(self.generation).unwrap_or(0)
    }

    pub(crate) fn has_work(&self) -> bool {
        self.calls.iter().any(|call| call.method != Method::Cancel)
    }

    pub(crate) fn stops_since_ms(&self) -> Option<u64> {
        self.calls.iter().filter_map(|call| call.cancelled_ms).min()
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.calls.iter().any(|call| call.stalled)
    }
}

impl World {
    pub(crate) fn worker_starts(&mut self, generation: u64) -> Outcome {
        let fails = self.strikes(Fault::StartFails);
        if !fails && self.strikes(Fault::EndsFirst) {
            self.worker_dies(generation);
            self.report_worker_end(generation)?;
        }
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        worker.sign_ms = self.now_ms;
        let result = if fails {
            worker.alive = false;
            // A start that failed is its own report: no end of this worker follows.
            worker.reported_gone = true;
            self.check_failed_start()?;
            Err(ErrorInfo::new(ErrorCode::WorkerStart, "the worker can't be started"))
        } else {
            worker.reported_up = true;
            Ok(worker.pid())
        };
        self.deliver(Event::WorkerStarted { generation, result })
    }

    pub(crate) fn worker_dies(&mut self, generation: u64) {
        let after_death = self.strikes(Fault::AfterDeath);
        let Some(worker) = self.workers.get_mut(&generation).filter(|it| it.alive) else { return };
        self.trace.say(self.now_ms, || format!("*** worker {generation} is gone"));
        worker.alive = false;
        (worker.resident, worker.draft) = (None, None);
        let said = after_death.then(|| last_words(worker));
        let ms = self.random.up_to_ms(400);
        // The host learns of the end a little later, and may speak to the dead worker until then.
        self.later(ms, WorldEvent::WorkerEndReported(generation));
        for message in said.into_iter().flatten() {
            // Later than the report of the end: what a pipe still holds may be read after the
            // process was reaped, and the host must drop it by its generation.
            let after = ms + self.random.up_to_ms(2_000);
            let message = Box::new(message);
            self.later(after, WorldEvent::WorkerSays { generation, message });
        }
    }

    pub(crate) fn report_worker_end(&mut self, generation: u64) -> Outcome {
        let out_of_memory = self.strikes(Fault::EndedForMemory);
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        // A start that failed and an end before the start report the end themselves, and the
        // process's own end is still on the agenda: the host's shell reports each end once.
        if std::mem::replace(&mut worker.reported_gone, true) {
            return Ok(());
        }
        worker.calls.clear();
        // A kill of the host's own can't be the system's for lack of memory, and must not be
        // reported as such: the host would then try with less.
        let of_memory = out_of_memory && !worker.killed;
        let death = if of_memory { Death::OutOfMemory } else { Death::Signal(9) };
        let ending = WorkerEnding { death, last_lines: vec!["last words".to_owned()] };
        self.supervision.ended += 1;
        self.deliver(Event::WorkerEnded { generation, ending })
    }

    /// While a worker has something to do, it sends heartbeats that also say whether it makes
    /// progress.
    pub(crate) fn worker_beats(&mut self, generation: u64) -> Outcome {
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        // A lost answer leaves the worker idle in its own eyes, so it stops beating, and the host
        // must notice the silence.
        let works = worker.calls.iter().any(|call| !call.is_lost());
        if !worker.alive || worker.silent || !works {
            worker.beats = false;
            return Ok(());
        }
        if !worker.is_stalled() {
            worker.progress += 1;
        }
        let params = json!({"worker": worker.id(), "progress": worker.progress});
        self.later(BEAT_EVERY_MS, WorldEvent::WorkerBeats(generation));
        self.says(generation, notification("heartbeat", params))
    }

    pub(crate) fn begins_to_beat(&mut self, generation: u64) {
        let Some(worker) = self.workers.get_mut(&generation) else { return };
        if !std::mem::replace(&mut worker.beats, true) {
            self.later(BEAT_EVERY_MS, WorldEvent::WorkerBeats(generation));
        }
    }

    pub(crate) fn says(&mut self, generation: u64, message: Message) -> Outcome {
        if let Some(worker) = self.workers.get_mut(&generation) {
            worker.sign_ms = self.now_ms;
        }
        self.deliver(Event::WorkerMessage { generation, message })
    }

    pub(crate) fn worker_freezes(&mut self, generation: u64) {
        self.trace.say(self.now_ms, || format!("*** worker {generation} freezes"));
        if let Some(worker) = self.workers.get_mut(&generation) {
            worker.silent = true;
        }
    }
}

impl Call {
    /// Whether the worker believes that it has answered: its answer went out under another number.
    /// To the host the call is still open.
    pub(crate) fn is_lost(&self) -> bool {
        self.ending == Ending::Lost && self.stalled
    }
}

fn last_words(worker: &Worker) -> Vec<Message> {
    let mut words = Vec::new();
    for call in &worker.calls {
        let text = format!("{} ", crate::marks::of_request(call.mark));
        words.push(token(worker.id(), call.id.unsigned_abs(), &text));
        words.push(answer(call.id, Ok(json!({"worker": worker.id()}))));
    }
    words
}

pub(crate) fn token(worker: WorkerId, request_id: u64, text: &str) -> Message {
    notification("token", json!({"worker": worker, "requestId": request_id, "text": text}))
}

pub(crate) fn notification(method: &str, params: Value) -> Message {
    Message::Notification { method: method.to_owned(), params }
}

pub(crate) fn answer(id: i64, result: Result<Value, ErrorInfo>) -> Message {
    Message::Response { id: Id::Number(id), result }
}
