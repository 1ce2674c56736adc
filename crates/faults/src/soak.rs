//! `soak`: hours of requests, cancels and pauses on a machine that is kept busy, with the real
//! programs. No faults are caused, so any process that is killed meanwhile was killed by mistake.
//!
//! Not part of the tests: it runs for as long as requested.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use localcoder_protocol::{
    BUILD_ID, Cancel, CancelParams, ClientKind, ErrorCode, Generate, GenerateParams, Hello,
    HelloParams, HostStatus, Nothing, PROTOCOL_VERSION, SamplingParams, Status,
};
use localcoder_test_support::downloads::Random;
use localcoder_transport::{Client, ClientEvent};
use serde_json::{Map, json};

use crate::options::Soak;
use crate::{places, report};

const CLIENTS: u64 = 4;
/// Threads that only compute, per processor: this leaves the worker a third of one. The deadlines
/// of the host are meant to hold on such a machine without a false kill.
const LOAD_PER_PROCESSOR: usize = 2;
/// An answer that takes longer means a hang that was not detected.
const ANSWER_WITHIN: Duration = Duration::from_secs(600);

#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
}

pub(super) fn run(options: Soak) -> Result<()> {
    let Soak { minutes, programs, .. } = options;
    let folder = programs.unwrap_or_else(|| places::target().join("debug"));
    let home = tempfile::tempdir()?;
    let result = soak(&folder, home.path(), Duration::from_secs(minutes * 60));
    // Before the result is looked at: the host must not outlive a failed soak.
    let _ = localcoder(&folder, home.path(), &["host", "stop"]).status();
    let result = result?;
    let path = places::target().join("faults/soak.json");
    crate::files::write(&path, &format!("{result:#}\n"))?;
    report::line(format!("{result:#}\nwritten to {}", path.display()));
    Ok(())
}

fn soak(folder: &Path, home: &Path, time: Duration) -> Result<serde_json::Value> {
    ensure!(localcoder(folder, home, &["host", "start"]).status()?.success(), "no host starts");
    let begun = Instant::now();
    let (over, counts) = (AtomicBool::new(false), Counts::default());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let first = first_status(home)?;
    let watched = std::thread::scope(|scope| {
        for _ in 0..processors * LOAD_PER_PROCESSOR {
            scope.spawn(|| keep_busy(&over));
        }
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (over, counts) = (&over, &counts);
                scope.spawn(move || ask(home, number, over, counts))
            })
            .collect();
        let watched = watch(home, &first, begun + time, &counts);
        // Set also if the watch has failed, or the scope would wait for its threads forever.
        over.store(true, Ordering::Release);
        for client in clients {
            client.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        watched
    })?;
    let number = |count: &AtomicU64| count.load(Ordering::Acquire);
    // A panic or an error of a client has ended this function before, so only refused requests are
    // left.
    let failed = number(&counts.failed);
    ensure!(failed == 0, "{failed} requests failed");
    Ok(json!({
        "minutes": begun.elapsed().as_secs_f64() / 60.0,
        "busyThreads": processors * LOAD_PER_PROCESSOR,
        "clients": CLIENTS,
        "answered": number(&counts.answered),
        "cancelled": number(&counts.cancelled),
        "failed": failed,
        // Anything else has failed in `watch`.
        "falseKills": 0,
        "unresponsiveSeen": watched,
    }))
}

/// The status after loading a model, which shows the first worker. All later ones are compared with
/// it: another process id or incarnation means that a healthy worker was killed.
fn first_status(home: &Path) -> Result<HostStatus> {
    let mut client = connect(home)?;
    client.call::<Generate>(&generation("first", 1, 1), |_, _| {})?;
    Ok(client.call::<Status>(&Nothing {}, |_, _| {})?)
}

/// Checks the status every second until the end, and counts how often the engine was reported as
/// unresponsive.
fn watch(home: &Path, first: &HostStatus, end: Instant, counts: &Counts) -> Result<u64> {
    let mut client = connect(home)?;
    let (mut unresponsive, mut reported_at) = (0, Instant::now());
    let worker = |status: &HostStatus| status.worker.as_ref().map(|it| (it.pid, it.generation));
    while Instant::now() < end {
        std::thread::sleep(Duration::from_secs(1));
        let status = client.call::<Status>(&Nothing {}, |_, _| {})?;
        ensure!(status.pid == first.pid, "another host runs");
        ensure!(worker(&status) == worker(first), "another worker runs: {status:?}");
        unresponsive += u64::from(status.engine == localcoder_protocol::EngineState::Unresponsive);
        if reported_at.elapsed() > Duration::from_secs(60) {
            reported_at = Instant::now();
            let count = |count: &AtomicU64| count.load(Ordering::Acquire);
            report::line(format!(
                "{} answered, {} cancelled, {} failed; not responding: {unresponsive}",
                count(&counts.answered),
                count(&counts.cancelled),
                count(&counts.failed),
            ));
        }
    }
    Ok(unresponsive)
}

