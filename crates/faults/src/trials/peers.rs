//! Clients that misbehave: of another version, with malformed frames, never finishing a frame, not
//! reading, killed, or too many. Whatever they do, the host survives and another client is
//! answered. Called by `host`.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use localcoder_protocol::limits::CLIENTS_MAX;
use localcoder_protocol::{
    BUILD_ID, EngineState, ErrorCode, FRAME_BYTES_MAX, Generate, Hello, HelloParams, Nothing,
    PROTOCOL_VERSION, Stop,
};
use localcoder_settings::Places;
use localcoder_test_support::fake_worker::Script;
use localcoder_transport::{Message, write_frame};

use super::client::{Caller, Raw};
use super::host::{begin, slow};
use super::processes;
use super::trial::{Installation, Setup};
use super::verdict::Verdict;

/// A frame that was begun must be complete by then, plus some margin.
const HALF_FRAME_WITHIN: Duration = Duration::from_secs(13);
/// The connection must not be closed sooner than this, either.
const HALF_FRAME_AFTER: Duration = Duration::from_secs(8);
const TOO_MANY: usize = 8;
/// A client that misbehaves is disconnected within this time.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);

fn hello() -> Vec<u8> {
    let params = HelloParams {
        protocol_version: PROTOCOL_VERSION,
        build_id: BUILD_ID.to_owned(),
        pid: std::process::id(),
        client: localcoder_protocol::ClientKind::Other,
        wants_status: false,
    };
    framed(&Message::request::<Hello>(1, &params))
}

fn framed(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, &message.to_bytes()).expect("memory can be written to");
    bytes
}

fn raw(installation: &Installation) -> Result<UnixStream> {
    let stream = UnixStream::connect(Places::under(&installation.home()).host_socket())?;
    // A read that waits longer is a failure; without a timeout the trial would hang with the host.
    stream.set_read_timeout(Some(HALF_FRAME_WITHIN))?;
    stream.set_write_timeout(Some(CLOSED_WITHIN))?;
    Ok(stream)
}

fn closes(stream: &mut UnixStream, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    let mut buffer = [0; 4096];
    while Instant::now() < deadline {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Ok(_) => {}
            // A timeout is not a close, but a reset is one: the host may close with unread bytes.
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
    false
}

/// Another client is answered, and the host ends in an orderly way.
fn others_unaffected(installation: Installation, mut verdict: Verdict) -> Result<Verdict> {
    let mut caller = Caller::greeted(&installation.home(), false)?;
    installation.recovers(&mut caller, &mut verdict, installation.patience(30));
    drop(caller);
    installation.finish(&mut verdict);
    Ok(verdict)
}

/// A typed error reports it, and requests that every version understands are still answered.
pub(super) fn versions(number: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(slow(1, 4))?;
    let mut caller = Caller::connect(&installation.home())?;
    // An older client and a newer one are answered alike.
    let theirs = if number.is_multiple_of(2) { PROTOCOL_VERSION + 1 } else { PROTOCOL_VERSION - 1 };
    match caller.hello(theirs, false) {
        Err(error) if error.code == ErrorCode::VersionMismatch && error.hint.is_some() => {}
        other => verdict.fail(format!("a hello of version {theirs}: {other:?}")),
    }
    // What an old client needs to say what is wrong: the status, and a way to stop the host.
    if let Err(error) = caller.status() {
        verdict.fail(format!("no status for version {theirs}: {error}"));
    }
    let params = Raw { id: "a", prompt: "x", ..Raw::default() }.params();
    let refused = caller.client.call::<Generate>(&params, |_, _| {});
    if !refused.is_err_and(|error| error.code == ErrorCode::Protocol) {
        verdict.fail("a request without a hello was taken");
    }
    let stopped = caller.client.call::<Stop>(&Nothing {}, |_, _| {});
    let home = installation.home();
    let gone = || processes::of(&home).iter().all(|(pid, _)| !processes::runs(*pid));
    if stopped.is_err() || processes::wait(CLOSED_WITHIN, gone).is_none() {
        verdict.fail(format!("version {theirs} can't stop the host"));
    }
    Ok(verdict)
}

/// A malformed frame closes its connection; a frame that contains no message is answered and
/// skipped.
pub(super) fn malformed(number: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(slow(1, 4))?;
    let long = format!("Content-Length: {}\r\n\r\n", FRAME_BYTES_MAX + 1);
    let broken: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"Content-Length: many\r\n\r\n",
        b"\xff\xfe\0\0\r\n",
        long.as_bytes(),
        &[b'x'; 5_000],
    ];
    let mut stream = raw(&installation)?;
    // Before and after the hello, since different code reads them.
    if number.is_multiple_of(2) {
        stream.write_all(&hello())?;
    }
    stream.write_all(broken[number % broken.len()])?;
    if !closes(&mut stream, CLOSED_WITHIN) {
        verdict.fail("a broken frame did not close its connection");
    }
    let mut stream = raw(&installation)?;
    // These are whole frames, so the reader knows where the next one begins.
    for body in [&b"{"[..], b"[]", b"null", b"{\"jsonrpc\":\"2.0\"}"] {
        write_frame(&mut stream, body)?;
    }
    // The answer to the hello shows that the connection is still open after all of them.
    stream.write_all(&hello())?;
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains("protocolVersion") {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            verdict.fail("a frame without a message closed its connection");
            break;
        }
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    others_unaffected(installation, verdict)
}

