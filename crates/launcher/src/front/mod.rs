//! The front of the editor: the only listening socket of the IDE, on loopback, held by the launcher
//! for the whole run. Nothing reaches the editor server, which listens on a Unix socket, before the
//! front has checked the connection's user, the token, `Host`, `Origin`, method and path; a peer
//! that is not let in costs little and learns nothing.
//!
//! The only answers of its own are the exchange of a ticket and what the page keeps. The only
//! connections it opens are to that Unix socket. Called by the session.

mod door;
mod gate;
mod limits;
mod pages;
mod peer;
mod policy;
mod refusals;
mod state;
mod trust;
mod upstream;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use crate::error::LauncherError;
use crate::log::Log;
use door::{Door, Secret};
use gate::{Pass, Refusal};
use limits::{Connections, Guest};
use peer::{Peer, Peers};
use policy::Policy;
use state::State;
pub(crate) use trust::trust_once;
use upstream::{Body, Upstream};

pub(crate) use refusals::{Reason, Refusals};

/// How long a connection may take to show that it may come in. Browsers open some in advance, and
/// open another one if such a connection is closed.
const WAIT_TIME: Duration = Duration::from_secs(5);
const CHANGE_TIME: Duration = Duration::from_secs(30);
/// Longest head of a request, in bytes: an address may contain a long path.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// A port that is free on IPv4 may be taken on IPv6; how often another one is tried.
const PORT_TRIES: usize = 16;
/// Connections that wait to be accepted; the system's own bound is usually 4,096. Beyond that the
/// system drops new ones, and their clients try again after a second.
const BACKLOG: i32 = 4096;
/// How long to wait before accepting again if the system has no descriptor left.
const REST_TIME: Duration = Duration::from_millis(50);

/// The front as the session holds it: what is needed to make addresses. Dropping it closes nothing;
/// listeners and connections belong to a thread that ends with the process.
pub(crate) struct Front {
    door: Arc<Door>,
    port: u16,
}

/// What all connections share. They all run on one thread, so its locks are never contended.
struct Shared {
    door: Arc<Door>,
    policy: Policy,
    upstream: Upstream,
    state: State,
    connections: Arc<Connections>,
    peers: Peers,
    refusals: Arc<Refusals>,
}

