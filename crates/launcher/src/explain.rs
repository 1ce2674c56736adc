//! What went wrong with a run of the IDE as a client shows it: the error code, the reason, what
//! helps, and which actions can be offered.

use std::error::Error as _;

use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};

use crate::error::LauncherError;

/// The window program's exit code if it can't report what happens.
pub const OUTPUT_FAILED: i32 = ErrorCode::OutputFailed.exit_code() as i32;

impl From<LauncherError> for ErrorInfo {
    fn from(error: LauncherError) -> Self {
        if let LauncherError::Transport(error) = error {
            return error.into();
        }
        Self {
            code: code(&error),
            message: error.to_string(),
            cause: cause(&error),
            hint: hint(&error),
            action: action(&error),
            subject: None,
        }
    }
}

fn code(error: &LauncherError) -> ErrorCode {
    match error {
        LauncherError::NotAPath { .. } => ErrorCode::Usage,
        LauncherError::NotOpened { .. } => ErrorCode::FileNotFound,
        LauncherError::NotUtf8(_) | LauncherError::NotMade { .. } => ErrorCode::FileAccess,
        LauncherError::NotTakenAway { .. }
        | LauncherError::NotEmptied { .. }
        | LauncherError::Hangs { .. }
        | LauncherError::NotAsked { .. } => ErrorCode::RuntimeFolder,
        LauncherError::NoRequests(_)
        | LauncherError::NoSignals(_)
        | LauncherError::EventsEnded
        | LauncherError::NoRandom(_)
        // It is converted to its own error before it gets here.
        | LauncherError::Transport(_) => ErrorCode::Internal,
        LauncherError::NoAnswer
        | LauncherError::NoAnswerYet(_)
        | LauncherError::OtherVersion(_)
        | LauncherError::NoLoopback(_)
        | LauncherError::Incomplete(_)
        | LauncherError::Server { .. }
        | LauncherError::NotStarted { .. }
        | LauncherError::WindowsEnded(_)
        | LauncherError::Windows(_) => ErrorCode::EditorStart,
    }
}

fn cause(error: &LauncherError) -> Option<String> {
    match error {
        LauncherError::NoRandom(why) => Some(why.to_string()),
        LauncherError::Server { why, .. } => Some(why.clone()),
        LauncherError::WindowsEnded(status) => Some(status.to_string()),
        _ => error.source().map(ToString::to_string),
    }
}

fn hint(error: &LauncherError) -> Option<String> {
    let hint = match error {
        LauncherError::NotOpened { .. } => "Give the path of a folder or file that is there.",
        LauncherError::NotUtf8(_) => "Rename it, or open the folder above it.",
        LauncherError::NotEmptied { .. } => {
            "remove the folder, or set LOCALCODER_HOME to another one"
        }
        LauncherError::Hangs { .. } => {
            "Another LocalCoder IDE is running but hangs. End it, then retry."
        }
        LauncherError::NoAnswer => "End it, then retry.",
        LauncherError::Incomplete(_) => {
            "Install LocalCoder again, or in its source tree run `cargo xtask ide`."
        }
        LauncherError::Server { log, .. } => {
            return Some(format!("The whole log is in `{}`.", log.display()));
        }
        LauncherError::WindowsEnded(_) => {
            "Unsaved text is kept and comes back at the next start. `--browser` opens the IDE in a \
             browser instead."
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn action(error: &LauncherError) -> Option<ErrorAction> {
    matches!(error, LauncherError::Server { .. }).then_some(ErrorAction::ShowLog)
}
