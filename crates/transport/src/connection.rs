//! Threads around a pair of byte streams: one reads messages, and one writes from a bounded queue,
//! so that code which makes decisions never waits for a peer.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use localcoder_protocol::{ErrorInfo, FRAME_BYTES_MAX};
use serde_json::Value;

use crate::timed::TimedStream;
use crate::{FrameError, Message, MessageError, read_frame, spawn_thread, write_frame};

/// Messages that may wait for a slow peer: a few seconds of what the fastest model writes. A peer
/// that reads none of it for this long has hung, and what is queued for it costs memory.
pub const QUEUE_MESSAGES: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    #[error("the peer does not keep up: {QUEUE_MESSAGES} messages wait for it")]
    Full,
    #[error("the peer is gone")]
    Closed,
}

/// The sending half: a bounded queue before the thread that writes. Cheap to clone; the writer ends
/// when the last clone is dropped, after it has written what is queued.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: Sender<Message>,
}

impl Outbox {
    /// Queues a message without waiting, so that one slow peer can't hold up code that serves
    /// several. What becomes of a peer that does not keep up is the caller's decision.
    ///
    /// # Errors
    /// If the queue is full or the writer has ended.
    pub fn send(&self, message: Message) -> Result<(), OutboxError> {
        self.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => OutboxError::Full,
            TrySendError::Disconnected(_) => OutboxError::Closed,
        })
    }

    /// Queues a message and waits for room. Only for the worker, whose decode loop may wait for its
    /// host.
    ///
    /// # Errors
    /// If the writer has ended.
    pub fn send_waiting(&self, message: Message) -> Result<(), OutboxError> {
        self.queue.send(message).map_err(|_| OutboxError::Closed)
    }

    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// An outbox whose messages a test or an in-process peer receives directly.
    #[must_use]
    pub fn memory(capacity: usize) -> (Self, Receiver<Message>) {
        let (queue, receiver) = bounded(capacity);
        (Self { queue }, receiver)
    }
}

