//! What a request must look like to be passed on: host, token, origin, method and path. Pure; the
//! front asks it before anything reaches the editor server, and refuses what it rejects.

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, Uri};

use super::door::Door;
use super::refusals::Reason;

/// The only files of the editor server that a webview's own origin gets.
const FRAME_FILES: [&str; 3] = ["index.html", "fake.html", "service-worker.js"];
/// Length of the name that VS Code gives a webview's origin: a SHA-256 hash in base 32.
const FRAME_NAME_BYTES: usize = 52;
/// What the page requests from the editor server, in addition to its versioned folder of files.
/// Excluded are requests that would keep the server from ending, and what it would fetch from an
/// extension gallery.
const SERVER_PATHS: [&str; 4] = ["/", "/version", "/vscode-remote-resource", "/callback"];

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// A ticket to be exchanged, and the rest of the query.
    Open {
        /// As it was sent: whether it is valid is not known yet.
        ticket: String,
        query: String,
    },
    /// For the editor server: path and query.
    Server(String),
    Socket(String),
    State(String),
    Frame(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The connection is closed without an answer: it is not for us, or not from a permitted
    /// source.
    Silent(Reason),
    /// A browser prefetches addresses that its user may never open; that must not use up a ticket.
    Ahead,
    NoSession,
    /// It is let in, but asks for something that does not exist.
    NotThere(Reason),
}

impl Refusal {
    pub(super) fn reason(&self) -> Reason {
        match *self {
            Self::Silent(reason) | Self::NotThere(reason) => reason,
            Self::Ahead => Reason::Ahead,
            Self::NoSession => Reason::Session,
        }
    }
}

/// Judges a request by its head alone. The order of the checks decides what a stranger learns:
/// until the host and the secret path are right, every refusal is silent, and only someone who
/// already knows the address is told that a session is missing.
///
/// A page on another site can reach this port through the browser of the user. `Host` keeps out DNS
/// rebinding, the path keeps out who can only guess, `Origin` and `Sec-Fetch-Site` keep out pages
/// that have learned the address, and the cookie keeps out other programs.
pub(super) fn judge(request: &Parts, door: &Door) -> Result<Pass, Refusal> {
    // This is how a proxy is addressed: the front is the native window's proxy, so that whatever
    // that requests from elsewhere ends here.
    if request.uri.authority().is_some() || request.method == Method::CONNECT {
        return Err(Refusal::Silent(Reason::Proxy));
    }
    let host = only(&request.headers, header::HOST).ok_or(Refusal::Silent(Reason::Host))?;
    if host == door.authority() {
        return editor(request, door);
    }
    let name = host.strip_suffix(door.authority()).and_then(|name| name.strip_suffix('.'));
    match name {
        Some(name) if is_frame_name(name) => frame(request, door, host),
        _ => Err(Refusal::Silent(Reason::Host)),
    }
}

fn editor(request: &Parts, door: &Door) -> Result<Pass, Refusal> {
    let (path, query) = (request.uri.path(), request.uri.query().unwrap_or_default());
    let site = only(&request.headers, SEC_FETCH_SITE);
    let origin = Origin::of(&request.headers, door.authority());
    // A ticket is taken before everything else: whoever has one has neither the path nor a cookie
    // yet, and comes from the terminal, another program or a link of another site.
    if path == "/open" {
        return open(request, query, origin);
    }
    let (first, rest) = split(path).ok_or(Refusal::Silent(Reason::Token))?;
    // Before the origin and the session: an answer of any kind would tell a scanner that it has
    // found the right port.
    if !door.path().is(first) {
        return Err(Refusal::Silent(Reason::Token));
    }
    if origin == Origin::Other {
        return Err(Refusal::Silent(Reason::Origin));
    }
    let cookies = only(&request.headers, header::COOKIE).unwrap_or_default();
    if !door.knows(cookies) {
        return Err(Refusal::NoSession);
    }
    // Absent in older browsers; there, a page of another site has no cookie either.
    if !matches!(site, None | Some("same-origin" | "none")) {
        return Err(Refusal::Silent(Reason::Origin));
    }
    let state = rest.strip_prefix("/-/state/");
    // Only the state is ever written; the server has no request that a page would have to POST to.
    let methods = [Method::GET, if state.is_some() { Method::POST } else { Method::HEAD }];
    if !methods.contains(&request.method) {
        return Err(Refusal::NotThere(Reason::Method));
    }
    // A list of what is allowed and not of what is forbidden: a new base brings new paths, and they
    // are closed until someone has looked at them.
    let known =
        state.map_or_else(|| SERVER_PATHS.contains(&rest) || is_server_folder(rest), is_state_name);
    if !known {
        return Err(Refusal::NotThere(Reason::Path));
    }
    if let Some(name) = state {
        return Ok(Pass::State(name.to_owned()));
    }
    let passed = with_query(rest, &request.uri);
    if !request.headers.contains_key(header::UPGRADE) {
        return Ok(Pass::Server(passed));
    }
    // Browsers always name the page that opens a WebSocket.
    if origin != Origin::Own {
        return Err(Refusal::Silent(Reason::Origin));
    }
    Ok(Pass::Socket(passed))
}