impl Front {
    /// Begins to listen, on a thread of its own; when this returns, connections are accepted by the
    /// system. `server` is the editor server's socket, which need not exist yet: until it does,
    /// pages are told to come again. `kept` is the folder for what the page keeps; `refusals`
    /// counts what is refused.
    ///
    /// # Errors
    /// If no port or no random number is available.
    pub(crate) fn open(
        server: PathBuf,
        kept: PathBuf,
        log: &Arc<Log>,
        refusals: &Arc<Refusals>,
    ) -> Result<Self, LauncherError> {
        let (listeners, port) = listen().map_err(LauncherError::NoLoopback)?;
        // The standard library asks for 128.
        for listener in &listeners {
            rustix::net::listen(listener, BACKLOG)
                .map_err(|error| LauncherError::NoLoopback(error.into()))?;
        }
        let door = Arc::new(Door::new(&Secret::random(16)?, port)?);
        let shared = Arc::new(Shared {
            policy: Policy::new(&door),
            door: Arc::clone(&door),
            upstream: Upstream::new(server),
            state: State::new(kept),
            connections: Arc::default(),
            peers: Peers::open(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
            refusals: Arc::clone(refusals),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(LauncherError::NoLoopback)?;
        let log = Arc::clone(log);
        let serve = move || {
            runtime.block_on(async move {
                let accepting = listeners.into_iter().map(|listener| {
                    tokio::spawn(accept(listener, Arc::clone(&shared), Arc::clone(&log)))
                });
                for accepting in accepting.collect::<Vec<_>>() {
                    let _ = accepting.await;
                }
            });
        };
        let spawned = std::thread::Builder::new().name("front".to_owned()).spawn(serve);
        spawned.map_err(LauncherError::NoLoopback)?;
        Ok(Self { door, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `http://HOST:PORT` of the editor. The frames of webviews are on hosts below it.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.door.authority())
    }

    /// The address of a proxy that refuses everything except the editor, for the native window: the
    /// front's own, since `gate` refuses whatever is addressed to a proxy. It is an IP address, so
    /// that the proxy itself needs no look-up.
    pub(crate) fn refusing_proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address that opens a window with this query (`Target::query`), once: it has a ticket in
    /// it, so it may only be passed on where other users can't read it. The ticket goes stale after
    /// a quarter of an hour.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(crate) fn address(&self, query: &str) -> Result<String, LauncherError> {
        let ticket = self.door.issue(Instant::now())?;
        Ok(format!("{}/open?ticket={}&{query}", self.origin(), ticket.reveal()))
    }
}

/// Listens on both loopback addresses with one port, so that no other program can have one of them:
/// a browser tries both for a name under `localhost`.
fn listen() -> io::Result<(Vec<TcpListener>, u16)> {
    let mut tries = 0;
    loop {
        let four = TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
        let port = four.local_addr()?.port();
        // The IPv4 port comes from the system; the same one on IPv6 may be somebody's. Then both
        // are tried again with another, and the first listener is dropped.
        match TcpListener::bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
            Ok(six) => return Ok((vec![four, six], port)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => {
                tries += 1;
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // A machine without IPv6: then no other program can listen there either.
            Err(_) => return Ok((vec![four], port)),
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, log: Arc<Log>) {
    let listener = listener
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpListener::from_std(listener))
        .and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (here, listener) = match listener {
        Ok(listener) => listener,
        Err(error) => return log.line(&format!("[the editor's front can't listen: {error}]")),
    };
    loop {
        // Accepting fails for lack of descriptors, or since the peer has already gone. Neither is a
        // reason to end the front; without the pause, the first would keep a core busy until a
        // descriptor is free.
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(REST_TIME).await;
            continue;
        };
        // Before a task is spawned and a byte is read: whoever is refused here costs one question
        // to the kernel, and can't take a place among the waiting.
        if shared.peers.of(peer, here) == Peer::Foreign {
            let so_far = shared.refusals.count(Reason::OtherUser);
            // There may be tens of thousands.
            if so_far.is_power_of_two() {
                log.line(&format!(
                    "[{so_far} connections of other users of this machine were refused so far]"
                ));
            }
            // Closed at once, without leaving anything behind in the system.
            let _ = stream.set_zero_linger();
            continue;
        }
        let guest = Arc::new(shared.connections.add());
        tokio::spawn(serve(stream, Arc::clone(&shared), guest));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, guest: Arc<Guest>) {
    let _ = stream.set_nodelay(true);
    let (asked, refusals) = (Arc::clone(&guest), Arc::clone(&shared.refusals));
    let service = service_fn(move |request| {
        let (shared, guest) = (Arc::clone(&shared), Arc::clone(&asked));
        async move { answer(request, &shared, guest).await }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CHANGE_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // hyper's own limit on a head begins again with each request; this one is on the connection,
    // and holds until it has shown a session.
    let too_late = async {
        tokio::time::sleep(WAIT_TIME).await;
        if guest.is_in() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // Other errors are a broken connection, or one whose request was refused.
        ended = connection => if ended.is_err_and(|error| error.is_parse()) {
            refusals.count(Reason::Unreadable);
        },
        () = guest.told_to_go() => {
            refusals.count(Reason::Crowded);
        }
        // Not counted: browsers open some in advance and send nothing on them.
        () = too_late => {}
    }
}

/// Answers a request; an error closes the connection without an answer, which is how a silent
/// refusal looks to its sender: hyper has nothing to write then. What the user can do something
/// about becomes a page instead.
async fn answer(
    mut request: Request<Incoming>,
    shared: &Shared,
    guest: Arc<Guest>,
) -> io::Result<Response<Body>> {
    // Before the request is taken apart: the handle for the upgrade is among its extensions.
    let client = hyper::upgrade::on(&mut request);
    let (head, body) = request.into_parts();
    let pass = match gate::judge(&head, &shared.door) {
        Ok(pass) => pass,
        Err(refusal) => {
            shared.refusals.count(refusal.reason());
            return match refusal {
                Refusal::Silent(_) => Err(io::ErrorKind::PermissionDenied.into()),
                told => Ok(pages::refuse(&told)),
            };
        }
    };
    let frame = if let Pass::Frame(file) = pass { Some(file) } else { None };
    let answered = match pass {
        // Exchanged here and not in the gate, which stays pure: a request can be judged twice, a
        // ticket can't be used twice.
        Pass::Open { ticket, query } => {
            let session =
                shared.door.exchange(&ticket, Instant::now()).map_err(io::Error::other)?;
            if session.is_none() {
                shared.refusals.count(Reason::Ticket);
            }
            return Ok(pages::open(&shared.door, session.as_ref(), &query));
        }
        // Only what has passed the gate gets a place inside, which it keeps for as long as the
        // connection lasts. A ticket does not need one: its connection is one of the waiting, and
        // the browser's next request on it enters.
        _ if !guest.enter() => {
            shared.refusals.count(Reason::Crowded);
            return Ok(pages::full());
        }
        Pass::State(name) => return keep(&head.method, &name, body, shared).await,
        Pass::Server(path) => shared.upstream.get(&head.method, &path, &head.headers).await,
        Pass::Socket(path) => shared.upstream.upgrade(&path, &head.headers, client, guest).await,
        Pass::Frame(file) => {
            let path = format!("/static/out/vs/workbench/contrib/webview/browser/pre/{file}");
            shared.upstream.get(&head.method, &path, &head.headers).await
        }
    };
    let mut answer = match answered {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "the editor server does not answer");
            return Ok(pages::no_server());
        }
    };
    // In one place for all answers of the server, so that none can be forgotten. An answer that
    // becomes a WebSocket is not a page.
    if let Some(file) = frame {
        shared.policy.put_on_frame(file, answer.headers_mut());
    } else if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        shared.policy.put_on_editor(answer.headers_mut());
    }
    Ok(answer)
}

async fn keep(
    method: &Method,
    name: &str,
    body: Incoming,
    shared: &Shared,
) -> io::Result<Response<Body>> {
    let json = if *method == Method::GET {
        shared.state.read(name)
    } else {
        // A page could declare any length: the limit is on what arrives.
        let change = Limited::new(body, state::CHANGE_BYTES_MAX).collect();
        let change = tokio::time::timeout(CHANGE_TIME, change).await?;
        let change = change.map_err(io::Error::other)?.to_bytes();
        match shared.state.change(name, &change) {
            Ok(changed) => serde_json::to_vec(&changed)?,
            Err(error) => {
                tracing::warn!(%error, "what the page keeps can't be written");
                return Ok(pages::not_kept(&error));
            }
        }
    };
    let mut answer = Response::new(Full::from(json).map_err(|never| match never {}).boxed());
    policy::put_on_own(answer.headers_mut());
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    // The page asks for what it keeps before it creates its first frame.
    let frames = header::HeaderValue::try_from(shared.door.frames().reveal());
    answer.headers_mut().insert("localcoder-frames", frames.map_err(io::Error::other)?);
    Ok(answer)
}

/// Where the editor server listens. The path is as short as the launcher's own socket's, whose
/// length is checked.
pub(crate) fn server_socket(runtime: &Path) -> PathBuf {
    runtime.join("web.sock")
}

#[cfg(test)]
mod tests;
