//! What the system lacks if it refuses a thread, a process or a descriptor, and what a user can do
//! about it. Callers get the wording here and decide themselves what follows.

use std::io;
use std::thread::{Builder, JoinHandle};

use rustix::io::Errno;

/// Starts a thread. To be used instead of `std::thread::spawn`, which panics if the system has no
/// thread to give.
///
/// # Errors
/// If the system has none.
pub fn spawn_thread(
    name: impl Into<String>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.into()).spawn(work)
}

/// Whether something was refused because too much of it is in use, and not for another reason. Then
/// it may work later, or after the user has closed something.
#[must_use]
pub fn is_shortage(error: &io::Error) -> bool {
    words(error).is_some()
}

/// What the system lacks, and how to free some of it; both are clauses.
pub(crate) struct Shortage {
    pub(crate) cause: String,
    pub(crate) hint: &'static str,
}

impl Shortage {
    /// Works even for an error that does not say which resource is short.
    pub(crate) fn of(error: &io::Error) -> Self {
        match words(error) {
            Some((cause, hint)) => Self { cause: cause.to_owned(), hint },
            None => Self { cause: error.to_string(), hint: "end other programs" },
        }
    }
}

fn words(error: &io::Error) -> Option<(&'static str, &'static str)> {
    match Errno::from_io_error(error)? {
        // A thread for whose stack there is no memory is refused with the same error.
        Errno::AGAIN => Some((
            "the limit on processes and threads or the one on memory is reached",
            "end other programs, or raise the limit (`ulimit -u` is that on processes, \
             `ulimit -v` that on memory)",
        )),
        Errno::NOMEM | Errno::NOBUFS => Some((
            "there is not enough memory",
            "end other programs, or raise the limit on memory (`ulimit -v`)",
        )),
        Errno::MFILE => Some((
            "the limit on open files is reached",
            "close editor windows, or raise the limit on open files (`ulimit -n`)",
        )),
        Errno::NFILE => Some((
            "the whole system has as many files open as it may",
            "end other programs, or raise the system's limit on open files",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shortage;
    use localcoder_protocol::{ErrorCode, ErrorInfo};

    fn told(errno: Errno) -> ErrorInfo {
        shortage(ErrorCode::Busy, "no thread", &errno.into())
    }

    #[test]
    fn each_shortage_is_named_with_the_limit_to_raise() {
        for (errno, cause, hint) in [
            (Errno::AGAIN, "processes and threads", "ulimit -u"),
            (Errno::NOMEM, "memory", "ulimit -v"),
            (Errno::MFILE, "open files", "ulimit -n"),
            (Errno::NFILE, "whole system", "open files"),
        ] {
            assert!(is_shortage(&errno.into()));
            let error = told(errno);
            assert!(error.cause.unwrap().contains(cause));
            let said = error.hint.unwrap();
            assert!(said.contains(hint) && said.contains("start the engine again"), "{said}");
        }
    }

    #[test]
    fn what_is_not_a_shortage_keeps_its_own_words() {
        assert!(!is_shortage(&Errno::NOENT.into()));
        assert!(told(Errno::NOENT).cause.unwrap().contains("No such file"));
    }
}
