//! A host that runs and does not answer: which process it is, and how a client ends it from
//! outside. Only the process that listens on the host's own socket, and runs this program, is ever
//! ended.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};
use localcoder_settings::Places;
use rustix::process::Signal;

use crate::process::Process;

/// A host that is ending is gone within this time after it has closed its connections.
const ENDING_WITHIN: Duration = Duration::from_millis(500);
/// A host that can end by itself does so in milliseconds.
const TERM_WITHIN: Duration = Duration::from_secs(2);
const KILL_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub struct Unresponsive {
    process: Process,
}

impl Unresponsive {
    /// The process that listens on the host's socket; `None` if there is none, or if it can't be
    /// determined with certainty.
    #[must_use]
    pub fn find(places: &Places) -> Option<Self> {
        let stream = UnixStream::connect(places.host_socket()).ok()?;
        Self::behind(&stream, places)
    }

    pub(crate) fn behind(stream: &UnixStream, places: &Places) -> Option<Self> {
        let process = Process::of(listener(stream, places)?)?;
        // The socket's owner may be any process that has been given it; nothing is ended unless it
        // is this program.
        let ours = std::env::current_exe().ok()?;
        let is_ours = process.program().as_deref() == ours.file_name()?.to_str();
        is_ours.then_some(Self { process })
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    /// Whether it keeps running. A host that is ending loses its connections before it is gone.
    pub(crate) fn stays(&self) -> bool {
        !self.process.ends(ENDING_WITHIN)
    }

    #[must_use]
    pub fn error(&self) -> ErrorInfo {
        let pid = self.pid();
        let message = format!("the LocalCoder host (process {pid}) runs but does not answer");
        let cause = if self.process.is_stopped() {
            "the process is stopped, by a signal or by a debugger"
        } else {
            "it was asked and has not answered in time"
        };
        ErrorInfo::new(ErrorCode::HostUnreachable, message)
            .with_cause(cause)
            .with_hint("start the engine again: that ends it, whatever it does")
            .with_action(ErrorAction::RestartEngine)
    }

    pub(crate) fn closes(&self) -> ErrorInfo {
        let message = format!(
            "the LocalCoder host (process {}) closed the connection without an answer",
            self.pid()
        );
        ErrorInfo::new(ErrorCode::Busy, message)
            .with_cause("it has too many clients, or too little of what it needs for another one")
            .with_hint(
                "close editor windows or commands that still run and try again, or start the engine \
                 again",
            )
            .with_action(ErrorAction::RestartEngine)
    }

    /// Ends it, whatever state it is in.
    ///
    /// # Errors
    /// If it still runs after it was killed.
    pub fn end(&self) -> Result<(), ErrorInfo> {
        // Asked first: the host then ends its workers itself.
        self.process.signal(Signal::TERM);
        // A stopped process receives other signals only once it continues.
        self.process.signal(Signal::CONT);
        if self.process.ends(TERM_WITHIN) {
            return Ok(());
        }
        self.process.signal(Signal::KILL);
        if self.process.ends(KILL_WITHIN) {
            return Ok(());
        }
        let message = format!("the LocalCoder host (process {}) can't be ended", self.pid());
        Err(ErrorInfo::new(ErrorCode::HostUnreachable, message)
            .with_cause("it was killed and is still there: it waits for a disk or a driver")
            .with_hint("check that its disks and network shares are there, or restart the machine"))
    }
}

/// The process that listens on the socket, according to the kernel; `None` if it belongs to another
/// user.
#[cfg(target_os = "linux")]
fn listener(stream: &UnixStream, _: &Places) -> Option<u32> {
    let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
    let is_own = peer.uid == rustix::process::geteuid();
    u32::try_from(peer.pid.as_raw_nonzero().get()).ok().filter(|_| is_own)
}

/// The process that holds the lock, according to what it wrote there; only the user can write to
/// that folder.
#[cfg(not(target_os = "linux"))]
fn listener(_: &UnixStream, places: &Places) -> Option<u32> {
    localcoder_transport::local::holder(&places.host_lock())
}
