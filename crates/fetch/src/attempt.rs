//! One try: requests the rest of the file from an address, follows redirects, and writes what
//! arrives. Whether there is another try is up to the download.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use localcoder_protocol::{FetchEvent, FetchFailure, FetchLimits, FetchRequest};
use ureq::http::HeaderMap;
use ureq::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LOCATION,
    RETRY_AFTER,
};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};
use url::Url;

use crate::attempt_error::{AttemptError, Retry, disk};
use crate::hosts::Hosts;
use crate::partial::Partial;
use crate::permission::Permission;
use crate::proxy::{Through, for_address};
use crate::response::{Head, Meaning, judge};
use crate::speed::Speed;

const READ_BYTES: usize = 128 * 1024;
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// Bytes between two looks at the free space: other programs fill the disk, too, and a file of some
/// gigabytes takes a while.
const SPACE_EVERY_BYTES: u64 = 64 * 1024 * 1024;
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// An answer whose body was not read.
pub(crate) type Answer = ureq::http::Response<Body>;

/// What a try needs. `report` gets progress, and when the file starts over; `space` is asked now
/// and then with the bytes that are still missing, and fails if the disk has no room for them.
pub(crate) struct Attempt<'a> {
    pub(crate) request: &'a FetchRequest,
    pub(crate) permission: &'a Permission,
    pub(crate) report: &'a mut dyn FnMut(FetchEvent),
    pub(crate) space: &'a dyn Fn(u64) -> Result<(), AttemptError>,
}

/// The HTTP agent for all tries: trusts the system's own roots. What the library would decide by
/// itself is switched off and decided here instead: redirects, so that each hop is checked;
/// proxies, since it ignores those that it does not understand; and what a status means.
pub(crate) fn agent(limits: &FetchLimits) -> Agent {
    let connect = Some(Duration::from_millis(limits.connect_ms));
    let stall = Some(Duration::from_millis(limits.stall_ms));
    Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(connect)
        .timeout_connect(connect)
        .timeout_send_request(connect)
        .timeout_recv_response(stall)
        .timeout_per_read(stall)
        // A connection that has failed is not used for the next try.
        .max_idle_connections(0)
        .max_response_header_size(HEAD_BYTES_MAX)
        .user_agent(concat!("LocalCoder/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

impl Attempt<'_> {
    /// Ends with the whole file in `partial`, or with an error. What arrived before an error stays
    /// in `partial`: the next try continues there.
    pub(crate) fn run(
        &mut self,
        agent: &Agent,
        url: &str,
        partial: &mut Partial,
    ) -> Result<(), AttemptError> {
        let hosts = Hosts(&self.request.hosts);
        let redirects = self.request.limits.redirects;
        let answer = follow(&hosts, url, redirects, |to| {
            // The version is kept under the first address and not under the one that it redirects
            // to: mirrors and signed addresses change from one request to the next.
            let from = (partial.bytes() > 0).then(|| partial.bytes());
            ask((agent, self.permission), to, from, partial.etag(without_query(url)))
        })?;
        self.take(answer, url, partial)
    }

    fn take(
        &mut self,
        answer: Answer,
        url: &str,
        partial: &mut Partial,
    ) -> Result<(), AttemptError> {
        let total = self.request.bytes;
        let head = head(answer.status().as_u16(), answer.headers());
        let from = match judge(&head, partial.bytes(), total, &self.request.limits)? {
            Meaning::Complete => return Ok(()),
            Meaning::From(from) => from,
        };
        // The server begins earlier than asked. The bytes that are there may be of another version,
        // so they are written again and not skipped.
        if from < partial.bytes() {
            let reason = "the server does not go on where the file ended".to_owned();
            (self.report)(FetchEvent::Restarted { reason });
            partial.cut(from).map_err(|error| disk(&error))?;
        }
        let etag = text(answer.headers(), &ETAG);
        // Before the first byte: bytes of which nobody knows where they are from can't be resumed.
        // The query is left out, since it may have a signature that differs each time, and is a
        // secret.
        partial.comes_from(without_query(url), etag.as_deref()).map_err(|error| disk(&error))?;
        self.write(answer.into_body(), partial)
    }

    fn write(&mut self, body: Body, partial: &mut Partial) -> Result<(), AttemptError> {
        let total = self.request.bytes;
        let begun = Instant::now();
        let (first, mut reported, mut looked) = (partial.bytes(), None, partial.bytes());
        let mut speed = Speed::new(&self.request.limits);
        let mut body = body.into_reader();
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(&error)),
            };
            let left = total - partial.bytes();
            if read == 0 {
                return match left {
                    0 => Ok(()),
                    _ => Err(AttemptError::again(
                        FetchFailure::Unreachable,
                        format!("the connection ended {left} bytes early"),
                    )),
                };
            }
            // Reading one byte more than the file has is enough to notice that the body is too
            // long.
            if u64::try_from(read).unwrap_or(u64::MAX) > left {
                let message = "the server sends more than the file has";
                return Err(AttemptError::new(FetchFailure::WrongFile, Retry::Elsewhere, message));
            }
            // Before the check of the magic bytes, which reads them from the file: they may arrive
            // in several parts.
            partial.append(&buffer[..read]).map_err(|error| disk(&error))?;
            self.check_magic(partial, read)?;
            let now = begun.elapsed();
            let come = partial.bytes() - first;
            if speed.is_too_slow(now, come) {
                let message = format!("only {} bytes come a second", speed.bytes_per_s(now, come));
                return Err(AttemptError::again(FetchFailure::TooSlow, message));
            }
            if partial.bytes() - looked >= SPACE_EVERY_BYTES {
                looked = partial.bytes();
                (self.space)(total - looked)?;
            }
            let is_due = reported.is_none_or(|reported| now >= reported + REPORT_EVERY);
            if is_due || partial.bytes() == total {
                reported = Some(now);
                (self.report)(FetchEvent::Progress {
                    bytes: partial.bytes(),
                    total_bytes: total,
                    bytes_per_s: speed.bytes_per_s(now, come),
                });
            }
        }
    }

    /// Checked as soon as the first bytes have arrived: an error page is not downloaded to its end.
    /// `read` is how many bytes came last; once the magic bytes were there before, nothing is
    /// checked again.
    fn check_magic(&self, partial: &Partial, read: usize) -> Result<(), AttemptError> {
        let magic = self.request.magic.as_bytes();
        let there = usize::try_from(partial.bytes()).unwrap_or(usize::MAX);
        if there - read >= magic.len() {
            return Ok(());
        }
        let beginning = partial.beginning(magic.len()).map_err(|error| disk(&error))?;
        if magic.starts_with(&beginning) {
            return Ok(());
        }
        let message = "what was received is not a file of the kind wanted; a network that asks you to sign \
                       in does that";
        Err(AttemptError::new(FetchFailure::WrongFile, Retry::Elsewhere, message))
    }
}

