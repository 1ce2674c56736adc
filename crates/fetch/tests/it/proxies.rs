//! Proxies of the environment: used if they work, and an error if they don't. The addresses that
//! they lead to are never requested directly.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use localcoder_protocol::{FetchEvent, FetchFailure};
use localcoder_test_support::downloads::{Content, Fetch, request};
use localcoder_test_support::http::{Reply, Server};

use crate::{program, serve};

const VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// What a proxy speaks.
#[derive(Clone, Copy)]
enum Speaks {
    Http,
    Socks5,
    Socks4,
}

/// A proxy that leads to the address it is asked for, and how often it was asked.
fn proxy(speaks: Speaks) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || lead(client, speaks));
        }
    });
    (port, asked)
}

fn lead(mut client: TcpStream, speaks: Speaks) -> std::io::Result<()> {
    let (target, answer) = match speaks {
        Speaks::Http => http_target(&client)?,
        Speaks::Socks5 => socks5_target(&mut client)?,
        Speaks::Socks4 => socks4_target(&mut client)?,
    };
    let server = TcpStream::connect(target)?;
    client.write_all(&answer)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    let there = std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    let back = std::io::copy(&mut &server, &mut &client);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = there.join();
    back.map(|_| ())
}

fn http_target(client: &TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let target = first.strip_prefix("CONNECT ").and_then(|it| it.split(' ').next());
    let target = target.unwrap_or_else(|| panic!("`{first}`")).to_owned();
    lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    Ok((target, b"HTTP/1.1 200 OK\r\n\r\n".to_vec()))
}

fn socks5_target(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut head = [0; 2];
    client.read_exact(&mut head)?;
    client.read_exact(&mut vec![0; head[1].into()])?;
    client.write_all(&[5, 0])?;
    let mut address = [0; 10];
    client.read_exact(&mut address)?;
    assert_eq!(address[..4], [5, 1, 0, 1], "an address, as the target has no name");
    Ok((target(&address[4..8], &address[8..10]), vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
}

fn socks4_target(client: &mut TcpStream) -> std::io::Result<(String, Vec<u8>)> {
    let mut asked = [0; 9];
    client.read_exact(&mut asked)?;
    assert_eq!((asked[..2].to_vec(), asked[8]), (vec![4, 1], 0));
    Ok((target(&asked[4..8], &asked[2..4]), vec![0, 90, 0, 0, 0, 0, 0, 0]))
}

fn target(address: &[u8], port: &[u8]) -> String {
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(address).unwrap());
    format!("{address}:{}", u16::from_be_bytes(port.try_into().unwrap()))
}

/// The outcome of a download from a server on this machine with this environment, and how often
/// that server was connected to.
fn with(environment: &[(&str, &str)]) -> (Result<(), FetchFailure>, String, u64) {
    let content = Content::random(30, 10_000);
    let server = serve(&content);
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), &content, vec![server.url("file")]);
    let ending = Fetch::start_with(&program(), &request, environment).follow(|_, _| {});
    let said = ending.events.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join("\n");
    let result = ending.result().unwrap_or_else(|| panic!("{environment:?}: {said}"));
    (result, said, server.connections())
}

#[test]
fn a_proxy_of_each_kind_is_used_whichever_variable_names_it() {
    for (kinds, speaks) in [
        (&["http://", ""][..], Speaks::Http),
        (&["socks5://", "socks5h://", "socks://"], Speaks::Socks5),
        (&["socks4://", "socks4a://"], Speaks::Socks4),
    ] {
        let (port, asked) = proxy(speaks);
        for kind in kinds {
            for variable in VARIABLES {
                let before = asked.load(Ordering::Relaxed);
                let value = format!("{kind}127.0.0.1:{port}");
                let (result, said, connections) = with(&[(variable, &value)]);
                assert_eq!(result, Ok(()), "{variable}={value}: {said}");
                assert_eq!(connections, 1);
                assert_eq!(asked.load(Ordering::Relaxed), before + 1, "{variable}={value}");
            }
        }
    }
}

