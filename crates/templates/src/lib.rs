//! The chat template of a model, which is code out of a stranger's file: compiled and rendered
//! within limits of steps, output, memory, depth and time, on a thread of its own.
//!
//! A template gets no function that touches anything and never sees what the messages say. One that
//! passes a limit gives an error with its reason and is not run again. The worker calls this for
//! each generation; it tokenizes nothing and knows no model. Linking it puts [`guard`] around the
//! program's allocator, without which memory could not be limited.

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
