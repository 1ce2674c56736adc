//! The messages between editor and host, and between host and worker, as plain data.
//!
//! Nothing here reads, writes or decides anything: `transport` moves these values, `host`,
//! `worker`, `cli` and the extension act on them. The extension's TypeScript types are
//! generated from this crate by `cargo xtask codegen`.

mod commands;
mod edit;
mod error;
mod fetch;
mod hello;
mod host;
mod request;
#[cfg(feature = "typescript")]
pub mod typescript;
mod usage;
mod worker;

pub use commands::{AnswerKind, COMMANDS, CommandSpec, Entry, ModelUse, Needs, Place};
pub use edit::{DocumentText, Edit, Hunk, LineRange};
pub use error::{ErrorAction, ErrorCode, ErrorInfo};
pub use fetch::{
    FetchEvent, FetchFailure, FetchLimits, FetchNetwork, FetchOrder, FetchPermission, FetchRequest,
    FetchTask, FetchText,
};
pub use hello::{
    BUILD_ID, ClientKind, EXCHANGE_FD, Hello, HelloAnswer, HelloParams, KERNELS, PROTOCOL_VERSION,
    WORKER_ENVIRONMENT, WORKER_VERSION,
};
pub use host::*;
pub use request::{Notification, NotificationMethod, Request, RequestMethod};
pub use usage::{ContextUse, FinishReason, MemoryUse, Usage};
pub use worker::*;

/// Largest frame either side accepts, in bytes. A source file of this size does not fit any
/// context window we support, so larger frames are mistakes or attacks.
pub const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Largest document a client may send with a request, in bytes. It leaves room for JSON
/// escaping inside [`FRAME_BYTES_MAX`].
pub const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
