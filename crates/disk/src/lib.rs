//! Files on disk: read within bounds, replaced as a whole, and failures in plain words.
//!
//! There are two kinds of writing. A file of ours is replaced whole ([`replace`]); no one else has
//! anything in it. A file of the user's is changed ([`rewrite`]) and stays what it was otherwise:
//! its owner, its mode, its attributes, its other names. Knows no settings, no models and no error
//! codes: whoever calls says what the file was for.

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
