//! Asks a host for its status throughout a trial: it must always answer, and stay the same process.
//! Also notes when a worker that has misbehaved is gone. Started by trials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use localcoder_test_support::fake_worker::{Note, unix_ns};

use super::client::Caller;
use super::processes;
use super::trial::Installation;
use super::verdict::Verdict;

/// The status must arrive within this time, whatever the engine does.
const STATUS_WITHIN: Duration = Duration::from_secs(1);
const STATUS_EVERY: Duration = Duration::from_millis(20);

pub(super) struct Watcher {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Watched>,
}

#[derive(Debug, Default)]
pub(super) struct Watched {
    slowest: Duration,
    wrong: Option<String>,
    /// When the process of the worker with the first fault was gone.
    pub(super) gone_ns: Option<u128>,
}

impl Watcher {
    pub(super) fn start(installation: &Installation) -> Result<Self> {
        // Without a hello: the status must be answered to anybody.
        let mut caller = Caller::connect(&installation.home())?;
        let (notes, pid) = (installation.notes(), installation.host_pid());
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut watched = Watched::default();
            // The first wrong status ends it; all later ones would be wrong, too.
            while !stop.load(Ordering::Acquire) && watched.wrong.is_none() {
                let begun = Instant::now();
                match caller.status() {
                    Ok(status) if status.pid == pid => {}
                    Ok(status) => watched.wrong = Some(format!("the host is {}", status.pid)),
                    Err(error) => watched.wrong = Some(format!("no status: {error}")),
                }
                watched.slowest = watched.slowest.max(begun.elapsed());
                if watched.gone_ns.is_none()
                    // Polled, because the process is not our child; this is at most one round late.
                    && let Some(note) = Note::read(&notes).iter().find(|note| note.is_fault)
                    && !processes::runs(note.pid)
                {
                    watched.gone_ns = Some(unix_ns());
                }
                std::thread::sleep(STATUS_EVERY);
            }
            watched
        });
        Ok(Self { ended, thread })
    }

    pub(super) fn finish(self, verdict: &mut Verdict) -> Watched {
        self.ended.store(true, Ordering::Release);
        let mut watched = self.thread.join().unwrap_or_default();
        if let Some(wrong) = watched.wrong.take() {
            verdict.fail(wrong);
        }
        if watched.slowest > STATUS_WITHIN {
            verdict.fail(format!("a status took {:?}", watched.slowest));
        }
        watched
    }
}
