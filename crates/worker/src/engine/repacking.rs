//! Loads the model a second time while the first copy answers, with weights rearranged for the
//! processor's kernels, if that makes it faster: a 7B answers after one second and has its full
//! speed a quarter of a minute later, when no request is waiting.
//!
//! Runs on a thread of low priority that pauses while the engine generates. The engine
//! takes the model over between two jobs (`mod.rs`).

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use localcoder_protocol::limits::REPACKED_MODEL_BYTES_MIN;

use crate::llama::{Backend, Log, Model, ModelParams, repacking_pays};
use crate::process::log;
use crate::server::Shared;

/// Loading continues once nothing was generated for this long: after a start, and between two
/// requests of a user who is waiting, the processor is theirs.
const QUIET: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Memory that must stay free in addition to the second copy of the weights.
const FREE_BYTES_MIN: u64 = 2 * 1024 * 1024 * 1024;

pub(super) struct Outcome {
    /// Whether repacking makes this model faster, for the next worker to know.
    pub(super) pays: bool,
    /// The model, if repacking is worth it and the model could be loaded.
    pub(super) model: Option<Model>,
}

/// A load in progress. Dropping it ends it.
pub(super) struct Repacking {
    outcome: Receiver<Outcome>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Repacking {
    /// Starts the load; `None` for small models that were not measured, if repacking is known not
    /// to pay, if memory is short, or if the system has no thread for it. `known` is what an
    /// earlier worker has measured of this model. None of this is an error: the mapped weights
    /// answer too.
    pub(super) fn start(
        backend: Backend,
        shared: &Arc<Shared>,
        file: File,
        model_bytes: u64,
        threads: u32,
        known: Option<bool>,
    ) -> Option<Self> {
        if !known.unwrap_or(model_bytes >= REPACKED_MODEL_BYTES_MIN) {
            return None;
        }
        if crate::memory::free_bytes().is_some_and(|free| free < model_bytes + FREE_BYTES_MIN) {
            log(
                "weights stay as they are in the file: there is not enough memory for another copy",
            );
            return None;
        }
        let (sender, outcome) = bounded(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let shared = Arc::clone(shared);
        let work = move || {
            crate::process::give_way();
            // A lack of memory here is not one of the answer that is being computed meanwhile.
            Log::set_aside();
            wait_for_quiet(&shared, &stopped);
            // Measured only when it is quiet: next to a generation the times would say nothing.
            let pays = known.unwrap_or_else(|| repacking_pays(backend, &file, threads));
            let params = ModelParams { gpu_layers: Some(0), repack: true };
            // llama.cpp asks after each tensor, so this is where the load stands still for a
            // generation and where it can be ended.
            let go_on = |_| {
                if shared.is_busy() {
                    wait_for_quiet(&shared, &stopped);
                }
                !stopped.load(Ordering::Acquire)
            };
            let model = pays.then(|| Model::load(backend, &file, params, go_on).ok()).flatten();
            // The engine may have another model by now.
            let _ = sender.send(Outcome { pays, model });
        };
        let thread = std::thread::Builder::new().name("repacking".to_owned()).spawn(work).ok()?;
        Some(Self { outcome, stop, thread: Some(thread) })
    }

    pub(super) fn outcome(&self) -> &Receiver<Outcome> {
        &self.outcome
    }
}

fn wait_for_quiet(shared: &Shared, stopped: &AtomicBool) {
    // Counted from now even if nothing runs: right after a start the first request is on its way.
    let mut since = Instant::now();
    while since.elapsed() < QUIET && !stopped.load(Ordering::Acquire) {
        std::thread::sleep(LOOK_EVERY);
        if shared.is_busy() {
            since = Instant::now();
        }
    }
}

impl Drop for Repacking {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The file may be about to be replaced, and the memory is wanted: wait for the thread,
        // which ends within one tensor.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