fn open(request: &Parts, query: &str, origin: Origin) -> Result<Pass, Refusal> {
    // Both spellings: Chromium sends `Sec-Purpose`, older browsers `Purpose`.
    let purpose = only(&request.headers, SEC_PURPOSE).or(only(&request.headers, PURPOSE));
    if purpose.is_some_and(|purpose| purpose.contains("prefetch")) {
        return Err(Refusal::Ahead);
    }
    if request.method != Method::GET {
        return Err(Refusal::Silent(Reason::Method));
    }
    // Following a link or typing an address sends no `Origin`; a script that fetches it does.
    if origin != Origin::None {
        return Err(Refusal::Silent(Reason::Origin));
    }
    // Taken out of the query as text: the rest goes to the page exactly as it was encoded.
    let mut parts: Vec<&str> = query.split('&').collect();
    let index = parts.iter().position(|part| part.starts_with("ticket="));
    let ticket = parts.remove(index.ok_or(Refusal::Silent(Reason::Ticket))?);
    Ok(Pass::Open { ticket: ticket["ticket=".len()..].to_owned(), query: parts.join("&") })
}

fn frame(request: &Parts, door: &Door, host: &str) -> Result<Pass, Refusal> {
    let (first, rest) = split(request.uri.path()).ok_or(Refusal::Silent(Reason::Token))?;
    let site = only(&request.headers, SEC_FETCH_SITE);
    // A frame's first request comes from the editor's page (`same-site`), later ones from the frame
    // itself. It has no cookie: the session belongs to the editor's host, and a webview must not
    // get it.
    let ours = Origin::of(&request.headers, host) != Origin::Other
        && matches!(site, None | Some("same-origin" | "same-site"));
    let checks = [
        (door.frames().is(first), Reason::Token),
        (ours, Reason::Origin),
        ([Method::GET, Method::HEAD].contains(&request.method), Reason::Method),
    ];
    if let Some((_, reason)) = checks.into_iter().find(|(good, _)| !good) {
        return Err(Refusal::Silent(reason));
    }
    let file = FRAME_FILES.iter().find(|file| rest.strip_prefix('/') == Some(file));
    file.map(|file| Pass::Frame(file)).ok_or(Refusal::Silent(Reason::Path))
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");

#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    None,
    Own,
    Other,
}

impl Origin {
    fn of(headers: &HeaderMap, authority: &str) -> Self {
        // A header that occurs twice must not count as absent, so this is asked before `only`.
        if !headers.contains_key(header::ORIGIN) {
            return Self::None;
        }
        let named = only(headers, header::ORIGIN);
        let own = named.and_then(|named| named.strip_prefix("http://")) == Some(authority);
        if own { Self::Own } else { Self::Other }
    }
}

/// The value of a header that occurs exactly once and is visible ASCII. Twice is treated like
/// absent, because the front and the server could each look at another one.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    Some(path.split_at(path.find('/')?))
}

fn with_query(path: &str, uri: &Uri) -> String {
    uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
}

/// Whether a path is `/stable-COMMIT`, or below it: the folder of the server's files, whose name
/// changes with each base, and the address of its WebSocket.
fn is_server_folder(path: &str) -> bool {
    let first = path.get(1..).unwrap_or_default().split('/').next().unwrap_or_default();
    let Some((quality, commit)) = first.split_once('-') else { return false };
    !quality.is_empty()
        && quality.bytes().all(|byte| byte.is_ascii_lowercase())
        && !commit.is_empty()
        && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a subdomain can be the name of a webview. VS Code writes the hash with the digits and
/// `a` to `v`. Any other name below ours is refused like a foreign host.
fn is_frame_name(name: &str) -> bool {
    name.len() == FRAME_NAME_BYTES && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'v'))
}