/// Starts the thread that writes what is queued. It ends with the stream or with the last outbox.
///
/// # Errors
/// If the system has no thread.
pub fn spawn_writer(
    name: &str,
    mut stream: impl Write + Send + 'static,
) -> io::Result<(Outbox, JoinHandle<()>)> {
    let (outbox, queue) = Outbox::memory(QUEUE_MESSAGES);
    let thread = spawn_thread(format!("{name}-writer"), move || {
        for message in queue {
            // The queue is dropped with the thread, so whoever sends next gets `Closed`.
            if write_frame(&mut stream, &message.to_bytes()).is_err() {
                return;
            }
        }
    })?;
    Ok((outbox, thread))
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream or its framing is broken: nothing more can be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// One frame was not a message. The next may be.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// Starts the thread that reads. `on_message` gets every message, an error for every frame that is
/// not one, and `None` once at the end of the stream; it returns whether to continue.
///
/// # Errors
/// If the system has no thread.
pub fn spawn_reader(
    name: &str,
    stream: impl Read + Send + 'static,
    mut on_message: impl FnMut(Option<Result<Message, ReadError>>) -> bool + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    spawn_thread(format!("{name}-reader"), move || {
        let mut stream = BufReader::new(stream);
        hand_over(|| read_frame(&mut stream, FRAME_BYTES_MAX), &mut on_message);
    })
}

/// [`spawn_reader`] for a peer that is not trusted: a frame must arrive completely within a time
/// limit that begins with its first byte, for the first frame with the connection, and may have as
/// many bytes as `bytes_max` says then. Between frames there is no limit.
///
/// # Errors
/// If the system has no thread.
pub fn spawn_careful_reader(
    name: &str,
    stream: UnixStream,
    frame_within: Duration,
    bytes_max: Arc<AtomicUsize>,
    mut on_message: impl FnMut(Option<Result<Message, ReadError>>) -> bool + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    spawn_thread(format!("{name}-reader"), move || {
        let mut stream = BufReader::new(TimedStream::new(stream, frame_within));
        let mut knows_it = false;
        let next = || {
            // A peer connects to say something; one that stays silent occupies a place that others
            // need.
            if std::mem::replace(&mut knows_it, true) {
                stream.get_mut().between_frames();
            } else {
                stream.get_mut().frame_begins();
            }
            // Waits for the first byte and leaves it in the buffer: the time of a frame begins with
            // it and not with the wait for it.
            if stream.fill_buf()?.is_empty() {
                return Ok(None);
            }
            stream.get_mut().frame_begins();
            // Asked for each frame, so that a peer can be given a larger limit once it has said who
            // it is.
            read_frame(&mut stream, bytes_max.load(Ordering::Acquire))
        };
        hand_over(next, &mut on_message);
    })
}

/// Answers the first request of a peer that can't stay, and closes the connection: a client that is
/// only cut off could not say why. It uses no thread, since there may be none left, and takes no
/// longer than `within` for each direction. If the peer says nothing in that time, or something
/// that is not a request, the connection is only closed.
pub fn answer_and_close(
    stream: UnixStream,
    within: Duration,
    bytes_max: usize,
    answer: impl FnOnce(&str) -> Result<Value, ErrorInfo>,
) {
    // Without a limit, a peer that does not read would keep the caller here.
    if stream.set_write_timeout(Some(within)).is_err() {
        return;
    }
    let mut stream = TimedStream::new(stream, within);
    stream.frame_begins();
    let mut stream = BufReader::new(stream);
    let Ok(Some(bytes)) = read_frame(&mut stream, bytes_max) else { return };
    if let Ok(Message::Request { id, method, .. }) = Message::from_bytes(&bytes) {
        let response = Message::Response { id, result: answer(&method) };
        // A peer that does not read the answer is closed all the same.
        let _ = write_frame(&mut stream.get_ref().socket(), &response.to_bytes());
    }
}

fn hand_over(
    mut next: impl FnMut() -> Result<Option<Vec<u8>>, FrameError>,
    on_message: &mut impl FnMut(Option<Result<Message, ReadError>>) -> bool,
) {
    loop {
        let event = match next() {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(Message::from_bytes(&bytes).map_err(ReadError::from)),
            Err(error) => {
                // After a broken frame nothing tells where the next one begins, so the stream ends
                // here, unlike after a frame that is not a message.
                on_message(Some(Err(error.into())));
                on_message(None);
                return;
            }
        };
        let ended = event.is_none();
        if !on_message(event) || ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crossbeam_channel::RecvTimeoutError;

    use super::*;
    use crate::write_frame;

    const WITHIN: Duration = Duration::from_millis(200);

    /// The messages of a careful reader, and the peer's end of its stream.
    fn reader(bytes_max: usize) -> (UnixStream, Receiver<Option<String>>, Arc<AtomicUsize>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (sender, said) = bounded(8);
        let limit = Arc::new(AtomicUsize::new(bytes_max));
        spawn_careful_reader("test", theirs, WITHIN, Arc::clone(&limit), move |message| {
            let text = message.map(|it| it.map_or_else(|it| it.to_string(), |_| "ok".to_owned()));
            sender.send(text).is_ok()
        })
        .unwrap();
        (ours, said, limit)
    }

    const MESSAGE: &[u8] = br#"{"jsonrpc":"2.0","method":"a"}"#;

    #[test]
    fn a_frame_that_is_not_finished_ends_the_stream_and_a_pause_between_frames_does_not() {
        let (mut stream, said, _) = reader(1_000);
        write_frame(&mut stream, MESSAGE).unwrap();
        assert_eq!(said.recv().unwrap().unwrap(), "ok");
        assert_eq!(
            said.recv_timeout(2 * WITHIN),
            Err(RecvTimeoutError::Timeout),
            "a pause ended it"
        );
        let begun = Instant::now();
        // Each byte comes soon after the last one, but the frame never ends.
        let ended = b"Content-Length: 30".iter().find_map(|byte| {
            // Once the reader has given up, writing fails.
            let _ = stream.write_all(&[*byte]);
            said.recv_timeout(WITHIN / 10).ok()
        });
        let error = ended.unwrap_or_else(|| said.recv().unwrap()).unwrap();
        assert!(error.contains("not whole"), "{error}");
        assert_eq!(said.recv().unwrap(), None);
        assert!(begun.elapsed() >= WITHIN);
    }

    #[test]
    fn a_peer_that_never_says_anything_is_not_kept() {
        let (_stream, said, _) = reader(1_000);
        assert!(said.recv().unwrap().unwrap().contains("not whole"));
        assert_eq!(said.recv().unwrap(), None);
    }

    #[test]
    fn a_frame_may_be_as_long_as_the_limit_says_when_it_comes() {
        let (mut stream, said, limit) = reader(MESSAGE.len() - 1);
        limit.store(MESSAGE.len(), Ordering::Release);
        write_frame(&mut stream, MESSAGE).unwrap();
        assert_eq!(said.recv().unwrap().unwrap(), "ok");
        limit.store(MESSAGE.len() - 1, Ordering::Release);
        write_frame(&mut stream, MESSAGE).unwrap();
        let error = said.recv().unwrap().unwrap();
        assert!(error.contains("longer than"), "{error}");
        assert_eq!(said.recv().unwrap(), None);
    }

    #[test]
    fn a_peer_that_can_not_stay_gets_an_answer_to_what_it_asked() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        write_frame(&mut ours, br#"{"jsonrpc":"2.0","id":7,"method":"hello"}"#).unwrap();
        let no = ErrorInfo::new(localcoder_protocol::ErrorCode::Busy, "full").with_hint("wait");
        let expected = no.clone();
        answer_and_close(theirs, WITHIN, 1_000, |method| {
            assert_eq!(method, "hello");
            Err(no)
        });
        let mut ours = BufReader::new(ours);
        let answer = read_frame(&mut ours, 1_000).unwrap().unwrap();
        let answer = Message::from_bytes(&answer).unwrap();
        assert_eq!(answer, Message::Response { id: crate::Id::Number(7), result: Err(expected) });
        assert!(read_frame(&mut ours, 1_000).unwrap().is_none(), "it is closed");
    }

    #[test]
    fn a_peer_that_can_not_stay_and_says_nothing_is_not_waited_for() {
        for said in [&b""[..], b"Content-Length: 100\r\n", b"nonsense\r\n\r\n"] {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            ours.write_all(said).unwrap();
            let begun = Instant::now();
            answer_and_close(theirs, WITHIN, 1_000, |_| Ok(Value::Null));
            assert!(begun.elapsed() < 10 * WITHIN);
            assert!(ours.read(&mut [0; 8]).is_ok_and(|count| count == 0));
        }
    }

    #[test]
    fn a_closed_stream_is_reported_once() {
        let (stream, said, _) = reader(1_000);
        drop(stream);
        assert_eq!(said.recv().unwrap(), None);
        assert!(said.recv().is_err());
    }
}
