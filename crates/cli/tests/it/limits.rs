//! A host that hangs, models that are not files, too many clients, too few descriptors: with the
//! real processes. The effects of too few threads and too little address space are tested by
//! `cargo xtask faults limits`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use localcoder_host::connect;
use localcoder_protocol::{ClientKind, ErrorCode, Nothing, Status};
use localcoder_settings::Places;
use localcoder_test_support::{Installation, Outcome, wait_for_end, wait_until};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::installation;

const SOURCE: &str = "def total(prices):\n    result = 0\n    return result\n";

fn host_pid(installation: &Installation) -> Pid {
    let pid = installation.run(&["host", "start", "--json"]).ok().json()["pid"].as_i64().unwrap();
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

fn explain(installation: &Installation, more: &[&str]) -> Outcome {
    let file = installation.write("total.py", SOURCE);
    let mut arguments = vec!["explain", file.to_str().unwrap(), "--lines", "1-3"];
    arguments.extend(more);
    installation.run(&arguments)
}

/// A host whose shell has set a limit.
fn host_under(installation: &Installation, limit: &str) -> Child {
    let program = env!("CARGO_BIN_EXE_localcoder");
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit {limit}; exec \"$0\" host run"), program])
        .env("LOCALCODER_HOME", installation.home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut host = command.spawn().unwrap();
    host.stdout.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
    host
}

#[test]
fn a_host_that_stands_still_is_reported_with_its_process_and_stop_ends_it() {
    let installation = installation();
    let host = host_pid(&installation);
    kill_process(host, Signal::STOP).unwrap();
    for command in [&["status"][..], &["generate", "--prompt", "x"]] {
        let told = installation.run(command).failed(ErrorCode::HostUnreachable);
        let named = format!("(process {}) runs but does not answer", host.as_raw_pid());
        assert!(told.stderr.contains(&named), "{}", told.stderr);
        assert!(told.stderr.contains("is stopped"), "{}", told.stderr);
        assert!(told.stderr.contains("  try: `localcoder host stop`\n"), "{}", told.stderr);
    }
    let stopped = installation.run(&["host", "stop"]).ok();
    assert!(stopped.stderr.contains("did not answer, so it was ended"), "{}", stopped.stderr);
    wait_until("the host is gone", || test_kill_process(host).is_err());
    assert!(installation.status().is_none());
    assert_ne!(host_pid(&installation), host);
    let json = installation.run(&["host", "stop", "--json"]).ok().json();
    assert_eq!((&json["stopped"], &json["forced"]), (&true.into(), &false.into()));
}

#[test]
fn a_host_that_stops_to_answer_amid_a_request_is_reported() {
    let installation = installation();
    let _ = explain(&installation, &[]).ok();
    let worker = installation.status().unwrap()["worker"]["pid"].as_i64().unwrap();
    let worker = Pid::from_raw(i32::try_from(worker).unwrap()).unwrap();
    let host = host_pid(&installation);
    kill_process(worker, Signal::STOP).unwrap();
    let mut command = installation.command(&["generate", "--raw", "--prompt", "def f("]);
    let mut client = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    installation.wait_for_status("the host waits for the worker", |status| {
        status.is_some_and(|status| status["engine"]["state"] == "working")
    });
    kill_process(host, Signal::STOP).unwrap();
    let ended = wait_for_end(&mut client);
    assert_eq!(ended.code(), Some(i32::from(ErrorCode::HostUnreachable.exit_code())));
    let mut told = String::new();
    client.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("runs but does not answer"), "{told}");
}

#[test]
fn a_model_that_is_a_pipe_is_refused_at_once_and_no_other_request_waits_for_it() {
    let installation = installation();
    let _ = host_pid(&installation);
    let pipe = installation.folder().join("pipe.gguf");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    let refused = explain(&installation, &["--model", pipe.to_str().unwrap()]);
    let refused = refused.failed(ErrorCode::ModelNotGguf);
    assert!(refused.stderr.contains("named pipe"), "{}", refused.stderr);
    let _ = explain(&installation, &["--model", "demo"]).ok();
}

