//! Every way in which a download is known to go wrong, at random points, against the real
//! `localcoder-fetch`. Next to each is the required result: the exact file, or a failure of the
//! right kind. Used by the tests of `fetch` and by `cargo xtask faults downloads`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use localcoder_protocol::{
    FetchEvent, FetchFailure, FetchLimits, FetchNetwork, FetchOrder, FetchRequest, FetchTask,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::http::{Asked, Part, Reply, Server};

/// The server's name for the version of the file.
const ETAG: &str = "\"v1\"";
/// Most bytes that may have to be downloaded again after a kill, however many were there.
pub const LOADED_AGAIN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A path that does not exist and can't be created.
pub const NO_HOME: &str = "/proc/none";
/// Most memory the program may ever have.
pub const MEMORY_KIB_MAX: u64 = 64 * 1024;

#[derive(Debug, Clone)]
pub struct Content {
    pub bytes: Vec<u8>,
    pub sha256: String,
}

impl Content {
    #[must_use]
    pub fn random(seed: u64, length: usize) -> Self {
        let mut random = Random::new(seed);
        let mut bytes = b"GGUF".to_vec();
        while bytes.len() < length {
            bytes.extend(random.0.u64(..).to_le_bytes());
        }
        bytes.truncate(length);
        let sha256 = sha256(&bytes);
        Self { bytes, sha256 }
    }
}

#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Numbers that look random, the same for the same seed.
#[derive(Debug, Clone)]
pub struct Random(fastrand::Rng);

impl Random {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// A number from `low` to `high`, which is excluded unless it equals `low`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        self.0.usize(low..high.max(low + 1))
    }
}

