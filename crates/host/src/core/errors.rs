//! Texts of the errors that the host itself finds. Errors of the worker and of `assist` bring their
//! own.

use localcoder_protocol::{
    DOCUMENT_BYTES_MAX, ErrorAction, ErrorCode, ErrorInfo, says_out_of_memory,
};

use super::event::{Death, WorkerEnding};

pub(super) fn cancelled() -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Cancelled, "stopped, as you asked")
}

pub(super) fn draining() -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Draining, "the LocalCoder host is ending")
        .with_hint("try again: the next request starts a new one")
        .with_action(ErrorAction::Retry)
}

pub(super) fn document_too_large(path: &str, bytes: usize) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::DocumentTooLarge,
        format!("`{path}` has {bytes} bytes; at most {DOCUMENT_BYTES_MAX} can be worked on"),
    )
    .with_hint("split the file, or work on a part of it in a new file")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    Nothing,
    Starting,
    Loading,
    Answering,
}

pub(super) fn worker_ended(doing: Doing, ending: &WorkerEnding, will_restart: bool) -> ErrorInfo {
    let (code, what) = match doing {
        // Whatever it was doing: lack of memory has a ladder of its own, which goes by this code.
        _ if ran_out_of_memory(ending) => {
            (ErrorCode::OutOfMemory, "the worker ended because memory ran out")
        }
        Doing::Nothing => (ErrorCode::WorkerCrashed, "the worker ended unexpectedly"),
        Doing::Starting => (ErrorCode::WorkerStart, "the worker ended while it was starting"),
        Doing::Loading => {
            (ErrorCode::WorkerCrashed, "the worker ended while it was loading the model")
        }
        Doing::Answering => (ErrorCode::WorkerCrashed, "the worker ended while it was answering"),
    };
    let cause = match ending.last_lines.last() {
        Some(line) => format!("{}; its last words: {line}", ending.death),
        None => ending.death.to_string(),
    };
    let (hint, action) = if will_restart {
        ("a new worker is being started; try again", ErrorAction::Retry)
    } else {
        (
            "it ended several times in a row and is not started again by itself: choose a lighter \
             profile or another model, or set `localcoder.acceleration` to `cpu`",
            ErrorAction::SwitchProfile,
        )
    };
    ErrorInfo::new(code, what).with_cause(cause).with_hint(hint).with_action(action)
}

/// Whether a worker ended for lack of memory, judged by the system's report or by its last words:
/// an allocation that fails ends it as well, and then the system has killed nothing.
fn ran_out_of_memory(ending: &WorkerEnding) -> bool {
    let says = |line: &String| says_out_of_memory(line);
    ending.death == Death::OutOfMemory || ending.last_lines.iter().rev().take(LAST_WORDS).any(says)
}

/// How many of the last lines can tell why the worker ended.
const LAST_WORDS: usize = 5;

/// The refusal of a model that has taken its worker down too often. What it says to change is what
/// gives it another budget: each way of running a model has its own.
pub(super) fn left_alone(name: &str, wait_ms: u64) -> ErrorInfo {
    let minutes = wait_ms.div_ceil(60_000);
    let plural = if minutes == 1 { "" } else { "s" };
    ErrorInfo::new(
        ErrorCode::WorkerCrashed,
        format!("`{name}` has ended its worker several times, and is left alone for now"),
    )
    .with_cause(format!("it can be tried again as it is in {minutes} minute{plural}"))
    .with_hint(
        "choose a lighter profile or another model, or set `localcoder.acceleration` to `cpu`: \
         each is tried at once",
    )
    .with_action(ErrorAction::SwitchProfile)
}

pub(super) fn worker_version(theirs: u32, ours: u32) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::VersionMismatch,
        format!("`localcoder-worker` speaks version {theirs}, this host speaks {ours}"),
    )
    .with_cause("the two programs are of different builds")
    .with_hint("install both programs from the same package")
    .with_action(ErrorAction::ShowLog)
}

pub(super) fn malformed_worker_answer(method: &str, error: &serde_json::Error) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Internal, format!("the worker's answer to `{method}` can't be read"))
        .with_cause(error.to_string())
        .with_hint("install both programs from the same package")
        .with_action(ErrorAction::ShowLog)
}
