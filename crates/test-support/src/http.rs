//! A server that does what a test tells it, right or wrong: one answer a connection, written by
//! hand, so that no library puts its mistakes right.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Between two looks at whether the client is gone.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How many came before it.
    pub number: usize,
    /// Its path, with the query.
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    /// A header's value; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first byte it wants, where it asks for a range.
    #[must_use]
    pub fn range_start(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// A part of an answer's body.
#[derive(Debug, Clone)]
pub enum Part {
    /// Bytes, as fast as they go.
    Bytes(Vec<u8>),
    /// Bytes, this many at a time with a pause after each.
    Slowly(Vec<u8>, usize, Duration),
    /// Nothing for a time, or until the client has gone.
    Silence(Duration),
    /// The connection is cut hard, and what was not read is lost.
    Reset,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status line and headers, each without its line end.
    pub head: Vec<String>,
    /// What follows; then the connection ends.
    pub body: Vec<Part>,
}

impl Reply {
    /// An answer without a body.
    #[must_use]
    pub fn status(status: &str, headers: &[&str]) -> Self {
        let head = std::iter::once(format!("HTTP/1.1 {status}"));
        Self { head: head.chain(headers.iter().map(|it| (*it).to_owned())).collect(), body: vec![] }
    }

    /// What a good server answers: the file from where it was asked, if it is still this version.
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

    /// With one part more.
    #[must_use]
    pub fn with(mut self, part: Part) -> Self {
        self.body.push(part);
        self
    }

    /// Only the first bytes of its body, and then this.
    #[must_use]
    pub fn until(mut self, bytes: usize, then: Part) -> Self {
        if let Some(Part::Bytes(body)) = self.body.first_mut() {
            body.truncate(bytes);
        }
        self.with(then)
    }
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A running server. It ends with the value.
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
    /// A server on a free port of this machine.
    ///
    /// # Panics
    /// Where there is none.
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
                // A client that goes away is none of the test's business.
                std::thread::spawn(move || serve(stream, &shared, &*script));
            }
        });
        Self { address, shared }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Bytes of bodies that it has sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// Connections that were opened to it, whether anything was asked on them or not.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// All requests.
    ///
    /// # Panics
    /// Where a connection has panicked.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("nothing panics with it").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
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
                let _ = rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO));
                return Ok(());
            }
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, shared: &Shared, bytes: &[u8]) -> std::io::Result<()> {
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
            Ok(0) => return Err(ErrorKind::ConnectionAborted.into()),
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Err(error);
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}
