//! Files on disk: reads with limits, writes of whole files, and failures in plain words.
//!
//! There are two kinds of writing. One of our own files is replaced whole ([`replace`]); nobody
//! else has anything in it. A file of the user's is changed ([`rewrite`]) and keeps everything
//! else: its owner, mode, attributes and other names. Knows no settings, models or error codes: the
//! caller says what the file was for.

mod attributes;
mod cause;
mod in_place;
mod log_ring;
mod read;
mod replace;
mod rewrite;
mod stamp;
pub mod tally;

pub use cause::{Cause, Kind, cause_of, cause_of_start, user_name};
pub use log_ring::LogRing;
pub use read::{Contents, ReadError, open, read, read_text};
pub use replace::{Options, create, replace, replace_with, sync_folder_of, unfinished_in};
pub use rewrite::{RewriteError, recovery_copy, rewrite};
pub use stamp::Stamp;
pub use tempfile::NamedTempFile as Unfinished;
