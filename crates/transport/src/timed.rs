//! A socket whose peer may think between frames as long as it likes, and must come to the end of a
//! frame that it has begun. Used by those who read from anybody; knows no framing itself.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub(crate) struct TimedStream {
    stream: UnixStream,
    frame_within: Duration,
    /// When the frame that is being read was begun.
    begun: Option<Instant>,
    /// Whether the socket has a time limit now.
    limited: bool,
}

impl TimedStream {
    pub(crate) fn new(stream: UnixStream, frame_within: Duration) -> Self {
        Self { stream, frame_within, begun: None, limited: false }
    }

    /// What is awaited next is the beginning of a frame.
    pub(crate) fn between_frames(&mut self) {
        self.begun = None;
    }

    /// The first bytes of a frame are there.
    pub(crate) fn frame_begins(&mut self) {
        self.begun = Some(Instant::now());
    }

    /// What is written to.
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
                let left = self.frame_within.saturating_sub(begun.elapsed());
                Some(left).filter(|left| !left.is_zero()).ok_or_else(|| self.late())?.into()
            }
            None => None,
        };
        // Most frames come whole, and cost no call more.
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
