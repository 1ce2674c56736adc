//! The first message on both hops. `hello`, `status`, `drain` and `stop` keep their shape in
//! every version, so that a new client can retire an old host.

use serde::{Deserialize, Serialize};

/// Version of the client-to-host protocol. Bump when an old peer would misread a message: a client
/// that was updated meets the host that was started before. A field that is added needs no new
/// version if it has a default, since readers ignore what they do not know.
pub const PROTOCOL_VERSION: u32 = 3;

/// Version of the host-to-worker protocol. Both are shipped together, so it must be equal.
pub const WORKER_VERSION: u32 = 6;

/// Environment variable with the number of the descriptor that the worker inherits of a file in
/// which both pass each other what is too large for a message.
pub const EXCHANGE_FD: &str = "LOCALCODER_EXCHANGE_FD";

/// Environment variable with the number of the descriptor by which the worker is given the file of
/// each `loadModel` and `loadDraft`, opened and checked by the host: it opens none itself.
pub const MODELS_FD: &str = "LOCALCODER_MODELS_FD";

/// Environment variable that turns off the worker's own kernels where it is `off`, or names those
/// for a lesser processor: to tell a fault of theirs from one of llama.cpp's, and to measure what
/// they are worth.
pub const KERNELS: &str = "LOCALCODER_KERNELS";

/// What a worker is started with; libraries read it as they are loaded, so the parent must set it.
///
/// Threads that wait spin for some microseconds and then sleep. Measured on two virtual cores,
/// tokens a second by spins: a 7B has 4.0 at 1,000, 4.15 at 10,000 and by default; a 0.5B beside
/// two busy programs 12.8 without, 10.1 at 1,000, 10.8 at 10,000, 2.6 at 100,000, 5.6 by default.
pub const WORKER_ENVIRONMENT: &[(&str, &str)] = &[
    ("OMP_WAIT_POLICY", "passive"),
    ("GOMP_SPINCOUNT", "10000"),
    // On a failed assertion llama.cpp would start a debugger for its backtrace.
    ("GGML_NO_BACKTRACE", "1"),
];

/// Which build of the product this is; shown in errors and in `status`.
pub const BUILD_ID: &str = env!("CARGO_PKG_VERSION");

/// Who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ClientKind {
    /// The command line.
    Cli,
    /// The extension in an editor window.
    Editor,
    /// The launcher or a test.
    Other,
}

/// Introduces a client to the host. The first message of every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct HelloParams {
    /// [`PROTOCOL_VERSION`] of the sender.
    pub protocol_version: u32,
    /// [`BUILD_ID`] of the sender.
    pub build_id: String,
    /// Process id of the sender.
    pub pid: u32,
    /// Who is calling.
    pub client: ClientKind,
    /// Whether `statusChanged` notifications are wanted.
    #[serde(default)]
    pub wants_status: bool,
}

/// The host's introduction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct HelloAnswer {
    /// [`PROTOCOL_VERSION`] of the host.
    pub protocol_version: u32,
    /// [`BUILD_ID`] of the host.
    pub build_id: String,
    /// Process id of the host.
    pub pid: u32,
}

/// See [`HelloParams`].
#[derive(Debug, Clone, Copy)]
pub struct Hello;

impl crate::Request for Hello {
    type Params = HelloParams;
    type Answer = HelloAnswer;
    const METHOD: &'static str = "hello";
    const IDEMPOTENT: bool = true;
    const DEADLINE_MS: Option<u64> = Some(5_000);
}
