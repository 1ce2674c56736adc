//! The host's socket: one host by a lock held for life, only this user's processes, a reader and
//! a writer thread a client.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;
use localcoder_protocol::limits::{FRAME_WITHIN_MS, STRANGER_FRAME_BYTES_MAX};
use localcoder_protocol::{ErrorInfo, FRAME_BYTES_MAX, Hello, Request as _};
use localcoder_settings::Places;
use localcoder_transport::local::{OnlyListener, private_folder};
use localcoder_transport::{Message, Outbox, spawn_careful_reader, spawn_writer};

use super::Input;
use crate::core::{ClientId, Event};

/// See [`FRAME_WITHIN_MS`].
const FRAME_WITHIN: Duration = Duration::from_millis(FRAME_WITHIN_MS);

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
    pub(super) fn accept_into(&self, sender: Sender<Input>) {
        let socket = self.only.socket().try_clone().expect("a socket can be duplicated");
        std::thread::Builder::new()
            .name("listener".to_owned())
            .spawn(move || {
                let mut client: ClientId = 0;
                for stream in socket.incoming() {
                    let Ok(stream) = stream else {
                        // Out of descriptors, most likely: it passes, and must not spin.
                        std::thread::sleep(Duration::from_millis(100));
                        continue;
                    };
                    if !is_this_user(&stream) {
                        tracing::warn!("refused a connection of another user");
                        continue;
                    }
                    client += 1;
                    if sender.send(Input::Accepted(Acceptance { client, stream })).is_err() {
                        return;
                    }
                }
            })
            .expect("the system gives a thread");
    }
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

/// A connection nobody reads yet.
pub(super) struct Acceptance {
    pub(super) client: ClientId,
    stream: UnixStream,
}

impl Acceptance {
    /// Starts its threads; what it says arrives as events.
    pub(super) fn start(self, sender: Sender<Input>) -> ClientWriter {
        let Self { client, stream } = self;
        let reading = stream.try_clone().expect("a socket can be duplicated");
        let closing = stream.try_clone().expect("a socket can be duplicated");
        let (outbox, thread) = spawn_writer(&format!("client-{client}"), stream);
        let bytes_max = Arc::new(AtomicUsize::new(STRANGER_FRAME_BYTES_MAX));
        let limit = Arc::clone(&bytes_max);
        let name = format!("client-{client}");
        spawn_careful_reader(&name, reading, FRAME_WITHIN, bytes_max, move |message| {
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
        });
        ClientWriter { outbox, thread, stream: closing }
    }
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
