//! Switches between models many times, while another client has answers written: with the real
//! host, workers and models. Nothing may be left over.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use localcoder_host::connect;
use localcoder_protocol::{
    ClientKind, Generate, GenerateParams, HostStatus, Nothing, SamplingParams, Status, Warm,
    WarmParams,
};
use localcoder_settings::Places;
use localcoder_test_support::{Installation, wait_until};
use localcoder_transport::Client;

const SWITCHES: usize = 200;
/// How many of the first switches are not counted: allocators fill their pools.
const SETTLING: usize = 30;
const HOST_GROWTH_MAX_KIB: i64 = 5 * 1024;

fn client(installation: &Installation) -> Client {
    connect::connect(&Places::under(&installation.home()), ClientKind::Other).unwrap().unwrap()
}

/// Copies of the bundled model, each a model of its own.
fn models(installation: &Installation) -> Vec<String> {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
    let bytes = std::fs::read(demo).unwrap();
    let copy = |name: &str| installation.write(name, &bytes).to_str().unwrap().to_owned();
    ["a.gguf", "b.gguf", "c.gguf"].map(copy).to_vec()
}

fn generate(model: &str, number: usize) -> GenerateParams {
    GenerateParams {
        request_id: format!("g{number}"),
        prompt: format!("def f{number}(x):\n"),
        system: None,
        raw: true,
        max_tokens: Some(12),
        stop: Vec::new(),
        sampling: SamplingParams::default(),
        model: Some(model.to_owned()),
        settings: serde_json::Map::new(),
    }
}

/// What a process uses: resident memory in KiB, descriptors, threads.
fn held(pid: u32) -> (i64, usize, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<i64>().unwrap()
    };
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    (number("VmRSS:"), descriptors, usize::try_from(number("Threads:")).unwrap())
}

fn children(pid: u32) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let list = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
    tasks.filter_map(|task| list(task).ok()).map(|it| it.split_whitespace().count()).sum()
}

fn status(client: &mut Client) -> HostStatus {
    client.call::<Status>(&Nothing {}, |_, _| {}).unwrap()
}

#[test]
fn two_hundred_switches_under_load_leave_nothing_behind() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let _ = installation.run(&["host", "start"]).ok();
    let models = models(&installation);
    let mut switcher = client(&installation);
    let mut writer = client(&installation);
    let done = Arc::new(AtomicBool::new(false));
    let load = std::thread::spawn({
        let (done, model) = (Arc::clone(&done), models[0].clone());
        move || {
            let mut answers = 0;
            while !done.load(Ordering::Relaxed) {
                writer.call::<Generate>(&generate(&model, answers), |_, _| {}).unwrap();
                answers += 1;
            }
            answers
        }
    });
    let pid = status(&mut switcher).pid;
    let mut before = held(pid);
    let begun = Instant::now();
    for switch in 0..SWITCHES {
        if switch == SETTLING {
            before = held(pid);
        }
        let model = Some(models[1 + switch % 2].clone());
        let answer = switcher.call::<Warm>(&WarmParams { model, ahead: false }, |_, _| {}).unwrap();
        assert!(answer.loaded);
        assert!(status(&mut switcher).residents.len() <= 2);
    }
    let each = begun.elapsed() / u32::try_from(SWITCHES).unwrap();
    done.store(true, Ordering::Relaxed);
    let answers = load.join().unwrap();
    // Files that are just being looked at are open for a moment.
    wait_until("no descriptor and no thread is left", || {
        let now = held(pid);
        now.1 <= before.1 && now.2 <= before.2
    });
    let after = held(pid);
    eprintln!("{each:?} a switch beside {answers} answers; {before:?} became {after:?}");
    assert!(answers > 10, "the load was not a load: {answers} answers");
    assert!((after.0 - before.0).abs() <= HOST_GROWTH_MAX_KIB, "{before:?} became {after:?}");
    assert!(children(pid) <= 2, "{} workers", children(pid));
    assert_eq!(
        status(&mut switcher).worker.map(|worker| worker.generation),
        Some(2),
        "no restarts"
    );
}
