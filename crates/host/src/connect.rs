//! How a client finds the host, or starts one. Used by the command line; the extension asks the
//! command line (`localcoder host start --json`).

use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use localcoder_disk::{Cause, Kind, cause_of, cause_of_start, user_name};
use localcoder_protocol::{
    BUILD_ID, ClientKind, ErrorAction, ErrorCode, ErrorInfo, Hello, HelloParams, PROTOCOL_VERSION,
    Request,
};
use localcoder_settings::{Places, env};
use localcoder_transport::{Client, is_shortage, shortage};
use process_wrap::std::{CommandWrap, ProcessSession};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::unresponsive::Unresponsive;

/// A starting host creates its socket a few milliseconds after its lock.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// A host that is full, or about to end, closes some connections without an answer.
const ATTEMPTS_MAX: u32 = 4;
/// Before the second attempt, and longer before each further one: there may be room by then.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(50);
/// A host reports within milliseconds whether it listens; on a busy machine that takes a second or
/// two.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// That report is one line, an error at the longest.
const START_BYTES_MAX: usize = 64 * 1024;

/// Connects to a running host and says hello; `None` if none runs.
///
/// # Errors
/// If the host is of another version or can't be reached.
pub fn connect(places: &Places, kind: ClientKind) -> Result<Option<Client>, ErrorInfo> {
    let params = HelloParams {
        protocol_version: PROTOCOL_VERSION,
        build_id: BUILD_ID.to_owned(),
        pid: std::process::id(),
        client: kind,
        wants_status: false,
    };
    Ok(ask::<Hello>(places, &params)?.map(|(client, _)| client))
}

/// Connects without hello, for the requests that every version understands.
///
/// # Errors
/// If the socket can't be used.
pub fn connect_raw(places: &Places) -> Result<Option<Client>, ErrorInfo> {
    reach(places)?.map(open).transpose()
}

fn reach(places: &Places) -> Result<Option<UnixStream>, ErrorInfo> {
    check_owner(&places.runtime)?;
    let socket = places.host_socket();
    match UnixStream::connect(&socket) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if is_nobody_there(&error) => Ok(None),
        Err(error) => Err(unreachable(places, &error)),
    }
}

/// Sends a request that every version understands, without hello; `None` if no host runs.
///
/// # Errors
/// The host's own, or that a host runs and does not answer, which names its process.
pub fn ask_raw<R: Request>(
    places: &Places,
    params: &R::Params,
) -> Result<Option<R::Answer>, ErrorInfo> {
    Ok(ask::<R>(places, params)?.map(|(_, answer)| answer))
}

/// Sends the first request of a connection. A host that closes the connection was just ending, or
/// had no time to report that it is full, so the next attempt decides.
fn ask<R: Request>(
    places: &Places,
    params: &R::Params,
) -> Result<Option<(Client, R::Answer)>, ErrorInfo> {
    let mut attempts = 1;
    loop {
        let Some(stream) = reach(places)? else { return Ok(None) };
        let host = Unresponsive::behind(&stream, places);
        let mut client = open(stream)?;
        match client.call::<R>(params, |_, _| {}) {
            Ok(answer) => return Ok(Some((client, answer))),
            Err(_) if client.is_closed() && attempts < ATTEMPTS_MAX => {
                std::thread::sleep(ATTEMPT_PAUSE * attempts);
                attempts += 1;
            }
            Err(error) => return Err(blame_host(error, host, client.is_closed())),
        }
    }
}

/// Another user's host answers only that user, so that to us it would look broken.
fn check_owner(runtime: &Path) -> Result<(), ErrorInfo> {
    let own = rustix::process::geteuid().as_raw();
    match runtime.metadata() {
        Ok(about) if about.uid() != own => {
            let message = format!("the folder `{}` is another user's", runtime.display());
            Err(ErrorInfo::new(ErrorCode::RuntimeFolder, message)
                .with_cause(format!("it belongs to {}, and you are {own}", user_name(about.uid())))
                .with_hint("work as that user, or set LOCALCODER_HOME to a folder of your own"))
        }
        _ => Ok(()),
    }
}

#[must_use]
pub fn is_there(places: &Places) -> bool {
    UnixStream::connect(places.host_socket()).is_ok()
}

fn blame_host(error: ErrorInfo, host: Option<Unresponsive>, closed: bool) -> ErrorInfo {
    // Any other error is an answer of the host's.
    match host {
        Some(host) if error.code == ErrorCode::HostUnreachable && host.stays() => {
            if closed {
                host.closes()
            } else {
                host.error()
            }
        }
        _ => error,
    }
}

