//! The real worker with a real model: it is killed from outside at random moments, and its file is
//! truncated while it runs. Called by `worker` with `--real`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use localcoder_protocol::Generate;
use localcoder_test_support::downloads::Random;
use localcoder_test_support::fake_worker::unix_ns;
use rustix::process::Signal;

use super::client::{Caller, Ended, Raw};
use super::report;
use super::trial::{Installation, SCALE, Setup, many};
use super::verdict::{KILLED, READY, SHOWN, Verdict};
use super::watcher::Watcher;
use super::{Amount, processes, trial};
use crate::places;

/// From the request to the last moment at which a signal is sent: this covers start, load, prompt
/// and the beginning of an answer.
const WITHIN_MS: usize = 500;
/// Clients that send requests at once, so that the worker has more to do.
const CLIENTS: usize = 3;
/// How many kills there are for each trial of another signal.
const KILLS_TO_OTHERS: usize = 5;
const AT_ONCE: usize = 2;
/// Answers that may end before their model's file is truncated.
const ANSWERS_MAX: usize = 20;
const TOKENS: u32 = 1_500;

const SIGNALS: &[(&str, Signal)] = &[
    ("SIGKILL from outside", Signal::KILL),
    ("SIGSEGV from outside", Signal::SEGV),
    ("SIGABRT from outside", Signal::ABORT),
    ("SIGBUS from outside", Signal::BUS),
    ("SIGSTOP from outside", Signal::STOP),
];

pub(super) fn run(amount: &Amount) -> Result<()> {
    let begun = Instant::now();
    crate::report::line("the real worker:");
    let mut rows = Vec::new();
    for (name, signal) in SIGNALS.iter().filter(|(name, _)| amount.wants(name)) {
        let few = (amount.times / KILLS_TO_OTHERS).max(1);
        let times = if *signal == Signal::KILL { amount.times } else { few };
        rows.push(many(name, times, AT_ONCE, |number| killed(amount, *signal, number)));
    }
    let name = "its file is cut off in use";
    if amount.wants(name) {
        let times = (amount.times / KILLS_TO_OTHERS).max(1);
        rows.push(many(name, times, AT_ONCE, |_| cut_off(amount)));
    }
    report::conclude(&amount.file("worker-real"), "20 times the world's", &rows, begun.elapsed())
}

fn setup() -> Setup {
    Setup { scale: SCALE, real: true, ..Setup::default() }
}

/// A long answer. Its high temperature keeps the model from ending it early, and from writing what
/// another one has written.
fn long<'a>(id: &'a str, prompt: &'a str, model: Option<&'a str>) -> Raw<'a> {
    Raw { id, prompt, max_tokens: Some(TOKENS), temperature: Some(2.0), model }
}

fn killed(amount: &Amount, signal: Signal, number: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut random = Random::new(number as u64);
    let installation = Installation::start(setup())?;
    let watcher = Watcher::start(&installation)?;
    let model = amount.model.as_deref();
    let mut asked = Vec::new();
    for _ in 0..CLIENTS {
        let mut caller = Caller::greeted(&installation.home(), true)?;
        let call = caller.client.start::<Generate>(&long("first", "def f(", model).params())?;
        asked.push((caller, call));
    }
    std::thread::sleep(Duration::from_millis(random.between(0, WITHIN_MS) as u64));
    let home = installation.home();
    // The moment may be before the worker exists; then the start itself is what is struck.
    let there = || !processes::workers(&home).is_empty();
    processes::wait(installation.patience(30), there).context("no worker was started")?;
    let victim = *processes::workers(&home).first().context("the worker has ended by itself")?;
    let struck_ns = unix_ns();
    // The first signal may only remove the standard library's own handler.
    let gone = processes::wait(installation.patience(60), || {
        if signal == Signal::STOP {
            processes::signal(victim, signal);
        } else if processes::runs(victim) {
            processes::signal(victim, signal);
            std::thread::sleep(Duration::from_millis(1));
        }
        // A stopped worker without work is not a hang, so waiting for its end would be in vain.
        !processes::runs(victim) || rests(&home)
    });
    let gone_ns = unix_ns();
    if gone.is_none() {
        verdict.fail("it lives on");
    }
    let mut signs_ns = Vec::new();
    for (caller, call) in &asked {
        let ended = caller.end_of(*call, installation.patience(150));
        verdict.ended(&ended);
        signs_ns.extend(ended.signs_ns);
    }
    if !processes::runs(victim) {
        // A stopped worker is dead only when the host has killed it; for the others the signal is
        // the death.
        let death_ns = if signal == Signal::STOP { gone_ns } else { struck_ns };
        if signal == Signal::STOP {
            verdict.time_between(KILLED, struck_ns, gone_ns);
        }
        // Signs from before belong to something else.
        if let Some(shown) = signs_ns.into_iter().filter(|sign| *sign >= struck_ns).min() {
            verdict.time_between(SHOWN, death_ns, shown);
        }
        ready(&home, victim, death_ns, &mut verdict);
    }
    recovers(&installation, &mut asked[0].0, model, &mut verdict);
    if asked.iter().any(|(caller, call)| caller.answered_again(*call)) {
        verdict.fail("a request was answered twice");
    }
    watcher.finish(&mut verdict);
    drop(asked);
    installation.finish(&mut verdict);
    Ok(verdict)
}

