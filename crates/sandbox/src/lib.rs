//! Keeps a process to its work: from [`close`] on the system refuses it what it does not need,
//! whatever a hostile file makes it want: sockets, programs, other processes, writing by name.
//!
//! Called once by a program's `main`, before its first thread. What could not be closed is told, and
//! nothing is pretended. Knows no protocol and no model.

#[cfg(target_os = "linux")]
mod linux;

use localcoder_protocol::Confined;

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
pub fn close(walls: Walls) -> Confined {
    #[cfg(target_os = "linux")]
    return linux::close(walls);
    // macOS has Seatbelt, for which there is no rule yet that was tried.
    #[cfg(not(target_os = "linux"))]
    {
        let _ = walls;
        let why = Some("it can be done on Linux only".to_owned());
        Confined { calls: false, files: false, why }
    }
}
