//! Whether the editor server still answers. A hung server does not end, so nothing else would
//! notice: it is asked for its version at intervals, and considered hung if it stays silent.
//!
//! Asks on the server's own socket, so that no other connections compete with the question, and
//! uses no more HTTP than it needs. Whoever starts the watch decides what to do about a silence.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::Group;

const EVERY: Duration = Duration::from_secs(2);
/// How long one answer may take. A working server needs some milliseconds.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// How long it may be silent. A busy machine delays answers, but not for this long; a user is
/// waiting.
const SILENCE_TIME: Duration = Duration::from_secs(10);
/// A longer time between two questions means that the machine slept, or that we were stopped
/// ourselves.
const GAP_TIME: Duration = Duration::from_secs(8);

/// The server's silence so far. The time is passed in.
#[derive(Debug, Default)]
struct Silence {
    since: Option<Instant>,
    last: Option<Instant>,
}

impl Silence {
    /// Notes whether a question was answered; returns whether the server is hung. Silence counts
    /// from the first unanswered question and not from the last answer, which may be a sleep of the
    /// machine ago.
    fn note(&mut self, now: Instant, answered: bool) -> bool {
        let gap = self.last.replace(now).is_some_and(|last| now - last > GAP_TIME);
        // After a gap the silence starts over: the server slept as long as we did, and gets its ten
        // seconds again.
        if answered || gap {
            self.since = None;
        }
        if answered {
            return false;
        }
        now - *self.since.get_or_insert(now) >= SILENCE_TIME
    }
}

/// Watches on a thread of its own until the group has ended; calls `on_hang` once at most. Without
/// a thread the server runs unwatched: that is better than no server.
pub(crate) fn watch(socket: PathBuf, group: Group, on_hang: impl FnOnce(&Group) + Send + 'static) {
    let watch = move || {
        let mut silence = Silence::default();
        while !group.wait(EVERY) {
            let answered = answers(&socket, ANSWER_TIME);
            if silence.note(Instant::now(), answered) {
                // It kills the server, so there is nothing left to watch; the next one gets a watch
                // of its own.
                return on_hang(&group);
            }
        }
    };
    let spawned = std::thread::Builder::new().name("server-health".to_owned()).spawn(watch);
    if let Err(error) = spawned {
        tracing::warn!(%error, "the editor server's health can't be watched");
    }
}

fn answers(socket: &Path, time: Duration) -> bool {
    let ask = || -> io::Result<usize> {
        let mut stream = connect(socket)?;
        stream.set_read_timeout(Some(time))?;
        stream.set_write_timeout(Some(time))?;
        stream
            .write_all(b"GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        // Any answer shows that it works.
        stream.read(&mut [0_u8; 16])
    };
    ask().is_ok_and(|bytes| bytes > 0)
}

/// Connects without waiting: if a hung server's queue is full, that would be forever.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let stream = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(socket)?)?;
    let stream = UnixStream::from(stream);
    // Only connecting must not wait; reading and writing have time limits, which need a blocking
    // socket.
    stream.set_nonblocking(false)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Feeds in answers, each at this many seconds after the start; returns when the server counts
    /// as hung.
    fn hung_at(answers: &[(u64, bool)]) -> Option<u64> {
        let start = Instant::now();
        let mut silence = Silence::default();
        let at = |s| start + Duration::from_secs(s);
        answers.iter().find(|&&(s, answered)| silence.note(at(s), answered)).map(|&(s, _)| s)
    }

    #[test]
    fn ten_seconds_of_silence_are_a_hang_and_one_answer_forgives() {
        let silent = [(0, true), (4, false), (8, false), (12, false), (14, false)];
        assert_eq!(hung_at(&silent), Some(14));
        let late = [(0, false), (4, false), (8, true), (12, false), (16, false), (20, false)];
        assert_eq!(hung_at(&late), None);
    }

    #[test]
    fn a_sleep_of_the_machine_is_not_silence_of_the_server() {
        let slept = [(0, true), (4, false), (3_600, false), (3_604, false), (3_608, false)];
        assert_eq!(hung_at(&slept), None);
        let hung_after_sleep = [(0, true), (3_600, false), (3_605, false), (3_610, false)];
        assert_eq!(hung_at(&hung_after_sleep), Some(3_610));
    }

    #[test]
    fn a_server_that_takes_connections_and_says_nothing_does_not_answer() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        // The system takes the connection although nothing accepts it, as with a stopped server.
        assert!(!answers(&socket, Duration::from_millis(50)));
        let serving = std::thread::spawn(move || {
            // The first one is the connection that was given up above.
            for stream in listener.incoming().take(2) {
                let _ = stream.unwrap().write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            }
        });
        assert!(answers(&socket, Duration::from_secs(10)));
        serving.join().unwrap();
        assert!(!answers(&socket, Duration::from_secs(1)), "nobody listens any more");
    }
}