/// An unfinished frame closes its connection after a while. A client that says nothing at all keeps
/// its own: silence between frames is not a fault.
pub(super) fn half_frame(number: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(slow(1, 4))?;
    let mut half = raw(&installation)?;
    // Silence between frames is allowed, in contrast to silence in one.
    let mut idle = Caller::greeted(&installation.home(), false)?;
    if number.is_multiple_of(2) {
        half.write_all(&hello())?;
    }
    let parts: [&[u8]; 3] =
        [b"C", b"Content-Length: 100\r\n", b"Content-Length: 100\r\n\r\n{\"a\":"];
    half.write_all(parts[number % parts.len()])?;
    let begun = Instant::now();
    if !closes(&mut half, HALF_FRAME_WITHIN) {
        verdict.fail("half a frame keeps its connection open");
    } else if begun.elapsed() < HALF_FRAME_AFTER {
        verdict.fail(format!("half a frame was given {:?} only", begun.elapsed()));
    }
    if idle.status().is_err() {
        verdict.fail("a client that says nothing was disconnected");
    }
    others_unaffected(installation, verdict)
}

/// A client that has not said hello may not send much.
pub(super) fn large_before_hello(_: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(slow(1, 4))?;
    let large = vec![b' '; 100_000];
    let mut stranger = raw(&installation)?;
    // The host may close while this is still being written.
    let written = write_frame(&mut stranger, &large);
    if written.is_ok() && !closes(&mut stranger, CLOSED_WITHIN) {
        verdict.fail("a large frame before the hello was taken");
    }
    let mut known = raw(&installation)?;
    known.write_all(&hello())?;
    write_frame(&mut known, &large)?;
    // An open connection has nothing to read, so the read must end by itself.
    known.set_read_timeout(Some(Duration::from_millis(300)))?;
    if closes(&mut known, Duration::from_millis(300)) {
        verdict.fail("a large frame after the hello was refused");
    }
    others_unaffected(installation, verdict)
}

