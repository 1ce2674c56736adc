//! `faults downloads` repeats every trial of `test-support::downloads` many times, and kills an
//! installation, or the program that downloads for it, at random moments until it is complete. Each
//! trial has a seed, so that a failed one can be repeated. Not part of the tests, which run some of
//! the same trials.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use localcoder_test_support::downloads::{Content, Fault, Random, catalog, sha256, trial};
use localcoder_test_support::http::{Part, Reply, Server};
use serde_json::{Value, json};

use crate::{places, report};

const TRIALS: usize = 50;
const KILLS: usize = 500;
const AT_ONCE: usize = 4;
/// About how long an installation over loopback takes here; some kills come after its end.
const KILL_WITHIN_MS: usize = 240;

/// Every fault `times` times, and a proportional number of kills. Fails on the first part that has
/// a failure.
pub(super) fn run(times: usize) -> Result<()> {
    let times = times.max(1);
    let begun = Instant::now();
    let trials = report::stage("downloads that go wrong", || downloads(times))?;
    let kills = report::stage("installations that are killed", || kills(KILLS * times / TRIALS))?;
    let result = json!({
        "trials": trials,
        "kills": kills,
        "seconds": begun.elapsed().as_secs(),
    });
    let path = places::target().join("faults/downloads.json");
    crate::files::write(&path, &format!("{result:#}\n"))?;
    report::line(format!("written to {}", path.display()));
    Ok(())
}

fn downloads(times: usize) -> Result<Value> {
    let program = places::program("localcoder-fetch");
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new((0_u64, Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    // All trials of a fault have consecutive numbers, and the number is also the
                    // seed.
                    let Some(fault) = Fault::ALL.get(number / times) else { return };
                    let outcome = trial(&program, *fault, number as u64);
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    match outcome {
                        Ok(ending) => outcomes.0 = outcomes.0.max(ending.memory_kib),
                        Err(why) => outcomes.1.push(format!("{fault:?}, seed {number}: {why}")),
                    }
                }
            });
        }
    });
    let (memory_kib, wrong) = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let count = Fault::ALL.len() * times;
    report::line(format!("{count} trials of {} faults, {} wrong", Fault::ALL.len(), wrong.len()));
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(
        json!({"faults": Fault::ALL.len(), "trials": count, "wrong": 0, "peakMemoryKib": memory_kib}),
    )
}

/// `models install`, or its `localcoder-fetch`, is killed at a random moment, again and again.
/// After each kill, whatever is listed must be complete, and in the end the model must be
/// installed. Lost is what was listed and can't be verified; a download that starts over is not.
fn kills(count: usize) -> Result<Value> {
    let bytes = fs_err::read(places::root().join("models/demo/localcoder-demo.gguf"))?;
    let content = Content { sha256: sha256(&bytes), bytes };
    let served = content.bytes.clone();
    let server = Server::start(move |asked| {
        let start = asked.range_start().unwrap_or(0);
        // Slow enough that kills fall into every part of it.
        let slow = Part::Slowly(served[start..].to_vec(), 32 * 1024, Duration::from_millis(1));
        Reply { body: vec![slow], ..Reply::file(asked, &served, "\"1\"") }
    });
    let home = tempfile::tempdir()?;
    fs_err::write(
        home.path().join("catalog.json"),
        catalog(&content, &server.url("small.gguf")).to_string(),
    )?;
    // A fixed seed, so that a run is like the last one as far as the machine is.
    let mut random = Random::new(1);
    let (mut installed, mut unfinished) = (0, 0);
    let mut fetches = 0;
    for number in 0..count {
        let mut install =
            localcoder(home.path(), &["models", "install", "small", "--accept-license"]);
        let mut child = install.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        std::thread::sleep(Duration::from_millis(random.between(1, KILL_WITHIN_MS) as u64));
        // Alternately; a process that has not started yet, or has ended, can't be killed.
        let fetch = child_of(child.id()).filter(|_| number % 2 == 1);
        match fetch {
            Some(fetch) => fetches += usize::from(kill(fetch)),
            None => child.kill()?,
        }
        child.wait()?;
        if is_listed(home.path())? {
            read(&mut localcoder(home.path(), &["models", "verify", "small"]))?;
            // Removed again, so that the next round has something to install.
            read(&mut localcoder(home.path(), &["models", "remove", "small"]))?;
            installed += 1;
        } else {
            unfinished += 1;
        }
    }
    // The last `localcoder-fetch` may still be ending, and holds its lock until then, so a few
    // refusals are expected.
    let deadline = Instant::now() + Duration::from_secs(10);
    let install = || localcoder(home.path(), &["models", "install", "small", "--accept-license"]);
    while read(&mut install()).is_err() {
        ensure!(Instant::now() < deadline, "after the kills nothing can be installed");
    }
    read(&mut localcoder(home.path(), &["models", "verify", "small"]))?;
    let again = server.sent() / (content.bytes.len() as u64).max(1);
    report::line(format!(
        "{count} kills, {fetches} of them of the program that loads: {unfinished} before the end, \
         {installed} after it"
    ));
    Ok(json!({
        "kills": count,
        "ofFetch": fetches,
        "beforeTheEnd": unfinished,
        "afterIt": installed,
        "filesSent": again,
    }))
}

/// The first child of a process; `None` if it has none yet, or not any more.
fn child_of(pid: u32) -> Option<i32> {
    let children = fs_err::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn kill(pid: i32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok())
}

fn is_listed(home: &Path) -> Result<bool> {
    let list: Value =
        serde_json::from_str(&read(&mut localcoder(home, &["models", "list", "--json"]))?)?;
    let rows = list["models"].as_array().context("a list")?;
    for model in rows {
        ensure!(model["problem"].is_null(), "a model that can't be used is listed: {model}");
    }
    Ok(rows.iter().any(|model| model["state"] == "installed"))
}

fn localcoder(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(places::program("localcoder"));
    command.args(arguments).env("LOCALCODER_HOME", home).stdin(Stdio::null());
    command
}

fn read(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
