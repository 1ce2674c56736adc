//! The threads that compute products, and what they keep between two. Parts of the work go to
//! whoever is free, so that a thread which the system has put aside holds up nothing but its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use localcoder_kernels::{Codes, Scratch};
use rayon_core::{ThreadPool, ThreadPoolBuilder};

/// One thread until it is told how many.
#[derive(Default)]
pub(super) struct Team {
    pub(super) codes: Codes,
    /// All but the caller's own.
    others: Option<ThreadPool>,
    scratches: Vec<Scratch>,
}

impl Team {
    /// Threads in all, the caller's included.
    pub(super) fn set_threads(&mut self, threads: usize) {
        let threads = threads.max(1);
        if self.scratches.len() == threads {
            return;
        }
        self.scratches.resize_with(threads, Scratch::default);
        let name = |index| format!("kernels-{index}");
        // Without the others the caller does it all.
        self.others = (threads > 1)
            .then(|| ThreadPoolBuilder::new().num_threads(threads - 1).thread_name(name).build())
            .and_then(Result::ok);
    }

    /// Does each of so many parts once, on all threads.
    pub(super) fn share(
        &mut self,
        parts: usize,
        work: impl Fn(&Codes, usize, &mut Scratch) + Sync,
    ) {
        if self.scratches.is_empty() {
            self.set_threads(1);
        }
        let next = AtomicUsize::new(0);
        let codes = &self.codes;
        let take = |scratch: &mut Scratch| {
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= parts {
                    break;
                }
                work(codes, part, scratch);
            }
        };
        let Some((own, others)) = self.scratches.split_first_mut() else { return };
        let Some(pool) = &self.others else { return take(own) };
        pool.in_place_scope(|scope| {
            for scratch in others {
                let take = &take;
                scope.spawn(move |_| take(scratch));
            }
            take(own);
        });
    }
}
