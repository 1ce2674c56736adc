//! What went wrong with a connection as a client shows it: the error code, the reason, what helps,
//! and which actions can be offered.

use std::error::Error as _;
use std::io;

use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};

use crate::error::{Holds, TransportError};
use crate::shortage::Shortage;

impl From<TransportError> for ErrorInfo {
    fn from(error: TransportError) -> Self {
        let (code, message) = (code(&error), error.to_string());
        // What the system is short of has words of its own, by the error number.
        if let TransportError::NoThread(error) = &error {
            return shortage(code, message, error);
        }
        Self {
            code,
            message,
            cause: cause(&error),
            hint: hint(&error).map(str::to_owned),
            action: action(&error),
            subject: None,
        }
    }
}

/// The error for something that the system refused for lack of a resource. `message` says what
/// could not be done.
#[must_use]
pub fn shortage(code: ErrorCode, message: impl Into<String>, error: &io::Error) -> ErrorInfo {
    let Shortage { cause, hint } = Shortage::of(error);
    ErrorInfo::new(code, message)
        .with_cause(cause)
        .with_hint(format!("{hint}, then start the engine again"))
        .with_action(ErrorAction::RestartEngine)
}

fn code(error: &TransportError) -> ErrorCode {
    match error {
        TransportError::Folder { holds: Holds::Files, .. } => ErrorCode::FileAccess,
        TransportError::Folder { holds: Holds::Models, .. } => ErrorCode::ModelStore,
        TransportError::Folder { holds: Holds::Sockets, .. }
        | TransportError::SocketPath { .. }
        | TransportError::Socket { .. } => ErrorCode::RuntimeFolder,
        TransportError::NoThread(_) | TransportError::NoAnswer(_) | TransportError::Lost => {
            ErrorCode::HostUnreachable
        }
        TransportError::Malformed { .. } => ErrorCode::Protocol,
        TransportError::Unexplained(_) => ErrorCode::Internal,
    }
}

fn cause(error: &TransportError) -> Option<String> {
    match error {
        TransportError::SocketPath { bytes, bytes_max, .. } => {
            Some(format!("it has {bytes} bytes; the system allows {bytes_max}"))
        }
        _ => error.source().map(ToString::to_string),
    }
}

fn hint(error: &TransportError) -> Option<&'static str> {
    Some(match error {
        TransportError::Folder { .. } => {
            "make it a folder of your own, or set LOCALCODER_HOME to another one"
        }
        TransportError::SocketPath { .. } => "set LOCALCODER_HOME to a folder with a shorter path",
        TransportError::Socket { .. } => {
            "make its folder writable for you, or set LOCALCODER_HOME to another folder"
        }
        TransportError::NoAnswer(_) | TransportError::Malformed { .. } => "start the engine again",
        TransportError::Lost => "try again: a new host is started by the next command",
        TransportError::NoThread(_) | TransportError::Unexplained(_) => return None,
    })
}

fn action(error: &TransportError) -> Option<ErrorAction> {
    let restarts = matches!(error, TransportError::NoAnswer(_) | TransportError::Malformed { .. });
    restarts.then_some(ErrorAction::RestartEngine)
}
