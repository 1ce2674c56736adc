//! What the system denies the program while it works, and that the work continues nevertheless.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};

use localcoder_protocol::{Confined, FetchEvent, FetchFailure, FetchRequest};
use localcoder_settings::Places;
use localcoder_test_support::downloads::{Content, Ending, Fetch, request};
use localcoder_test_support::http::{Part, Reply, Server};
use serde_json::json;

use crate::{left_in, program, serve};

/// What a run reported about itself before anything else.
fn confined(ending: &Ending) -> &Confined {
    match ending.events.first() {
        Some(FetchEvent::Confined(confined)) => confined,
        other => panic!("it began with {other:?}"),
    }
}

/// A request as the store makes it: the unfinished file in one folder, the finished one in another.
fn into_store(store: &Path, content: &Content, url: String) -> (FetchRequest, PathBuf) {
    let (downloads, blobs) = (store.join("downloads"), store.join("blobs"));
    for folder in [&downloads, &blobs] {
        std::fs::create_dir(folder).unwrap();
    }
    let mut request = request(&downloads, content, vec![url]);
    let target = blobs.join("blob");
    request.target = target.to_str().unwrap().to_owned();
    (request, target)
}

/// What the kernel reports under this name for each thread.
fn of_threads(pid: u32, name: &str) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let read = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?.to_owned();
        Some(line.trim_start_matches(':').trim().to_owned())
    };
    tasks.filter_map(read).collect()
}

#[test]
fn while_it_loads_every_thread_is_closed_and_that_is_reported_first() {
    let content = Content::random(41, 1_000_000);
    let bytes = content.bytes.clone();
    let server = Server::start(move |asked| {
        Reply::file(asked, &bytes, "\"v1\"")
            .until(500_000, Part::Silence(std::time::Duration::from_secs(60)))
    });
    let dir = tempfile::tempdir().unwrap();
    let mut request = request(dir.path(), &content, vec![server.url("file")]);
    request.limits.stall_ms = 60_000;
    let mut seen = Vec::new();
    let ending = Fetch::start(&program(), &request).follow(|fetch, event| {
        if matches!(event, FetchEvent::Progress { .. }) {
            seen.push((of_threads(fetch.pid(), "Seccomp"), of_threads(fetch.pid(), "NoNewPrivs")));
            fetch.kill();
        }
    });
    assert!(confined(&ending).calls, "{:?}", ending.events);
    let (filters, rights) = &seen[0];
    assert!(filters.len() >= 2 && filters.iter().all(|it| it == "2"), "{filters:?}");
    assert!(rights.len() >= 2 && rights.iter().all(|it| it == "1"), "{rights:?}");
}

#[test]
fn a_file_goes_on_where_it_ended_and_is_moved_to_where_it_belongs() {
    let content = Content::random(42, 1_000_000);
    let bytes = content.bytes.clone();
    let server = Server::start(move |asked| {
        let honest = Reply::file(asked, &bytes, "\"v1\"");
        let silence = Part::Silence(std::time::Duration::from_secs(60));
        if asked.number == 0 { honest.until(600_000, silence) } else { honest }
    });
    let store = tempfile::tempdir().unwrap();
    let (mut request, target) = into_store(store.path(), &content, server.url("file"));
    request.limits.stall_ms = 60_000;
    let half = Fetch::start(&program(), &request).follow(|fetch, event| {
        if matches!(event, FetchEvent::Progress { bytes: 1.., .. }) {
            fetch.kill();
        }
    });
    assert_eq!(half.result(), None);
    let ending = Fetch::start(&program(), &request).follow(|_, _| {});
    assert_eq!(ending.result(), Some(Ok(())), "{:?}", ending.events);
    assert!(std::fs::read(target).unwrap() == content.bytes);
    assert!(server.asked()[1].range_start() > Some(0), "{:?}", server.asked()[1]);
    assert!(left_in(Path::new(&request.folder)).is_empty());
}

