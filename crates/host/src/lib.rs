//! The host: one process per user that owns every decision between editor and worker.
//!
//! [`core`] is the host without I/O: events in, effects out, the clock passed in. [`shell`] is the
//! thin rest: sockets, processes, files, threads. [`connect`] is how a client finds or starts a
//! host, [`unresponsive`] what it does about one that does not answer. The `localcoder` program is
//! the only user of this crate. It links no C++ and no HTTP.

pub mod connect;
pub mod core;
pub mod ledger;
mod model_file;
mod process;
pub mod shell;
pub mod unresponsive;

pub use model_file::{ModelFile, Pinned};