/// Connects to the running host, or starts one (`program host run`) and connects to that.
///
/// # Errors
/// If no host can be started, or the host is of another version.
pub fn connect_or_start(
    places: &Places,
    program: &Path,
    kind: ClientKind,
) -> Result<Client, ErrorInfo> {
    if let Some(client) = connect(places, kind)? {
        return Ok(client);
    }
    start(program)?;
    let deadline = Instant::now() + CONNECT_DEADLINE;
    // A host that found another one running says so as soon as it has tried the lock, and the
    // other's socket may come a moment later.
    loop {
        if let Some(client) = connect(places, kind)? {
            return Ok(client);
        }
        if Instant::now() > deadline {
            let late = "the host that was started does not listen";
            return Err(cannot_reach(places, late.to_owned()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a host in a session of its own, so that it outlives the terminal of its first client,
/// and waits until it listens or says why it can't.
fn start(program: &Path) -> Result<(), ErrorInfo> {
    let mut command = Command::new(program);
    command
        .args(["host", "run"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // The host lives on; it must not keep the folder of its first client busy.
        .current_dir("/");
    if let Some(home) = env::home()? {
        // A path relative to this folder would lead elsewhere from the new one.
        command.env(env::HOME, home);
    }
    let started = CommandWrap::from(command).wrap(ProcessSession).spawn();
    let mut child = started.map_err(|error| {
        if is_shortage(&error) {
            return shortage(ErrorCode::HostUnreachable, NOT_STARTED, &error);
        }
        let Cause { text, hint, .. } = cause_of_start(&error, program);
        ErrorInfo::new(ErrorCode::HostUnreachable, NOT_STARTED).with_cause(text).with_hint(hint)
    })?;
    let said = match child.stdout().take() {
        Some(stdout) => read_line(stdout),
        None => Err(std::io::Error::other("its output can't be read")),
    };
    let said = said.inspect_err(|_| {
        // A host that reports nothing would be in the way of the next one.
        let _ = child.kill();
    });
    let line = said.map_err(|error| not_started(error.to_string()))?;
    let said: Value = serde_json::from_slice(&line)
        .map_err(|_| not_started("it ended before it listened".to_owned()))?;
    match said.get("error") {
        Some(error) => Err(serde_json::from_value(error.clone())
            .unwrap_or_else(|_| not_started(error.to_string()))),
        // Also where it says that another host runs: a second client has started one at the same
        // time, and either will do.
        None => Ok(()),
    }
}

const NOT_STARTED: &str = "the LocalCoder host could not be started";

fn not_started(why: String) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::HostUnreachable, NOT_STARTED)
        .with_cause(why)
        .with_hint("start it by hand, with `host run`: it says what goes wrong")
}

fn read_line(mut stdout: ChildStdout) -> std::io::Result<Vec<u8>> {
    let deadline = Instant::now() + START_DEADLINE;
    let mut line = Vec::new();
    let mut piece = [0; 1024];
    while line.len() < START_BYTES_MAX && !line.contains(&b'\n') {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(std::io::Error::other)?;
        // A read of a pipe has no time limit of its own.
        let ready = match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&left)) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        if ready == 0 {
            let late = format!("it said nothing for {} s", START_DEADLINE.as_secs());
            return Err(std::io::Error::new(ErrorKind::TimedOut, late));
        }
        match stdout.read(&mut piece)? {
            0 => break,
            count => line.extend_from_slice(&piece[..count]),
        }
    }
    Ok(line)
}

fn open(stream: UnixStream) -> Result<Client, ErrorInfo> {
    let reading = stream.try_clone().map_err(|error| {
        shortage(ErrorCode::HostUnreachable, "the connection could not be used", &error)
    })?;
    Ok(Client::new(reading, stream)?)
}

/// Also true if the path can't hold a socket at all: the host that is started next reports why.
fn is_nobody_there(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | NotADirectory | InvalidInput)
}

fn unreachable(places: &Places, error: &std::io::Error) -> ErrorInfo {
    if is_shortage(error) {
        return shortage(ErrorCode::HostUnreachable, cannot_reach_text(places), error);
    }
    let Cause { kind, text, hint } = cause_of(error, &places.host_socket());
    let unreachable = cannot_reach(places, text);
    // Otherwise it is the host that misbehaves.
    if kind == Kind::Permission { unreachable.with_hint(hint) } else { unreachable }
}

fn cannot_reach_text(places: &Places) -> String {
    format!("the LocalCoder host at `{}` can't be reached", places.host_socket().display())
}

fn cannot_reach(places: &Places, why: String) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::HostUnreachable, cannot_reach_text(places))
        .with_cause(why)
        .with_hint("start the engine again")
        .with_action(ErrorAction::RestartEngine)
}
