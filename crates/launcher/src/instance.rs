//! One launcher per user: a lock file held for life, and a socket through which later starts hand
//! over their request, or ask about the run. One JSON line goes each way.
//!
//! The lock decides which launcher is first; only its holder touches the socket file. So a socket
//! left behind by a crash is simply replaced, and two simultaneous starts can't both be first.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use localcoder_protocol::ErrorInfo;
use localcoder_transport::local::OnlyListener;
use serde::{Deserialize, Serialize};

use crate::error::LauncherError;
use crate::running::{About, Running};

/// Longest request or answer in bytes. Command lines are bounded as well, but higher.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// How long a later start waits for the first one. That one may still be starting the editor
/// server, for which it has 30 s itself.
const ANSWER_MS: u64 = 45_000;
const REQUEST_MS: u64 = 5_000;
/// How long a mere question waits. A later start may be served before it, whose answer takes
/// longer.
const ABOUT_MS: u64 = 5_000;
/// How long to try for a socket that belongs to the holder of the lock.
const CONNECT_MS: u64 = 5_000;

/// What one start asks another to do. Paths are absolute, since the two have different working
/// folders. It is part of the protocol between versions: after an update, a start may meet an older
/// launcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) browser: bool,
    pub(crate) new_window: bool,
}

/// A line that arrives. Earlier versions understand the first kind only.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Open(Ask),
    Tell { tell: Subject },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Subject {
    Running,
}

pub(crate) type Answer = Result<String, ErrorInfo>;

#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) answer: mpsc::SyncSender<Answer>,
}

#[derive(Debug)]
pub(crate) enum Claim {
    First(Instance),
    Running(String),
}

#[derive(Debug)]
pub(crate) struct Instance {
    only: OnlyListener,
}

