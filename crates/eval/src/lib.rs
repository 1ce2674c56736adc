//! Judges what a model does with code: tasks with checks that run, the outcome of each, and a
//! report. `localcoder eval` asks a model; nothing here does.
//!
//! Knows neither hosts nor connections: the caller passes the answers and gets the outcomes. What
//! an answer does is found out by running it, in a process of its own with limits and no network.

mod followed;
mod infilling;
mod language;
mod measured;
mod next_edit;
mod own;
mod pack;
mod plain;
mod recorded;
mod report;
mod run;
mod task;
mod typing;

pub use followed::Followed;
pub use infilling::{Filled, Hole, is_infilling, read_filled, read_holes};
pub use language::Language;
pub use measured::measured;
pub use next_edit::{NextEditDiagnostic, NextEditKind, NextEditTask, next_edit_tasks};
pub use own::own_tasks;
pub use pack::read_pack;
pub use plain::code_of;
pub use recorded::{Replay, read_recorded, replay};
pub use report::{Outcome, Verdict, percent, rows, table};
pub use run::{Ran, Runner};
pub use task::{Check, First, Half, Judged, Task};
pub use typing::{Pause, Taken, TypedHole, Typist, typing, typing_text};
