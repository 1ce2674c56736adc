//! The program with servers that speak TLS: one that the system trusts, and some that it must not
//! trust.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use localcoder_protocol::{FetchEvent, FetchFailure};
use localcoder_test_support::downloads::{Content, Fetch, request};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::program;

/// An authority that the program trusts, as a system's list of roots would.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    _folder: tempfile::TempDir,
    roots: PathBuf,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let roots = folder.path().join("roots.pem");
        std::fs::write(&roots, certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), _folder: folder, roots }
    }

    /// A server's certificate for a name, and its key.
    fn certify(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> ServerConfig {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

/// Answers every request with this head and body, until the test ends.
fn serve(config: ServerConfig, head: String, body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // A client that does not trust us closes the connection.
            let _ = answer(StreamOwned::new(connection, stream), &head, &body);
        }
    });
    address
}

fn answer(
    mut stream: StreamOwned<ServerConnection, TcpStream>,
    head: &str,
    body: &[u8],
) -> std::io::Result<()> {
    let mut lines = BufReader::new(&mut stream).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    drop(lines);
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// The outcome of a download from a server on this machine with such a certificate; `trusts`:
/// whether the program knows the authority.
fn download(
    (host, name): (&str, &str),
    trusts: bool,
    change: impl FnOnce(&mut CertificateParams),
) -> (Result<(), FetchFailure>, String) {
    let authority = Authority::new();
    let content = Content::random(11, 200_000);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.bytes.len()
    );
    let address = serve(authority.certify(name, change), head, content.bytes.clone());
    let other = Authority::new();
    let roots = if trusts { &authority.roots } else { &other.roots };
    let dir = tempfile::tempdir().unwrap();
    let url = format!("https://{host}:{}/file", address.port());
    let mut request = request(dir.path(), &content, vec![url]);
    request.hosts = vec![host.to_owned()];
    let environment = [("SSL_CERT_FILE", roots.to_str().unwrap())];
    let ending = Fetch::start_with(&program(), &request, &environment).follow(|_, _| {});
    let message = match ending.events.last() {
        Some(FetchEvent::Failed { message, .. }) => message.clone(),
        _ => String::new(),
    };
    let result = ending.result().unwrap();
    let there = std::fs::read(&request.target).ok();
    assert_eq!(there.is_some(), result.is_ok());
    assert!(there.is_none_or(|bytes| bytes == content.bytes));
    (result, message)
}

#[test]
fn a_server_that_the_system_trusts_is_believed() {
    // By its name as well: the files that names are looked up with stay readable.
    for host in ["127.0.0.1", "localhost"] {
        assert_eq!(download((host, host), true, |_| {}), (Ok(()), String::new()), "{host}");
    }
}

#[test]
fn no_other_server_is_believed() {
    type Change = fn(&mut CertificateParams);
    let cases: [(&str, &str, bool, Change); 4] = [
        ("an unknown authority", "127.0.0.1", false, |_| {}),
        ("another name", "localhost", true, |_| {}),
        ("out of date", "127.0.0.1", true, |it| it.not_after = date_time_ymd(2020, 1, 1)),
        ("not yet valid", "127.0.0.1", true, |it| it.not_before = date_time_ymd(2999, 1, 1)),
    ];
    for (what, name, trusts, change) in cases {
        let (result, message) = download(("127.0.0.1", name), trusts, change);
        assert_eq!(result, Err(FetchFailure::Untrusted), "{what}: {message}");
        assert!(message.len() > 20, "{what}: {message}");
    }
}

#[test]
fn a_redirect_never_leaves_the_encryption() {
    let authority = Authority::new();
    let content = Content::random(12, 1_000);
    let head = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/file\r\nContent-Length: 0\r\n\
                Connection: close\r\n\r\n";
    let address = serve(authority.certify("127.0.0.1", |_| {}), head.to_owned(), Vec::new());
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), &content, vec![format!("https://{address}/file")]);
    let environment = [("SSL_CERT_FILE", authority.roots.to_str().unwrap())];
    let ending = Fetch::start_with(&program(), &request, &environment).follow(|_, _| {});
    assert_eq!(ending.result(), Some(Err(FetchFailure::Redirect)));
    let Some(FetchEvent::Failed { message, .. }) = ending.events.last() else { panic!() };
    assert!(message.contains("without encryption"), "{message}");
}
