//! What reader and engine share: the connection to the host, the worker's name, and which
//! generation is running. Every lock is held for a few instructions.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use localcoder_protocol::{Confined, ErrorCode, ErrorInfo, HEARTBEAT_MS, Notification, WorkerId};
use localcoder_transport::handover::{Handed, Taker};
use localcoder_transport::{Id, Message, Outbox};

use super::heartbeat::OpenJobs;
use crate::llama::Control;
use crate::process;

#[derive(Debug)]
pub(crate) struct Shared {
    outbox: Outbox,
    models: Option<Taker>,
    confined: Confined,
    worker: Mutex<Option<WorkerId>>,
    running: Mutex<Option<u64>>,
    /// Asks the running generation to end, which is done only under the lock of `running`; and
    /// counts its progress.
    control: Arc<Control>,
    open_jobs: OpenJobs,
    heartbeat_ms: AtomicU64,
    loaded: AtomicBool,
}

impl Shared {
    /// Nothing is loaded, nothing is running, and the host has not said hello.
    pub(crate) fn new(outbox: Outbox, models: Option<Taker>, confined: Confined) -> Self {
        Self {
            outbox,
            models,
            confined,
            worker: Mutex::new(None),
            running: Mutex::new(None),
            control: Arc::default(),
            open_jobs: OpenJobs::default(),
            heartbeat_ms: AtomicU64::new(HEARTBEAT_MS),
            loaded: AtomicBool::new(false),
        }
    }

    pub(super) fn confined(&self) -> &Confined {
        &self.confined
    }

    /// The file that the host has passed for a request; `None` if it passed none.
    pub(super) fn given_with(&self, request: &Id) -> Option<Handed> {
        let Id::Number(number) = request else { return None };
        self.models.as_ref()?.take(*number).ok()
    }

    /// Sends a message, waiting for a slow host. Without a host there is nothing left to do.
    pub(crate) fn send(&self, message: Message) {
        if self.outbox.send_waiting(message).is_err() {
            process::end(0);
        }
    }

    pub(crate) fn notify<N: Notification>(&self, params: &N::Params) {
        self.send(Message::notification::<N>(params));
    }

    /// Sends a message that may be lost, if there is room for it.
    pub(super) fn send_if_room(&self, message: Message) {
        let _ = self.outbox.send(message);
    }

    pub(super) fn open_jobs(&self) -> &OpenJobs {
        &self.open_jobs
    }

    pub(crate) fn job_ended(&self) {
        self.open_jobs.end();
    }

    /// Takes the name that the host gives this worker, and how often the host wants a heartbeat.
    pub(crate) fn introduce(&self, worker: WorkerId, heartbeat_ms: u64) {
        // Before the name, which says that the hello was heard. Zero would make the heartbeat's
        // thread spin.
        self.heartbeat_ms.store(heartbeat_ms.max(1), Ordering::Release);
        *lock(&self.worker) = Some(worker);
    }

    pub(super) fn heartbeat_interval(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms.load(Ordering::Acquire))
    }

    pub(crate) fn is_introduced(&self) -> bool {
        lock(&self.worker).is_some()
    }

    pub(crate) fn worker(&self) -> WorkerId {
        // Nothing that needs the name is done before the hello.
        lock(&self.worker).unwrap_or(WorkerId { slot: 0, generation: 0 })
    }

    /// Notes that a generation runs from now on, and fails if one does already: there is one
    /// session and one flag for cancels. Called by the reader when the request arrives, not when
    /// the engine comes to it, so that a cancel finds a generation that still waits.
    pub(crate) fn generation_started(&self, request_id: u64) -> Result<(), ErrorInfo> {
        let mut running = lock(&self.running);
        if let Some(other) = *running {
            return Err(ErrorInfo::new(
                ErrorCode::Busy,
                format!("the worker is busy with generation {other}"),
            )
            .with_hint("wait for it to end, or cancel it"));
        }
        // Under the lock the flag is cleared too: a cancel that comes after this is for this
        // generation.
        *running = Some(request_id);
        self.control.set_abort(false);
        Ok(())
    }

    pub(crate) fn generation_ended(&self) {
        let mut running = lock(&self.running);
        *running = None;
        self.control.set_abort(false);
    }

    /// Asks a generation to end; false if it is not the one that is running.
    pub(crate) fn cancel(&self, request_id: u64) -> bool {
        // The lock is held while the flag is set: otherwise the generation could end in between,
        // and the flag would end the next one.
        let running = lock(&self.running);
        let found = *running == Some(request_id);
        if found {
            self.control.set_abort(true);
        }
        found
    }

    /// What is shared with the running computation: the request to end, and its progress.
    pub(crate) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Whether a generation is running or waiting.
    pub(crate) fn is_busy(&self) -> bool {
        lock(&self.running).is_some()
    }

    pub(crate) fn set_loaded(&self, loaded: bool) {
        self.loaded.store(loaded, Ordering::Release);
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic ends the process, so nothing runs that could see a poisoned lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_reaches_the_running_generation_only() {
        let shared =
            Shared::new(Outbox::memory(1).0, None, localcoder_protocol::Confined::default());
        let control = shared.control();
        assert!(!shared.cancel(1));
        shared.generation_started(1).unwrap();
        assert_eq!(shared.generation_started(2).unwrap_err().code, ErrorCode::Busy);
        assert!(!shared.cancel(2) && !control.abort_asked());
        assert!(shared.cancel(1) && control.abort_asked());
        shared.generation_ended();
        assert!(!shared.cancel(1) && !control.abort_asked());
        shared.generation_started(2).unwrap();
        assert!(shared.is_busy() && !control.abort_asked());
    }
}
