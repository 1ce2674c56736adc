//! Models on disk: the catalog of what can be installed, and the store of what is.
//!
//! A blob is complete and has its digest in its name, or it does not exist; a manifest next to it
//! says what it is and where it came from. Everything here blocks on the disk, so callers run it on
//! a thread of its own. It opens no connection: `localcoder-fetch` does that.

mod address;
mod bandwidth;
mod bundle;
mod catalog;
mod consent;
mod error;
mod explain;
mod fit;
mod gguf_file;
mod hash;
mod import;
mod install;
mod licenses;
mod machine;
mod manifest;
mod memory;
mod naming;
mod store;
mod verify;

pub use bandwidth::memory_bytes_per_s;
pub use bundle::Bundle;
pub use catalog::{Catalog, Entry, LicenseTerms, Profile, Role, Sampling, catalog_schema};
pub use consent::Consent;
pub use error::StoreError;
pub use fit::{Fit, Known, Memory, Need, WINDOW_STEP_TOKENS, run_shape};
pub use gguf_file::checked_header;
pub use import::ImportMode;
pub use install::{Fetcher, Installing};
pub use licenses::shipped_text;
pub use machine::Machine;
pub use manifest::{Installed, Source};
pub use memory::free_bytes;
pub use store::{Listed, Store};

/// Longest text of a license; those of software have some ten thousand bytes.
const LICENSE_BYTES_MAX: u64 = 256 * 1024;

/// Room that must stay free on the disk, whatever is written to it. Copies and downloads obey the
/// same number, which the text of the error names.
const RESERVE_BYTES: u64 = 1 << 30;

/// Receives the progress of long work: how many of how many bytes. If it returns `false`, the work
/// ends with `cancelled` and leaves nothing behind.
pub type Progress<'a> = dyn FnMut(u64, u64) -> bool + 'a;
