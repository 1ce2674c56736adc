//! What can go wrong with a connection, and with folders and sockets that belong to one user, by
//! cause. How it is shown: `explain.rs`. Errors that the peer reports are not among them: they are
//! passed on unchanged.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// An error of a connection or a private folder. Its message says what happened, in one clause.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("the folder `{}` can't be used for private files", path.display())]
    Folder { path: PathBuf, holds: Holds, source: NotPrivate },
    #[error("the socket's path `{}` is too long", path.display())]
    SocketPath { path: PathBuf, bytes: usize, bytes_max: usize },
    #[error("`{}` can't be used", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error("this program could not start a thread for its connection")]
    NoThread(#[source] io::Error),
    #[error("no answer to `{0}` in time")]
    NoAnswer(&'static str),
    #[error("the connection was lost")]
    Lost,
    #[error("the answer to `{method}` is malformed")]
    Malformed { method: &'static str, source: serde_json::Error },
    #[error("{}", .0.as_deref().unwrap_or("unknown error"))]
    Unexplained(Option<String>),
}

/// Why a folder can't hold private files. A clause.
#[derive(Debug, thiserror::Error)]
pub enum NotPrivate {
    #[error(transparent)]
    Disk(#[from] io::Error),
    #[error("it is a link or a file")]
    LinkOrFile,
    #[error("it is a link to nothing")]
    LinkToNothing,
    #[error("it is not a folder")]
    NotAFolder,
    #[error("it belongs to another user")]
    AnotherUsers,
    #[error("{what} belongs to another user (number {user})")]
    OwnedBy { what: &'static str, user: u32 },
    #[error("it is not writable: {0}")]
    NotWritable(Errno),
    #[error("it can't be opened: {0}")]
    NotOpened(Errno),
    #[error("it can't be closed: {0}")]
    NotClosed(io::Error),
}

/// What a folder that should be private contains. It decides under which error code it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Files,
    Models,
    Sockets,
}
