//! The host's own faults: killed while it answers, started by many at once, stopped for a while,
//! and left behind by a dead one. `peers` covers clients that misbehave, `requests` what ten
//! thousand requests leave behind.

use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use localcoder_protocol::{Cancel, CancelParams, ErrorCode, Generate};
use localcoder_settings::Places;
use localcoder_test_support::downloads::Random;
use localcoder_test_support::fake_worker::Script;
use rustix::process::Signal;

use super::client::{Caller, Ended, Kind, Raw, reconnect};
use super::report;
use super::trial::{DOCUMENT, Installation, LEFT_WITHIN, SCALE, Setup, many};
use super::verdict::Verdict;
use super::{Amount, peers, processes, racers, requests};

const CLIENTS: usize = 4;
const BACK_WITHIN: Duration = Duration::from_secs(5);
const BACK: &str = "back";
const WORKER_GONE: &str = "workerGone";
/// How long the host is stopped, long enough to count as sleep.
const STOPPED_S: u64 = 15;
const RACES: usize = 20;

type Trial = fn(usize) -> Result<Verdict>;

/// Cases: name, how many run at once, and the trial, which gets its number for what it varies.
const CASES: &[(&str, usize, Trial)] = &[
    ("kill -9 of the host with 4 clients", 2, killed),
    ("socket and lock of a dead host", 2, stale),
    ("cancels at random moments", 2, cancels),
    ("the host is stopped for a while", 2, stopped),
    ("a client of another version", 2, peers::versions),
    ("frames that are none", 2, peers::malformed),
    ("half a frame", 8, peers::half_frame),
    ("large frames before the hello", 2, peers::large_before_hello),
    ("a client that does not read", 2, peers::slow_reader),
    ("a client that is killed", 2, peers::killed_client),
    ("more connections than there may be", 2, peers::too_many),
];

pub(super) fn run(amount: &Amount) -> Result<()> {
    let begun = Instant::now();
    report::heading();
    let mut rows = Vec::new();
    for (name, at_once, trial) in CASES.iter().filter(|case| amount.wants(case.0)) {
        rows.push(many(name, amount.times, *at_once, trial));
    }
    if amount.wants("racers") {
        rows.push(racers::run(amount));
    }
    if amount.wants("clock by the world's") && amount.true_times {
        let times = (amount.times / 10).max(1);
        let name = "stopped, by the clock of the world";
        rows.push(many(name, times, times, |_| stand_still(1)));
    }
    if amount.wants("requests") {
        rows.push(requests::run(amount)?);
    }
    report::conclude(
        &amount.file("host"),
        "20 times the world's, or as told",
        &rows,
        begun.elapsed(),
    )
}

pub(super) fn slow(per_token_ms: u64, tokens: u32) -> Setup {
    let script =
        Script { per_token_ms: Some(per_token_ms), tokens: Some(tokens), ..Script::default() };
    Setup { scale: 1, scripts: vec![script], ..Setup::default() }
}

pub(super) fn begin(caller: &mut Caller, id: &str, within: Duration) -> Result<(i64, Ended)> {
    let call = caller.ask(Kind::Generate, id, DOCUMENT)?;
    let mut ended = Ended::default();
    caller.go_on(call, within, &mut ended, |text| !text.is_empty());
    ensure!(ended.result.is_none() && !ended.lost, "the answer was over: {}", ended.word());
    Ok((call, ended))
}

/// All clients lose their connection and find one new host; the old host's worker is gone. Every
/// client tries to start a host, as editors do, so this is also a race for the lock.
fn killed(_: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut installation = Installation::start(slow(10, 1_000_000))?;
    let home = installation.home();
    let mut callers = Vec::new();
    for number in 0..CLIENTS {
        let mut caller = Caller::greeted(&home, false)?;
        // The first client's answer is surely being written; the others may be anywhere.
        let call = if number == 0 {
            begin(&mut caller, "first", installation.patience(30))?.0
        } else {
            caller.ask(Kind::of(number), "other", DOCUMENT)?
        };
        callers.push((caller, call));
    }
    let old = callers[0].0.status().map_err(|error| anyhow!("{error}"))?;
    let workers = processes::workers(&home);
    let begun = Instant::now();
    installation.kill_host();
    let installation = &installation;
    let threads = callers.into_iter().map(|(caller, call)| {
        move || -> Result<(Ended, Caller, Duration)> {
            let ended = caller.end_of(call, BACK_WITHIN);
            let start = || {
                let mut command = installation.command(&["host", "start", "--json"]);
                command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
                Ok(())
            };
            let caller = reconnect(&installation.home(), start, BACK_WITHIN)?;
            Ok((ended, caller, begun.elapsed()))
        }
    });
    let backs: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = threads.map(|thread| scope.spawn(thread)).collect();
        threads.into_iter().map(|it| it.join().expect("nothing panics in it")).collect()
    });
    // With its host dead, the worker must notice by itself that it is to end.
    let gone = processes::wait(LEFT_WITHIN, || !workers.iter().any(|pid| processes::runs(*pid)));
    match gone {
        Some(_) => verdict.time(WORKER_GONE, begun.elapsed().min(LEFT_WITHIN)),
        None => verdict.orphans += workers.len(),
    }
    let mut hosts = Vec::new();
    for back in backs {
        let (ended, mut caller, took) = back?;
        verdict.time(BACK, took);
        if !ended.lost {
            verdict.fail(format!("a request to a killed host ended as `{}`", ended.word()));
        }
        hosts.push(caller.status().map_err(|error| anyhow!("{error}"))?.pid);
    }
    // Not sorted: a difference between any two fails.
    hosts.dedup();
    if hosts.len() != 1 || hosts[0] == old.pid {
        verdict.fail(format!("not one new host but {hosts:?}"));
    }
    finish(installation, verdict)
}

