//! The limits of a template, and the error of one that wanted more.

use std::time::Duration;

/// How much one template may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Instructions of one rendering.
    pub steps: u64,
    /// Most bytes that it may write. What the messages say is not among them.
    pub output_bytes: usize,
    /// Memory of a compiled template and its rendering together.
    pub memory_bytes: usize,
    /// Its stack, which comes to that.
    pub stack_bytes: usize,
    /// Time of the processor.
    pub computing: Duration,
    /// Time of the clock, also where the machine is busy with other things.
    pub waiting: Duration,
    /// How many may have been stopped in one process before no more are run in it: each goes on
    /// holding its memory and its stack.
    pub stopped_max: usize,
}

impl Limits {
    /// Those of the product.
    pub const PRODUCT: Self = Self {
        // A chat of a hundred messages takes ten thousand with the longest template we know.
        steps: 200_000,
        // What templates themselves write of a chat of a hundred messages has some ten thousand.
        output_bytes: 128 * 1024,
        // The largest real template takes one MiB. With the stack it stays below 64 MiB.
        memory_bytes: 32 * 1024 * 1024,
        // minijinja goes 500 calls deep, which takes some four MiB without optimization.
        stack_bytes: 16 * 1024 * 1024,
        // A real template takes a thousandth of it.
        computing: Duration::from_millis(100),
        // The promise is one second from question to answer.
        waiting: Duration::from_millis(750),
        // A hundred and some MiB in all.
        stopped_max: 4,
    };
}

/// What a template wanted too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Instructions.
    #[error("it takes more than {0} steps")]
    Steps(u64),
    /// Bytes of output.
    #[error("it writes more than {} KiB", .0 / 1024)]
    Output(usize),
    /// Bytes of memory.
    #[error("it takes more than {} MiB of memory", .0 / (1024 * 1024))]
    Memory(usize),
    /// The stack.
    #[error("it nests values, calls or expressions too deeply")]
    Depth,
    /// Time of the processor.
    #[error("it computes for more than {} ms", .0.as_millis())]
    Computing(Duration),
    /// Time of the clock. It may be the machine's fault.
    #[error("it was not done after {} ms on a busy machine", .0.as_millis())]
    Waiting(Duration),
    /// It puts what messages say in more often than this.
    #[error("it repeats what the messages say more than {0} times")]
    Repeats(usize),
    /// Too many templates were stopped in this process: no more are run.
    #[error("{0} templates had to be stopped before it, so it is not run")]
    Stopped(usize),
}