/// Whether the worker has nothing to do, so that being stopped does not count as a hang. A new
/// connection each time, because the host itself may be restarted.
fn rests(home: &Path) -> bool {
    let status = Caller::connect(home).ok().and_then(|mut caller| caller.status().ok());
    status.is_some_and(|status| status.requests == 0)
}

/// Waits until another worker has loaded the model, if one is started by itself; a host that has no
/// reason to load it is not a failure.
fn ready(home: &Path, victim: u32, death_ns: u128, verdict: &mut Verdict) {
    let Ok(mut caller) = Caller::connect(home) else { return };
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let Ok(status) = caller.status() else { return };
        if status.residents.iter().any(|resident| resident.pid != victim) {
            return verdict.time_between(READY, death_ns, unix_ns());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn recovers(
    installation: &Installation,
    caller: &mut Caller,
    model: Option<&str>,
    verdict: &mut Verdict,
) {
    // A worker that hangs while it has nothing to do is noticed only by the next request.
    let raw = Raw { id: "after", prompt: "x", max_tokens: Some(4), model, temperature: None };
    trial::recovers(caller, verdict, installation.patience(60), |caller, _| {
        caller.client.start::<Generate>(&raw.params()).map_err(|error| anyhow!("{error}"))
    });
}

/// The worker reads its pages again after the file was truncated, which ends it; once the file is
/// complete again, everything continues.
fn cut_off(amount: &Amount) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let installation = Installation::start(setup())?;
    let demo = places::root().join("models/demo/localcoder-demo.gguf");
    let original = amount.model.as_ref().map_or(demo, Into::into);
    let copy = installation.folder().join("copy.gguf");
    fs_err::copy(&original, &copy)?;
    let model = copy.to_str().context("the path is not UTF-8")?;
    let mut caller = Caller::greeted(&installation.home(), true)?;
    let bytes = fs_err::metadata(&copy)?.len();
    let mut struck = false;
    for number in 0..ANSWERS_MAX {
        let id = format!("answer-{number}");
        let call = caller.client.start::<Generate>(&long(&id, "def f(", Some(model)).params())?;
        let mut ended = Ended::default();
        caller.go_on(call, installation.patience(60), &mut ended, |text| !text.is_empty());
        // A short answer may be over before its first text is seen; then the next one is tried.
        if ended.result.is_none() {
            // The weights are mapped, so pages beyond the new end raise a bus error when they are
            // read.
            fs_err::OpenOptions::new().write(true).open(&copy)?.set_len(bytes / 8)?;
            struck = true;
            caller.go_on(call, installation.patience(150), &mut ended, |_| false);
        }
        verdict.ended(&ended);
        if struck {
            break;
        }
    }
    if !struck {
        verdict.fail("every answer was over too soon");
    }
    fs_err::copy(&original, &copy)?;
    recovers(&installation, &mut caller, Some(model), &mut verdict);
    drop(caller);
    installation.finish(&mut verdict);
    Ok(verdict)
}
