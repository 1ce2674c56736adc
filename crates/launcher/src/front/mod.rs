//! The front of the editor: the one listening socket of the IDE, on loopback, held by the launcher
//! for the whole run. Nothing reaches the editor server, which listens on a Unix socket, before
//! the front has looked at whose the connection is, the token, `Host`, `Origin`, method and path;
//! who is not in costs little and is told nothing.
//!
//! It answers for itself only where a ticket is exchanged and what the page keeps. It opens no
//! connection but to that Unix socket. Called by the session.

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

/// How long a connection may take to show that it may come in. Browsers open some ahead, and open
/// another one where such a one is closed.
const WAIT_TIME: Duration = Duration::from_secs(5);
/// How long a page may take to send a change of what it keeps.
const CHANGE_TIME: Duration = Duration::from_secs(30);
/// Longest head of a request, in bytes: an address may name a long path.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// A port that is free on IPv4 may be taken on IPv6; another one is tried so often.
const PORT_TRIES: usize = 16;
/// Connections that wait to be accepted; the system's own bound is 4,096 as a rule. Where it is
/// reached, the system drops whoever comes, who tries again after a second.
const BACKLOG: i32 = 4096;
/// How long accepting rests when the system has no descriptor left for one more.
const REST_TIME: Duration = Duration::from_millis(50);

/// See the module. It ends with the process.
pub(crate) struct Front {
    door: Arc<Door>,
    port: u16,
}

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
    /// Begins to listen. `server` is the editor server's socket, which need not be there yet;
    /// `kept` the folder for what the page keeps; `refusals` where what is refused is counted.
    ///
    /// # Errors
    /// Where there is no port or no random number to be had.
    pub(crate) fn open(
        server: PathBuf,
        kept: PathBuf,
        log: &Arc<Log>,
        refusals: &Arc<Refusals>,
    ) -> Result<Self, LauncherError> {
        let (listeners, port) = listen().map_err(LauncherError::NoLoopback)?;
        // The standard library has asked for 128.
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

    /// Where it listens, on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `http://HOST:PORT` of the editor. The frames of webviews are on hosts below it.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.door.authority())
    }

    /// An address that refuses everything that is not the editor's: for the native window, as its
    /// proxy.
    pub(crate) fn refusing_proxy(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address that opens a window with this query, once.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub(crate) fn address(&self, query: &str) -> Result<String, LauncherError> {
        let ticket = self.door.issue(Instant::now())?;
        Ok(format!("{}/open?ticket={}&{query}", self.origin(), ticket.reveal()))
    }
}

/// Both loopback addresses with one port, so that nobody else can have the other: a browser tries
/// both for a name under `localhost`.
fn listen() -> io::Result<(Vec<TcpListener>, u16)> {
    let mut tries = 0;
    loop {
        let four = TcpListener::bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
        let port = four.local_addr()?.port();
        match TcpListener::bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
            Ok(six) => return Ok((vec![four, six], port)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < PORT_TRIES => {
                tries += 1;
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // A machine without IPv6, where nobody can listen there either.
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
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(REST_TIME).await;
            continue;
        };
        if shared.peers.of(peer, here) == Peer::Foreign {
            let so_far = shared.refusals.count(Reason::OtherUser);
            // There may be tens of thousands.
            if so_far.is_power_of_two() {
                log.line(&format!(
                    "[{so_far} connections of other users of this machine were refused so far]"
                ));
            }
            // Closed at once and with nothing left of it.
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
    let too_late = async {
        tokio::time::sleep(WAIT_TIME).await;
        if guest.is_in() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        // Another error is a connection that broke, or one whose request was refused.
        ended = connection => if ended.is_err_and(|error| error.is_parse()) {
            refusals.count(Reason::Unreadable);
        },
        () = guest.told_to_go() => {
            refusals.count(Reason::Crowded);
        }
        // Not counted: browsers open some ahead and say nothing on them.
        () = too_late => {}
    }
}

/// An error closes the connection without a word.
async fn answer(
    mut request: Request<Incoming>,
    shared: &Shared,
    guest: Arc<Guest>,
) -> io::Result<Response<Body>> {
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
        Pass::Open { ticket, query } => {
            let session =
                shared.door.exchange(&ticket, Instant::now()).map_err(io::Error::other)?;
            if session.is_none() {
                shared.refusals.count(Reason::Ticket);
            }
            return Ok(pages::open(&shared.door, session.as_ref(), &query));
        }
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
    if let Some(file) = frame {
        shared.policy.put_on_frame(file, answer.headers_mut());
    } else if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        shared.policy.put_on_editor(answer.headers_mut());
    }
    Ok(answer)
}

/// Reads or changes what the page keeps.
async fn keep(
    method: &Method,
    name: &str,
    body: Incoming,
    shared: &Shared,
) -> io::Result<Response<Body>> {
    let json = if *method == Method::GET {
        shared.state.read(name)
    } else {
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
    // The page asks for what it keeps before it makes its first frame.
    let frames = header::HeaderValue::try_from(shared.door.frames().reveal());
    answer.headers_mut().insert("localcoder-frames", frames.map_err(io::Error::other)?);
    Ok(answer)
}

/// Where the editor server listens. As short as the launcher's own socket, whose length is checked.
pub(crate) fn server_socket(runtime: &Path) -> PathBuf {
    runtime.join("web.sock")
}

#[cfg(test)]
mod tests;