fn keep_busy(over: &AtomicBool) {
    let mut number = 1_u64;
    while !over.load(Ordering::Relaxed) {
        for _ in 0..10_000 {
            // `black_box`, or the loop would be optimized away.
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005) + 1);
        }
    }
}

/// One window: long and short answers, one in four of them cancelled, with pauses between them. Any
/// end but an answer or its own cancel counts as failed.
fn ask(home: &Path, number: u64, over: &AtomicBool, counts: &Counts) -> Result<()> {
    let mut client = connect(home)?;
    let mut random = Random::new(number + 1);
    let mut round = 0;
    while !over.load(Ordering::Acquire) {
        round += 1;
        let id = format!("{number}-{round}");
        let tokens = u32::try_from(random.between(1, 1_500)).unwrap_or(1);
        let seed = u32::try_from(random.between(1, 1 << 30)).unwrap_or(1);
        let cancel_after = Duration::from_millis(random.between(0, 20_000) as u64);
        let cancels = random.between(0, 4) == 0;
        let call = client.start::<Generate>(&generation(&id, tokens, seed))?;
        let outcome = outcome(&mut client, call, cancels.then_some((&id, cancel_after)))?;
        let count = match outcome {
            Ok(()) => &counts.answered,
            Err(ErrorCode::Cancelled) => &counts.cancelled,
            Err(code) => {
                report::line(format!("a request failed: {code:?}"));
                &counts.failed
            }
        };
        count.fetch_add(1, Ordering::AcqRel);
        std::thread::sleep(Duration::from_millis(random.between(0, 3_000) as u64));
    }
    Ok(())
}

fn outcome(
    client: &mut Client,
    call: i64,
    cancel: Option<(&String, Duration)>,
) -> Result<std::result::Result<(), ErrorCode>> {
    let begun = Instant::now();
    let mut cancel = cancel;
    loop {
        // A call that was cancelled waits from its beginning, not from the cancel.
        let wait = cancel.map_or(ANSWER_WITHIN, |(_, after)| after);
        match client.events().recv_timeout(wait.saturating_sub(begun.elapsed())) {
            Ok(ClientEvent::Answer(answered, result)) if answered == call => {
                return Ok(result.map(drop).map_err(|error| error.code));
            }
            Ok(ClientEvent::Closed) => return Err(anyhow!("the host is gone")),
            Ok(_) => {}
            // The first timeout is the moment to cancel; a second one is a hang.
            Err(_) => {
                let (id, _) = cancel.take().context("an answer took ten minutes")?;
                client.start::<Cancel>(&CancelParams { request_id: id.clone() })?;
            }
        }
    }
}

fn generation(id: &str, max_tokens: u32, seed: u32) -> GenerateParams {
    GenerateParams {
        request_id: id.to_owned(),
        prompt: format!("def f_{seed}("),
        system: None,
        raw: true,
        max_tokens: Some(max_tokens),
        stop: Vec::new(),
        sampling: SamplingParams {
            temperature: Some(2.0),
            seed: Some(seed),
            ..SamplingParams::default()
        },
        model: None,
        settings: Map::new(),
    }
}

fn connect(home: &Path) -> Result<Client> {
    let stream = UnixStream::connect(home.join("runtime/host.sock"))?;
    let mut client = Client::new(stream.try_clone()?, stream)?;
    let hello = HelloParams {
        protocol_version: PROTOCOL_VERSION,
        build_id: BUILD_ID.to_owned(),
        pid: std::process::id(),
        client: ClientKind::Other,
        wants_status: false,
    };
    client.call::<Hello>(&hello, |_, _| {})?;
    Ok(client)
}

fn localcoder(folder: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(folder.join("localcoder"));
    let demo = places::root().join("models/demo/localcoder-demo.gguf");
    command.args(arguments).env("LOCALCODER_HOME", home).env("LOCALCODER_DEMO_MODEL", demo);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
