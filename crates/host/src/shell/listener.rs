//! The host's socket: one host by a lock held for life, only this user's processes, a reader and
//! a writer thread a client.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use localcoder_protocol::limits::{FRAME_WITHIN_MS, STRANGER_FRAME_BYTES_MAX};
use localcoder_protocol::{
    ErrorAction, ErrorCode, ErrorInfo, FRAME_BYTES_MAX, Hello, Request as _, Status, Stop,
};
use localcoder_settings::Places;
use localcoder_transport::local::{OnlyListener, private_folder};
use localcoder_transport::{
    Message, Outbox, answer_and_close, is_shortage, shortage, spawn_careful_reader, spawn_thread,
    spawn_writer,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use super::Input;
use crate::core::{CLIENTS_MAX, ClientId, Event};

/// See [`FRAME_WITHIN_MS`].
const FRAME_WITHIN: Duration = Duration::from_millis(FRAME_WITHIN_MS);
/// How long the listener waits for what clients that can't stay have to say, while others wait;
/// each is given a quarter of what is left. Ours say it at once, but a busy machine takes a while;
/// and a hundred that say nothing may not keep one of ours waiting.
const PATIENCE: Duration = Duration::from_secs(1);
/// The least time that each is given.
const REFUSED_WITHIN_MIN: Duration = Duration::from_millis(10);
/// What a spare descriptor is opened on.
const NOTHING: &str = "/dev/null";
/// Before it is tried again to accept a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The host's socket.
pub(super) struct Listener {
    only: OnlyListener,
}

impl Listener {
    /// Becomes the one host. `None` where another runs.
    pub(super) fn bind(places: &Places) -> Result<Option<Self>, ErrorInfo> {
        private_folder(&places.runtime)?;
        let only = OnlyListener::claim(&places.host_lock(), &places.host_socket())?;
        Ok(only.map(|only| Self { only }))
    }

    /// Accepts on its own thread for the host's life.
    pub(super) fn accept_into(&self, sender: Sender<Input>) -> io::Result<()> {
        let socket = self.only.socket().try_clone()?;
        // A host that can't even refuse would keep everybody waiting.
        let spare = Some(File::open(NOTHING)?);
        let door = Door { socket, sender, open: Arc::new(()), spare, next: 0, patience: PATIENCE };
        spawn_thread("listener", move || door.run())?;
        Ok(())
    }
}

/// Accepts clients. One too many gets an error and is closed, and does not affect the others.
struct Door {
    socket: UnixListener,
    sender: Sender<Input>,
    /// One for each client that is in.
    open: Arc<()>,
    /// A spare descriptor: without one left, a client that is refused could not be told why.
    spare: Option<File>,
    next: ClientId,
    /// What is left of [`PATIENCE`].
    patience: Duration,
}

impl Door {
    fn run(mut self) {
        loop {
            match self.socket.accept() {
                Ok((stream, _)) if !is_this_user(&stream) => {
                    tracing::warn!("refused a connection of another user");
                }
                Ok((stream, _)) => {
                    self.hold_spare();
                    if !self.take(stream) {
                        return;
                    }
                    self.hold_spare();
                }
                // The spare one makes room for the client that gets the error.
                Err(error) if is_shortage(&error) && self.spare.is_some() => self.spare = None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whatever it is passes, and must not spin.
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    fn hold_spare(&mut self) {
        if self.spare.is_none() {
            self.spare = File::open(NOTHING).ok();
        }
    }

    /// Takes a client in, or tells it why not; returns whether the host still wants any.
    fn take(&mut self, stream: UnixStream) -> bool {
        // Each client that is in has one, and so has the door.
        if Arc::strong_count(&self.open) > CLIENTS_MAX {
            return self.refuse(stream, &too_many());
        }
        if self.spare.is_none() {
            let error = rustix::io::Errno::MFILE.into();
            return self.refuse(stream, &no_room(&error));
        }
        self.next += 1;
        // What it says waits until the core has heard of it.
        let (close_gate, gate) = crossbeam_channel::bounded::<()>(0);
        match self.start(&stream, gate) {
            Ok((outbox, thread)) => {
                let place = Arc::clone(&self.open);
                let writer = ClientWriter { outbox, thread, stream, _place: place };
                let goes_on = self.sender.send(Input::Accepted(self.next, writer)).is_ok();
                drop(close_gate);
                goes_on
            }
            Err(error) => {
                let answer = no_room(&error);
                tracing::warn!(%error, "refused a client");
                self.refuse(stream, &answer)
            }
        }
    }

    /// Starts a client's threads; what it says arrives as events once the gate is dropped.
    fn start(
        &self,
        stream: &UnixStream,
        gate: Receiver<()>,
    ) -> io::Result<(Outbox, JoinHandle<()>)> {
        let (client, sender) = (self.next, self.sender.clone());
        let name = format!("client-{client}");
        let (reading, writing) = (stream.try_clone()?, stream.try_clone()?);
        let writer = spawn_writer(&name, writing)?;
        let bytes_max = Arc::new(AtomicUsize::new(STRANGER_FRAME_BYTES_MAX));
        let limit = Arc::clone(&bytes_max);
        spawn_careful_reader(&name, reading, FRAME_WITHIN, bytes_max, move |message| {
            let _ = gate.recv();
            let event = match message {
                Some(Ok(message)) => {
                    if is_hello(&message) {
                        limit.store(FRAME_BYTES_MAX, Ordering::Release);
                    }
                    Event::ClientMessage(client, message)
                }
                Some(Err(error)) => Event::ClientMalformed(client, error.to_string()),
                None => Event::ClientGone(client),
            };
            sender.send(Input::Event(event)).is_ok()
        })?;
        Ok(writer)
    }

    /// How the host is, for a client that is none; `None` where it does not say so in time.
    fn status(&self) -> Option<Value> {
        let (answer, answered) = crossbeam_channel::bounded(1);
        self.sender.send(Input::HowIsIt(answer)).ok()?;
        let status = answered.recv_timeout(PATIENCE).ok()?;
        serde_json::to_value(status).ok()
    }

    fn others_wait(&self) -> bool {
        let mut incoming = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut incoming, Some(&Timespec::default())).is_ok_and(|count| count > 0)
    }

    /// Tells a client that there is no room for it. It may ask how the host is and end it all the same:
    /// a host that is full must be one that can be looked at and retired.
    fn refuse(&mut self, stream: UnixStream, why: &ErrorInfo) -> bool {
        let mut ends = false;
        if !self.others_wait() {
            self.patience = PATIENCE;
        }
        let begun = Instant::now();
        let within = (self.patience / 4).max(REFUSED_WITHIN_MIN);
        answer_and_close(stream, within, STRANGER_FRAME_BYTES_MAX, |method| {
            ends = method == Stop::METHOD;
            match method {
                Stop::METHOD => Ok(json!({})),
                Status::METHOD => self.status().ok_or_else(|| why.clone()),
                _ => Err(why.clone()),
            }
        });
        self.patience = self.patience.saturating_sub(begun.elapsed());
        !ends || self.sender.send(Input::Event(Event::Terminate)).is_ok()
    }
}

fn too_many() -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Busy, "the LocalCoder host has no room for another client")
        .with_cause(format!("{CLIENTS_MAX} are connected, and there may be no more"))
        .with_hint("close an editor window or a command that still runs, then try again")
        .with_action(ErrorAction::Retry)
}

fn no_room(error: &io::Error) -> ErrorInfo {
    shortage(ErrorCode::Busy, "the LocalCoder host has no room for another client", error)
}

#[cfg(target_os = "linux")]
fn is_this_user(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream)
        .is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

/// The folder's mode keeps others out; std has no `getpeereid` yet.
#[cfg(not(target_os = "linux"))]
fn is_this_user(_stream: &UnixStream) -> bool {
    true
}

/// Whether the core will have heard of who it is by the time the next frame comes.
fn is_hello(message: &Message) -> bool {
    matches!(message, Message::Request { method, .. } if method == Hello::METHOD)
}

/// The way back to a client.
pub(super) struct ClientWriter {
    pub(super) outbox: Outbox,
    thread: JoinHandle<()>,
    stream: UnixStream,
    _place: Arc<()>,
}

impl ClientWriter {
    /// Closes at once.
    pub(super) fn close(self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Closes after what is queued has been written, or after a second: a client that does not
    /// read must not keep the host alive.
    pub(super) fn finish(self) {
        let _ = self.stream.set_write_timeout(Some(Duration::from_secs(1)));
        drop(self.outbox);
        let _ = self.thread.join();
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}
