//! Ctrl-C, killed workers, killed hosts, many clients at once: with the real processes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;
use std::process::Stdio;

use localcoder_gguf::{Header, KvType, RunShape};
use localcoder_host::connect;
use localcoder_protocol::{ClientKind, ErrorCode, Warm, WarmParams};
use localcoder_settings::Places;
use localcoder_test_support::{Installation, wait_for_end, wait_until};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::installation;

fn pid(number: &serde_json::Value) -> Pid {
    Pid::from_raw(i32::try_from(number.as_i64().unwrap()).unwrap()).unwrap()
}

/// A generation in the middle of which the worker hangs, so that it can't be over before the test
/// has done its work.
struct Standing {
    client: std::process::Child,
    worker: Pid,
}

impl Standing {
    fn begin(installation: &Installation) -> Self {
        let _ = installation.run(&["generate", "--prompt", "x", "--max-tokens", "1"]).ok();
        let worker = pid(&installation.status().unwrap()["worker"]["pid"]);
        kill_process(worker, Signal::STOP).unwrap();
        let mut command = installation.command(&["generate", "--raw", "--prompt", "def f("]);
        let client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        installation.wait_for_status("the host waits for the worker", |status| {
            status.is_some_and(|status| status["engine"]["state"] == "working")
        });
        Self { client, worker }
    }

    fn go_on(&self) {
        kill_process(self.worker, Signal::CONT).unwrap();
    }
}

#[test]
fn ctrl_c_stops_the_generation_and_the_host_lives() {
    let installation = installation();
    let mut standing = Standing::begin(&installation);
    let host = installation.status().unwrap()["pid"].clone();
    kill_process(Pid::from_child(&standing.client), Signal::INT).unwrap();
    let status = wait_for_end(&mut standing.client);
    assert_eq!(status.code(), Some(i32::from(ErrorCode::Cancelled.exit_code())));
    standing.go_on();
    installation.wait_for_status("the worker is free", |status| {
        status.is_some_and(|status| status["engine"]["state"] == "ready")
    });
    assert_eq!(installation.status().unwrap()["pid"], host);
}

#[test]
fn a_killed_client_stops_its_generation() {
    let installation = installation();
    let mut standing = Standing::begin(&installation);
    standing.client.kill().unwrap();
    standing.client.wait().unwrap();
    standing.go_on();
    installation.wait_for_status("the worker is free", |status| {
        status.is_some_and(|status| status["engine"]["state"] == "ready")
    });
}

#[test]
fn a_worker_that_is_killed_before_anything_was_shown_is_replaced_and_nobody_notices() {
    let installation = installation();
    let Standing { mut client, worker } = Standing::begin(&installation);
    kill_process(worker, Signal::KILL).unwrap();
    assert!(wait_for_end(&mut client).success());
    let status = installation.status().unwrap();
    assert_ne!(pid(&status["worker"]["pid"]), worker);
    assert_eq!(status["worker"]["generation"], 2);
}

/// A generation that hangs after its first words were shown. An answer may be over before that;
/// then another one is tried.
fn standing_in_mid_answer(installation: &Installation) -> Standing {
    let _ = installation.run(&["generate", "--prompt", "x", "--max-tokens", "1"]).ok();
    let worker = pid(&installation.status().unwrap()["worker"]["pid"]);
    for _ in 0..20 {
        let rambling = ["generate", "--raw", "--prompt", "def f(", "--temperature", "2"];
        let mut command = installation.command(&rambling);
        command.args(["--max-tokens", "1500"]);
        let mut client = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        client.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        kill_process(worker, Signal::STOP).unwrap();
        if installation.status().unwrap()["engine"]["state"] == "working" {
            return Standing { client, worker };
        }
        kill_process(worker, Signal::CONT).unwrap();
        let _ = wait_for_end(&mut client);
    }
    panic!("twenty answers were over too soon")
}

#[test]
fn a_killed_worker_is_reported_and_replaced() {
    let installation = installation();
    let Standing { mut client, worker } = standing_in_mid_answer(&installation);
    kill_process(worker, Signal::KILL).unwrap();
    let status = wait_for_end(&mut client);
    assert_eq!(status.code(), Some(i32::from(ErrorCode::WorkerCrashed.exit_code())));
    let answer = installation.run(&["generate", "--prompt", "Hi", "--max-tokens", "3", "--json"]);
    assert!(answer.ok().json()["usage"]["generatedTokens"].as_u64().unwrap() > 0);
    assert_ne!(pid(&installation.status().unwrap()["worker"]["pid"]), worker);
}