/// Becomes the first launcher, or hands the request to it; an error may be that launcher's. Tries
/// both by turns until one works, because each can fail for a moment: the first launcher may be
/// about to bind its socket, or about to end.
pub(crate) fn claim(runtime: &Path, ask: &Ask) -> Result<Claim, ErrorInfo> {
    let socket = socket(runtime);
    let deadline = Instant::now() + Duration::from_millis(CONNECT_MS);
    loop {
        if let Some(instance) = try_first(runtime, &socket)? {
            return Ok(Claim::First(instance));
        }
        match UnixStream::connect(&socket) {
            Ok(stream) => {
                // Without an answer the other launcher was ending. Then the lock is free in a
                // moment.
                if let Some(answer) = hand_over(&stream, ask, Duration::from_millis(ANSWER_MS))? {
                    return answer.map(Claim::Running);
                }
            }
            Err(source) if Instant::now() > deadline => {
                return Err(LauncherError::Hangs { socket, source }.into());
            }
            // It holds the lock and has no socket yet, or is about to release the lock.
            Err(_) => {}
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What the running launcher reports about itself; `None` if none is running. Does not touch the
/// lock: trying it for a moment would make a real start believe that somebody else is first.
pub(crate) fn ask_about(runtime: &Path) -> Result<Option<Running>, LauncherError> {
    let socket = socket(runtime);
    let stream = match UnixStream::connect(&socket) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(LauncherError::NotAsked { socket, source }),
    };
    let talk = || {
        stream.set_read_timeout(Some(Duration::from_millis(ABOUT_MS)))?;
        stream.set_write_timeout(Some(Duration::from_millis(ABOUT_MS)))?;
        write_line(&stream, &Line::Tell { tell: Subject::Running })?;
        read_line::<Running>(&stream)
    };
    talk().map(Some).map_err(|error| {
        if timed_out(&error) {
            LauncherError::NoAnswerYet(error)
        } else {
            LauncherError::OtherVersion(error)
        }
    })
}

fn socket(runtime: &Path) -> PathBuf {
    runtime.join("ide.sock")
}

fn try_first(runtime: &Path, socket: &Path) -> Result<Option<Instance>, LauncherError> {
    let only = OnlyListener::claim(&runtime.join("ide.lock"), socket)?;
    Ok(only.map(|only| Instance { only }))
}

/// Sends the request and waits for its answer. `None` if the other side ended before it answered;
/// then this start may become the first. A timeout is an error and not `None`: that launcher lives,
/// and a second one would not get the lock.
fn hand_over(
    stream: &UnixStream,
    ask: &Ask,
    within: Duration,
) -> Result<Option<Answer>, LauncherError> {
    let talk = || {
        stream.set_read_timeout(Some(within))?;
        // A launcher that is stopped does not read, and a long request would wait for ever.
        stream.set_write_timeout(Some(within))?;
        write_line(stream, ask)?;
        read_line::<Answer>(stream)
    };
    match talk() {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if timed_out(&error) => Err(LauncherError::NoAnswer),
        Err(_) => Ok(None),
    }
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl Instance {
    /// Takes requests on a thread for as long as the process lives; `deliver` returns whether they
    /// are still wanted. Questions about the run are answered at once.
    pub(crate) fn serve(
        &self,
        about: Arc<About>,
        deliver: impl Fn(Asked) -> bool + Send + 'static,
    ) -> Result<(), LauncherError> {
        let listener = self.only.socket().try_clone().map_err(LauncherError::NoRequests)?;
        let serve = move || {
            // One at a time: each is short, and a stuck one is cut off.
            while let Ok((stream, _)) = listener.accept() {
                if let Err(error) = answer_one(&stream, &about, &deliver) {
                    tracing::debug!(%error, "a request of a later start failed");
                }
            }
        };
        std::thread::Builder::new()
            .name("instance".to_owned())
            .spawn(serve)
            .map(drop)
            .map_err(LauncherError::NoRequests)
    }
}

fn answer_one(
    stream: &UnixStream,
    about: &About,
    deliver: &impl Fn(Asked) -> bool,
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(REQUEST_MS)))?;
    stream.set_write_timeout(Some(Duration::from_millis(REQUEST_MS)))?;
    let ask = match read_line(stream)? {
        Line::Open(ask) => ask,
        Line::Tell { tell: Subject::Running } => return write_line(stream, &about.tell()),
    };
    let (sender, receiver) = mpsc::sync_channel(1);
    if !deliver(Asked { ask, answer: sender }) {
        return Ok(());
    }
    // Without an answer the session has ended: closing the stream says so.
    if let Ok(answer) = receiver.recv_timeout(Duration::from_millis(ANSWER_MS)) {
        write_line(stream, &answer)?;
    }
    Ok(())
}

fn write_line(mut stream: &UnixStream, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// One message. A line without an end was cut, or is longer than the limit.
fn read_line<T: for<'a> Deserialize<'a>>(stream: &UnixStream) -> io::Result<T> {
    let mut line = Vec::new();
    BufReader::new(stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::ErrorCode;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    fn ask(path: &str) -> Ask {
        Ask { paths: vec![path.into()], browser: false, new_window: false }
    }

    fn first(runtime: &Path) -> Instance {
        match claim(runtime, &ask("/a")).unwrap() {
            Claim::First(instance) => instance,
            Claim::Running(message) => panic!("another one runs: {message}"),
        }
    }

    #[test]
    fn a_later_start_hands_its_paths_over_and_gets_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        let instance = first(dir.path());
        let (sender, receiver) = mpsc::channel();
        instance.serve(Arc::default(), move |asked| sender.send(asked).is_ok()).unwrap();
        let answering = std::thread::spawn(move || {
            for answer in [Ok("opened".to_owned()), Err(ErrorInfo::new(ErrorCode::Busy, "no"))] {
                let asked = receiver.recv().unwrap();
                assert_eq!(asked.ask.paths, [PathBuf::from("/b")]);
                asked.answer.send(answer).unwrap();
            }
        });
        let claimed = claim(dir.path(), &ask("/b")).unwrap();
        assert!(matches!(claimed, Claim::Running(message) if message == "opened"));
        assert_eq!(claim(dir.path(), &ask("/b")).unwrap_err().code, ErrorCode::Busy);
        answering.join().unwrap();
    }

    #[test]
    fn one_that_runs_and_reads_nothing_is_an_error_however_much_is_asked() {
        let (stream, _stopped) = UnixStream::pair().unwrap();
        for paths in [1, 100_000] {
            let ask = Ask { paths: vec!["/a/long/path".into(); paths], ..ask("/a") };
            let answer = hand_over(&stream, &ask, Duration::from_millis(50));
            assert!(matches!(answer, Err(LauncherError::NoAnswer)), "{paths} paths");
        }
    }

    #[test]
    fn who_asks_is_told_what_runs_also_while_a_start_is_under_way() {
        use crate::front::{Reason, Refusals};
        use crate::running::Opened;

        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ask_about(dir.path()).unwrap(), None);
        let instance = first(dir.path());
        let about = Arc::<About>::default();
        let (sender, receiver) = mpsc::channel();
        instance.serve(Arc::clone(&about), move |asked| sender.send(asked).is_ok()).unwrap();
        let told = ask_about(dir.path()).unwrap().unwrap();
        assert_eq!((told.pid, told.opened), (std::process::id(), None));
        assert_eq!(told.refused, Refusals::default().all());

        about.refusals.count(Reason::Host);
        let opened = Opened { port: 4711, confinement: Some(crate::Confinement::Filter) };
        about.opened.set(opened.clone()).unwrap();
        let told = ask_about(dir.path()).unwrap().unwrap();
        assert_eq!(told.opened, Some(opened));
        let host = told.refused.iter().find(|row| row.kind == "host").unwrap();
        assert_eq!(host.count, 1);
        assert!(receiver.try_recv().is_err(), "the session hears nothing of it");
        drop(instance);
        assert_eq!(ask_about(dir.path()).unwrap(), None);
    }

    #[test]
    fn a_launcher_that_does_not_know_the_question_is_reported_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(socket(dir.path())).unwrap();
        // This is what an earlier version does with a line that it does not understand.
        let earlier = std::thread::spawn(move || drop(listener.accept().unwrap()));
        let error = ask_about(dir.path()).unwrap_err();
        assert!(error.to_string().contains("another version"), "{error}");
        earlier.join().unwrap();
    }

    #[test]
    fn a_socket_left_by_a_dead_launcher_is_replaced_and_private() {
        let dir = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(dir.path().join("ide.sock")).unwrap());
        let instance = first(dir.path());
        let mode = fs_err::metadata(dir.path().join("ide.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(instance);
        first(dir.path());
    }

    #[test]
    fn a_start_that_finds_the_first_one_ending_becomes_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let instance = first(dir.path());
        // Takes the connection and ends without an answer, like a launcher that is shutting down.
        let ending = std::thread::spawn(move || {
            let instance = instance;
            drop(instance.only.socket().accept().unwrap());
        });
        first(dir.path());
        ending.join().unwrap();
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_an_error_with_a_way_out() {
        let error = claim(Path::new(&format!("/{}", "x".repeat(120))), &ask("/a")).unwrap_err();
        assert_eq!(error.code, ErrorCode::RuntimeFolder);
        assert!(error.hint.unwrap().contains("LOCALCODER_HOME"));
    }
}