#[must_use]
pub fn catalog(content: &Content, url: &str) -> Value {
    json!({"version": 1, "models": [{
        "id": "small", "name": "Small Model", "roles": ["code"], "family": "demo",
        "publisher": "Somebody", "parameters": 1000, "quantization": "Q8_0",
        "file": "small.gguf", "bytes": content.bytes.len(), "sha256": content.sha256,
        "revision": "main", "url": url,
        "license": {
            "id": "Apache-2.0", "name": "Apache License 2.0", "commercial": true,
            "url": "https://example.org/LICENSE", "attribution": ["Built with Small"],
        },
        "contextTokens": 2048, "kvBytesPerToken": 1024, "profile": "fast",
    }]})
}

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {
        /// What a server does wrong, or a proxy in front of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault { $($(#[doc = $doc])+ $name,)* }

        impl Fault {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

faults! {
    /// The requested range is ignored.
    IgnoresRange;
    /// The part begins earlier than requested.
    BeginsEarly;
    /// The part belongs to a longer file.
    WrongTotal;
    /// The status is 200, but the body is only a part.
    PartAsWhole;
    /// All bytes are there already, so that the server must not be asked.
    AllThere;
    /// In the middle of the file the server replies that there is no such range.
    NoSuchRange;
    /// The server's file is shorter.
    Shorter;
    /// More bytes arrive than the file has.
    Longer;
    /// Bytes arrive without end, and their length was not announced.
    Endless;
    /// The connection is cut, several times.
    Reset;
    /// The connection ends early as if the file were complete.
    EndsEarly;
    /// At some point nothing arrives any more.
    Stall;
    /// A byte arrives now and then.
    Drip;
    /// Between two attempts the file was replaced by another one.
    Replaced;
    /// The file is the same, but the name of its version has changed.
    Renamed;
    /// The body is compressed.
    Packed;
    /// A redirect leads to itself.
    RedirectLoop;
    /// A redirect leads to a host that is not allowed.
    RedirectElsewhere;
    /// A redirect leads to this machine, which is allowed.
    RedirectHere;
    /// The server does not speak TLS.
    NoEncryption;
    /// A page that asks the user to sign in.
    SignInPage;
    /// A page that asks the user to sign in, sent as if it were the file.
    SignInFile;
    /// The server is overloaded for a moment.
    Overloaded;
    /// The server stays overloaded.
    OverloadedForEver;
    /// The proxy wants a password.
    ProxyPassword;
    /// The file does not exist.
    NotThere;
    /// The file arrives with a wrong byte, once.
    DamagedOnce;
    /// The file arrives with a wrong byte every time.
    DamagedAlways;
    /// The first address does not have the file, the second one does.
    Mirror;
    /// Nothing listens at the address.
    NobodyThere;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Whole,
    /// One of these failures, and no file is left.
    Fails(&'static [FetchFailure]),
}

impl Fault {
    #[must_use]
    pub fn expected(self) -> Expected {
        match self {
            Self::WrongTotal
            | Self::Shorter
            | Self::Longer
            | Self::Endless
            | Self::Packed
            | Self::SignInPage
            | Self::SignInFile => Expected::Fails(&[FetchFailure::WrongFile]),
            Self::RedirectLoop | Self::RedirectElsewhere => {
                Expected::Fails(&[FetchFailure::Redirect])
            }
            Self::NoEncryption => {
                Expected::Fails(&[FetchFailure::Unreachable, FetchFailure::Untrusted])
            }
            Self::NobodyThere => Expected::Fails(&[FetchFailure::Unreachable]),
            Self::OverloadedForEver => Expected::Fails(&[FetchFailure::Server]),
            Self::ProxyPassword => Expected::Fails(&[FetchFailure::Proxy]),
            Self::NotThere => Expected::Fails(&[FetchFailure::Refused]),
            // The new file may have another length, too.
            Self::Replaced => Expected::Fails(&[FetchFailure::Checksum, FetchFailure::WrongFile]),
            Self::DamagedAlways => Expected::Fails(&[FetchFailure::Checksum]),
            _ => Expected::Whole,
        }
    }

    /// Whether the fault affects a resumed download: then the first answer is honest but cut off,
    /// and the fault strikes from the second request on.
    fn is_of_a_resumed_one(self) -> bool {
        matches!(
            self,
            Self::IgnoresRange
                | Self::BeginsEarly
                | Self::WrongTotal
                | Self::PartAsWhole
                | Self::NoSuchRange
                | Self::Replaced
                | Self::Renamed
        )
    }
}

/// Limits with clocks that run a hundred times as fast as the product's.
#[must_use]
pub fn limits() -> FetchLimits {
    FetchLimits {
        connect_ms: 2_000,
        stall_ms: 300,
        slow_bytes_per_s: 8 * 1024,
        slow_window_ms: 400,
        pause_ms: 4,
        pause_max_ms: 60,
        retry_after_max_ms: 20,
        ..FetchLimits::default()
    }
}

#[must_use]
pub fn request(folder: &Path, content: &Content, urls: Vec<String>) -> FetchRequest {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    FetchRequest {
        urls,
        hosts: vec!["127.0.0.1".to_owned()],
        folder: folder.to_string_lossy().into_owned(),
        target: path("blob"),
        bytes: content.bytes.len() as u64,
        sha256: content.sha256.clone(),
        magic: "GGUF".to_owned(),
        reserve_bytes: 1,
        limits: limits(),
    }
}

#[derive(Debug)]
pub struct Fetch {
    child: Child,
}

#[derive(Debug, Clone)]
pub struct Ending {
    pub events: Vec<FetchEvent>,
    pub memory_kib: u64,
}

impl Ending {
    /// Whether the file is there, or else the failure; `None` if it was killed.
    #[must_use]
    pub fn result(&self) -> Option<Result<(), FetchFailure>> {
        match self.events.last()? {
            FetchEvent::Done => Some(Ok(())),
            FetchEvent::Failed { failure, .. } => Some(Err(*failure)),
            _ => None,
        }
    }
}

impl Fetch {
    /// Starts a run. `program` is the built `localcoder-fetch`.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn start(program: &Path, request: &FetchRequest) -> Self {
        Self::start_with(program, request, &[])
    }

    /// Starts a run with only these variables in its environment: the machine that runs the test
    /// may use proxies, and its user may have settings.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn start_with(
        program: &Path,
        request: &FetchRequest,
        environment: &[(&str, &str)],
    ) -> Self {
        Self::start_saying(program, &line(request), environment)
    }

    /// Starts a run by a given command.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn start_by(command: &mut Command, request: &FetchRequest) -> Self {
        Self::begin(command, &line(request), &[])
    }

    /// Starts a run with any text as its request.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn start_saying(program: &Path, line: &str, environment: &[(&str, &str)]) -> Self {
        Self::begin(&mut Command::new(program), line, environment)
    }

    fn begin(command: &mut Command, line: &str, environment: &[(&str, &str)]) -> Self {
        let mut child = command
            // A proxy in the environment of whoever runs the tests would change what is asked
            // where.
            .env_clear()
            .env("LOCALCODER_HOME", NO_HOME)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.as_mut().expect("it was asked for as a pipe");
        // A program that ends at once need not read its input.
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
        Self { child }
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Closes the program's input, as a host does when it ends.
    pub fn close(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Follows the run to its end; `on_event` gets each event.
    ///
    /// # Panics
    /// If the program writes anything but events.
    pub fn follow(mut self, mut on_event: impl FnMut(&mut Self, &FetchEvent)) -> Ending {
        let stdout = self.child.stdout.take().expect("it was asked for as a pipe");
        let mut ending = Ending { events: Vec::new(), memory_kib: 0 };
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let event: FetchEvent = serde_json::from_str(&line)
                .unwrap_or_else(|error| panic!("`{line}` is not an event: {error}"));
            // Read at each event and before it is handled: after its last event the program ends,
            // and what /proc says of it is gone.
            ending.memory_kib = ending.memory_kib.max(peak_memory_kib(self.pid()));
            on_event(&mut self, &event);
            ending.events.push(event);
        }
        let _ = self.child.wait();
        ending
    }
}

