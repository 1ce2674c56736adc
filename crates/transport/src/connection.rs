//! Threads round a pair of byte streams: one that reads messages, one that writes from a
//! bounded queue, so that nobody who decides something ever waits for a peer.

use std::io::{BufReader, Read, Write};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use localcoder_protocol::FRAME_BYTES_MAX;

use crate::{FrameError, Message, MessageError, read_frame, write_frame};

/// Messages that may wait for a slow peer. `reliability`: 256 messages or the peer is too slow.
pub const QUEUE_MESSAGES: usize = 256;

/// Why a message was not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    /// The peer does not read.
    #[error("the peer does not keep up: {QUEUE_MESSAGES} messages wait for it")]
    Full,
    /// The peer is gone.
    #[error("the peer is gone")]
    Closed,
}

/// The sending half. Cheap to clone; the writer ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: Sender<Message>,
}

impl Outbox {
    /// Queues a message without waiting.
    ///
    /// # Errors
    /// Where the queue is full or the writer has ended.
    pub fn send(&self, message: Message) -> Result<(), OutboxError> {
        self.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => OutboxError::Full,
            TrySendError::Disconnected(_) => OutboxError::Closed,
        })
    }

    /// Queues a message and waits for room. For the worker, whose decode loop may wait for its
    /// host, and for nobody else.
    ///
    /// # Errors
    /// Where the writer has ended.
    pub fn send_waiting(&self, message: Message) -> Result<(), OutboxError> {
        self.queue.send(message).map_err(|_| OutboxError::Closed)
    }

    /// How many messages wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// An outbox whose messages a test or an in-process peer receives itself.
    #[must_use]
    pub fn memory(capacity: usize) -> (Self, Receiver<Message>) {
        let (queue, receiver) = bounded(capacity);
        (Self { queue }, receiver)
    }
}

/// Starts the thread that writes what is queued, and ends with the stream or the last outbox.
///
/// # Panics
/// Where the system gives no thread.
pub fn spawn_writer(
    name: &str,
    mut stream: impl Write + Send + 'static,
) -> (Outbox, JoinHandle<()>) {
    let (outbox, queue) = Outbox::memory(QUEUE_MESSAGES);
    let thread = std::thread::Builder::new()
        .name(format!("{name}-writer"))
        .spawn(move || {
            for message in queue {
                if write_frame(&mut stream, &message.to_bytes()).is_err() {
                    return;
                }
            }
        })
        .expect("the system gives a thread");
    (outbox, thread)
}

/// What a reader hands over.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream or its framing is broken: nothing more can be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// One frame was no message. The next may be.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// Starts the thread that reads. `on_message` gets every message, every frame that is none, and
/// `None` once at the end of the stream; it returns whether to go on.
///
/// # Panics
/// Where the system gives no thread.
pub fn spawn_reader(
    name: &str,
    stream: impl Read + Send + 'static,
    mut on_message: impl FnMut(Option<Result<Message, ReadError>>) -> bool + Send + 'static,
) -> JoinHandle<()> {
    std::thread::Builder::new()
        .name(format!("{name}-reader"))
        .spawn(move || {
            let mut stream = BufReader::new(stream);
            loop {
                let event = match read_frame(&mut stream, FRAME_BYTES_MAX) {
                    Ok(None) => None,
                    Ok(Some(bytes)) => Some(Message::from_bytes(&bytes).map_err(ReadError::from)),
                    Err(error) => {
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
        })
        .expect("the system gives a thread")
}
