//! The messages between editor and host, and between host and worker, as plain data.
//!
//! Nothing here reads, writes or decides anything: `transport` moves these values, `host`,
//! `worker`, `cli` and the extension act on them. The extension's TypeScript types are
//! generated from this crate by `cargo xtask codegen`.

mod commands;
mod complete;
mod digest;
mod edit;
mod error;
mod error_help;
mod fetch;
mod hello;
mod host;
mod ledger;
pub mod limits;
mod model_row;
mod next_edit;
mod number;
mod printed;
mod request;
mod setup;
mod shortage;
mod text;
mod thoughts;
mod trial;
#[cfg(feature = "codegen")]
pub mod typescript;
mod usage;
mod worker;

pub use commands::{AnswerKind, COMMANDS, CommandSpec, Entry, Kept, ModelUse, Needs, Place};
pub use complete::*;
pub use digest::is_sha256;
pub use edit::{
    Anchor, Diagnostic, DocumentText, Edit, EditPlace, LineRange, LocateEditsAnswer,
    LocateEditsParams, PendingEdit, Scope,
};
pub use error::{ErrorAction, ErrorCode, ErrorInfo};
pub use fetch::{
    FetchEvent, FetchFailure, FetchLimits, FetchNetwork, FetchOrder, FetchPermission, FetchRequest,
    FetchTask, FetchText, PROXY_VARIABLES,
};
pub use hello::{
    BUILD_ID, ClientKind, EXCHANGE_FD, Hello, HelloAnswer, HelloParams, KERNELS, MODELS_FD,
    PROTOCOL_VERSION, WORKER_ENVIRONMENT, WORKER_VERSION,
};
pub use host::*;
pub use ledger::*;
pub use limits::{DOCUMENT_BYTES_MAX, FRAME_BYTES_MAX, HEARTBEAT_MS};
pub use model_row::*;
pub use next_edit::*;
pub use printed::*;
pub use request::{Notification, NotificationMethod, Request, RequestMethod};
pub use setup::*;
pub use shortage::says_out_of_memory;
pub use text::{Exchange, Reference, TextAnswer};
pub use thoughts::{ANSWER_OPENINGS, THINKING_SWITCHES, THOUGHTS, Thought};
pub use trial::*;
pub use usage::{ContextUse, FinishReason, MemoryUse, ResidentDraft, Usage};
pub use worker::*;

/// How the bundled demo model is named wherever a model is: it answers where nothing is installed.
pub const DEMO: &str = "demo";
