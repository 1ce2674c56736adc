//! Many processes start the host at once: afterwards there is one host, one worker and one model.
//! Called by `host`.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use localcoder_protocol::{Warm, WarmParams};
use serde_json::Value;

use super::client::Caller;
use super::host::slow;
use super::report::Row;
use super::trial::{Installation, LEFT_WITHIN, many};
use super::verdict::Verdict;
use super::{Amount, processes};

const RACERS: usize = 32;
const ALL_BACK: &str = "started";

pub(super) fn run(amount: &Amount) -> Row {
    many("32 racers start the host", amount.times, 1, race)
}

fn race(_: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    // Without a host: to start it is the race.
    let installation = Installation::new(slow(1, 4))?;
    let begun = std::time::Instant::now();
    let start = |_| {
        let mut command = installation.command(&["host", "start", "--json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    };
    // All are started before the first is waited for.
    let racers: Vec<Child> = (0..RACERS).map(start).collect::<Result<_, _>>()?;
    let mut hosts = BTreeSet::new();
    for racer in racers {
        let output = racer.wait_with_output()?;
        let answer: Option<Value> = serde_json::from_slice(&output.stdout).ok();
        match answer.and_then(|answer| answer["pid"].as_u64()) {
            // Also a racer that did not start the host must name the one that runs.
            Some(pid) => drop(hosts.insert(pid)),
            None => verdict.fail(format!(
                "a racer failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            )),
        }
    }
    verdict.time(ALL_BACK, begun.elapsed());
    if hosts.len() != 1 {
        verdict.fail(format!("not one host but {hosts:?}"));
    }
    warm_all(&installation, &mut verdict)?;
    let home = installation.home();
    // Hosts that lost the race may still be ending.
    // One host and one worker, and no racer left.
    let one = || processes::of(&home).len() == 2 && processes::workers(&home).len() == 1;
    if processes::wait(LEFT_WITHIN, one).is_none() {
        verdict.orphans += processes::of(&home).len().saturating_sub(2);
        verdict.fail(format!("not one host and one worker: {:?}", processes::of(&home)));
    }
    installation.finish(&mut verdict);
    Ok(verdict)
}

/// Each process asks for the model, and it is loaded once.
fn warm_all(installation: &Installation, verdict: &mut Verdict) -> Result<()> {
    let mut callers: Vec<Caller> =
        (0..RACERS).map(|_| Caller::greeted(&installation.home(), false)).collect::<Result<_>>()?;
    let mut calls = Vec::new();
    for caller in &mut callers {
        calls.push(caller.client.start::<Warm>(&WarmParams::default())?);
    }
    for (caller, call) in callers.iter().zip(calls) {
        let ended = caller.end_of(call, installation.patience(30) + Duration::from_secs(30));
        verdict.ended(&ended);
        if !matches!(ended.result, Some(Ok(_))) {
            verdict.fail(format!("the model did not come: {}", ended.word()));
        }
    }
    let first = callers.first_mut().context("there are racers")?;
    let status = first.status().map_err(|error| anyhow!("{error}"))?;
    if status.residents.len() != 1 {
        verdict.fail(format!("{} models are loaded", status.residents.len()));
    }
    Ok(())
}
