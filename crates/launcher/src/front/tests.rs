//! The front as a whole, with an editor server that answers on its socket: raw bytes in and out,
//! over real connections.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

struct House {
    front: Front,
    reached: Arc<AtomicUsize>,
    refusals: Arc<Refusals>,
    dir: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let house = Self::empty();
        let listener = UnixListener::bind(house.socket()).unwrap();
        let reached = Arc::clone(&house.reached);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let reached = Arc::clone(&reached);
                std::thread::spawn(move || serve_one(&stream.unwrap(), &reached));
            }
        });
        house
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(Log::open(dir.path().join("log")));
        let (socket, kept) = (dir.path().join("web.sock"), dir.path().join("state"));
        let refusals = Arc::default();
        let front = Front::open(socket, kept, &log, &refusals).unwrap();
        Self { front, reached: Arc::default(), refusals, dir }
    }

    /// What was refused so far: each reason with a count above zero.
    fn refused(&self) -> Vec<(String, u64)> {
        let all = self.refusals.all().into_iter();
        all.filter(|row| row.count > 0).map(|row| (row.kind, row.count)).collect()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("web.sock")
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.front.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends a request; returns everything that is answered until the connection closes.
    fn say(&self, head: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A connection that is closed with unread bytes is reset.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str, cookie: &str) -> String {
        let host = self.front.door.authority();
        self.say(&format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Enters as a browser does: returns the session's cookie, and the path.
    fn enter(&self) -> (String, String) {
        let address = self.front.address("folder=/a").unwrap();
        let answer = self.get(address.strip_prefix(&self.front.origin()).unwrap(), "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let cookie = answer.split_once("set-cookie: ").unwrap().1.split("\r\n").next().unwrap();
        let [value, path, only, strict] = cookie.split("; ").collect::<Vec<_>>()[..] else {
            panic!("{cookie}")
        };
        assert_eq!((only, strict), ("HttpOnly", "SameSite=Strict"));
        let path = path.strip_prefix("Path=").unwrap();
        assert!(answer.contains(&format!("url={path}?folder=/a")), "{answer}");
        (value.to_owned(), path.trim_end_matches('/').to_owned())
    }
}

/// The editor server: answers with what it was asked, or echoes if it is a WebSocket.
fn serve_one(mut stream: &UnixStream, reached: &AtomicUsize) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    reached.fetch_add(1, Ordering::SeqCst);
    let head = String::from_utf8(head).unwrap();
    if head.to_lowercase().contains("upgrade: websocket") {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                      Connection: Upgrade\r\nSec-WebSocket-Accept: yes\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
        let mut bytes = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut bytes) {
            stream.write_all(&bytes[..length]).unwrap();
        }
        return;
    }
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: theirs=1\r\n\
         Content-Security-Policy: img-src *; script-src 'self' 'nonce-1'\r\n\
         Content-Length: {}\r\n\r\n{head}",
        head.len()
    );
    let _ = stream.write_all(answer.as_bytes());
}

#[test]
fn a_ticket_opens_the_editor_once_and_the_server_hears_nothing_of_it() {
    let house = House::new();
    let address = house.front.address("ew=true").unwrap();
    let path = address.strip_prefix(&house.front.origin()).unwrap();
    let (cookie, base) = house.enter();
    let answer = house.get(&format!("{base}/?folder=/a"), &cookie);
    assert!(answer.contains("GET /?folder=/a HTTP/1.1"), "{answer}");
    assert!(!answer.to_lowercase().contains("cookie"), "{answer}");
    assert!(answer.contains("img-src 'self' data: blob:;"), "{answer}");
    assert!(answer.contains("script-src 'self' 'nonce-1'"), "{answer}");
    assert!(answer.contains("referrer-policy: no-referrer"), "{answer}");
    assert!(house.get(path, "").contains("set-cookie"));
    let again = house.get(path, "");
    assert!(again.starts_with("HTTP/1.1 403") && again.contains("has been used"), "{again}");
    assert!(!again.contains(&base), "who has a used ticket does not learn the path: {again}");
    assert_eq!(house.refused(), [("ticket".to_owned(), 1)]);
}