/// Connections that say nothing, until this many are open or the host accepts no more.
fn crowd(installation: &Installation, count: usize) -> Vec<UnixStream> {
    let socket = Places::under(&installation.home()).host_socket();
    (0..count).map(|_| UnixStream::connect(&socket).unwrap()).collect()
}

#[test]
fn a_client_too_many_is_told_so_and_the_others_go_on() {
    let installation = installation();
    let host = host_pid(&installation);
    let places = Places::under(&installation.home());
    let mut first = connect::connect(&places, ClientKind::Other).unwrap().unwrap();
    let mut crowd = crowd(&installation, localcoder_host::core::CLIENTS_MAX);
    let refused = installation.run(&["generate", "--prompt", "x"]).failed(ErrorCode::Busy);
    assert!(refused.stderr.contains("no room for another client"), "{}", refused.stderr);
    assert!(installation.run(&["status"]).ok().stdout.contains("process"));
    let status = first.call::<Status>(&Nothing {}, |_, _| {}).unwrap();
    assert_eq!(status.pid, u32::try_from(host.as_raw_pid()).unwrap());
    crowd.truncate(8);
    let room = || installation.run(&["generate", "--prompt", "x"]).code == Some(0);
    wait_until("there is room again", room);
}

#[test]
fn a_thousand_connections_of_ones_own_leave_the_status_answering() {
    let installation = installation();
    let host = host_pid(&installation);
    let socket = Places::under(&installation.home()).host_socket();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The last hundred stay open: as many as the host accepts, and more.
            let mut held = std::collections::VecDeque::new();
            for _ in 0..1_000 {
                held.extend(UnixStream::connect(&socket));
                held.drain(..held.len().saturating_sub(100));
            }
            while !over.load(std::sync::atomic::Ordering::Acquire) {
                std::thread::yield_now();
            }
        });
        for _ in 0..5 {
            let status = installation.run(&["status", "--json"]).ok().json();
            assert_eq!(status["status"]["pid"], host.as_raw_pid(), "{status}");
        }
        over.store(true, std::sync::atomic::Ordering::Release);
    });
}

#[test]
fn a_host_that_is_full_can_be_stopped() {
    let installation = installation();
    let host = host_pid(&installation);
    let _crowd = crowd(&installation, localcoder_host::core::CLIENTS_MAX);
    let stopped = installation.run(&["host", "stop", "--json"]).ok().json();
    assert_eq!((&stopped["stopped"], &stopped["forced"]), (&true.into(), &false.into()));
    wait_until("the host is gone", || test_kill_process(host).is_err());
}

#[test]
fn a_host_without_descriptors_refuses_clients_with_the_limit_and_lives_on() {
    let installation = installation();
    let mut host = host_under(&installation, "-n 48");
    let crowd = crowd(&installation, 40);
    let refused = installation.run(&["generate", "--prompt", "x"]).failed(ErrorCode::Busy);
    assert!(refused.stderr.contains("ulimit -n"), "{}", refused.stderr);
    drop(crowd);
    let answers = || installation.run(&["generate", "--prompt", "x"]).code == Some(0);
    wait_until("there is room again", answers);
    assert_eq!(installation.status().unwrap()["pid"], host.id());
    let _ = installation.run(&["host", "stop"]).ok();
    assert!(wait_for_end(&mut host).success());
}

/// Below this limit the host has no room even for one thread, and above it there is room for all:
/// whatever it lacks, no client is left waiting.
#[test]
fn a_host_with_too_little_address_space_leaves_nobody_waiting() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let installation = installation();
    let mut host = host_under(&installation, "-v 300000");
    let begun = Instant::now();
    let outcome = explain(&installation, &["--json"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    if outcome.code != Some(0) {
        assert!(outcome.json()["error"]["hint"].is_string(), "{}", outcome.stdout);
    }
    let _ = installation.run(&["host", "stop"]).ok();
    let _ = wait_for_end(&mut host);
    let _ = explain(&installation, &[]).ok();
}
