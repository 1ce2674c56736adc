//! The connection to the editor server: a Unix socket in our private runtime folder. One connection
//! for each request, since they cost next to nothing there, and none is left over when the server
//! dies.

use std::io::Error;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::UnixStream;

use super::limits::Guest;

pub(super) type Body = BoxBody<Bytes, Error>;

/// How long the server may take until it begins to answer. A working server needs milliseconds; a
/// hung one is replaced after ten seconds.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// Buffer for a WebSocket's data, in bytes for each direction. Whole files pass through it.
const COPY_BYTES: usize = 256 * 1024;

/// The headers of a request that the server gets. Cookies and `Origin` are not among them: they are
/// the front's affair, and were checked here.
const PASSED: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::RANGE,
    header::USER_AGENT,
];
const PASSED_UPGRADE: [HeaderName; 6] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_VERSION,
];
/// The headers of an answer that the page gets: no cookies, and no policy but ours.
const TOLD: [HeaderName; 11] = [
    header::ACCEPT_RANGES,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    // Read once more before it is replaced.
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::VARY,
];
const TOLD_UPGRADE: [HeaderName; 5] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
];

#[derive(Debug)]
pub(super) struct Upstream {
    socket: PathBuf,
}

impl Upstream {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Passes a request on without its body, which neither GET nor HEAD has; the answer's body
    /// streams. The time limit ends with the answer's head: a large file may take longer.
    pub(super) async fn get(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Error> {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().map_err(Error::other)?;
        *request.headers_mut() = chosen(headers, &PASSED);
        let answer = self.send(request).await?;
        let (mut parts, body) = answer.into_parts();
        parts.headers = chosen(&parts.headers, &TOLD);
        Ok(Response::from_parts(parts, body.map_err(Error::other).boxed()))
    }

    /// Passes on a request that becomes a WebSocket, and then its data, on a task that outlives the
    /// request. `guest` is kept until it is closed: hyper's connection ends with the upgrade, and
    /// the place inside would be free too early.
    pub(super) async fn upgrade(
        &self,
        path: &str,
        headers: &HeaderMap,
        client: OnUpgrade,
        guest: std::sync::Arc<Guest>,
    ) -> Result<Response<Body>, Error> {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = path.parse().map_err(Error::other)?;
        *request.headers_mut() = chosen(headers, &PASSED_UPGRADE);
        let mut answer = self.send(request).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::other("the editor server takes no WebSocket there"));
        }
        let server = hyper::upgrade::on(&mut answer);
        tokio::spawn(async move {
            let _guest = guest;
            // Both complete only once our own answer has been sent, so this can't be awaited before
            // returning it.
            let (Ok(client), Ok(server)) = (client.await, server.await) else { return };
            let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
            // Either end going away ends both; there is no one to report that to.
            let _ = copy_bidirectional_with_sizes(&mut client, &mut server, COPY_BYTES, COPY_BYTES)
                .await;
        });
        let (mut parts, _) = answer.into_parts();
        parts.headers = chosen(&parts.headers, &TOLD_UPGRADE);
        Ok(Response::from_parts(parts, empty()))
    }

    async fn send(&self, mut request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, Error> {
        // The server ignores it, but HTTP requires one.
        let host = header::HeaderValue::from_static("localhost");
        request.headers_mut().insert(header::HOST, host);
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to the editor server broke");
            }
        });
        let answer = tokio::time::timeout(ANSWER_TIME, sender.send_request(request)).await?;
        answer.map_err(Error::other)
    }
}

pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

fn chosen(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let of = |name: &HeaderName| {
        let values = headers.get_all(name).iter();
        values.map(|value| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    names.iter().flat_map(of).collect()
}