#[test]
fn who_is_not_in_gets_no_answer_and_nothing_reaches_the_server() {
    let house = House::new();
    let (cookie, base) = house.enter();
    let host = house.front.door.authority().to_owned();
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    assert_eq!(house.refused(), [], "who is let in is not counted");
    for head in [
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /version HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET {base}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"),
        format!("GET {base}/ HTTP/1.1\r\nCookie: {cookie}\r\n\r\n"),
        format!("GET {base}/ HTTP/1.1\r\nHost: {host}\r\nOrigin: null\r\nCookie: {cookie}\r\n\r\n"),
        format!("GET {base}/ HTTP/1.1\r\nHost: {host}\r\n{upgrade}Cookie: {cookie}\r\n\r\n"),
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n".to_owned(),
        "GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n".to_owned(),
    ] {
        assert_eq!(house.say(&head), "", "{head}");
    }
    let forbidden = house.get(&format!("{base}/"), "");
    assert!(forbidden.contains("not signed in"), "{forbidden}");
    assert_eq!(house.reached.load(Ordering::SeqCst), 0);
    let counted = [("proxy", 2), ("host", 2), ("token", 2), ("origin", 2), ("session", 1)];
    assert_eq!(house.refused(), counted.map(|(kind, count)| (kind.to_owned(), count)));
}

#[test]
fn a_websocket_goes_through_both_ways() {
    let house = House::new();
    let (cookie, base) = house.enter();
    let (host, origin) = (house.front.door.authority(), house.front.origin());
    let mut stream = house.connect();
    let head = format!(
        "GET {base}/stable-1?a=b HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\
         Cookie: {cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    let sent: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    let mut writing = stream.try_clone().unwrap();
    let bytes = sent.clone();
    let writing = std::thread::spawn(move || writing.write_all(&bytes).unwrap());
    let mut echoed = vec![0; sent.len()];
    stream.read_exact(&mut echoed).unwrap();
    writing.join().unwrap();
    assert!(echoed == sent);
}

#[test]
fn without_a_server_the_page_is_told_to_come_again() {
    let house = House::empty();
    let (cookie, base) = house.enter();
    let answer = house.get(&format!("{base}/"), &cookie);
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("refresh"), "{answer}");
    // What the page keeps does not depend on the server.
    let host = house.front.door.authority();
    let change = r#"{"store":"s","put":{"a":"1"}}"#;
    let post = format!(
        "POST {base}/-/state/global HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{change}",
        change.len()
    );
    assert!(house.say(&post).ends_with(r#"{"changed":true}"#));
    let kept = house.get(&format!("{base}/-/state/global"), &cookie);
    assert!(kept.ends_with(r#"{"s":{"a":"1"}}"#), "{kept}");
}

#[test]
fn what_is_not_http_is_counted_and_told_nothing_of_the_editor() {
    let house = House::new();
    // The beginning of a TLS handshake.
    let answer = house.say("\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n");
    assert!(!answer.contains("200"), "{answer}");
    // Counted by the front's thread, which may not have got there yet.
    let deadline = Instant::now() + DEADLINE;
    while house.refused().is_empty() {
        assert!(Instant::now() < deadline, "it is not counted");
        std::thread::yield_now();
    }
    assert_eq!(house.refused(), [("unreadable".to_owned(), 1)]);
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let house = House::new();
    let (cookie, base) = house.enter();
    // Far more than there is room for; each stays as long as it can.
    let idle: Vec<TcpStream> = (0..limits::WAITING_MAX * 4).map(|_| house.connect()).collect();
    let mut slow = house.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    for _ in 0..20 {
        let began = Instant::now();
        let answer = house.get(&format!("{base}/version"), &cookie);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    let mut first = &idle[0];
    assert_eq!(first.read(&mut [0]).unwrap_or(0), 0, "the oldest had to go");
    let [(kind, count)] = &house.refused()[..] else { panic!("{:?}", house.refused()) };
    assert!(kind == "crowded" && *count > 0, "{count} {kind}");
}

#[test]
fn a_head_without_end_is_cut_off() {
    let house = House::new();
    let mut stream = house.connect();
    let line = format!("X: {}\r\n", "x".repeat(1000));
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let mut sent = 0;
    while stream.write_all(line.as_bytes()).is_ok() {
        sent += line.len();
        // On a busy machine the system's own buffers take some megabytes.
        assert!(sent < 64 * 1024 * 1024, "it takes everything");
    }
    assert_eq!(house.reached.load(Ordering::SeqCst), 0);
}

#[test]
fn both_loopback_addresses_are_taken() {
    let house = House::empty();
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let address = SocketAddr::new(address, house.front.port);
        // A machine without IPv6 gives another error.
        let error = TcpListener::bind(address).unwrap_err().kind();
        let not_there = error == std::io::ErrorKind::AddrNotAvailable;
        assert!(error == std::io::ErrorKind::AddrInUse || address.is_ipv6() && not_there);
    }
}