/// What a host leaves that crashed while it loaded the bundled model.
#[test]
fn a_load_that_took_everything_down_is_not_repeated_until_somebody_asks() {
    let installation = installation();
    let places = Places::under(&installation.home());
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_localcoder")).parent().unwrap();
    let demo = localcoder_settings::places::demo_model(programs).unwrap();
    let left = serde_json::json!({"name": "LocalCoder demo", "path": demo});
    std::fs::create_dir_all(&places.cache).unwrap();
    std::fs::write(places.loading_file(), left.to_string()).unwrap();
    let _ = installation.run(&["host", "start"]).ok();
    let mut client = connect::connect(&places, ClientKind::Other).unwrap().unwrap();
    let warm = WarmParams { model: None, ahead: true };
    assert!(!client.call::<Warm>(&warm, |_, _| {}).unwrap().loaded);
    let note = installation.status().unwrap()["notes"][0].as_str().unwrap().to_owned();
    assert!(note.contains("the last load of LocalCoder demo never ended"), "{note}");
    let _ = installation.run(&["generate", "--prompt", "x", "--max-tokens", "1"]).ok();
    assert!(!places.loading_file().exists(), "this load has ended");
    assert!(client.call::<Warm>(&warm, |_, _| {}).unwrap().loaded);
}

#[test]
fn a_killed_host_takes_its_worker_along_and_the_next_command_starts_another() {
    let installation = installation();
    let Standing { mut client, worker } = Standing::begin(&installation);
    let host = pid(&installation.status().unwrap()["pid"]);
    kill_process(host, Signal::KILL).unwrap();
    let ended = wait_for_end(&mut client);
    assert_eq!(ended.code(), Some(i32::from(ErrorCode::HostUnreachable.exit_code())));
    wait_until("the worker is gone", || test_kill_process(worker).is_err());
    let next = installation.run(&["generate", "--prompt", "Hi", "--max-tokens", "3"]);
    let _ = next.ok();
    assert_ne!(pid(&installation.status().unwrap()["pid"]), host);
}

#[test]
fn many_first_clients_start_one_host() {
    let installation = installation();
    let children: Vec<_> = (0..16)
        .map(|_| {
            let mut command = installation.command(&["host", "start", "--json"]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut pids: Vec<String> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success());
            let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            answer["pid"].to_string()
        })
        .collect();
    pids.dedup();
    assert_eq!(pids.len(), 1, "one host for all: {pids:?}");
}

#[test]
fn an_unused_host_ends_by_itself() {
    let installation = installation();
    let mut command = installation.command(&["generate", "--prompt", "Hi", "--max-tokens", "2"]);
    assert!(command.env("LOCALCODER_HOST_IDLE_MS", "300").status().unwrap().success());
    // Asking the host would count as using it, so its socket's file is watched.
    let socket = installation.home().join("runtime/host.sock");
    wait_until("the host is gone", || !socket.exists());
}

/// The memory calculated from a file's header, compared with what llama.cpp reports.
#[test]
fn the_memory_of_a_model_is_known_before_it_is_loaded() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let _ = installation.run(&["generate", "--prompt", "x", "--max-tokens", "1"]).ok();
    let told = installation.status().unwrap()["memory"].clone();
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../models/demo/localcoder-demo.gguf");
    let file = std::fs::read(demo).unwrap();
    let header = Header::read(file.as_slice(), file.len() as u64).unwrap();
    let estimate = header.estimate(RunShape {
        context_tokens: 2048,
        // As the host requests them, and as the worker's largest draft needs them.
        batch_tokens: 256,
        output_tokens: 32,
        kv: KvType::F16,
        flash_attention: false,
    });
    let number = |name: &str| told[name].as_u64().unwrap() as f64;
    let measured = number("weightsBytes") + number("kvBytes") + number("computeBytes");
    let expected = estimate.buffers_bytes() as f64;
    let ratio = expected / measured;
    assert!((0.97..1.03).contains(&ratio), "{ratio}: {estimate:?} but {told}");
}
