//! The host: one process per user that owns every decision between editor and worker.
//!
//! [`core`] is the host without I/O: events in, effects out, the clock passed in. [`shell`] is
//! the thin rest: sockets, processes, files, threads. [`connect`] is how a client finds or starts
//! a host. The `localcoder` program is the only user. It links no C++ and no HTTP.

pub mod connect;
pub mod core;
mod model_file;
pub mod shell;

pub use model_file::ModelFile;
