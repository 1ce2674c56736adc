//! A server that does what a test wants, right or wrong: one answer per connection, written by
//! hand, so that no library corrects the mistakes.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often to check whether the client is gone.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
pub struct Asked {
    /// How many requests came before it.
    pub number: usize,
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    /// A header's value; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first byte of the requested range; `None` if the request has no range.
    #[must_use]
    pub fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

#[derive(Debug, Clone)]
pub enum Part {
    Bytes(Vec<u8>),
    /// Bytes, in pieces of this many with a pause after each.
    Slowly(Vec<u8>, usize, Duration),
    Silence(Duration),
    /// The connection is reset, and whatever was not read is lost.
    Reset,
}

#[derive(Debug, Clone)]
pub struct Reply {
    /// Status line and headers, each without its line end.
    pub head: Vec<String>,
    /// The parts that follow; then the connection ends.
    pub body: Vec<Part>,
}

impl Reply {
    #[must_use]
    pub fn status(status: &str, headers: &[&str]) -> Self {
        let head = std::iter::once(format!("HTTP/1.1 {status}"));
        Self { head: head.chain(headers.iter().map(|it| (*it).to_owned())).collect(), body: vec![] }
    }

    /// The answer of a correct server: the file from the requested byte, if it is still this
    /// version.
    #[must_use]
    pub fn file(asked: &Asked, content: &[u8], etag: &str) -> Self {
        let same = asked.header("if-range").is_none_or(|wanted| wanted == etag);
        let total = content.len();
        let etag = format!("ETag: {etag}");
        match asked.range_start().filter(|_| same) {
            Some(start) if start >= total => Self::status(
                "416 Range Not Satisfiable",
                &[&format!("Content-Range: bytes */{total}")],
            ),
            Some(start) => {
                let range = format!("Content-Range: bytes {start}-{}/{total}", total - 1);
                let length = format!("Content-Length: {}", total - start);
                Self::status("206 Partial Content", &[&range, &length, &etag])
                    .with(Part::Bytes(content[start..].to_vec()))
            }
            None => Self::status("200 OK", &[&format!("Content-Length: {total}"), &etag])
                .with(Part::Bytes(content.to_vec())),
        }
    }

    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.body.push(part);
        self
    }

    /// The answer with only the first bytes of its body, followed by this part.
    #[must_use]
    pub fn until(mut self, bytes: usize, then: Part) -> Self {
        if let Some(Part::Bytes(body)) = self.body.first_mut() {
            body.truncate(bytes);
        }
        self.with(then)
    }
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A running server. It ends when the value is dropped. Each connection has a thread of its own and
/// gets one answer, so a script that needs to know about earlier requests goes by
/// [`Asked::number`].
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    sent: AtomicU64,
    connections: AtomicU64,
    asked: Mutex<Vec<Asked>>,
}

impl Server {
    /// Starts a server on a free port of this machine.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let shared = Arc::new(Shared::default());
        let script: Arc<Script> = Arc::new(script);
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if accepting.ended.load(Ordering::Relaxed) {
                    return;
                }
                accepting.connections.fetch_add(1, Ordering::Relaxed);
                let (shared, script) = (Arc::clone(&accepting), Arc::clone(&script));
                // The test does not care about a client that goes away.
                std::thread::spawn(move || serve(stream, &shared, &*script));
            }
        });
        Self { address, shared }
    }

    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Connections that were opened, whether or not a request came on them.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// All requests so far.
    ///
    /// # Panics
    /// If a connection's thread has panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("nothing panics with it").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits in `accept`, which has no time limit.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut stream: TcpStream, shared: &Shared, script: &Script) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let line = lines.next().transpose()?.unwrap_or_default();
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    // The lock is given back before the script runs and anything is sent, since an answer may
    // take seconds and other connections arrive meanwhile.
    let asked = {
        let mut all = shared.asked.lock().expect("nothing panics with it");
        let asked = Asked { number: all.len(), path, headers };
        all.push(asked.clone());
        asked
    };
    let reply = script(&asked);
    let head = format!("{}\r\nConnection: close\r\n\r\n", reply.head.join("\r\n"));
    stream.write_all(head.as_bytes())?;
    for part in reply.body {
        match part {
            Part::Bytes(bytes) => send(&mut stream, shared, &bytes)?,
            Part::Slowly(bytes, at_once, pause) => {
                for bytes in bytes.chunks(at_once.max(1)) {
                    send(&mut stream, shared, bytes)?;
                    std::thread::sleep(pause);
                }
            }
            Part::Silence(time) => wait(&stream, shared, time)?,
            Part::Reset => {
                // With no time to linger, closing sends a reset in place of an orderly end.
                let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
                return Ok(());
            }
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, shared: &Shared, bytes: &[u8]) -> std::io::Result<()> {
    // In pieces, so that the count is close to what was sent also when the client stops reading.
    for bytes in bytes.chunks(64 * 1024) {
        stream.write_all(bytes)?;
        shared.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

fn wait(mut stream: &TcpStream, shared: &Shared, time: Duration) -> std::io::Result<()> {
    stream.set_read_timeout(Some(LOOK_EVERY))?;
    let until = Instant::now() + time;
    while Instant::now() < until && !shared.ended.load(Ordering::Relaxed) {
        match stream.read(&mut [0; 64]) {
            // A client that has gone ends the silence early, so that tests need not wait for it.
            Ok(0) => return Err(ErrorKind::ConnectionAborted.into()),
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(error);
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}
