//! Standard output as the system has it: every failure to write to it is seen. The standard
//! library's takes one that is closed, or was opened for reading, for a success.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_getfd, write};
use rustix::stdio::stdout;

/// Whether the program was started without one.
static CLOSED: AtomicBool = AtomicBool::new(false);

// Before `main`, since the standard library puts `/dev/null` in place of a closed stream before
// that, and nothing tells it from one that was asked for.
ctor::declarative::ctor! {
    /// Makes a system call and allocates nothing, as is right where there is no runtime yet.
    #[ctor(unsafe)]
    fn look() {
        CLOSED.store(fcntl_getfd(stdout()) == Err(Errno::BADF), Ordering::Relaxed);
    }
}

/// Nothing is kept back: what was written is with the system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if CLOSED.load(Ordering::Relaxed) {
            return Err(Errno::BADF.into());
        }
        match write(stdout(), bytes) {
            // Another program that shares the terminal may have told it not to wait.
            Err(Errno::AGAIN) => {
                wait()?;
                Err(ErrorKind::Interrupted.into())
            }
            result => Ok(result?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Until there is room for more.
fn wait() -> io::Result<()> {
    let stdout = stdout();
    match poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
