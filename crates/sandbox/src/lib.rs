//! Confines a process to its work: from [`close`] on, the system refuses it everything that it does
//! not need, whatever a hostile file makes it attempt: sockets, programs, other processes, writing
//! by name.
//!
//! Called once by a program's `main`, before its first thread. What could not be closed is reported
//! as such. Knows no protocol and no model.

#[cfg(target_os = "linux")]
mod linux;

use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use localcoder_protocol::Confined;

/// The program, and with that what it needs. Every program may compute, start threads, read and
/// write what it has open, and end.
///
/// Folders that are named must exist: a rule needs something to point to, and one for a missing
/// path is left out.
#[derive(Debug)]
pub enum Profile<'a> {
    /// Runs a model: it opens nothing, and gets files through this socket (`transport::handover`);
    /// without one it gets none. A build with GPU drivers may open files, since the drivers do.
    Worker {
        /// `None`: it gets no files at all.
        files_from: Option<BorrowedFd<'a>>,
    },
    /// Has workers and clients: it starts programs, ends processes, talks over Unix sockets, and
    /// writes below these folders.
    Host {
        /// Existing folders.
        writes: &'a [PathBuf],
    },
    /// Runs code that is called to see what it does, such as a function before and after an edit:
    /// it reads, starts no further process, and writes below these folders. The program itself is
    /// started after this, so starting one is not refused.
    Called {
        /// Existing folders.
        writes: &'a [PathBuf],
    },
    /// Downloads a file: it connects, resolves names, reads what that requires, and writes below
    /// these folders.
    Fetch {
        /// Existing folders.
        writes: &'a [PathBuf],
        /// Files and folders that it has to read in addition to the system's own.
        reads: &'a [PathBuf],
    },
}

/// Which walls are put up; programs use both, tests each of them, because a hole in one would be
/// hidden by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walls {
    All,
    /// Only the filter of system calls, as on a kernel without file rules.
    Calls,
}

/// Closes what can be closed here, for this process and all that it starts; there is no way back.
/// Must be called before the first thread is started, as threads are confined one by one, and after
/// everything was opened that the profile does not allow.
///
/// Never fails: a system that lacks a wall is not a reason not to work. What holds is in the
/// answer, which the caller reports.
#[must_use]
pub fn close(profile: &Profile<'_>, walls: Walls) -> Confined {
    #[cfg(target_os = "linux")]
    return linux::close(profile, walls);
    // macOS has Seatbelt, which is applied by the process that starts a program.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (profile, walls);
        let why = Some("it can be done on Linux only".to_owned());
        Confined { calls: false, files: false, why }
    }
}
