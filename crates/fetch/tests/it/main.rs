//! The program with servers that do everything wrong, and being killed.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

mod confined;
mod encrypted;
mod permission;
mod proxies;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use localcoder_protocol::{ErrorCode, FetchEvent, FetchFailure, FetchTask};
use localcoder_test_support::disk::Disk;
use localcoder_test_support::downloads::{
    Content, Fault, Fetch, LOADED_AGAIN_BYTES_MAX, NO_HOME, Random, request, trial,
};
use localcoder_test_support::http::{Asked, Part, Reply, Server};
use serde_json::{Value, json};

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_localcoder-fetch"))
}

fn serve(content: &Content) -> Server {
    let bytes = content.bytes.clone();
    Server::start(move |asked| Reply::file(asked, &bytes, "\"v1\""))
}

fn left_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.ends_with(".lock"));
    names.sort();
    names
}

#[test]
fn every_fault_ends_as_it_must() {
    let wrong: Vec<String> = Fault::ALL
        .iter()
        .flat_map(|fault| (0..3).map(move |seed| (*fault, seed)))
        .filter_map(|(fault, seed)| {
            let why = trial(&program(), fault, seed).err()?;
            Some(format!("{fault:?}, seed {seed}: {why}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn progress_is_reported_and_nothing_else_is_left() {
    let content = Content::random(1, 3_000_000);
    let server = serve(&content);
    let dir = tempfile::tempdir().unwrap();
    let ending = Fetch::start(&program(), &request(dir.path(), &content, vec![server.url("f")]))
        .follow(|_, _| {});
    assert_eq!(ending.result(), Some(Ok(())));
    let last = ending.events.iter().rev().find_map(|event| match event {
        FetchEvent::Progress { bytes, total_bytes, .. } => Some((*bytes, *total_bytes)),
        _ => None,
    });
    assert_eq!(last, Some((3_000_000, 3_000_000)));
    assert_eq!(left_in(dir.path()), ["blob"]);
    let asked = &server.asked()[0];
    assert_eq!(asked.header("accept-encoding"), Some("identity"));
    assert!(asked.header("user-agent").unwrap().starts_with("LocalCoder/"));
    // What is there is not downloaded again.
    let ending = Fetch::start(&program(), &request(dir.path(), &content, vec![server.url("f")]))
        .follow(|_, _| {});
    assert_eq!((ending.result(), server.asked().len()), (Some(Ok(())), 1));
}

#[test]
fn what_a_kill_leaves_is_resumed() {
    let content = Content::random(2, 24 * 1024 * 1024);
    let bytes = content.bytes.clone();
    let slowly = move |asked: &Asked| {
        let honest = Reply::file(asked, &bytes, "\"v1\"");
        let start = asked.range_start().unwrap_or(0);
        let rest = bytes[start..].to_vec();
        let slow = Part::Slowly(rest, 256 * 1024, Duration::from_millis(1));
        Reply { body: vec![slow], ..honest }
    };
    let server = Server::start(slowly);
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), &content, vec![server.url("file")]);
    let mut random = Random::new(7);
    let mut kills = 0;
    let ending = loop {
        // The first run is killed however fast it is, and later ones may finish.
        let after = match kills {
            0 => 1,
            1..6 => random.between(1, 4),
            _ => usize::MAX,
        };
        let mut seen = 0;
        let ending = Fetch::start(&program(), &request).follow(|fetch, event| {
            seen += usize::from(matches!(event, FetchEvent::Progress { .. }));
            if seen >= after {
                fetch.kill();
            }
        });
        if ending.result().is_some() {
            break ending;
        }
        kills += 1;
        assert!(!Path::new(&request.target).exists(), "an unfinished file has a name");
    };
    assert_eq!(ending.result(), Some(Ok(())));
    assert!(std::fs::read(&request.target).unwrap() == content.bytes);
    assert!(kills >= 1);
    let again = server.sent() - content.bytes.len() as u64;
    assert!(again <= kills * LOADED_AGAIN_BYTES_MAX / 4, "{again} bytes for {kills} kills");
}

#[test]
fn it_ends_with_its_host() {
    let content = Content::random(3, 1_000_000);
    let bytes = content.bytes.clone();
    let stalls = move |asked: &Asked| {
        Reply::file(asked, &bytes, "\"v1\"").until(500_000, Part::Silence(Duration::from_secs(60)))
    };
    let server = Server::start(stalls);
    let dir = tempfile::tempdir().unwrap();
    let mut request = request(dir.path(), &content, vec![server.url("file")]);
    request.limits.stall_ms = 60_000;
    let begun = Instant::now();
    let ending = Fetch::start(&program(), &request).follow(|fetch, event| {
        if matches!(event, FetchEvent::Progress { .. }) {
            fetch.close();
        }
    });
    assert_eq!(ending.result(), None);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(left_in(dir.path()).iter().any(|name| name.ends_with(".partial")));
}

#[test]
fn two_do_not_load_the_same_file_at_once() {
    let content = Content::random(4, 1_000_000);
    let bytes = content.bytes.clone();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(std::sync::Mutex::new(wait));
    let server = Server::start(move |asked| {
        let _ = wait.lock().unwrap().recv();
        Reply::file(asked, &bytes, "\"v1\"")
    });
    let dir = tempfile::tempdir().unwrap();
    let mut request = request(dir.path(), &content, vec![server.url("file")]);
    request.limits.stall_ms = 60_000;
    let first = Fetch::start(&program(), &request);
    localcoder_test_support::wait_until("the first has asked", || server.asked().len() == 1);
    let second = Fetch::start(&program(), &request).follow(|_, _| {});
    assert_eq!(second.result(), Some(Err(FetchFailure::Busy)));
    go.send(()).unwrap();
    assert_eq!(first.follow(|_, _| {}).result(), Some(Ok(())));
}

#[test]
fn a_disk_without_room_is_reported_before_anything_is_asked() {
    let content = Content::random(5, 100_000);
    let server = serve(&content);
    let dir = tempfile::tempdir().unwrap();
    let mut request = request(dir.path(), &content, vec![server.url("file")]);
    request.reserve_bytes = u64::MAX / 2;
    let ending = Fetch::start(&program(), &request).follow(|_, _| {});
    assert_eq!(ending.result(), Some(Err(FetchFailure::NoSpace)));
    assert!(server.asked().is_empty());
    let Some(FetchEvent::Failed { message, .. }) = ending.events.last() else { panic!() };
    assert!(message.contains("more are needed on the disk"), "{message}");
}

#[test]
fn a_disk_that_others_fill_meanwhile_keeps_what_is_there() {
    let Some(disk) = Disk::new("size=16m") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let content = Content::random(8, 12_000_000);
    let (bytes, path) = (content.bytes.clone(), disk.path().to_owned());
    let server = Server::start(move |asked| {
        if asked.number == 0 {
            // After the free space was checked.
            let _ = Disk::fill(&path, 9_000_000);
        }
        Reply::file(asked, &bytes, "\"v1\"")
    });
    let mut request = request(disk.mounted(), &content, vec![server.url("file")]);
    // Filling the disk takes the server a while on a busy machine.
    request.limits.stall_ms = 60_000;
    let start = || Fetch::start_by(&mut disk.starting(&program()), &request);
    let ending = start().follow(|_, _| {});
    assert_eq!(ending.result(), Some(Err(FetchFailure::NoSpace)), "{:?}", ending.events);
    assert!(!disk.path().join("blob").exists());
    assert_eq!(server.asked().len(), 1, "a full disk is no reason to ask again");

    std::fs::remove_file(disk.path().join("filler")).unwrap();
    let ending = start().follow(|_, _| {});
    assert_eq!(ending.result(), Some(Ok(())), "{:?}", ending.events);
    assert!(std::fs::read(disk.path().join("blob")).unwrap() == content.bytes);
    // What is known to be on the disk is not downloaded again; marks are written from time to time.
    assert!(server.asked()[1].range_start() > Some(4_000_000), "{:?}", server.asked()[1]);
}

#[test]
fn a_disk_that_becomes_read_only_is_reported_and_loses_nothing() {
    let Some(mut disk) = Disk::new("size=8m") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let content = Content::random(9, 1_000_000);
    let bytes = content.bytes.clone();
    let server = Server::start(move |asked| {
        let honest = Reply::file(asked, &bytes, "\"v1\"");
        if asked.number == 0 {
            honest.until(600_000, Part::Silence(Duration::from_secs(60)))
        } else {
            honest
        }
    });
    let mut request = request(disk.mounted(), &content, vec![server.url("file")]);
    request.limits.stall_ms = 60_000;
    let start = |disk: &Disk| Fetch::start_by(&mut disk.starting(&program()), &request);
    let half = start(&disk).follow(|fetch, event| {
        if matches!(event, FetchEvent::Progress { bytes: 1.., .. }) {
            fetch.kill();
        }
    });
    assert_eq!(half.result(), None);

    disk.set_read_only(true);
    let ending = start(&disk).follow(|_, _| {});
    assert_eq!(ending.result(), Some(Err(FetchFailure::Disk)), "{:?}", ending.events);
    let Some(FetchEvent::Failed { message, .. }) = ending.events.last() else { panic!() };
    assert!(message.to_lowercase().contains("read-only"), "{message}");

    disk.set_read_only(false);
    let ending = start(&disk).follow(|_, _| {});
    assert_eq!(ending.result(), Some(Ok(())), "{:?}", ending.events);
    assert!(std::fs::read(disk.path().join("blob")).unwrap() == content.bytes);
}

#[test]
fn what_is_malformed_is_refused() {
    let content = Content::random(6, 1_000);
    let server = serve(&content);
    let dir = tempfile::tempdir().unwrap();
    let good = request(dir.path(), &content, vec![server.url("file")]);
    let refused = |change: &dyn Fn(&mut localcoder_protocol::FetchRequest)| {
        let mut request = good.clone();
        change(&mut request);
        Fetch::start(&program(), &request).follow(|_, _| {}).result().unwrap().unwrap_err()
    };
    // A digest becomes part of a file's name.
    assert_eq!(refused(&|it| it.sha256 = "../".repeat(21) + "x"), FetchFailure::Invalid);
    assert_eq!(refused(&|it| it.sha256.make_ascii_uppercase()), FetchFailure::Invalid);
    assert_eq!(refused(&|it| it.urls.clear()), FetchFailure::Invalid);
    assert_eq!(refused(&|it| it.bytes = 0), FetchFailure::Invalid);
    assert_eq!(refused(&|it| it.hosts.clear()), FetchFailure::Redirect);
    assert_eq!(refused(&|it| it.folder = format!("{NO_HOME}/folder")), FetchFailure::Disk);
    assert!(server.asked().is_empty());
}

/// Its caller would get nothing more, so it ends; silently if the caller is gone.
#[test]
fn one_that_can_not_tell_what_happens_ends_with_a_code_of_its_own() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let gone = std::io::pipe().unwrap().1;
    for (stdout, word) in [(Stdio::from(full), "can't be reported"), (Stdio::from(gone), "")] {
        let mut child = Command::new(program())
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"nonsense\n").unwrap();
        let output = child.wait_with_output().unwrap();
        let code = i32::from(ErrorCode::OutputFailed.exit_code());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(word) && (said.is_empty() == word.is_empty()), "{said}");
    }
}

