//! The editor server: VS Code's own server, run by the bundled Node.js. Starts it, learns its
//! port from what it prints, keeps its output in the log with the token taken out, and ends it
//! where it hangs.
//!
//! Whether it is started again after a crash is the session's business.

use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};

use crate::Setup;
use crate::address::Token;
use crate::health;
use crate::log::{LINE_BYTES_MAX, Log};
use crate::process::Group;

/// A cold start on a loaded machine with a slow disk takes some seconds.
const START_TIME: Duration = Duration::from_secs(30);
/// The server has nothing to save by itself: windows write backups while text is typed.
const STOP_TIME: Duration = Duration::from_secs(3);
/// How long a window that went away keeps its extension host. Long enough for a reload; without
/// it the server waits for three hours, and the model's memory with it.
const ABSENT_SECONDS: &str = "60";
/// Printed once the socket listens, with the port that the system chose.
const LISTENING: &str = "Extension host agent listening on ";
/// Printed where it can't listen; the server stays alive then, doing nothing.
const NOT_LISTENING: &str = "Error: listen ";
/// Variables that must not reach the server: another VS Code's, where we are started from its
/// terminal; what makes Node.js load code; and proxies, as nothing in the IDE calls out.
const REMOVED_PREFIXES: [&str; 2] = ["VSCODE_", "ELECTRON_"];
const REMOVED: &str = "NODE_OPTIONS";
pub(crate) const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "ftp_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
];

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    group: Group,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the server at `wanted` (port 0: any) and waits until it listens. `on_end` is called
    /// when it ends, whether told to or not; not where this returns an error. Where the port is
    /// taken by another program, any other one will do as well.
    pub(crate) fn start(
        setup: &Setup,
        wanted: SocketAddr,
        token: &Token,
        log: &Arc<Log>,
        on_end: impl FnOnce(ExitStatus) + Clone + Send + 'static,
    ) -> Result<Self, ErrorInfo> {
        let taken = |error: &ErrorInfo| {
            error.cause.as_ref().is_some_and(|cause| cause.contains("EADDRINUSE"))
        };
        match Self::start_once(setup, wanted, token, log, on_end.clone()) {
            Err(error) if wanted.port() != 0 && taken(&error) => {
                let any = SocketAddr::new(wanted.ip(), 0);
                Self::start_once(setup, any, token, log, on_end)
            }
            started => started,
        }
    }

    fn start_once(
        setup: &Setup,
        wanted: SocketAddr,
        token: &Token,
        log: &Arc<Log>,
        on_end: impl FnOnce(ExitStatus) + Send + 'static,
    ) -> Result<Self, ErrorInfo> {
        let command = command(setup, wanted)?;
        let (sender, port) = mpsc::channel();
        let (kept, redacting) = (Arc::clone(log), token.clone());
        // Dropped where the start fails, so that its end is then nobody's news.
        let (started, is_started) = mpsc::sync_channel::<()>(1);
        let spawned = Group::spawn(
            command,
            move |child| {
                let (out, err) = (child.stdout.take(), child.stderr.take());
                spawn_reader(out, Arc::clone(&kept), redacting.clone(), sender.clone());
                spawn_reader(err, kept, redacting, sender);
            },
            move |status| {
                if is_started.recv().is_ok() {
                    on_end(status);
                }
            },
        );
        let (group, ()) = spawned.map_err(|error| failed(log, error.to_string()))?;
        match wait_for_port(&port, &group) {
            Ok(port) => {
                let _ = started.send(());
                let address = SocketAddr::new(wanted.ip(), port);
                kill_when_hung(address, &group, log);
                Ok(Self { group, address })
            }
            Err(why) => {
                group.kill();
                let tail = log.tail();
                let cause = if tail.is_empty() { why } else { format!("{why}\n{tail}") };
                Err(failed(log, cause))
            }
        }
    }

    /// Ends it with all its children.
    pub(crate) fn stop(&self) {
        self.group.stop(STOP_TIME);
    }
}

/// A server that hangs is made one that has ended, which the session knows what to do about.
fn kill_when_hung(address: SocketAddr, group: &Group, log: &Arc<Log>) {
    let log = Arc::clone(log);
    health::watch(address, group.clone(), move |group| {
        tracing::warn!("the editor server hangs");
        log.line("[the editor server does not answer any more and is killed]");
        group.kill();
    });
}

/// An error that tells where more is to be read.
pub(crate) fn failed(log: &Log, cause: impl Into<String>) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::EditorStart, "the editor server could not be started")
        .with_cause(cause)
        .with_hint(format!("The whole log is in `{}`.", log.path().display()))
        .with_action(ErrorAction::ShowLog)
}

/// Where the server reads its token from.
pub(crate) fn token_file(setup: &Setup) -> PathBuf {
    setup.runtime.join("ide.token")
}

fn command(setup: &Setup, wanted: SocketAddr) -> Result<Command, ErrorInfo> {
    for file in [&setup.node, &setup.server_main] {
        if !file.is_file() {
            let message = format!("the editor is not complete: `{}` is missing", file.display());
            return Err(ErrorInfo::new(ErrorCode::EditorStart, message).with_hint(
                "Install LocalCoder again, or in its source tree run `cargo xtask ide`.",
            ));
        }
    }
    let mut command = Command::new(&setup.node);
    command
        .arg(&setup.server_main)
        .args(["--host", &wanted.ip().to_string(), "--port", &wanted.port().to_string()])
        .arg("--connection-token-file")
        .arg(token_file(setup))
        .args(["--accept-server-license-terms", "--telemetry-level", "off"])
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
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let foreign = REMOVED_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        if foreign || text == REMOVED || PROXIES.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command.env("LOCALCODER_BIN", &setup.localcoder);
    if let Some(home) = &setup.home {
        command.env("LOCALCODER_HOME", home);
    }
    Ok(command)
}

/// Copies a stream to the log line by line, and the port to whoever waits for it.
fn spawn_reader(
    stream: Option<impl Read + Send + 'static>,
    log: Arc<Log>,
    token: Token,
    port: mpsc::Sender<Result<u16, String>>,
) {
    let Some(stream) = stream else { return };
    let read = move || {
        let mut reader = BufReader::new(stream);
        while let Ok(Some(line)) = read_line(&mut reader) {
            let line = token.redact(&line);
            log.line(&line);
            // Nobody listens any more once the server has started.
            if let Some(number) = line.strip_prefix(LISTENING)
                && let Ok(number) = number.trim().parse()
            {
                let _ = port.send(Ok(number));
            } else if line.contains(NOT_LISTENING) {
                let _ = port.send(Err(line));
            }
        }
    };
    let spawned = std::thread::Builder::new().name("server-output".to_owned()).spawn(read);
    if let Err(error) = spawned {
        tracing::warn!(%error, "the editor server's output can't be read");
    }
}

/// One line without its end, cut at the length bound; `None` at the end of the stream.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

fn wait_for_port(port: &mpsc::Receiver<Result<u16, String>>, group: &Group) -> Result<u16, String> {
    let deadline = Instant::now() + START_TIME;
    loop {
        match port.recv_timeout(Duration::from_millis(100)) {
            Ok(port) => return port,
            Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() > deadline => {
                return Err(format!("it did not listen within {} s", START_TIME.as_secs()));
            }
            // Its output can stay open in a grandchild, so both ends are looked for.
            Err(mpsc::RecvTimeoutError::Timeout) if !group.wait(Duration::ZERO) => {}
            Err(_) => {
                // The last lines may still be on their way to the log.
                group.wait(Duration::from_secs(1));
                return Err("it ended at once".to_owned());
            }
        }
    }
}
