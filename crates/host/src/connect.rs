//! How a client finds the host, or starts one. Used by the command line; the extension asks the
//! command line (`localcoder host start --json`).

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use localcoder_disk::{Cause, Kind, cause_of, cause_of_start, user_name};
use localcoder_protocol::{
    BUILD_ID, ClientKind, ErrorCode, ErrorInfo, Hello, HelloAnswer, HelloParams, PROTOCOL_VERSION,
};
use localcoder_settings::{Places, env};
use localcoder_transport::Client;
use process_wrap::std::{CommandWrap, ProcessSession};
use serde_json::Value;

/// Between the lock and the socket of a host that just starts lie a few milliseconds.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Connects to a running host and says hello; `None` where none runs.
///
/// # Errors
/// Where the host is of another version or can't be spoken to.
pub fn connect(places: &Places, kind: ClientKind) -> Result<Option<Client>, ErrorInfo> {
    reach(places)?.map(|stream| greet(stream, kind)).transpose()
}

/// Connects without hello, for the requests that every version understands.
///
/// # Errors
/// Where the socket can't be used.
pub fn connect_raw(places: &Places) -> Result<Option<Client>, ErrorInfo> {
    reach(places)?.map(open).transpose()
}

/// The host's socket; `None` where nobody listens.
fn reach(places: &Places) -> Result<Option<UnixStream>, ErrorInfo> {
    check_owner(&places.runtime)?;
    let socket = places.host_socket();
    match UnixStream::connect(&socket) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if is_nobody_there(&error) => Ok(None),
        Err(error) => {
            let Cause { kind, text, hint } = cause_of(&error, &socket);
            let unreachable = unreachable(places, &text);
            // Else the host is what does not do as it should.
            let of_system = matches!(kind, Kind::Permission | Kind::Shortage);
            Err(if of_system { unreachable.with_hint(hint) } else { unreachable })
        }
    }
}

/// Another user's host answers nobody else, which would look like one that is broken.
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

/// Connects to the running host, or starts one (`program host run`) and connects to that.
///
/// # Errors
/// Where no host can be started, or it is of another version.
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
    loop {
        if let Some(client) = connect(places, kind)? {
            return Ok(client);
        }
        if Instant::now() > deadline {
            return Err(unreachable(places, "the host that was started does not listen"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Starts a host in a session of its own, so that it outlives the terminal of its first client,
/// and waits until it listens or says why it can't.
fn start(program: &Path) -> Result<(), ErrorInfo> {
    let not_started = "the LocalCoder host could not be started";
    let failed = |why: String| {
        ErrorInfo::new(ErrorCode::HostUnreachable, not_started)
            .with_cause(why)
            .with_hint("`localcoder host run` shows what goes wrong")
    };
    let mut command = Command::new(program);
    command
        .args(["host", "run"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // The host lives on; it must not keep the folder of its first client busy.
        .current_dir("/");
    if let Some(home) = env::home()? {
        // A path that is meant from this folder would lead elsewhere from there.
        command.env(env::HOME, home);
    }
    let mut child = CommandWrap::from(command).wrap(ProcessSession).spawn().map_err(|error| {
        let Cause { text, hint, .. } = cause_of_start(&error, program);
        ErrorInfo::new(ErrorCode::HostUnreachable, not_started).with_cause(text).with_hint(hint)
    })?;
    let stdout = child.stdout().take().expect("it was asked for as a pipe");
    let mut line = String::new();
    let read = BufReader::new(stdout).read_line(&mut line);
    let said: Value = read
        .ok()
        .and_then(|_| serde_json::from_str(&line).ok())
        .ok_or_else(|| failed("it ended before it listened".to_owned()))?;
    match said.get("error") {
        Some(error) => {
            Err(serde_json::from_value(error.clone()).unwrap_or_else(|_| failed(error.to_string())))
        }
        None => Ok(()),
    }
}

fn greet(stream: UnixStream, kind: ClientKind) -> Result<Client, ErrorInfo> {
    let mut client = open(stream)?;
    let params = HelloParams {
        protocol_version: PROTOCOL_VERSION,
        build_id: BUILD_ID.to_owned(),
        pid: std::process::id(),
        client: kind,
        wants_status: false,
    };
    let _: HelloAnswer = client.call::<Hello>(&params, |_, _| {})?;
    Ok(client)
}

fn open(stream: UnixStream) -> Result<Client, ErrorInfo> {
    let reading = stream.try_clone().map_err(|error| {
        ErrorInfo::new(ErrorCode::HostUnreachable, "the connection could not be used")
            .with_cause(error.to_string())
    })?;
    Ok(Client::new(reading, stream))
}

/// Also where the path can't hold a socket at all: the host that is started next says why.
fn is_nobody_there(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | NotADirectory | InvalidInput)
}

fn unreachable(places: &Places, why: &str) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::HostUnreachable,
        format!("the LocalCoder host at `{}` can't be reached", places.host_socket().display()),
    )
    .with_cause(why)
    .with_hint("run `localcoder host stop`, then try again")
}
