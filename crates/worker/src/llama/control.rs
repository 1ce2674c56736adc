//! What a computation and the threads around it report to each other: that it is to end, and that
//! it makes progress. llama.cpp asks between the nodes of a graph, so on a CPU both work within a
//! step; a GPU asks less often. Everything here takes a few instructions and never waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Control {
    abort: AtomicBool,
    progress: AtomicU64,
}

impl Control {
    pub(crate) fn set_abort(&self, abort: bool) {
        self.abort.store(abort, Ordering::Release);
    }

    pub(crate) fn abort_asked(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }

    pub(crate) fn advance(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }
}