fn line(request: &FetchRequest) -> String {
    let task = FetchTask::File(request.clone());
    let order = FetchOrder { network: FetchNetwork::Allowed, task };
    serde_json::to_string(&order).expect("it is plain data")
}

fn peak_memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Runs one trial.
///
/// # Errors
/// What is wrong, if the result is not the required one.
pub fn trial(program: &Path, fault: Fault, seed: u64) -> Result<Ending, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut random = Random::new(seed);
    let length = random.between(70_000, 1_500_000);
    let content = Content::random(seed, length);
    let cut = random.between(1, length);
    let server = serve(fault, content.clone(), cut, random.clone());
    let mut request = request(folder.path(), &content, addresses(fault, &server));
    if fault == Fault::AllThere {
        put_all_there(folder.path(), &content)?;
    }
    if fault == Fault::RedirectElsewhere {
        // The time is too short even to ask a name server.
        request.limits.connect_ms = 1;
    }
    let ending = Fetch::start(program, &request).follow(|_, _| {});
    check(fault.expected(), &ending, &PathBuf::from(&request.target), &content)?;
    if fault == Fault::AllThere && !server.asked().is_empty() {
        return Err("the server was asked for what was there".to_owned());
    }
    Ok(ending)
}

fn addresses(fault: Fault, server: &Server) -> Vec<String> {
    match fault {
        Fault::NoEncryption => vec![server.url("file").replace("http:", "https:")],
        Fault::NobodyThere => vec!["http://127.0.0.1:1/file".to_owned()],
        Fault::Mirror => vec![server.url("missing"), server.url("file")],
        _ => vec![server.url("file?secret=1")],
    }
}

/// Creates the state that a run leaves if it was killed before its last step: the whole file under
/// its temporary name, with a mark of this boot that says how much of it is on the disk.
fn put_all_there(folder: &Path, content: &Content) -> Result<(), String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let mark = json!({"durableBytes": content.bytes.len(), "boot": boot.trim()});
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(format!("{}.{name}", content.sha256)), bytes)
            .map_err(|error| error.to_string())
    };
    write("partial", &content.bytes)?;
    write("mark", mark.to_string().as_bytes())
}

fn check(
    expected: Expected,
    ending: &Ending,
    target: &Path,
    content: &Content,
) -> Result<(), String> {
    let there = std::fs::read(target).ok();
    let last = ending.events.last();
    match (expected, ending.result()) {
        (Expected::Whole, Some(Ok(()))) => {}
        (Expected::Fails(failures), Some(Err(failure))) if failures.contains(&failure) => {}
        _ => return Err(format!("it ended with {last:?}, expected was {expected:?}")),
    }
    match (expected, there) {
        (Expected::Whole, Some(bytes)) if bytes == content.bytes => {}
        (Expected::Fails(_), None) => {}
        (_, there) => {
            return Err(format!("there are {:?} bytes", there.map(|bytes| bytes.len())));
        }
    }
    if let Some(FetchEvent::Failed { message, .. }) = last
        && (message.len() < 10 || message.contains("secret"))
    {
        return Err(format!("its message is `{message}`"));
    }
    if ending.memory_kib > MEMORY_KIB_MAX {
        return Err(format!("it had {} KiB of memory", ending.memory_kib));
    }
    Ok(())
}

fn serve(fault: Fault, content: Content, cut: usize, random: Random) -> Server {
    Server::start(move |asked| {
        let honest = Reply::file(asked, &content.bytes, ETAG);
        let at = asked.range_start().unwrap_or(0);
        // Where the fault is about resuming, the first answer is honest and cut off, so that there
        // is something to resume; the turns of the fault count from the second one.
        let turn = match (fault.is_of_a_resumed_one(), asked.number) {
            (true, 0) => return honest.until(cut, Part::Reset),
            (true, number) => number - 1,
            (false, number) => number,
        };
        answer(fault, turn, asked, honest, (&content.bytes, at, cut, random.clone()))
    })
}