/// Ends an installation that other processes may still be looking at.
fn finish(installation: &Installation, mut verdict: Verdict) -> Result<Verdict> {
    let mut stop = installation.command(&["host", "stop"]);
    let stopped = stop.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    let home = installation.home();
    if !stopped.success() {
        verdict.fail("`localcoder host stop` failed");
    }
    if processes::wait(LEFT_WITHIN, || processes::of(&home).is_empty()).is_none() {
        verdict.orphans += processes::of(&home).len();
        verdict.failures.push(format!("left after the end: {:?}", processes::of(&home)));
    }
    Ok(verdict)
}

/// Files that a host leaves behind when it had no time to clean up do not prevent the next one: a
/// socket without a listener, a lock file that is not locked, and a torn list of workers.
fn stale(number: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut installation = Installation::new(slow(1, 4))?;
    let places = Places::under(&installation.home());
    fs_err::create_dir_all(&places.runtime)?;
    drop(UnixListener::bind(places.host_socket())?);
    fs_err::write(places.host_lock(), if number.is_multiple_of(2) { "" } else { "12345\n" })?;
    if number.is_multiple_of(3) {
        // Torn: the closing bracket is missing. Its process 1 must not be killed as a leftover
        // worker.
        fs_err::write(places.workers_file(), r#"[{"pid":1,"started":"0"}"#)?;
    }
    installation.start_host()?;
    let mut caller = Caller::greeted(&installation.home(), false)?;
    installation.recovers(&mut caller, &mut verdict, installation.patience(30));
    drop(caller);
    installation.finish(&mut verdict);
    Ok(verdict)
}

/// Requests that are cancelled at any moment end exactly once, and the worker survives.
fn cancels(number: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(slow(1, 20))?;
    let mut caller = Caller::greeted(&installation.home(), false)?;
    installation.recovers(&mut caller, &mut verdict, installation.patience(30));
    let workers = processes::workers(&installation.home());
    let mut random = Random::new(number as u64);
    for race in 0..RACES {
        let id = format!("race-{race}");
        let raw = Raw { id: &id, prompt: "x", ..Raw::default() };
        let call = caller.client.start::<Generate>(&raw.params())?;
        // Up to 40 ms: before the answer, in its 20 tokens of a millisecond, and after it.
        std::thread::sleep(Duration::from_micros(random.between(0, 40_000) as u64));
        caller.client.start::<Cancel>(&CancelParams { request_id: id.clone() })?;
        let ended = caller.end_of(call, installation.patience(30));
        verdict.ended(&ended);
        // An answer may win the race; an error other than the cancel's may not.
        let is_end = match &ended.result {
            Some(Err(error)) => error.code == ErrorCode::Cancelled,
            Some(Ok(_)) => true,
            None => false,
        };
        if !is_end {
            verdict.fail(format!("a cancelled request ended as `{}`", ended.word()));
        }
        if caller.answered_again(call) {
            verdict.fail("a cancelled request was answered twice");
        }
    }
    installation.recovers(&mut caller, &mut verdict, installation.patience(30));
    // The same process ids: a cancel is a message, not a kill.
    if processes::workers(&installation.home()) != workers {
        verdict.fail("a cancel has ended the worker");
    }
    drop(caller);
    installation.finish(&mut verdict);
    Ok(verdict)
}

fn stopped(_: usize) -> Result<Verdict> {
    stand_still(SCALE)
}

/// The host is stopped in the middle of an answer, as on a machine that sleeps: this must not count
/// as silence of the worker, and the answer must arrive complete.
fn stand_still(scale: u64) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let time = Duration::from_millis(STOPPED_S * 1_000 / scale);
    // The worker writes for longer than the host is stopped.
    let tokens = u32::try_from(time.as_millis() / 10 + 100).context("a short time")?;
    let installation = Installation::start(Setup { scale, ..slow(10, tokens) })?;
    let mut caller = Caller::greeted(&installation.home(), false)?;
    let (call, mut ended) = begin(&mut caller, "first", installation.patience(30))?;
    let workers = processes::workers(&installation.home());
    processes::signal(installation.host_pid(), Signal::STOP);
    std::thread::sleep(time);
    processes::signal(installation.host_pid(), Signal::CONT);
    caller.go_on(call, time * 4 + installation.patience(60), &mut ended, |_| false);
    verdict.ended(&ended);
    if !matches!(ended.result, Some(Ok(_))) {
        verdict.fail(format!("the answer ended as `{}`", ended.word()));
    }
    if processes::workers(&installation.home()) != workers {
        verdict.fail("the worker was ended");
    }
    drop(caller);
    installation.finish(&mut verdict);
    Ok(verdict)
}
