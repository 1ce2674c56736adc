//! The editor server: VS Code's own server, run by the bundled Node.js. Starts it on a Unix socket
//! in the private runtime folder, keeps its output in the log, and ends it if it hangs.
//!
//! It does not ask for a token: whoever reaches its socket has come through the front, or is a
//! process of this user. Whether it is started again after a crash is up to the session.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::LauncherError;
use crate::log::{LINE_BYTES_MAX, Log};
use crate::offline::Confinement;
use crate::private::{ipc_folder, restore_umask};
use crate::process::Group;
use crate::{Setup, environment, front, health};

/// A cold start on a loaded machine with a slow disk takes some seconds.
const START_TIME: Duration = Duration::from_secs(30);
/// The server has nothing to save itself: windows write backups while the user types.
const STOP_TIME: Duration = Duration::from_secs(3);
/// How long the extension host of a window that went away is kept. Long enough for a reload; by
/// default the server waits for three hours, and keeps the model's memory that long.
const ABSENT_SECONDS: &str = "60";
/// Printed once the socket listens.
const LISTENING: &str = "Extension host agent listening on ";
/// Printed if it can't listen; the server then stays alive, doing nothing.
const NOT_LISTENING: &str = "Error: listen ";

#[derive(Debug)]
pub(crate) struct Server {
    group: Group,
}

impl Server {
    /// Starts the server and blocks until it listens, half a minute at most. `on_end` is called
    /// when it ends, whether it was asked to or not; not if this returns an error, which has the
    /// last lines of the log as its cause.
    pub(crate) fn start(
        setup: &Setup,
        confinement: Option<&Confinement>,
        log: &Arc<Log>,
        on_end: impl FnOnce(ExitStatus) + Send + 'static,
    ) -> Result<Self, LauncherError> {
        let socket = front::server_socket(&setup.runtime);
        clear(&socket)?;
        let mut command = command(setup, &socket)?;
        if let Some(confinement) = confinement {
            confinement.apply(&mut command).map_err(|error| failed(log, error.to_string()))?;
        }
        restore_umask(&mut command);
        let (sender, listens) = mpsc::channel();
        let kept = Arc::clone(log);
        // Dropped if the start fails, so that the server's end is then not reported.
        let (started, is_started) = mpsc::sync_channel::<()>(1);
        let spawned = Group::spawn(
            command,
            move |child| {
                let (out, err) = (child.stdout.take(), child.stderr.take());
                spawn_reader(out, Arc::clone(&kept), sender.clone());
                spawn_reader(err, kept, sender);
            },
            move |status| {
                if is_started.recv().is_ok() {
                    on_end(status);
                }
            },
        );
        let (group, ()) = spawned.map_err(|error| failed(log, error.to_string()))?;
        match wait_until_it_listens(&listens, &group) {
            Ok(()) => {
                let _ = started.send(());
                // Only now: a server that is still starting does not answer, and has a time limit
                // of its own.
                kill_when_hung(socket, &group, log);
                Ok(Self { group })
            }
            Err(why) => {
                // It may be alive and hung, or have printed that it can't listen, after which it
                // does nothing.
                group.kill();
                let tail = log.tail();
                let cause = if tail.is_empty() { why } else { format!("{why}\n{tail}") };
                Err(failed(log, cause))
            }
        }
    }

    pub(crate) fn stop(&self) {
        self.group.stop(STOP_TIME);
    }
}

