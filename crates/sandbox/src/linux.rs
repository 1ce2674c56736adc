//! Linux has two walls: a filter of system calls (seccomp), which knows what is called and not on
//! which file, and rules on files (Landlock), which know files and not every call. Either refuses
//! writing by itself, so that a kernel without Landlock, or a fault in one, leaves the other.

mod calls;
mod files;

use std::io;

use localcoder_protocol::Confined;
use rustix::net::{AddressFamily, SocketType};

use crate::{Profile, Walls};

/// Drivers of GPUs open their devices to write, and keep compiled programs on the disk.
const HAS_DRIVERS: bool = cfg!(feature = "drivers");

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

/// A family of sockets that there is not: Linux has 46. A kernel without the filter says so to
/// everybody; for one that there is, it may refuse an ordinary user by itself, which shows nothing.
const NO_FAMILY: AddressFamily = AddressFamily::from_raw(0x7fff);

/// Whether the filter holds: what it refuses is tried, in ways that change nothing where it does not.
fn tried(profile: &Profile<'_>) -> io::Result<()> {
    let socket = rustix::net::socket(NO_FAMILY, SocketType::STREAM, None);
    let opens = match profile {
        Profile::Worker { .. } => !HAS_DRIVERS && std::fs::File::open("/dev/null").is_ok(),
        Profile::Host { .. } | Profile::Fetch { .. } => false,
    };
    if socket.err() == Some(rustix::io::Errno::PERM) && !opens {
        Ok(())
    } else {
        Err(io::Error::other("it was set and does not hold"))
    }
}
