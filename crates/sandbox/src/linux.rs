//! Linux has two walls: a filter of system calls (seccomp), which knows the call but not the file,
//! and file rules (Landlock), which know files but do not cover every call. Each refuses writing on
//! its own, so that without Landlock, or with a bug in one of them, the other still holds.

mod calls;
mod files;

use std::io;

use localcoder_protocol::Confined;
use rustix::net::{AddressFamily, SocketType};

use crate::{Profile, Walls};

/// GPU drivers open their devices for writing, and keep compiled programs on disk.
const HAS_DRIVERS: bool = cfg!(feature = "drivers");

/// Puts up both walls, each of them whether or not the other could be. The filter counts as closed
/// only once it was seen to hold.
pub(super) fn close(profile: &Profile<'_>, walls: Walls) -> Confined {
    let files = match walls {
        Walls::All => files::close(profile),
        Walls::Calls => Err(io::Error::other("they were not asked for")),
    };
    let calls = calls::close(profile).and_then(|()| tried(profile));
    let mut why = Vec::new();
    if let Err(error) = &calls {
        why.push(format!("system calls can't be filtered ({error})"));
    }
    if let Err(error) = &files {
        why.push(format!("there are no rules on files ({error})"));
    }
    Confined {
        calls: calls.is_ok(),
        files: files.is_ok(),
        why: (!why.is_empty()).then(|| why.join(", and ")),
    }
}

/// A socket family that does not exist: Linux has 46. An unfiltered kernel says so; for an existing
/// family it might refuse an ordinary user without any filter, which would prove nothing.
const NO_FAMILY: AddressFamily = AddressFamily::from_raw(0x7fff);

/// Whether the filter works: what it should refuse is tried, in ways that change nothing if it is
/// allowed.
fn tried(profile: &Profile<'_>) -> io::Result<()> {
    let socket = rustix::net::socket(NO_FAMILY, SocketType::STREAM, None);
    // Opening is what a worker is refused by the filter alone; the others may open files.
    let opens = match profile {
        Profile::Worker { .. } => !HAS_DRIVERS && std::fs::File::open("/dev/null").is_ok(),
        Profile::Host { .. } | Profile::Called { .. } | Profile::Fetch { .. } => false,
    };
    if socket.err() == Some(rustix::io::Errno::PERM) && !opens {
        Ok(())
    } else {
        Err(io::Error::other("it was set and does not hold"))
    }
}
