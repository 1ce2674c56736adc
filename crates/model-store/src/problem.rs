//! What can go wrong in the store, in words. Each says what happened, why, and what to do next.

use std::path::Path;

use localcoder_protocol::{ErrorCode, ErrorInfo};

/// The disk failed at a path of the store.
pub(crate) fn disk(path: &Path, error: &std::io::Error) -> ErrorInfo {
    use std::io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let path = path.display();
    match error.kind() {
        StorageFull | QuotaExceeded => {
            ErrorInfo::new(ErrorCode::DiskFull, format!("the disk of `{path}` is full"))
                .with_cause(error.to_string())
                .with_hint("make room, or remove a model with `localcoder models remove ID`")
        }
        PermissionDenied | ReadOnlyFilesystem => {
            ErrorInfo::new(ErrorCode::ModelStore, format!("`{path}` can't be written"))
                .with_cause(error.to_string())
                .with_hint("check who owns the folder and whether its disk is writable")
        }
        _ => ErrorInfo::new(ErrorCode::ModelStore, format!("`{path}` can't be used"))
            .with_cause(error.to_string())
            .with_hint("check the disk, then try again"),
    }
}

pub(crate) fn unknown(id: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::ModelNotFound, format!("no model `{id}` is installed"))
        .with_hint("`localcoder models list` shows what is there")
}

pub(crate) fn cancelled(what: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Cancelled, format!("{what} was cancelled"))
}
