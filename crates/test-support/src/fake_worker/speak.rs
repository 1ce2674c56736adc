//! The fake worker's side of the protocol: its streams, its heartbeats, and whatever is answered at
//! once. Each sender writes its own frames, so that everything sent before a death has really been
//! written.

use std::io::{Write as _, stdin, stdout};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use localcoder_protocol::{
    BUILD_ID, CancelAnswer, Confined, ErrorCode, ErrorInfo, Heartbeat, HeartbeatParams, Ping,
    PingAnswer, Request, WORKER_VERSION, WorkerCancel, WorkerHello, WorkerHelloAnswer, WorkerId,
};
use localcoder_transport::{Id, Message, spawn_reader, spawn_thread, write_frame};
use serde_json::Value;

use super::Plan;
use super::misbehave::{Done, misbehave, quit};
use super::script::{Moment, Note};

/// The interval of heartbeats before the host's hello has set it.
const NOT_GREETED: u64 = 0;

pub(super) type Job = (Id, String, Value);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Plan,
    worker: Mutex<WorkerId>,
    beat_ms: AtomicU64,
    pub(super) open_jobs: AtomicUsize,
    pub(super) progress: AtomicU64,
    pub(super) loaded: AtomicBool,
    pub(super) silent: AtomicBool,
    pub(super) ignores_cancel: AtomicBool,
    /// The generation that is running; 0 if none is.
    pub(super) running: AtomicU64,
    pub(super) cancelled: AtomicU64,
}

impl Shared {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            worker: Mutex::new(WorkerId { slot: 0, generation: 0 }),
            beat_ms: AtomicU64::new(NOT_GREETED),
            open_jobs: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
            loaded: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            ignores_cancel: AtomicBool::new(false),
            running: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
        }
    }

    pub(super) fn worker(&self) -> WorkerId {
        *lock(&self.worker)
    }

    pub(super) fn send(&self, message: &Message) {
        self.write_frame(&message.to_bytes());
    }

    pub(super) fn write_frame(&self, body: &[u8]) {
        if write_frame(&mut stdout().lock(), body).is_err() {
            // The host is gone, so there is nothing left to do.
            quit(0);
        }
    }

    pub(super) fn write_raw(&self, bytes: &[u8]) {
        let mut stdout = stdout().lock();
        let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
    }

    pub(super) fn answer<R: Request>(&self, id: Id, result: Result<R::Answer, ErrorInfo>) {
        self.send(&Message::answer::<R>(id, result));
    }

    pub(super) fn note(&self, word: &str) {
        if let Some(counter) = &self.plan.counter {
            Note::leave(counter, false, word);
        }
    }

    pub(super) fn reach(&self, is: impl Fn(Moment) -> bool, request_id: u64) -> Done {
        match self.plan.next_fault(is) {
            Some(fault) => misbehave(self, fault, request_id),
            None => Done::GoOn,
        }
    }

    /// Misbehaves likewise, at a moment that can only be passed or refused.
    pub(super) fn pass(&self, moment: Moment, request_id: u64) -> Result<(), ErrorInfo> {
        match self.reach(|it| it == moment, request_id) {
            Done::Refuse(error) => Err(error),
            Done::GoOn | Done::WrongVersion => Ok(()),
        }
    }
}

pub(super) fn start(shared: &Arc<Shared>, jobs: Sender<Job>) -> std::io::Result<()> {
    let reading = Arc::clone(shared);
    spawn_reader("host", stdin(), move |message| {
        // A frozen process does not read either, so its pipe fills up, as the host has to bear.
        if reading.silent.load(Ordering::Acquire) {
            loop {
                std::thread::park();
            }
        }
        match message {
            Some(Ok(Message::Request { id, method, params })) => {
                take(&reading, &jobs, id, method, params);
            }
            Some(_) => {}
            None => quit(0),
        }
        true
    })?;
    let beating = Arc::clone(shared);
    spawn_thread("heartbeat", move || beat(&beating)).map(drop)
}

fn beat(shared: &Shared) {
    while !shared.silent.load(Ordering::Acquire) {
        let beat_ms = shared.beat_ms.load(Ordering::Acquire);
        // 0 before the hello, which would spin.
        std::thread::sleep(Duration::from_millis(beat_ms.max(1)));
        // Only with something to do, as the real worker; and not if it has frozen during the sleep.
        if shared.open_jobs.load(Ordering::Acquire) > 0 && !shared.silent.load(Ordering::Acquire) {
            let progress = shared.progress.load(Ordering::Acquire);
            let params = HeartbeatParams { worker: shared.worker(), progress };
            shared.send(&Message::notification::<Heartbeat>(&params));
        }
    }
}

fn take(shared: &Shared, jobs: &Sender<Job>, id: Id, method: String, params: Value) {
    if method == WorkerHello::METHOD {
        greet(shared, id, params);
    } else if method == Ping::METHOD {
        let (loaded, running) = (&shared.loaded, &shared.running);
        let answer = PingAnswer {
            worker: shared.worker(),
            loaded: loaded.load(Ordering::Acquire),
            busy: running.load(Ordering::Acquire) != 0,
        };
        shared.answer::<Ping>(id, Ok(answer));
    } else if method == WorkerCancel::METHOD {
        let wanted = params["requestId"].as_u64().unwrap_or(0);
        // 0 is what `running` holds while nothing runs, so it would be found.
        let found = wanted != 0 && shared.running.load(Ordering::Acquire) == wanted;
        if found && !shared.ignores_cancel.load(Ordering::Acquire) {
            shared.cancelled.store(wanted, Ordering::Release);
        }
        shared.note("cancel");
        shared.answer::<WorkerCancel>(id, Ok(CancelAnswer { found }));
    } else {
        // Counted by the reader and not by the engine: heartbeats begin while a job still waits.
        shared.open_jobs.fetch_add(1, Ordering::AcqRel);
        if method == "generate" {
            // Set here, since a cancel may be the very next message.
            shared.running.store(params["requestId"].as_u64().unwrap_or(0), Ordering::Release);
        }
        let _ = jobs.send((id, method, params));
    }
}

fn greet(shared: &Shared, id: Id, params: Value) {
    let Ok(params) = serde_json::from_value::<<WorkerHello as Request>::Params>(params) else {
        let error = ErrorInfo::new(ErrorCode::Protocol, "this hello is malformed");
        return shared.answer::<WorkerHello>(id, Err(error));
    };
    *lock(&shared.worker) = params.worker;
    shared.beat_ms.store(params.heartbeat_ms, Ordering::Release);
    let other = match shared.reach(|it| it == Moment::Handshake, 0) {
        Done::Refuse(error) => return shared.answer::<WorkerHello>(id, Err(error)),
        Done::WrongVersion => 1,
        Done::GoOn => 0,
    };
    shared.note("hello");
    let answer = WorkerHelloAnswer {
        worker_version: WORKER_VERSION + other,
        build_id: BUILD_ID.to_owned(),
        pid: std::process::id(),
        llama_build: "fake".to_owned(),
        confined: Confined { calls: true, files: true, why: None },
        worker: params.worker,
    };
    shared.answer::<WorkerHello>(id, Ok(answer));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
