//! What can go wrong in the store, in words. Each says what happened, why, and what to do next.

use std::path::Path;

use localcoder_disk::{Cause, Kind, cause_of};
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};

/// The disk failed at a path of the store.
pub(crate) fn disk(path: &Path, error: &std::io::Error) -> ErrorInfo {
    unusable(path, cause_of(error, path))
}

/// The same with a cause that is known.
pub(crate) fn unusable(path: &Path, cause: Cause) -> ErrorInfo {
    let Cause { kind, text, hint } = cause;
    let path = path.display();
    let (code, what, hint) = match kind {
        Kind::Full => (
            ErrorCode::DiskFull,
            "can't be written",
            format!("{hint}; removing a model makes room, too"),
        ),
        Kind::ReadOnly => (ErrorCode::ModelStore, "can't be written", hint),
        _ => (ErrorCode::ModelStore, "can't be used", hint),
    };
    ErrorInfo::new(code, format!("`{path}` {what}")).with_cause(text).with_hint(hint)
}

pub(crate) fn unknown(id: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::ModelNotFound, format!("no model `{id}` is installed"))
        .with_hint("choose one of those that are")
        .with_action(ErrorAction::ShowModels)
}

pub(crate) fn cancelled(what: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Cancelled, format!("{what} was cancelled"))
}