#[test]
fn a_proxy_that_can_not_be_used_is_an_error_and_never_a_direct_connection() {
    for variable in VARIABLES {
        for (value, said) in [
            ("quic://user:hunter2@127.0.0.1:9", "the kind `quic`, which can't be used; `http`"),
            ("http://user:hunter2@127.0.0.1:99999", "is malformed"),
            ("user:hunter2@", "is malformed"),
        ] {
            let (result, told, connections) = with(&[(variable, value)]);
            assert_eq!(result, Err(FetchFailure::Proxy), "{variable}={value}: {told}");
            assert!(told.contains(said) && told.contains(variable), "{variable}: {told}");
            assert!(!told.contains("hunter2"), "{told}");
            assert_eq!(connections, 0, "{variable}={value}");
        }
    }
}

#[test]
fn a_dead_proxy_is_named_and_not_what_stands_behind_it() {
    // A port of this machine that nothing listens on.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for variable in VARIABLES {
        for kind in ["http", "socks5"] {
            let value = format!("{kind}://user:hunter2@127.0.0.1:{port}");
            let (result, told, connections) = with(&[(variable, &value)]);
            assert_eq!(result, Err(FetchFailure::Proxy), "{value}: {told}");
            let named = format!("the proxy `127.0.0.1:{port}` of {variable} could not be reached");
            assert!(told.contains(&named), "{named}: {told}");
            assert!(!told.contains("hunter2"), "{told}");
            assert_eq!(connections, 0, "{variable}={value}");
        }
    }
}

#[test]
fn a_proxy_that_refuses_is_named_with_its_answer() {
    for (status, said, tries) in [
        ("407 Proxy Authentication Required", "it wants another user name and password", 1),
        ("403 Forbidden", "it answers with 403", 1),
        ("502 Bad Gateway", "it answers with 502", 6),
    ] {
        let refuses = Server::start(move |_| Reply::status(status, &[]));
        let address = refuses.url("").replace("http://", "http://user:hunter2@");
        let content = Content::random(10, 1_000);
        let dir = tempfile::tempdir().unwrap();
        let urls = vec!["https://example.org/file".to_owned()];
        let mut request = request(dir.path(), &content, urls);
        request.hosts = vec!["example.org".to_owned()];
        let ending = Fetch::start_with(&program(), &request, &[("https_proxy", &address)]);
        let ending = ending.follow(|_, _| {});
        let Some(FetchEvent::Failed { failure, message }) = ending.events.last() else {
            panic!("{:?}", ending.events)
        };
        assert_eq!(*failure, FetchFailure::Proxy);
        let host = refuses.url("").replace("http://", "").replace('/', "");
        for part in [&host, "https_proxy", "`example.org`", said] {
            assert!(message.contains(part), "no {part}: {message}");
        }
        assert!(!message.contains("hunter2"), "{message}");
        assert_eq!(refuses.asked().len(), tries);
        // The proxy gets the name, which was not looked up here.
        assert_eq!(refuses.asked()[0].path, "example.org:443");
        assert!(refuses.asked()[0].header("proxy-authorization").is_some());
    }
}

#[test]
fn hosts_of_no_proxy_are_asked_without_and_others_never() {
    for (list, result, direct) in [
        ("localhost,127.0.0.1", Ok(()), 1),
        ("127.0.0.0/8", Ok(()), 1),
        ("*", Ok(()), 1),
        ("example.org,10.0.0.0/8", Err(FetchFailure::Proxy), 0),
    ] {
        for variable in ["no_proxy", "NO_PROXY"] {
            let (came, told, connections) =
                with(&[("ALL_PROXY", "http://127.0.0.1:1"), (variable, list)]);
            assert_eq!((came, connections), (result, direct), "{variable}={list}: {told}");
        }
    }
}