/// Requests an address and follows redirects until an answer is not one. Each address is checked
/// before it is requested; there are `redirects` hops at most. `ask` gets addresses that were
/// checked and no others.
pub(crate) fn follow(
    hosts: &Hosts<'_>,
    url: &str,
    redirects: u32,
    mut ask: impl FnMut(&Url) -> Result<Answer, AttemptError>,
) -> Result<Answer, AttemptError> {
    let mut to = hosts.check(url)?;
    for _ in 0..=redirects {
        let answer = ask(&to)?;
        if !answer.status().is_redirection() {
            return Ok(answer);
        }
        let location = text(answer.headers(), &LOCATION).ok_or_else(|| {
            let message = "the server leads elsewhere and does not say where";
            AttemptError::new(FetchFailure::Redirect, Retry::Elsewhere, message)
        })?;
        to = hosts.follow(&to, &location)?;
    }
    let message = "the server leads from one address to the next without end";
    Err(AttemptError::new(FetchFailure::Redirect, Retry::Elsewhere, message))
}

/// Requests the bytes from `from` on, provided that they are still of the version `etag`; else all.
/// Without an `etag` the server is trusted with that, and the digest finds out.
pub(crate) fn ask(
    (agent, permission): (&Agent, &Permission),
    to: &Url,
    from: Option<u64>,
    etag: Option<&str>,
) -> Result<Answer, AttemptError> {
    // For each hop and not once a download: a user who turns the air gap on means now.
    permission.check_again()?;
    let through = for_address(to, |name| std::env::var_os(name))?;
    let proxy = through.as_ref().map(|it| it.proxy.clone());
    let request = agent.get(to.as_str()).config().proxy(proxy).build();
    // Compressed bytes have other positions and another digest.
    let mut request = request.header("accept-encoding", "identity");
    if let Some(from) = from {
        request = request.header("range", format!("bytes={from}-"));
        // A weak one says that the content is equivalent, not that its bytes are the same.
        if let Some(etag) = etag.filter(|etag| !etag.starts_with("W/")) {
            request = request.header("if-range", etag);
        }
    }
    request.call().map_err(|error| match &through {
        Some(through) => unreached_through(&error, to, through),
        None => unreached(&error, to),
    })
}

