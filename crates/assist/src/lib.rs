//! Pure text work around one request: prompt layout, context budget, clean-up of answers,
//! guards, diffs and the placing of edits.
//!
//! It does no I/O of its own and keeps no state between requests: the same input gives the same
//! output. The host drives it through [`prepare`] and [`Task`]; clients apply edits with
//! [`locate`] and [`apply`].

mod budget;
mod clean;
mod corrections;

mod declared;
mod diff;
mod document;
mod edit;
mod errors;
mod explain;
mod explanation;
mod fences;
mod fill;
mod findings;
mod flaws;
mod follow;
mod forms;
mod guard;
mod hunks;
mod imports;
mod indent;
mod intent;
mod language;
mod layout;
mod new_code;
mod next_edit;
mod outline;
mod parts;
mod place;
mod prompt;
mod python;
mod references;
mod renames;
mod same;
mod scopes;
mod sensitive;
mod surroundings;
mod syntax;
mod thoughts;
mod visible;

pub use clean::CONTROL as CONTROL_TOKENS;
pub use diff::unified_diff;
pub use document::{FileText, check_text};
pub use edit::{Attempt, Command, Finished, Length, Outcome, SoFar, Task, prepare, prepare_follow};
pub use errors::AssistError;
pub use explanation::Explanation;
pub use fill::{Fill, FillCall, FillTokens, FillWay, Held, Spot};
pub use intent::kept;
pub use layout::{Layout, Limits};
pub use next_edit::{NextEditCall, NextEditTask, NextEditWay};
pub use parts::broken_by;
pub use place::{apply, apply_all, edit_of, locate, locate_all};
pub use prompt::Prompts;
pub use scopes::scopes;
pub use sensitive::reason as sensitive;
pub use thoughts::{THOUGHT_TOKENS_MAX, Thoughts};
pub use visible::visible;
