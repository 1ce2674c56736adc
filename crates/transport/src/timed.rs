//! A socket whose peer may pause between frames for as long as it likes, but must complete a frame
//! that it has begun. Used by those who read from untrusted peers; knows nothing of framing itself.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct TimedStream {
    stream: UnixStream,
    frame_within: Duration,
    /// When the current frame was begun; `None` between frames, when there is no limit.
    begun: Option<Instant>,
    /// Whether a limit is set in the kernel, so that it is only changed when it has to be.
    limited: bool,
}

impl TimedStream {
    pub(crate) fn new(stream: UnixStream, frame_within: Duration) -> Self {
        Self { stream, frame_within, begun: None, limited: false }
    }

    pub(crate) fn between_frames(&mut self) {
        self.begun = None;
    }

    /// The first bytes of a frame have arrived, or are due now: from here on the whole frame has
    /// its time.
    pub(crate) fn frame_begins(&mut self) {
        self.begun = Some(Instant::now());
    }

    pub(crate) fn socket(&self) -> &UnixStream {
        &self.stream
    }

    fn late(&self) -> io::Error {
        let text = format!("a frame was not whole within {} ms", self.frame_within.as_millis());
        io::Error::new(ErrorKind::TimedOut, text)
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = match self.begun {
            Some(begun) => {
                // What is left of the time for the whole frame: a limit on each read alone would
                // let a peer send a byte now and then forever.
                let left = self.frame_within.saturating_sub(begun.elapsed());
                Some(left).filter(|left| !left.is_zero()).ok_or_else(|| self.late())?.into()
            }
            None => None,
        };
        // Most frames arrive at once, and then need no further system call.
        if left.is_some() || self.limited {
            self.stream.set_read_timeout(left)?;
            self.limited = left.is_some();
        }
        match self.stream.read(buffer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(self.late())
            }
            other => other,
        }
    }
}
