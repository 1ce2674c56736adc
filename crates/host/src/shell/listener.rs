//! The host's socket: one host by a lock held for life, only this user's processes, a reader and
//! a writer thread a client.

use std::fs::{File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use localcoder_protocol::{ErrorCode, ErrorInfo};
use localcoder_settings::Places;
use localcoder_transport::{Outbox, spawn_reader, spawn_writer};

use super::{Input, make_private_folder};
use crate::core::{ClientId, Event};

/// `sun_path` holds 104 bytes on macOS and 108 on Linux, with the closing zero.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// A bound socket and the lock that makes it the only one.
pub(super) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    _lock: File,
}

impl Drop for Listener {
    /// The lock is still held, so the socket is still ours.
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.path);
    }
}

impl Listener {
    /// Takes the lock, then clears a dead host's socket away, then binds. `None` where another
    /// host holds the lock.
    pub(super) fn bind(places: &Places) -> Result<Option<Self>, ErrorInfo> {
        make_private_folder(&places.runtime)?;
        let path = places.host_socket();
        check_length(&path)?;
        let lock = open_lock(&places.host_lock())?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(refuse(&places.host_lock(), &error)),
        }
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(refuse(&path, &error));
            }
            _ => {}
        }
        let socket = UnixListener::bind(&path).map_err(|error| refuse(&path, &error))?;
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o600))
            .map_err(|error| refuse(&path, &error))?;
        Ok(Some(Self { socket, path, _lock: lock }))
    }

    /// Accepts on its own thread for the host's life.
    pub(super) fn accept_into(&self, sender: Sender<Input>) {
        let socket = self.socket.try_clone().expect("a socket can be duplicated");
        std::thread::Builder::new()
            .name("listener".to_owned())
            .spawn(move || {
                let mut client: ClientId = 0;
                for stream in socket.incoming() {
                    let Ok(stream) = stream else { continue };
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

fn check_length(path: &Path) -> Result<(), ErrorInfo> {
    let bytes = path.as_os_str().len();
    if bytes <= SOCKET_PATH_BYTES_MAX {
        return Ok(());
    }
    Err(ErrorInfo::new(
        ErrorCode::RuntimeFolder,
        format!("the socket's path `{}` is too long", path.display()),
    )
    .with_cause(format!("it has {bytes} bytes; the system allows {SOCKET_PATH_BYTES_MAX}"))
    .with_hint("set LOCALCODER_HOME to a folder with a shorter path"))
}

fn open_lock(path: &Path) -> Result<File, ErrorInfo> {
    // Never unlinked: two hosts with a lock each on files of the same name would both run.
    let opened = File::options().create(true).truncate(false).write(true).open(path);
    opened.map_err(|error| refuse(path, &error))
}

fn refuse(path: &Path, error: &std::io::Error) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::RuntimeFolder, format!("`{}` can't be used", path.display()))
        .with_cause(error.to_string())
        .with_hint("make its folder writable for you, or set LOCALCODER_HOME to another folder")
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
        spawn_reader(&format!("client-{client}"), reading, move |message| {
            let event = match message {
                Some(Ok(message)) => Event::ClientMessage(client, message),
                Some(Err(error)) => Event::ClientMalformed(client, error.to_string()),
                None => Event::ClientGone(client),
            };
            sender.send(Input::Event(event)).is_ok()
        });
        ClientWriter { outbox, thread, stream: closing }
    }
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
        let _ = self.stream.set_write_timeout(Some(std::time::Duration::from_secs(1)));
        drop(self.outbox);
        let _ = self.thread.join();
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}
