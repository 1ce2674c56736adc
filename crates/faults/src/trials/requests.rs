//! What many requests leave behind in the host: no memory, no descriptor, no thread. Uses the real
//! worker and the demo model, with random cancels. Called by `host`.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use localcoder_protocol::{Cancel, CancelParams, ErrorCode, Generate};
use localcoder_test_support::downloads::Random;

use super::Amount;
use super::client::{Caller, Raw};
use super::processes::{self, Holds};
use super::report::Row;
use super::trial::{Installation, Setup};
use super::verdict::Verdict;

const REQUESTS_A_TIME: usize = 100;
const QUICK_REQUESTS: usize = 300;
/// After this many requests the host holds everything that it needs.
const WARM_UP: usize = 500;
const QUICK_WARM_UP: usize = 100;
/// By how much the host's memory may grow over all of these requests.
const GROWTH_KIB_MAX: u64 = 5 * 1024;
const CANCEL_EVERY: usize = 4;
const ONE_WITHIN: Duration = Duration::from_secs(60);

pub(super) fn run(amount: &Amount) -> Result<Row> {
    let begun = Instant::now();
    let (count, warm_up) = match amount.quick {
        true => (QUICK_REQUESTS, QUICK_WARM_UP),
        false => (REQUESTS_A_TIME * amount.times, WARM_UP),
    };
    let mut verdict = Verdict::default();
    let installation = Installation::start(Setup { scale: 1, real: true, ..Setup::default() })?;
    let mut caller = Caller::greeted(&installation.home(), false)?;
    let mut random = Random::new(count as u64);
    // Growth before this is caches and pools that fill once.
    for number in 0..warm_up {
        request(&mut caller, number, &mut random, &mut verdict)?;
    }
    let before = rested(&installation).context("the host's memory can't be seen here");
    for number in 0..count {
        request(&mut caller, number, &mut random, &mut verdict)?;
    }
    let note = match before.and_then(|before| Ok((before, rested(&installation).context("gone")?)))
    {
        Ok((before, after)) => grown(before, after, &mut verdict),
        Err(why) => format!("{why:#}"),
    };
    drop(caller);
    installation.finish(&mut verdict);
    let name = format!("{count} requests, some cancelled");
    Ok(Row::new(&name, count, verdict, begun.elapsed()).with_note(note))
}

fn request(
    caller: &mut Caller,
    number: usize,
    random: &mut Random,
    verdict: &mut Verdict,
) -> Result<()> {
    let (id, tokens) = (format!("r{number}"), 1 + number % 8);
    // Each prompt differs, or the cache would answer most of them.
    let prompt = format!("def f{number}(");
    let max_tokens = u32::try_from(tokens).ok();
    let raw = Raw { id: &id, prompt: &prompt, max_tokens, ..Raw::default() };
    let call = caller.client.start::<Generate>(&raw.params())?;
    let cancels = random.between(0, CANCEL_EVERY) == 0;
    if cancels {
        std::thread::sleep(Duration::from_micros(random.between(0, 10_000) as u64));
        caller.client.start::<Cancel>(&CancelParams { request_id: id.clone() })?;
    }
    let ended = caller.end_of(call, ONE_WITHIN);
    verdict.ended(&ended);
    let is_end = match &ended.result {
        Some(Ok(_)) => true,
        Some(Err(error)) => cancels && error.code == ErrorCode::Cancelled,
        None => false,
    };
    if !is_end {
        verdict.fail(format!("request {number} ended as `{}`", ended.word()));
    }
    Ok(())
}

/// What the host holds once it has nothing to do; `None` if the system has no `/proc`.
fn rested(installation: &Installation) -> Option<Holds> {
    std::thread::sleep(Duration::from_millis(500));
    processes::holds(installation.host_pid())
}

fn grown(before: Holds, after: Holds, verdict: &mut Verdict) -> String {
    let memory = after.memory_kib.saturating_sub(before.memory_kib);
    if memory > GROWTH_KIB_MAX {
        verdict.fail(format!("the host has grown by {memory} KiB"));
    }
    // Exact, unlike memory: one descriptor for every so-and-so many requests is a leak.
    if after.descriptors > before.descriptors || after.threads > before.threads {
        verdict.fail(format!("the host holds more than before: {before:?}, {after:?}"));
    }
    format!(
        "the host: {} KiB, then {} KiB; {} descriptors, then {}; {} threads, then {}",
        before.memory_kib,
        after.memory_kib,
        before.descriptors,
        after.descriptors,
        before.threads,
        after.threads
    )
}