pub(crate) fn head(status: u16, headers: &HeaderMap) -> Head {
    Head {
        status,
        content_length: text(headers, &CONTENT_LENGTH).and_then(|text| text.trim().parse().ok()),
        content_range: text(headers, &CONTENT_RANGE),
        content_type: text(headers, &CONTENT_TYPE),
        content_encoding: text(headers, &CONTENT_ENCODING),
        retry_after: text(headers, &RETRY_AFTER),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

pub(crate) fn broken(error: &io::Error) -> AttemptError {
    let message = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            return AttemptError::again(FetchFailure::TooSlow, "no more bytes came");
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            "the connection was cut".to_owned()
        }
        _ => format!("the connection broke: {error}"),
    };
    AttemptError::again(FetchFailure::Unreachable, message)
}

fn unreached(error: &ureq::Error, to: &Url) -> AttemptError {
    let host = to.host_str().unwrap_or_default();
    let why = match error {
        ureq::Error::HostNotFound => "its name is not known; is there a network?".to_owned(),
        ureq::Error::Timeout(_) => "it does not answer".to_owned(),
        error if is_about_trust(error) => return untrusted(error, &format!("`{host}`")),
        other => other.to_string(),
    };
    AttemptError::again(FetchFailure::Unreachable, format!("`{host}` could not be reached: {why}"))
}

/// The error for a failure with a proxy: the proxy is what failed, unless it was reached and its
/// answer is about the host.
fn unreached_through(error: &ureq::Error, to: &Url, through: &Through) -> AttemptError {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable, PermissionDenied,
    };
    let host = to.host_str().unwrap_or_default();
    let dead = |why: &str| {
        let message = format!("the proxy {through} could not be reached: {why}");
        AttemptError::again(FetchFailure::Proxy, message)
    };
    match error {
        ureq::Error::HostNotFound if through.resolves() => dead("its name is not known"),
        ureq::Error::Timeout(_) => dead("it does not answer"),
        // An error of the system about a connection has a number; one about a proxy's answer has
        // none.
        ureq::Error::Io(error)
            if error.raw_os_error().is_some()
                && matches!(
                    error.kind(),
                    AddrNotAvailable
                        | ConnectionRefused
                        | HostUnreachable
                        | NetworkUnreachable
                        | PermissionDenied
                ) =>
        {
            dead(&error.to_string())
        }
        ureq::Error::ConnectProxyFailed(why) => {
            let (why, retry) = refusal(why);
            let message = format!("the proxy {through} does not lead to `{host}`: {why}");
            AttemptError::new(FetchFailure::Proxy, retry, message)
        }
        error if is_about_trust(error) => {
            untrusted(error, &format!("`{host}`, or else the proxy {through},"))
        }
        error => {
            let message =
                format!("`{host}` could not be reached through the proxy {through}: {error}");
            AttemptError::again(FetchFailure::Proxy, message)
        }
    }
}

/// What the HTTP library reports about a proxy's answer, in words, and whether a retry may help. It
/// has the status as a part of a sentence only, so a number of three digits is looked for.
fn refusal(said: &str) -> (String, Retry) {
    let status = said.split(|c: char| !c.is_ascii_digit()).find(|it| it.len() == 3);
    match status {
        Some("407") => ("it wants another user name and password".to_owned(), Retry::Nothing),
        Some(status) if status.starts_with('5') => {
            (format!("it answers with {status}"), Retry::Again(None))
        }
        Some(status) => (format!("it answers with {status}"), Retry::Nothing),
        None => (said.to_owned(), Retry::Again(None)),
    }
}

fn untrusted(error: &ureq::Error, who: &str) -> AttemptError {
    let message = format!("{who} can't prove who it is: {error}");
    AttemptError::new(FetchFailure::Untrusted, Retry::Elsewhere, message)
}

/// Certificate errors come wrapped in others.
fn is_about_trust(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        ureq::Error::Io(error) => {
            error.kind() == io::ErrorKind::InvalidData && error.to_string().contains("certificate")
        }
        _ => false,
    }
}
