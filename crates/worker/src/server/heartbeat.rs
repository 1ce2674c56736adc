//! The thread that tells the host that this process is alive and how far the computation is, while
//! any request is unanswered. It never waits: not for the engine, not for a host that does not
//! read. While there is no request it sleeps, and a laptop may, too.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use localcoder_protocol::{Heartbeat, HeartbeatParams};
use localcoder_transport::Message;

use super::Shared;

/// How many requests wait for the engine or are being worked on.
#[derive(Debug, Default)]
pub(super) struct OpenJobs {
    count: Mutex<usize>,
    changed: Condvar,
}

impl OpenJobs {
    pub(super) fn begin(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_sub(1);
        self.changed.notify_all();
    }

    /// Waits until a request is open, and then for an interval or until none is open.
    fn wait(&self, interval: impl FnOnce() -> Duration) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.changed.wait_while(count, |count| *count == 0);
        let count = count.unwrap_or_else(PoisonError::into_inner);
        let _ = self.changed.wait_timeout_while(count, interval(), |count| *count > 0);
    }

    fn any(&self) -> bool {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) > 0
    }
}

/// Starts the thread; it ends with the process.
pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<()> {
    let beat = move || {
        loop {
            shared.open_jobs().wait(|| shared.heartbeat_interval());
            // The wait ends early when the last request is answered, and then nothing is to be
            // said.
            if !shared.open_jobs().any() {
                continue;
            }
            let params =
                HeartbeatParams { worker: shared.worker(), progress: shared.control().progress() };
            shared.send_if_room(Message::notification::<Heartbeat>(&params));
        }
    };
    std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).map(drop)
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::WorkerId;
    use localcoder_transport::Outbox;

    use super::*;

    #[test]
    fn it_beats_with_the_progress_while_something_is_open_and_only_then() {
        let (outbox, sent) = Outbox::memory(1);
        let shared = Arc::new(Shared::new(outbox, None, localcoder_protocol::Confined::default()));
        start(Arc::clone(&shared)).unwrap();
        shared.introduce(WorkerId { slot: 0, generation: 1 }, 5);
        assert!(sent.recv_timeout(Duration::from_millis(50)).is_err(), "nothing is open");
        shared.open_jobs().begin();
        shared.control().advance();
        for _ in 0..3 {
            let Message::Notification { params, .. } =
                sent.recv_timeout(Duration::from_secs(10)).unwrap()
            else {
                panic!("a heartbeat is a notification");
            };
            assert_eq!(params["progress"], 1);
        }
        shared.open_jobs().end();
        // A heartbeat may be under way.
        let _ = sent.recv_timeout(Duration::from_millis(50));
        assert!(sent.recv_timeout(Duration::from_millis(50)).is_err(), "nothing is open any more");
    }
}
