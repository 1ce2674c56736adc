//! The limits of a template, and the error for exceeding one.

use std::time::Duration;

/// How much one template may take. Without limits a string that a template doubled forty times took
/// 44 seconds and 6.9 GB and ended two workers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub steps: u64,
    /// Most bytes that it may write, without the contents of the messages.
    pub output_bytes: usize,
    /// Memory of a compiled template and its rendering together.
    pub memory_bytes: usize,
    /// Size of its thread's stack, in addition to that memory.
    pub stack_bytes: usize,
    pub computing: Duration,
    /// Wall time, even if the machine is busy with other things. Larger than the CPU time, so that
    /// on an idle machine an endless template fails by that, which is its own fault.
    pub waiting: Duration,
    /// How many templates may have been stopped in one process before no more are run in it: each
    /// keeps its memory and its stack.
    pub stopped_max: usize,
}

impl Limits {
    pub const PRODUCT: Self = Self {
        // With the longest template we know, a chat of a hundred messages takes ten thousand.
        steps: 200_000,
        // For a chat of a hundred messages, templates write some ten thousand bytes themselves.
        output_bytes: 128 * 1024,
        // The largest real template takes one MiB. With the stack the total stays below 64 MiB.
        memory_bytes: 32 * 1024 * 1024,
        // minijinja nests 500 calls, which take some four MiB without optimization.
        stack_bytes: 16 * 1024 * 1024,
        // A real template takes a thousandth of this.
        computing: Duration::from_millis(100),
        // The product promises a first token within one second.
        waiting: Duration::from_millis(750),
        // A little over a hundred MiB in all.
        stopped_max: 4,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    #[error("it takes more than {0} steps")]
    Steps(u64),
    #[error("it writes more than {} KiB", .0 / 1024)]
    Output(usize),
    #[error("it takes more than {} MiB of memory", .0 / (1024 * 1024))]
    Memory(usize),
    #[error("it nests values, calls or expressions too deeply")]
    Depth,
    #[error("it computes for more than {} ms", .0.as_millis())]
    Computing(Duration),
    /// Wall time. It may be the machine's fault.
    #[error("it was not done after {} ms on a busy machine", .0.as_millis())]
    Waiting(Duration),
    #[error("it repeats what the messages say more than {0} times")]
    Repeats(usize),
    /// Too many templates were stopped in this process: no more are run.
    #[error("{0} templates had to be stopped before it, so it is not run")]
    Stopped(usize),
}