/// Removes the socket of a server that is gone, since a new one would find the path taken.
fn clear(socket: &Path) -> Result<(), LauncherError> {
    match fs_err::remove_file(socket) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(LauncherError::NotTakenAway { path: socket.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Turns a server that hangs into one that has ended, which the session can handle: killing it
/// makes the thread that waits for it report its end like any other.
fn kill_when_hung(socket: PathBuf, group: &Group, log: &Arc<Log>) {
    let log = Arc::clone(log);
    health::watch(socket, group.clone(), move |group| {
        tracing::warn!("the editor server hangs");
        log.line("[the editor server does not answer any more and is killed]");
        group.kill();
    });
}

pub(crate) fn failed(log: &Log, why: impl Into<String>) -> LauncherError {
    LauncherError::Server { why: why.into(), log: log.path().to_owned() }
}

/// The command line and the environment of the server. Everything of its own (data, extensions,
/// sockets) is put below our folders, so that it shares nothing with a VS Code of the user's.
fn command(setup: &Setup, socket: &Path) -> Result<Command, LauncherError> {
    for file in [&setup.node, &setup.server_main] {
        if !file.is_file() {
            return Err(LauncherError::Incomplete(file.clone()));
        }
    }
    let mut command = Command::new(&setup.node);
    command
        .arg(&setup.server_main)
        .arg("--socket-path")
        .arg(socket)
        .arg("--without-connection-token")
        .args(["--accept-server-license-terms", "--telemetry-level", "off"])
        // Without this option it would set a browser for terminals that is not shipped.
        .arg("--without-browser-env-var")
        .args(["--reconnection-grace-time", ABSENT_SECONDS])
        .arg("--server-data-dir")
        .arg(setup.editor.join("server"))
        .arg("--user-data-dir")
        .arg(setup.editor.join("user"))
        .arg("--extensions-dir")
        .arg(setup.editor.join("extensions"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    environment::clean(&mut command);
    command.env("LOCALCODER_BIN", &setup.localcoder);
    // Tells the extension that the editor's user settings are the product's own file.
    command.env("LOCALCODER_SETTINGS", &setup.settings);
    // With this, the extension reports a change of the setting that this server does not have yet.
    command.env("LOCALCODER_AIR_GAPPED", if setup.air_gapped { "1" } else { "0" });
    // Edits in `ide/overlay/overlay.json` have the base create its sockets there.
    command.env("LOCALCODER_IPC_DIR", ipc_folder(&setup.runtime));
    if let Some(home) = &setup.home {
        command.env("LOCALCODER_HOME", home);
    }
    Ok(command)
}

/// Copies a stream to the log line by line, and reports that the server listens.
fn spawn_reader(
    stream: Option<impl Read + Send + 'static>,
    log: Arc<Log>,
    listens: mpsc::Sender<Result<(), String>>,
) {
    let Some(stream) = stream else { return };
    let read = move || {
        let mut reader = BufReader::new(stream);
        while let Ok(Some(line)) = read_line(&mut reader) {
            log.line(&line);
            // Once the server has started, this has no receiver.
            if line.starts_with(LISTENING) {
                let _ = listens.send(Ok(()));
            } else if line.contains(NOT_LISTENING) {
                let _ = listens.send(Err(line));
            }
        }
    };
    let spawned = std::thread::Builder::new().name("server-output".to_owned()).spawn(read);
    if let Err(error) = spawned {
        tracing::warn!(%error, "the editor server's output can't be read");
    }
}

/// One line without its end; `None` at the end of the stream. At the length bound a line is cut and
/// continues as another one.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

/// Waits for the line that says that it listens. Looks at the process ten times a second besides,
/// because nothing else would report a server that ends without a word.
fn wait_until_it_listens(
    listens: &mpsc::Receiver<Result<(), String>>,
    group: &Group,
) -> Result<(), String> {
    let deadline = Instant::now() + START_TIME;
    loop {
        match listens.recv_timeout(Duration::from_millis(100)) {
            Ok(told) => return told,
            Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() > deadline => {
                return Err(format!("it did not listen within {} s", START_TIME.as_secs()));
            }
            // Its output can stay open in a grandchild, so both the output's end and the process's
            // end are checked.
            Err(mpsc::RecvTimeoutError::Timeout) if !group.wait(Duration::ZERO) => {}
            Err(_) => {
                // The last lines may still be on their way to the log.
                group.wait(Duration::from_secs(1));
                return Err("it ended at once".to_owned());
            }
        }
    }
}
