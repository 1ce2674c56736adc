//! Keeps a process to its work: from [`close`] on the system refuses it what it does not need,
//! whatever a hostile file makes it want: sockets, programs, other processes, writing by name.
//!
//! Called once by a program's `main`, before its first thread. What could not be closed is reported, and
//! nothing is pretended. Knows no protocol and no model.

#[cfg(target_os = "linux")]
mod linux;

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use localcoder_protocol::Confined;

/// Which program it is, and with that what it needs. All of them may compute, start threads, read
/// and write what they have open, and end.
#[derive(Debug)]
pub enum Profile<'a> {
    /// Runs a model: it opens nothing, and takes files from this socket. A build with drivers of
    /// GPUs may open files, since these do.
    Worker {
        /// By which it is given files.
        files_from: Option<BorrowedFd<'a>>,
    },
    /// Has workers and clients: it starts programs, ends processes, speaks over Unix sockets, and
    /// writes below these.
    Host {
        /// Folders that are there.
        writes: &'a [PathBuf],
    },
    /// Loads a file: it connects, looks names up, reads what that takes, and writes below these.
    Fetch {
        /// Folders that are there.
        writes: &'a [PathBuf],
        /// Files and folders that it has to read beside the system's own.
        reads: &'a [PathBuf],
    },
}

/// Which walls are put up; a program takes both, tests each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walls {
    /// All that this system has.
    All,
    /// The filter of system calls alone, as on a kernel without rules on files.
    Calls,
}

/// Closes what can be closed here, for this process and all that it starts.
#[must_use]
pub fn close(profile: &Profile<'_>, walls: Walls) -> Confined {
    #[cfg(target_os = "linux")]
    return linux::close(profile, walls);
    // macOS has Seatbelt, which is put on by whoever starts a program.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (profile, walls);
        let why = Some("it can be done on Linux only".to_owned());
        Confined { calls: false, files: false, why }
    }
}
