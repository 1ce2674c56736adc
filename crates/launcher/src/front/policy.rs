//! What a page may load, show and connect to: one content security policy for the editor's own
//! pages and one for the frames of webviews, added to every answer whatever the editor server
//! sends. Pictures, fonts and connections are the page's own or data; nothing comes from elsewhere.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::door::Door;

/// Addresses of an extension's files in a webview. They are only names, which the webview's service
/// worker answers; as a name under `localhost` they would not lead anywhere else. Edits in
/// `ide/overlay/overlay.json` put it in place of a public host.
const FRAME_FILES: &str = "https://*.vscode-resource.localcoder.localhost";

/// The page that a webview's contents are written into.
const FRAME_OF_CONTENTS: &str = "fake.html";
/// Restricts what no directive of a content security policy in today's browsers covers: connections
/// that are prepared for a page which is then refused, or by a hint (`preconnect`, `dns-prefetch`),
/// and those of `RTCPeerConnection`. Browsers that don't know the header ignore it.
const CONNECTION_ALLOWLIST: HeaderName = HeaderName::from_static("connection-allowlist");

/// The scripts of a file that the editor server sends without a policy: a file of its own, such as
/// a worker, or a page that declares its own scripts.
const SHIPPED_SCRIPTS: &str = "'self' 'unsafe-inline' 'unsafe-eval' blob: data:";
/// For a file of the user's that is opened by its address: it may not do anything.
const NOTHING: &str = "default-src 'none'; sandbox";

/// The only part of the editor server's own policy that is used: the scripts that it put into its
/// page, which have hashes or nonces that change with each build. `None` if its policy allows none,
/// or can't be read; then nothing is allowed.
fn scripts_of(headers: &HeaderMap) -> Option<&str> {
    let Some(policy) = headers.get(header::CONTENT_SECURITY_POLICY) else {
        return Some(SHIPPED_SCRIPTS);
    };
    let mut parts = policy.to_str().ok()?.split(';').map(str::trim);
    parts.find_map(|part| part.strip_prefix("script-src "))
}

/// For the few pages that are the front's own. Directives that do not fall back to `default-src`
/// are listed.
const OWN: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Both policies, and the headers that go with them. Made once for a run, as they name its host.
/// The editor's is text that ends in `script-src `, to which each page's own scripts are added.
pub(super) struct Policy {
    editor: String,
    frame: HeaderValue,
    connections: HeaderValue,
}

impl Policy {
    pub(super) fn new(door: &Door) -> Self {
        let authority = door.authority();
        let editor = format!(
            "default-src 'none'; img-src 'self' data: blob:; media-src 'self' data: blob:; \
             font-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; \
             connect-src 'self' ws://{authority} data: blob:; \
             frame-src 'self' data: blob: http://*.{authority}; \
             worker-src 'self' data: blob:; manifest-src 'self'; object-src 'none'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'self'; script-src "
        );
        let from = |own: &str| format!("{own} data: blob: {FRAME_FILES}");
        let (own, code) = (from("'self'"), from("'self' 'unsafe-inline' 'unsafe-eval'"));
        let frame = format!(
            "default-src 'none'; script-src {code}; style-src {code}; img-src {own}; \
             media-src {own}; font-src {own}; connect-src {own}; worker-src 'self' data: blob:; \
             frame-src 'self' data: blob:; object-src 'none'; base-uri 'self' {FRAME_FILES}; \
             form-action 'none'; frame-ancestors 'self' http://{authority}"
        );
        let frame = HeaderValue::try_from(frame).expect("it is plain text");
        // Requested before the service worker is there to answer, so they are allowed here as well.
        let connections = format!("(response-origin \"{FRAME_FILES}\")");
        let connections = HeaderValue::try_from(connections).expect("it is plain text");
        Self { editor, frame, connections }
    }

    pub(super) fn put_on_editor(&self, headers: &mut HeaderMap) {
        let policy = scripts_of(headers)
            .and_then(|scripts| HeaderValue::try_from(format!("{}{scripts}", self.editor)).ok());
        put(headers, policy.unwrap_or(HeaderValue::from_static(NOTHING)));
    }

    pub(super) fn put_on_frame(&self, file: &str, headers: &mut HeaderMap) {
        put(headers, self.frame.clone());
        // Chromium 156 closes a page with this header together with the page around it, so only the
        // innermost page gets it, which shows foreign content.
        if file == FRAME_OF_CONTENTS {
            headers.insert(CONNECTION_ALLOWLIST, self.connections.clone());
        }
    }
}

pub(super) fn put_on_own(headers: &mut HeaderMap) {
    put(headers, HeaderValue::from_static(OWN));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn put(headers: &mut HeaderMap, policy: HeaderValue) {
    // Replaces the server's own: of two policies browsers apply both, and what ours allows would be
    // blocked.
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in OTHERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

const OTHERS: [(&str, &str); 4] = [
    // The path of the session must not leak to other sites.
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    // Looking up a host already tells its name server something.
    ("x-dns-prefetch-control", "off"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), usb=(), serial=(), hid=()"),
];

#[cfg(test)]
mod tests {
    use super::super::door::Secret;
    use super::*;

    fn policy() -> (String, Policy) {
        let door = Door::new(&Secret::random(16).unwrap(), 4711).unwrap();
        (door.authority().to_owned(), Policy::new(&door))
    }

    fn directive<'a>(policy: &'a str, name: &str) -> Vec<&'a str> {
        let found = policy.split(';').map(str::trim).find(|part| part.starts_with(name));
        found.unwrap().split(' ').skip(1).collect()
    }

    #[test]
    fn the_pages_scripts_stay_and_every_other_word_of_the_server_is_replaced() {
        let (authority, policy) = policy();
        let mut headers = HeaderMap::new();
        let theirs = "default-src 'self'; img-src https: data:; script-src 'self' 'nonce-1' ;";
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(theirs));
        policy.put_on_editor(&mut headers);
        let text = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert_eq!(directive(text, "script-src"), ["'self'", "'nonce-1'"]);
        assert_eq!(directive(text, "img-src"), ["'self'", "data:", "blob:"]);
        let socket = format!("ws://{authority}");
        assert_eq!(directive(text, "connect-src"), ["'self'", &socket, "data:", "blob:"]);
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }

    #[test]
    fn no_policy_names_a_scheme_or_host_of_the_network() {
        let (authority, policy) = policy();
        let mut headers = HeaderMap::new();
        policy.put_on_editor(&mut headers);
        let editor = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        let users_file = HeaderValue::from_static("default-src 'none'; sandbox");
        headers.insert(header::CONTENT_SECURITY_POLICY, users_file);
        policy.put_on_editor(&mut headers);
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], "default-src 'none'; sandbox");
        policy.put_on_frame("index.html", &mut headers);
        assert!(!headers.contains_key(CONNECTION_ALLOWLIST));
        policy.put_on_frame(FRAME_OF_CONTENTS, &mut headers);
        let connections = "(response-origin \"https://*.vscode-resource.localcoder.localhost\")";
        assert_eq!(headers[CONNECTION_ALLOWLIST], connections);
        let frame = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for word in [&editor, frame].into_iter().flat_map(|text| text.split([' ', ';'])) {
            let own = word.ends_with(&authority) || word == FRAME_FILES;
            let network = ["http", "ws", "*", "ftp"].iter().any(|it| word.starts_with(it));
            assert!(own || !network, "{word}");
        }
    }
}
