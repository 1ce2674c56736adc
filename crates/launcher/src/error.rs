//! What can go wrong with a run of the IDE, by cause. How it is shown: `explain.rs`. Errors that
//! another launcher answers with are not among them: they are passed on unchanged.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use localcoder_transport::TransportError;

/// An error of a run. Its message says what happened, in one clause, without a hint: that is up to
/// `explain`, which matches on all of them.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    #[error("`{}` is not a path", path.display())]
    NotAPath { path: PathBuf, source: io::Error },
    #[error("`{}` can't be opened", path.display())]
    NotOpened { path: PathBuf, source: io::Error },
    #[error("`{}` has a name that is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("`{}` can't be made", path.display())]
    NotMade { path: PathBuf, source: io::Error },
    #[error("`{}` can't be taken away", path.display())]
    NotTakenAway { path: PathBuf, source: io::Error },
    #[error("sockets in `{}` can't be removed", folder.display())]
    NotEmptied { folder: PathBuf, source: io::Error },
    #[error("`{}` does not answer", socket.display())]
    Hangs { socket: PathBuf, source: io::Error },
    #[error("`{}` can't be asked", socket.display())]
    NotAsked { socket: PathBuf, source: io::Error },
    #[error("the LocalCoder IDE that is running did not answer")]
    NoAnswer,
    #[error("the LocalCoder IDE that is running did not answer yet")]
    NoAnswerYet(#[source] io::Error),
    #[error(
        "the LocalCoder IDE that is running does not say what it refuses: it is of another version"
    )]
    OtherVersion(#[source] io::Error),
    #[error("requests of later starts can't be taken")]
    NoRequests(#[source] io::Error),
    #[error("signals can't be watched")]
    NoSignals(#[source] io::Error),
    #[error("the launcher's events ended")]
    EventsEnded,
    #[error("the editor can't listen on this machine's loopback")]
    NoLoopback(#[source] io::Error),
    #[error("the system gave no random numbers")]
    NoRandom(getrandom::Error),
    #[error("the editor is not complete: `{}` is missing", .0.display())]
    Incomplete(PathBuf),
    #[error("the editor server could not be started")]
    Server { why: String, log: PathBuf },
    #[error("`{}` could not be started", program.display())]
    NotStarted { program: PathBuf, source: io::Error },
    #[error("the window program ended unexpectedly")]
    WindowsEnded(ExitStatus),
    #[error("{0}")]
    Windows(String),
}