/// A name becomes a file name (`State::file`): without dots, slashes and capitals it can't lead out
/// of the folder, nor mean another file on a file system that ignores case.
fn is_state_name(name: &str) -> bool {
    (1..=80).contains(&name.len())
        && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'-'))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use hyper::Request;

    use super::super::door::{COOKIE, Secret};
    use super::*;

    struct Case {
        door: Door,
        cookie: String,
    }

    impl Case {
        fn new() -> Self {
            let door = Door::new(&Secret::random(16).unwrap(), 4711).unwrap();
            let ticket = door.issue(Instant::now()).unwrap();
            let session = door.exchange(ticket.reveal(), Instant::now()).unwrap().unwrap();
            let cookie = format!("{COOKIE}={}", session.reveal());
            Self { door, cookie }
        }

        fn path(&self, rest: &str) -> String {
            format!("/{}{rest}", self.door.path().reveal())
        }

        fn origin(&self) -> String {
            format!("http://{}", self.door.authority())
        }

        /// Judges a request that would pass, with some headers changed; an empty one is omitted.
        fn ask(&self, method: &str, uri: &str, changed: &[(&str, &str)]) -> Result<Pass, Refusal> {
            let mut headers = vec![
                ("host", self.door.authority().to_owned()),
                ("cookie", self.cookie.clone()),
                ("sec-fetch-site", "same-origin".to_owned()),
            ];
            for (name, value) in changed {
                headers.retain(|(other, _)| other != name);
                if !value.is_empty() {
                    headers.push((name, (*value).to_owned()));
                }
            }
            let mut request = Request::builder().method(method).uri(uri);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            judge(&request.body(()).unwrap().into_parts().0, &self.door)
        }
    }

    #[test]
    fn the_pages_own_requests_pass() {
        let case = Case::new();
        for path in
            ["/", "/?folder=/a", "/version", "/stable-53c2f3/static/out/a.js", "/stable-53c2f3"]
        {
            let passed = case.ask("GET", &case.path(path), &[]);
            assert_eq!(passed, Ok(Pass::Server(path.to_owned())));
        }
        let typed = case.ask("GET", &case.path("/"), &[("sec-fetch-site", "none")]);
        assert_eq!(typed, Ok(Pass::Server("/".to_owned())));
        let old_browser = case.ask("GET", &case.path("/"), &[("sec-fetch-site", "")]);
        assert_eq!(old_browser, Ok(Pass::Server("/".to_owned())));
        let socket = [("upgrade", "websocket"), ("origin", &*case.origin())];
        let passed = case.ask("GET", &case.path("/stable-1?a=b"), &socket);
        assert_eq!(passed, Ok(Pass::Socket("/stable-1?a=b".to_owned())));
        let state = case.ask("POST", &case.path("/-/state/global"), &[("origin", &case.origin())]);
        assert_eq!(state, Ok(Pass::State("global".to_owned())));
    }

    #[test]
    fn another_host_origin_or_site_gets_no_answer() {
        let case = Case::new();
        let uri = case.path("/");
        let port = case.door.authority().replace("4711", "4712");
        let below = format!("x.{}", case.door.authority());
        for host in ["127.0.0.1:4711", "localhost:4711", &port, &below, ""] {
            let refused = case.ask("GET", &uri, &[("host", host)]);
            assert_eq!(refused, Err(Refusal::Silent(Reason::Host)), "{host}");
        }
        let webview = format!("http://{}.{}", "0".repeat(52), case.door.authority());
        for origin in ["null", "http://example.org", &format!("http://{port}"), &webview] {
            let refused = case.ask("GET", &uri, &[("origin", origin)]);
            assert_eq!(refused, Err(Refusal::Silent(Reason::Origin)), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            let refused = case.ask("GET", &uri, &[("sec-fetch-site", site)]);
            assert_eq!(refused, Err(Refusal::Silent(Reason::Origin)), "{site}");
        }
    }

    #[test]
    fn a_websocket_needs_the_session_and_the_page_that_opens_it() {
        let case = Case::new();
        let (uri, own) = (case.path("/stable-1"), case.origin());
        let upgrade = ("upgrade", "websocket");
        let foreign = Err(Refusal::Silent(Reason::Origin));
        assert_eq!(case.ask("GET", &uri, &[upgrade]), foreign);
        let named = [upgrade, ("origin", "http://example.org")];
        assert_eq!(case.ask("GET", &uri, &named), foreign);
        let none = [upgrade, ("origin", &*own), ("cookie", "")];
        assert_eq!(case.ask("GET", &uri, &none), Err(Refusal::NoSession));
    }

    #[test]
    fn without_the_path_there_is_no_answer_and_without_the_session_a_hint_only() {
        let case = Case::new();
        for path in ["/", "/version", "/?tkn=1", "/0123456789abcdef0123456789abcdef/"] {
            let refused = case.ask("GET", path, &[]);
            assert_eq!(refused, Err(Refusal::Silent(Reason::Token)), "{path}");
        }
        assert_eq!(case.ask("GET", "/open", &[]), Err(Refusal::Silent(Reason::Ticket)));
        let refused = case.ask("GET", &case.path("/"), &[("cookie", "")]);
        assert_eq!(refused, Err(Refusal::NoSession));
    }

    #[test]
    fn only_what_the_page_needs_of_the_server_is_there() {
        let case = Case::new();
        for path in ["/delay-shutdown", "/web-extension-resource/x", "/..", "/-", "/proxy/80/"] {
            let refused = case.ask("GET", &case.path(path), &[]);
            assert_eq!(refused, Err(Refusal::NotThere(Reason::Path)), "{path}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            let refused = case.ask(method, &case.path("/"), &[]);
            assert_eq!(refused, Err(Refusal::NotThere(Reason::Method)), "{method}");
        }
        let put = case.ask("PUT", &case.path("/-/state/global"), &[]);
        assert_eq!(put, Err(Refusal::NotThere(Reason::Method)));
        for name in ["", "../x", "A", &"x".repeat(81)] {
            let uri = case.path(&format!("/-/state/{name}"));
            let refused = case.ask("GET", &uri, &[]);
            assert_eq!(refused, Err(Refusal::NotThere(Reason::Path)), "{name}");
        }
    }

    #[test]
    fn a_ticket_is_read_wherever_it_stands_and_not_used_up_ahead() {
        let case = Case::new();
        let bare = [("cookie", ""), ("sec-fetch-site", "cross-site")];
        let passed = case.ask("GET", "/open?a=b&ticket=12&c=d", &bare);
        assert_eq!(passed, Ok(Pass::Open { ticket: "12".to_owned(), query: "a=b&c=d".to_owned() }));
        let ahead = [("sec-purpose", "prefetch;prerender")];
        assert_eq!(case.ask("GET", "/open?ticket=12", &ahead), Err(Refusal::Ahead));
        let posted = case.ask("POST", "/open?ticket=12", &bare);
        assert_eq!(posted, Err(Refusal::Silent(Reason::Method)));
    }

    #[test]
    fn a_webview_gets_its_three_files_and_nothing_of_the_editor() {
        let case = Case::new();
        let host = format!("{}.{}", "0v".repeat(26), case.door.authority());
        let of = |path: &str| {
            let site = ("sec-fetch-site", "same-site");
            case.ask("GET", path, &[("host", &host), site, ("cookie", "")])
        };
        let frames = case.door.frames().reveal();
        assert_eq!(of(&format!("/{frames}/index.html?id=1")), Ok(Pass::Frame("index.html")));
        for path in [&format!("/{frames}/"), &format!("/{frames}/../a")] {
            assert_eq!(of(path), Err(Refusal::Silent(Reason::Path)), "{path}");
        }
        for path in [&case.path("/"), "/"] {
            assert_eq!(of(path), Err(Refusal::Silent(Reason::Token)), "{path}");
        }
        let editor = case.ask("GET", &format!("/{frames}/index.html"), &[]);
        let silent = Err(Refusal::Silent(Reason::Token));
        assert_eq!(editor, silent, "the editor's own origin has no frames");
    }

    #[test]
    fn what_is_meant_for_a_proxy_ends_here() {
        let case = Case::new();
        let uri = format!("http://{}{}", case.door.authority(), case.path("/"));
        let silent = Err(Refusal::Silent(Reason::Proxy));
        assert_eq!(case.ask("GET", &uri, &[]), silent);
        assert_eq!(case.ask("CONNECT", "example.org:443", &[]), silent);
        assert_eq!(case.ask("GET", "http://example.org/", &[]), silent);
    }
}
