//! Direct access to standard output that sees every failure to write. The standard library treats a
//! stream that is closed, or was opened for reading, as a success.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_getfd, write};
use rustix::stdio::stdout;

static CLOSED: AtomicBool = AtomicBool::new(false);

// Before `main`: by then the standard library has put `/dev/null` in place of a closed stream,
// which can't be distinguished from one that was asked for. All output would vanish, and the
// command succeed.
ctor::declarative::ctor! {
    /// Makes one system call and does not allocate, since there is no runtime yet.
    #[ctor(unsafe)]
    fn look() {
        CLOSED.store(fcntl_getfd(stdout()) == Err(Errno::BADF), Ordering::Relaxed);
    }
}

/// Unbuffered: what was written has been passed to the system, so that each failure belongs to the
/// write that caused it, and none comes up at exit, where nobody looks. Callers write whole texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if CLOSED.load(Ordering::Relaxed) {
            return Err(Errno::BADF.into());
        }
        match write(stdout(), bytes) {
            // Another program that shares the terminal may have made it non-blocking.
            Err(Errno::AGAIN) => {
                wait()?;
                // `write_all` tries again after this, and after nothing else.
                Err(ErrorKind::Interrupted.into())
            }
            result => Ok(result?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wait() -> io::Result<()> {
    let stdout = stdout();
    match poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
