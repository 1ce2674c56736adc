//! What a template may take, and how it is told that it wanted more.

use std::fmt;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Instructions.
    Steps(u64),
    /// Bytes of output.
    Output(usize),
    /// Bytes of memory.
    Memory(usize),
    /// The stack.
    Depth,
    /// Time of the processor.
    Computing(Duration),
    /// Time of the clock. It may be the machine's fault.
    Waiting(Duration),
    /// It puts what messages say in more often than this.
    Repeats(usize),
    /// Too many templates were stopped in this process: no more are run.
    Stopped(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "it takes more than {steps} steps"),
            Self::Output(bytes) => write!(f, "it writes more than {} KiB", bytes / 1024),
            Self::Memory(bytes) => {
                write!(f, "it takes more than {} MiB of memory", bytes / (1024 * 1024))
            }
            Self::Depth => f.write_str("it nests values, calls or expressions too deeply"),
            Self::Computing(time) => {
                write!(f, "it computes for more than {} ms", time.as_millis())
            }
            Self::Waiting(time) => {
                write!(f, "it was not done after {} ms on a busy machine", time.as_millis())
            }
            Self::Repeats(times) => {
                write!(f, "it repeats what the messages say more than {times} times")
            }
            Self::Stopped(templates) => {
                write!(f, "{templates} templates had to be stopped before it, so it is not run")
            }
        }
    }
}