/// The client is flooded and does not read: it is disconnected, its answer ends, and no other
/// client waits because of it.
pub(super) fn slow_reader(_: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let script = Script {
        per_token_ms: Some(2),
        tokens: Some(1_000_000),
        token_bytes: Some(4 * 1024),
        ..Script::default()
    };
    // Text is sent that much more often under this clock.
    let setup = Setup { scale: super::trial::SCALE, scripts: vec![script], ..Setup::default() };
    let installation = Installation::start(setup)?;
    let mut other = Caller::greeted(&installation.home(), false)?;
    let mut slow = raw(&installation)?;
    slow.write_all(&hello())?;
    let params = Raw { id: "flood", prompt: "x", max_tokens: Some(1_000_000), ..Raw::default() };
    slow.write_all(&framed(&Message::request::<Generate>(2, &params.params())))?;
    // The other client's status is how a blocked host would show.
    let mut slowest = Duration::ZERO;
    let mut dropped = false;
    let deadline = Instant::now() + installation.patience(60);
    let mut worked = false;
    while Instant::now() < deadline && !dropped {
        let begun = Instant::now();
        let status = other.status().map_err(|error| anyhow!("{error}"))?;
        slowest = slowest.max(begun.elapsed());
        worked |= matches!(status.engine, EngineState::Working);
        // Before the flood works, there are no requests either.
        dropped = worked && status.clients == 1 && status.requests == 0;
        std::thread::sleep(Duration::from_millis(10));
    }
    if !dropped {
        verdict.fail("a client that does not read was not dropped");
    }
    if slowest > Duration::from_secs(1) {
        verdict.fail(format!("meanwhile a status took {slowest:?}"));
    }
    drop(slow);
    let params = Raw { id: "short", prompt: "x", max_tokens: Some(2), ..Raw::default() };
    let call = other.client.start::<Generate>(&params.params())?;
    let ended = other.end_of(call, installation.patience(60));
    verdict.ended(&ended);
    if !matches!(ended.result, Some(Ok(_))) {
        verdict.fail(format!("after it another's request ended as `{}`", ended.word()));
    }
    drop(other);
    installation.finish(&mut verdict);
    Ok(verdict)
}

pub(super) fn killed_client(_: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(slow(5, 1_000_000))?;
    let mut other = Caller::greeted(&installation.home(), false)?;
    let mut command = installation.command(&["generate", "--raw", "--prompt", "x"]);
    command.args(["--max-tokens", "1000"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut client = command.spawn()?;
    let stdout = client.stdout.as_mut().context("it was asked for as a pipe")?;
    // The first byte shows that the answer has begun.
    stdout.read_exact(&mut [0])?;
    client.kill()?;
    client.wait()?;
    let deadline = Instant::now() + CLOSED_WITHIN;
    let mut free = false;
    while !free && Instant::now() < deadline {
        let status = other.status().map_err(|error| anyhow!("{error}"))?;
        free = status.engine == EngineState::Ready && status.clients == 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    if !free {
        verdict.fail("the answer to a killed client goes on");
    }
    drop(other);
    installation.finish(&mut verdict);
    Ok(verdict)
}

/// Excess clients are disconnected, earlier ones continue, and there is room again once some have
/// left.
pub(super) fn too_many(_: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(slow(2, 1_000))?;
    let mut callers = vec![Caller::greeted(&installation.home(), false)?];
    let (call, mut ended) = begin(&mut callers[0], "first", installation.patience(30))?;
    while callers.len() < CLIENTS_MAX {
        callers.push(Caller::greeted(&installation.home(), false)?);
    }
    for _ in 0..TOO_MANY {
        let mut stranger = raw(&installation)?;
        if !closes(&mut stranger, CLOSED_WITHIN) {
            verdict.fail("a connection too many stays open");
        }
    }
    callers[0].go_on(call, installation.patience(60), &mut ended, |_| false);
    verdict.ended(&ended);
    if !matches!(ended.result, Some(Ok(_))) {
        verdict.fail(format!("an answer ended as `{}`", ended.word()));
    }
    // Those that are dropped close their connections, which the host notices a little later.
    callers.truncate(CLIENTS_MAX / 2);
    let room = || Caller::greeted(&installation.home(), false).is_ok();
    if processes::wait(CLOSED_WITHIN, room).is_none() {
        verdict.fail("there is no room after some have left");
    }
    drop(callers);
    installation.finish(&mut verdict);
    Ok(verdict)
}