/// The same request with another value, or none, in place of the permission.
#[test]
fn a_request_that_does_not_say_that_the_network_is_allowed_opens_nothing() {
    let content = Content::random(11, 1_000);
    let server = serve(&content);
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), &content, vec![server.url("file")]);
    let file = serde_json::to_value(FetchTask::File(request)).unwrap();
    let text = json!({
        "task": "text", "urls": [server.url("text")], "hosts": ["127.0.0.1"], "bytesMax": 100_000,
    });
    let end = |task: &Value, network: Option<Value>| {
        let mut order = task.clone();
        network.into_iter().for_each(|network| order["network"] = network);
        let ending = Fetch::start_saying(&program(), &order.to_string(), &[]).follow(|_, _| {});
        ending.result().unwrap()
    };
    for task in [&file, &text, &json!({}), &json!({"task": "unheard of"})] {
        for said in [None, Some(json!(true)), Some(json!(null)), Some(json!("refused"))] {
            assert_eq!(end(task, said.clone()), Err(FetchFailure::AirGapped), "{task}: {said:?}");
        }
    }
    assert!(server.asked().is_empty());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "not even a lock is there");
    // With the permission, the same requests are accepted.
    assert_eq!(end(&file, Some(json!("allowed"))), Ok(()));
    assert_eq!(server.asked().len(), 1);
}
