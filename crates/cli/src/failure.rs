//! Disk failures as errors for people: the caller says what happened, `localcoder_disk` why and
//! what helps.

use std::path::Path;

use localcoder_disk::{Cause, Kind, cause_of};
use localcoder_protocol::{ErrorCode, ErrorInfo};

/// Adds the cause to an error. A full disk has a code of its own, whatever it was needed for, as
/// what helps is always the same.
pub(crate) fn explained(mut error: ErrorInfo, cause: Cause) -> ErrorInfo {
    if cause.kind == Kind::Full {
        error.code = ErrorCode::DiskFull;
    }
    error.with_cause(cause.text).with_hint(cause.hint)
}

/// For a system that refuses a handler: a command that could not be stopped cleanly is not begun.
pub(crate) fn no_interrupts(error: &ctrlc::Error) -> ErrorInfo {
    let info = ErrorInfo::new(ErrorCode::Internal, "Ctrl-C can't be handled");
    match error {
        ctrlc::Error::System(error) => explained(info, cause_of(error, Path::new("/dev/null"))),
        other => info.with_cause(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_full_disk_is_not_taken_for_a_lack_of_rights() {
        for (kind, code, said) in [
            (ErrorKind::StorageFull, ErrorCode::DiskFull, "make room"),
            (ErrorKind::QuotaExceeded, ErrorCode::DiskFull, "make room"),
            (ErrorKind::ReadOnlyFilesystem, ErrorCode::FileAccess, "writable"),
            (ErrorKind::PermissionDenied, ErrorCode::FileAccess, "permissions of `/h"),
        ] {
            let error = ErrorInfo::new(ErrorCode::FileAccess, "it can't be written");
            let error = explained(error, cause_of(&kind.into(), Path::new("/h/settings.json")));
            assert_eq!(error.code, code, "{kind:?}");
            assert!(error.hint.unwrap().contains(said), "{kind:?}");
        }
    }
}
