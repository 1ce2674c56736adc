//! What can go wrong, and whether trying again helps. Decided where it happens; the download
//! decides what to do about it.

use std::time::Duration;

use localcoder_protocol::FetchFailure;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) failure: FetchFailure,
    /// A sentence without its final period.
    pub(crate) message: String,
}

impl Failed {
    pub(crate) fn new(failure: FetchFailure, message: impl Into<String>) -> Self {
        Self { failure, message: message.into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The same request again, after a pause; a server may have said how long.
    Again(Option<Duration>),
    StartOver,
    Elsewhere,
    /// Nothing: the fault is on this machine.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptError {
    pub(crate) failed: Failed,
    pub(crate) retry: Retry,
}

impl AttemptError {
    pub(crate) fn new(failure: FetchFailure, retry: Retry, message: impl Into<String>) -> Self {
        Self { failed: Failed::new(failure, message), retry }
    }

    pub(crate) fn again(failure: FetchFailure, message: impl Into<String>) -> Self {
        Self::new(failure, Retry::Again(None), message)
    }
}

/// The disk failed, which no server can help. A full disk is not the same error as a broken one:
/// the user can do something about it.
pub(crate) fn disk(error: &std::io::Error) -> AttemptError {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let failure = match error.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => FetchFailure::NoSpace,
        _ => FetchFailure::Disk,
    };
    AttemptError::new(failure, Retry::Nothing, error.to_string())
}
