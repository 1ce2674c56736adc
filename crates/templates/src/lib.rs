//! The chat template of a model, which is code from an untrusted file: compiled and rendered within
//! limits on steps, output, memory, depth and time, on a thread of its own.
//!
//! A template gets no function with side effects and never sees the contents of messages. One that
//! passes a limit produces an error with the reason and is not run again. The worker calls this for
//! each generation; nothing here tokenizes or knows a model. Linking this crate puts [`guard`]
//! around the program's allocator, without which memory could not be limited.

mod functions;
mod fuzz;
mod guard;
mod jinja;
mod layout;
mod limits;
mod opening;
mod renderer;
mod switches;
mod template;
mod ways;

pub use fuzz::{Tried, fuzz_template};
pub use guard::memory_peak_bytes;
pub use layout::Piece;
pub use limits::{Limit, Limits};
pub use template::{LaidOut, Template, TemplateError};
pub use ways::Way;
