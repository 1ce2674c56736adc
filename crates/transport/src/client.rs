//! A blocking client for one connection: the command line, the launcher and tests use it. Calls may
//! overlap: answers and notifications arrive in one stream of events.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use localcoder_protocol::{ErrorInfo, Request};
use serde_json::Value;

use crate::{Id, Message, Outbox, TransportError, spawn_reader, spawn_writer};

#[derive(Debug)]
pub enum ClientEvent {
    /// The answer to the call with this number.
    Answer(i64, Result<Value, ErrorInfo>),
    Notification(String, Value),
    Closed,
}

/// One connection to a host or a worker, with a thread for each direction. Dropping it closes the
/// sending half; the reader ends with the stream.
#[derive(Debug)]
pub struct Client {
    outbox: Outbox,
    events: Receiver<ClientEvent>,
    next_id: i64,
    closed: bool,
}

impl Client {
    /// Speaks over a pair of streams.
    ///
    /// # Errors
    /// If the system has no thread to read or write with.
    pub fn new(
        reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
    ) -> Result<Self, TransportError> {
        let (outbox, _) = spawn_writer("client", writer).map_err(TransportError::NoThread)?;
        // Unbounded on purpose: the reader must never stop reading, or the host would take this
        // client for a slow one while it waits for its own user.
        let (sender, events) = unbounded();
        spawn_reader("client", reader, move |message| {
            let event = match message {
                Some(Ok(Message::Response { id: Id::Number(id), result })) => {
                    ClientEvent::Answer(id, result)
                }
                Some(Ok(Message::Notification { method, params })) => {
                    ClientEvent::Notification(method, params)
                }
                // A peer that calls us or uses text ids is not one of ours; there is nothing to
                // answer.
                Some(Ok(_)) => return true,
                Some(Err(_)) | None => ClientEvent::Closed,
            };
            let last = matches!(event, ClientEvent::Closed);
            sender.send(event).is_ok() && !last
        })
        .map_err(TransportError::NoThread)?;
        Ok(Self { outbox, events, next_id: 1, closed: false })
    }

    /// The number that the next call will have, for a file that is handed over before it.
    #[must_use]
    pub fn next_number(&self) -> i64 {
        self.next_id
    }

    /// Sends a call and returns its number, without waiting: its answer is among the
    /// [`Client::events`].
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn start<R: Request>(&mut self, params: &R::Params) -> Result<i64, TransportError> {
        let id = self.next_id;
        self.next_id += 1;
        let sent = self.outbox.send(Message::request::<R>(id, params));
        sent.map(|()| id).map_err(|_| TransportError::Lost)
    }

    /// Whether the connection was found closed by a call that waited. `false` says nothing: the
    /// peer may have gone since.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Everything that arrives, in order. What is taken here, [`Client::call`] does not see.
    #[must_use]
    pub fn events(&self) -> &Receiver<ClientEvent> {
        &self.events
    }

    /// Calls and waits for as long as the request allows (`R::DEADLINE_MS`; without one, for as
    /// long as it takes). Notifications go to `on_notification` meanwhile. Answers to other calls
    /// are dropped: whoever has several under way reads [`Client::events`].
    ///
    /// # Errors
    /// The peer's error, a lost connection, or a passed deadline.
    pub fn call<R: Request>(
        &mut self,
        params: &R::Params,
        mut on_notification: impl FnMut(&str, Value),
    ) -> Result<R::Answer, ErrorInfo> {
        let id = self.start::<R>(params)?;
        let deadline = R::DEADLINE_MS.map(|ms| Instant::now() + Duration::from_millis(ms));
        loop {
            let event = match deadline {
                Some(deadline) => match self.events.recv_deadline(deadline) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => {
                        return Err(TransportError::NoAnswer(R::METHOD).into());
                    }
                    Err(RecvTimeoutError::Disconnected) => return Err(TransportError::Lost.into()),
                },
                None => self.events.recv().map_err(|_| TransportError::Lost)?,
            };
            match event {
                ClientEvent::Answer(answered, result) if answered == id => {
                    return read_answer::<R>(result);
                }
                // To an earlier call whose deadline has passed.
                ClientEvent::Answer(..) => {}
                ClientEvent::Notification(method, params) => on_notification(&method, params),
                ClientEvent::Closed => {
                    self.closed = true;
                    return Err(TransportError::Lost.into());
                }
            }
        }
    }
}

/// Reads the answer of `R` out of a [`ClientEvent::Answer`].
///
/// # Errors
/// The peer's error, or that its answer is malformed.
pub fn read_answer<R: Request>(result: Result<Value, ErrorInfo>) -> Result<R::Answer, ErrorInfo> {
    serde_json::from_value(result?)
        .map_err(|source| TransportError::Malformed { method: R::METHOD, source }.into())
}