#[test]
fn a_text_comes_and_nothing_is_written() {
    let server = Server::start(|_| {
        let text = b"Be kind.".to_vec();
        let length = format!("Content-Length: {}", text.len());
        Reply::status("200 OK", &[&length]).with(Part::Bytes(text))
    });
    let order = json!({
        "network": "allowed", "task": "text", "urls": [server.url("text")],
        "hosts": ["127.0.0.1"], "bytesMax": 100_000,
    });
    let ending = Fetch::start_saying(&program(), &order.to_string(), &[]).follow(|_, _| {});
    assert!(confined(&ending).calls, "{:?}", ending.events);
    let text = FetchEvent::Text { text: "Be kind.".to_owned() };
    assert_eq!(ending.events[1..], [text, FetchEvent::Done]);
}

#[test]
fn a_folder_that_leads_elsewhere_meanwhile_is_refused_and_nothing_is_there() {
    let content = Content::random(43, 200_000);
    let bytes = content.bytes.clone();
    let (store, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blobs = store.path().join("blobs");
    let (from, to) = (blobs.clone(), elsewhere.path().to_owned());
    let server = Server::start(move |asked| {
        std::fs::rename(&from, from.with_extension("before")).unwrap();
        std::os::unix::fs::symlink(&to, &from).unwrap();
        Reply::file(asked, &bytes, "\"v1\"")
    });
    let (request, target) = into_store(store.path(), &content, server.url("file"));
    let ending = Fetch::start(&program(), &request).follow(|_, _| {});
    if !confined(&ending).files {
        eprintln!("not tried: this kernel has no rules on files");
        return;
    }
    assert_eq!(ending.result(), Some(Err(FetchFailure::Disk)), "{:?}", ending.events);
    let Some(FetchEvent::Failed { message, .. }) = ending.events.last() else { panic!() };
    let said = format!("the whole file can't be put at `{}`: permission denied", target.display());
    assert_eq!(*message, said);
    assert!(left_in(elsewhere.path()).is_empty());
    // Once that is fixed, the request works again.
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(blobs.with_extension("before"), &blobs).unwrap();
    let ending = Fetch::start(&program(), &request).follow(|_, _| {});
    assert_eq!((ending.result(), server.connections()), (Some(Ok(())), 1));
}

#[test]
fn a_lock_that_leads_elsewhere_is_refused_in_plain_words() {
    let content = Content::random(44, 1_000);
    let server = serve(&content);
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lock = dir.path().join(format!("{}.lock", content.sha256));
    std::os::unix::fs::symlink(elsewhere.path().join("file"), &lock).unwrap();
    let request = request(dir.path(), &content, vec![server.url("file")]);
    let ending = Fetch::start(&program(), &request).follow(|_, _| {});
    assert_eq!(ending.result(), Some(Err(FetchFailure::Disk)), "{:?}", ending.events);
    let Some(FetchEvent::Failed { message, .. }) = ending.events.last() else { panic!() };
    assert!(message.contains("it is a link to somewhere else"), "{message}");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert!(server.asked().is_empty());
}

/// Settings that can't be read count as an air gap, so they must stay accessible.
#[test]
fn settings_that_come_or_change_meanwhile_are_read_wherever_they_lie() {
    for is_linked in [false, true] {
        let (home, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let places = Places::under(home.path());
        let settings = places.settings_file();
        let editor = places.editor_settings_file();
        if is_linked {
            let real = kept.path().join("settings.json");
            std::fs::write(&real, "{}").unwrap();
            std::os::unix::fs::symlink(&real, &settings).unwrap();
        }
        let content = Content::random(45, 100_000);
        let bytes = content.bytes.clone();
        let server = Server::start(move |asked| {
            if !is_linked {
                let new = settings.with_extension("new");
                std::fs::write(&new, "{\"airGapped\": false}").unwrap();
                std::fs::rename(new, &settings).unwrap();
            }
            std::fs::write(&editor, "{\"airGapped\": false}").unwrap();
            let honest = Reply::file(asked, &bytes, "\"v1\"");
            if asked.number == 0 { honest.until(50_000, Part::Reset) } else { honest }
        });
        let dir = tempfile::tempdir().unwrap();
        let request = request(dir.path(), &content, vec![server.url("file")]);
        let home = [("LOCALCODER_HOME", home.path().to_str().unwrap())];
        let ending = Fetch::start_with(&program(), &request, &home).follow(|_, _| {});
        assert_eq!(ending.result(), Some(Ok(())), "linked: {is_linked}: {:?}", ending.events);
        assert_eq!(server.connections(), 2);
    }
}
