//! The host's socket: a lock that is held for life makes sure that there is one host, only this
//! user's processes may connect, and each client has a reader and a writer thread.

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

const FRAME_WITHIN: Duration = Duration::from_millis(FRAME_WITHIN_MS);
/// How long the listener waits, in total, for the first messages of clients that can't stay, while
/// others wait; each is given a quarter of what is left. Our clients send theirs at once, though a
/// busy machine takes a while, and a hundred that send nothing must not keep one of ours waiting.
const PATIENCE: Duration = Duration::from_secs(1);
const REFUSED_WITHIN_MIN: Duration = Duration::from_millis(10);
const NOTHING: &str = "/dev/null";
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Listener {
    only: OnlyListener,
}

impl Listener {
    /// Makes this process the one host. `None` if another runs: the lock decides, since a socket
    /// stays behind when its host dies.
    pub(super) fn bind(places: &Places) -> Result<Option<Self>, ErrorInfo> {
        private_folder(&places.runtime)?;
        let only = OnlyListener::claim(&places.host_lock(), &places.host_socket())?;
        Ok(only.map(|only| Self { only }))
    }

    /// Accepts connections on a thread of its own for the host's life. It starts the threads of a
    /// client itself, so that one for which there is no thread can be told so on its socket.
    pub(super) fn accept_into(&self, sender: Sender<Input>) -> io::Result<()> {
        let socket = self.only.socket().try_clone()?;
        // A host that could not even refuse would keep every client waiting.
        let spare = Some(File::open(NOTHING)?);
        let door = Door { socket, sender, open: Arc::new(()), spare, next: 0, patience: PATIENCE };
        spawn_thread("listener", move || door.run())?;
        Ok(())
    }
}

/// Accepts clients. If there is one too many, it gets an error and is closed, which does not affect
/// the others.
struct Door {
    socket: UnixListener,
    sender: Sender<Input>,
    /// Held once for each connected client.
    open: Arc<()>,
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
                    // Here and below: a descriptor may have become free by a client that has gone
                    // meanwhile.
                    self.hold_spare();
                    if !self.take(stream) {
                        return;
                    }
                    self.hold_spare();
                }
                // Giving up the spare descriptor makes room for the client that gets the error.
                Err(error) if is_shortage(&error) && self.spare.is_some() => self.spare = None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Whatever the error is, it will pass; until then the loop must not spin.
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    fn hold_spare(&mut self) {
        if self.spare.is_none() {
            self.spare = File::open(NOTHING).ok();
        }
    }

    /// Accepts a client, or tells it why not; returns whether the host still wants clients.
    fn take(&mut self, stream: UnixStream) -> bool {
        // Each connected client holds one reference, and so does the door.
        // Counted here and not by the core: whoever can't stay must not cost a thread.
        if Arc::strong_count(&self.open) > CLIENTS_MAX {
            return self.refuse(stream, &too_many());
        }
        if self.spare.is_none() {
            let error = rustix::io::Errno::MFILE.into();
            return self.refuse(stream, &no_room(&error));
        }
        self.next += 1;
        // What the client sends waits until the core knows about the client.
        let (close_gate, gate) = crossbeam_channel::bounded::<()>(0);
        match self.start(&stream, gate) {
            Ok((outbox, thread)) => {
                let place = Arc::clone(&self.open);
                let writer = ClientWriter { outbox, thread, stream, _place: place };
                // Before the gate is opened, so that the core hears of the client before its first
                // message.
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

    /// Starts a client's threads; its messages become events once the gate is dropped.
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
            // Waits for the first message only: once the gate is gone, this returns at once.
            let _ = gate.recv();
            let event = match message {
                Some(Ok(message)) => {
                    // Whoever says hello may send documents; a stranger's frame has a small limit,
                    // so that it can't make the host take memory.
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

    /// The host's status for a client that was not accepted; `None` if the host does not answer in
    /// time.
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

    /// Tells a client that there is no room for it. The client may still ask for the status and end
    /// the host: it must be possible to inspect and retire a host that is full.
    fn refuse(&mut self, stream: UnixStream, why: &ErrorInfo) -> bool {
        let mut ends = false;
        // Patience is for a crowd; a single client has all the time.
        if !self.others_wait() {
            self.patience = PATIENCE;
        }
        let begun = Instant::now();
        let within = (self.patience / 4).max(REFUSED_WITHIN_MIN);
        answer_and_close(stream, within, STRANGER_FRAME_BYTES_MAX, |method| {
            // The host is told below, after the answer was sent.
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

/// The folder's permissions keep other users out; std has no `getpeereid` yet.
#[cfg(not(target_os = "linux"))]
fn is_this_user(_stream: &UnixStream) -> bool {
    true
}

/// Whether the message is a hello, so that the core knows the client before its next frame comes.
fn is_hello(message: &Message) -> bool {
    matches!(message, Message::Request { method, .. } if method == Hello::METHOD)
}

/// Sends to a client. It also holds the client's place among [`CLIENTS_MAX`], which becomes free
/// when this is dropped.
pub(super) struct ClientWriter {
    pub(super) outbox: Outbox,
    thread: JoinHandle<()>,
    stream: UnixStream,
    _place: Arc<()>,
}

impl ClientWriter {
    /// Closes at once, what is queued is lost. The shutdown also wakes the client's reader, which
    /// then reports that it is gone.
    pub(super) fn close(self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Closes after everything queued was written, or after a second: a client that does not read
    /// must not keep the host alive.
    pub(super) fn finish(self) {
        let _ = self.stream.set_write_timeout(Some(Duration::from_secs(1)));
        drop(self.outbox);
        let _ = self.thread.join();
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}