fn answer(
    fault: Fault,
    turn: usize,
    asked: &Asked,
    honest: Reply,
    (bytes, at, cut, mut random): (&[u8], usize, usize, Random),
) -> Reply {
    let total = bytes.len();
    let part = |status: &str, start: usize, total_said: usize| {
        let range = format!("Content-Range: bytes {start}-{}/{total_said}", total_said - 1);
        Reply::status(status, &[&range]).with(Part::Bytes(bytes[start..].to_vec()))
    };
    let whole = |body: Vec<u8>| {
        let length = format!("Content-Length: {}", body.len());
        Reply::status("200 OK", &[&length]).with(Part::Bytes(body))
    };
    let page = b"<html><body>Sign in</body></html>".to_vec();
    let mut other = bytes.to_vec();
    // Behind the four bytes of the magic: a wrong one there would be refused as a wrong file, and
    // what is to be tested is the digest.
    other[cut.clamp(4, total - 1)] ^= 1;
    match (fault, turn) {
        (Fault::IgnoresRange, 0) => whole(bytes.to_vec()),
        (Fault::BeginsEarly, 0) => {
            part("206 Partial Content", at - random.between(0, at + 1), total)
        }
        (Fault::WrongTotal, _) => part("206 Partial Content", at, total + 1),
        (Fault::PartAsWhole, 0) => part("200 OK", at, total),
        (Fault::NoSuchRange, 0) => Reply::status("416 Range Not Satisfiable", &[]),
        (Fault::Shorter, _) => whole(bytes[..total - 1].to_vec()),
        (Fault::Longer, _) => {
            let more = [bytes, &[0; 100]].concat();
            Reply::status("200 OK", &[]).with(Part::Bytes(more))
        }
        (Fault::Endless, _) => {
            let more = [bytes, &vec![0; 4 * 1024 * 1024]].concat();
            Reply::status("200 OK", &[]).with(Part::Bytes(more))
        }
        (Fault::Reset, 0..=3) => {
            let left = total - at;
            honest.until(random.between(left / 8, left / 2 + 1), Part::Reset)
        }
        (Fault::EndsEarly, 0) => honest.until(cut, Part::Bytes(Vec::new())),
        // Far longer than `stall_ms` of [`limits`], and the next one far slower than its
        // `slow_bytes_per_s`: the program has to give up, since the server never does.
        (Fault::Stall, 0) => honest.until(cut, Part::Silence(Duration::from_secs(20))),
        (Fault::Drip, 0) => {
            let drip = Part::Slowly(bytes[cut..].to_vec(), 1, Duration::from_millis(20));
            honest.until(cut, drip)
        }
        (Fault::Replaced, _) => Reply::file(asked, &other, "\"v2\""),
        (Fault::Renamed, _) => Reply::file(asked, bytes, "\"v2\""),
        (Fault::Packed, _) => {
            let mut reply = whole(bytes.to_vec());
            reply.head.push("Content-Encoding: gzip".to_owned());
            reply
        }
        (Fault::SignInPage, _) => {
            let mut reply = whole(page);
            reply.head.push("Content-Type: text/html".to_owned());
            reply
        }
        (Fault::SignInFile, _) => {
            let mut body = page;
            body.resize(total, b' ');
            whole(body)
        }
        (Fault::DamagedOnce, 0) | (Fault::DamagedAlways, _) => whole(other),
        _ => refusal(fault, turn, asked).unwrap_or(honest),
    }
}

fn refusal(fault: Fault, turn: usize, asked: &Asked) -> Option<Reply> {
    // Addresses in redirects and in the request carry a secret; `check` looks for it in messages.
    let (status, headers) = match (fault, turn) {
        (Fault::RedirectLoop, _) => ("302 Found", "Location: /file?secret=2"),
        (Fault::RedirectElsewhere, _) => {
            ("302 Found", "Location: https://user:key@elsewhere.example/?secret=3")
        }
        (Fault::RedirectHere, 0 | 1) => ("307 Temporary", "Location: /other"),
        (Fault::Overloaded, 0) => ("503 Busy", "Retry-After: 1"),
        (Fault::Overloaded, 1) => ("429 Too Many", "X-Why: busy"),
        // Far longer than the program is willing to wait.
        (Fault::OverloadedForEver, _) => ("503 Busy", "Retry-After: 9999999"),
        (Fault::ProxyPassword, _) => ("407 Proxy", "Proxy-Authenticate: Basic"),
        (Fault::NotThere, _) => ("404 Not Found", "X-Why: gone"),
        (Fault::Mirror, _) if asked.path == "/missing" => ("404 Not Found", "X-Why: gone"),
        _ => return None,
    };
    Some(Reply::status(status, &[headers]))
}
