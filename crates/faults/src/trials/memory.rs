//! Memory that does not suffice: the engine reports it, a worker's last words mention it, the
//! system refuses it at a limit, or the system's killer strikes. Each request ends with an answer
//! that needs less memory, or with an error that says what to do, after a few loads and never more.
//! Memory pressure can't be caused without harming the machine, so the host's own tests cover it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use localcoder_protocol::{ErrorCode, Generate, Progress};
use localcoder_test_support::fake_worker::{
    Fault, GROUP, LIMIT_AS, Moment, Note, REAL_WORKER, Script,
};

use super::client::{Caller, Ended, Kind, Raw};
use super::report::{self, Row};
use super::trial::{DOCUMENT, Installation, SCALE, Setup, many};
use super::verdict::Verdict;
use super::watcher::Watcher;
use super::{Amount, processes};
use crate::places;

const AT_ONCE: usize = 3;
/// Most loads for one request: as wanted, and three steps down.
const LOADS_MAX: usize = 4;
/// In effect forever, for a single request.
const ALWAYS: usize = 1_000;
/// How many limits on the address space are tried, from far too low to slightly more than enough.
const LIMITS: usize = 200;
/// How many the tests try, which is half of their trials with the real worker.
const QUICK_LIMITS: usize = 8;
/// The smallest limit; below it not even a program without a model starts.
const LEAST_BYTES: u64 = 8 << 20;
const ENOUGH_BYTES: u64 = 8 << 30;
const STEP_BYTES: u64 = 4 << 20;
/// Limits of a control group, from too little to start to nearly enough, so that the demo model's
/// worker is killed at various moments.
const GROUP_BYTES: std::ops::Range<usize> = (3 << 20)..(24 << 20);
const SHARE_PERCENT: usize = 99;

/// Name, moment and fault of each case, and how often the fault strikes. An error is reported by
/// the engine, which survives; last words are what a worker writes before it aborts.
const CASES: &[(&str, Moment, Fault, usize)] = &[
    ("an error of the load, once", Moment::Load(0.5), Fault::OomError, 1),
    ("an error of the load, twice", Moment::Load(0.5), Fault::OomError, 2),
    ("an error of the load, three times", Moment::Load(0.5), Fault::OomError, 3),
    ("an error of every load", Moment::Load(0.5), Fault::OomError, ALWAYS),
    ("last words in the load, once", Moment::Load(0.9), Fault::OomLine, 1),
    ("last words in the load, twice", Moment::Load(0.9), Fault::OomLine, 2),
    ("last words in the load, three times", Moment::Load(0.9), Fault::OomLine, 3),
    ("last words in every load", Moment::Load(0.9), Fault::OomLine, ALWAYS),
    ("an error of the prompt, once", Moment::Prefill, Fault::OomError, 1),
    ("an error of every prompt", Moment::Prefill, Fault::OomError, ALWAYS),
    ("last words in the prompt, once", Moment::Prefill, Fault::OomLine, 1),
    ("last words in every prompt", Moment::Prefill, Fault::OomLine, ALWAYS),
    ("an error in the answer", Moment::Token(4), Fault::OomError, 1),
    ("last words in the answer", Moment::Token(4), Fault::OomLine, 1),
    ("last words at every start", Moment::Spawn, Fault::OomLine, ALWAYS),
];

pub(super) fn run(amount: &Amount) -> Result<()> {
    let begun = Instant::now();
    report::heading();
    let mut rows: Vec<Row> = CASES
        .iter()
        .filter(|case| amount.wants(case.0))
        .map(|case| many(case.0, amount.times, AT_ONCE, |number| scripted(*case, number)))
        .collect();
    if amount.wants("limits") {
        rows.push(limits(amount)?);
    }
    if amount.wants("control group") {
        // Without a limit, and dropped at once: this only tries whether a group can be made here.
        match Group::new(0) {
            Ok(_) => rows.push(groups(amount)),
            Err(why) => crate::report::line(format!("no control group can be made here: {why:#}")),
        }
    }
    report::conclude(&amount.file("memory"), "20 times the world's", &rows, begun.elapsed())
}

fn scripted(
    (name, at, fault, times): (&str, Moment, Fault, usize),
    number: usize,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let script =
        Script { at: Some(at), fault: Some(fault), times: Some(times), ..Script::default() };
    let installation =
        Installation::start(Setup { scale: SCALE, scripts: vec![script], ..Setup::default() })?;
    let watcher = Watcher::start(&installation)?;
    let mut caller = Caller::greeted(&installation.home(), true)?;
    let within = installation.patience(150);
    let call = caller.ask(Kind::of(number), "first", DOCUMENT)?;
    let ended = caller.end_of(call, within);
    verdict.ended(&ended);
    // Of the first request alone: the notes begin with it.
    check_loads(&installation, 0, &mut verdict);
    let is_end = matches!(&ended.result, Some(Ok(_)))
        || matches!(&ended.result, Some(Err(it)) if it.code == ErrorCode::OutOfMemory);
    if !is_end {
        verdict.fail(format!("it ended as `{}`", ended.word()));
    }
    if times < ALWAYS {
        installation.recovers(&mut caller, &mut verdict, within);
        let notes = caller.status().map(|status| status.notes).unwrap_or_default();
        // Whoever gets a smaller context window must be able to see it.
        if !notes.iter().any(|note| is_about_memory(note)) {
            verdict.fail(format!("that less is used is not reported after {name}: {notes:?}"));
        }
    } else {
        // The next request may try again, and must end, too.
        let before = Note::read(&installation.notes()).len();
        let call = caller.ask(Kind::of(number), "second", DOCUMENT)?;
        verdict.ended(&caller.end_of(call, within));
        check_loads(&installation, before, &mut verdict);
    }
    watcher.finish(&mut verdict);
    drop(caller);
    installation.finish(&mut verdict);
    Ok(verdict)
}

fn is_about_memory(note: &str) -> bool {
    ["memory did not suffice", "there was not enough memory", "there was no memory"]
        .iter()
        .any(|it| note.contains(it))
}

fn check_loads(installation: &Installation, before: usize, verdict: &mut Verdict) {
    let notes = Note::read(&installation.notes());
    let loads = notes.iter().skip(before).filter(|note| note.word == "load").count();
    if loads > LOADS_MAX {
        verdict.fail(format!("a request took {loads} loads"));
    }
}

fn limited(variable: &str, value: String) -> Setup {
    let real = places::program("localcoder-worker").display().to_string();
    let variables = vec![(REAL_WORKER.to_owned(), real), (variable.to_owned(), value)];
    Setup { scale: SCALE, variables, ..Setup::default() }
}

/// How a request under a limit ended, and whether in full, that is, with the settings that were
/// wanted.
struct Outcome {
    full: bool,
    ended: Ended,
}

/// Sends one request to the real worker under a limit. What may happen is decided by [`check_end`];
/// the limit itself is never a failure.
fn under(setup: Setup, verdict: &mut Verdict) -> Result<Outcome> {
    let installation = Installation::start(setup)?;
    let mut caller = Caller::greeted(&installation.home(), false)?;
    let raw = Raw { id: "a", prompt: "def f(", max_tokens: Some(16), ..Raw::default() };
    let call = caller.client.start::<Generate>(&raw.params())?;
    let (ended, retries) = watched(&caller, call, installation.patience(150));
    verdict.ended(&ended);
    if retries.len() >= LOADS_MAX {
        verdict.fail(format!("it was tried again {} times", retries.len()));
    }
    // A request that is repeated because its worker crashed is not lowered.
    let lowered = retries.iter().any(|message| message.starts_with("Not enough memory"));
    let status = caller.status()?;
    let lighter = status.notes.iter().any(|note| is_about_memory(note));
    let full = matches!(ended.result, Some(Ok(_))) && !lighter && !lowered;
    check_end(&ended, lighter, full, verdict);
    drop(caller);
    installation.finish(verdict);
    Ok(Outcome { full, ended })
}

/// The end of a request, and the messages about its repetitions. Not [`Caller::end_of`], which
/// counts them without their text.
fn watched(caller: &Caller, call: i64, within: Duration) -> (Ended, Vec<String>) {
    use localcoder_protocol::Notification as _;
    use localcoder_transport::ClientEvent;

    let (mut ended, mut retries) = (Ended::default(), Vec::new());
    let deadline = Instant::now() + within;
    while let Ok(event) = caller.client.events().recv_deadline(deadline) {
        match event {
            ClientEvent::Answer(id, result) if id == call => {
                ended.result = Some(result);
                break;
            }
            ClientEvent::Notification(method, params) if method == Progress::METHOD => {
                if params["stage"] == "retrying" {
                    retries.push(params["message"].as_str().unwrap_or_default().to_owned());
                }
            }
            ClientEvent::Closed => {
                ended.lost = true;
                break;
            }
            ClientEvent::Answer(..) | ClientEvent::Notification(..) => {}
        }
    }
    (ended, retries)
}

/// Checks that the answer came in full, or was lowered and reported as such, or that the error is
/// about a worker or its memory.
fn check_end(ended: &Ended, lighter: bool, full: bool, verdict: &mut Verdict) {
    use ErrorCode::{GenerateFailed, ModelLoadFailed, OutOfMemory, WorkerCrashed, WorkerStart};
    match &ended.result {
        Some(Ok(_)) if !full && !lighter => {
            verdict.fail("a lighter answer, and nothing tells it");
        }
        Some(Err(error)) => {
            let expected =
                [OutOfMemory, WorkerStart, WorkerCrashed, ModelLoadFailed, GenerateFailed];
            if !expected.contains(&error.code) {
                verdict.fail(format!("it ended as `{}`", error.code.as_str()));
            }
        }
        Some(Ok(_)) | None => {}
    }
}

fn limits(amount: &Amount) -> Result<Row> {
    let enough = smallest()?;
    let count = if amount.quick { QUICK_LIMITS } else { LIMITS };
    // Slightly more than enough, so that the last values must be answered in full.
    let most = enough + enough / 8;
    let row = many("limits on the address space", count, AT_ONCE, |number| {
        let mut verdict = Verdict::default();
        let share = (most - LEAST_BYTES) / (count.max(2) - 1) as u64;
        let bytes = LEAST_BYTES + share * number as u64;
        let outcome = under(limited(LIMIT_AS, bytes.to_string()), &mut verdict)?;
        if outcome.full {
            *verdict.endings.entry("in full".to_owned()).or_default() += 1;
        }
        for failure in &mut verdict.failures {
            failure.push_str(&format!(" ({} MiB, {})", bytes >> 20, outcome.ended.word()));
        }
        Ok(verdict)
    });
    let (good, share) = (row.good(count), row.good(count) * 100 / count);
    // With the tests' few limits, a single exception would be more than the share allows.
    ensure!(share >= SHARE_PERCENT || amount.quick, "only {good} of {count} ended as they must");
    Ok(row.with_note(format!(
        "in full from {} MiB on; {good} of {count} ended as they must ({share} %)",
        enough >> 20
    )))
}

/// The smallest limit with which the demo model answers in full, by bisection: it differs from
/// machine to machine.
fn smallest() -> Result<u64> {
    let answers = |bytes: u64| {
        // Failures here are those of too small a limit, and not counted.
        let mut verdict = Verdict::default();
        under(limited(LIMIT_AS, bytes.to_string()), &mut verdict).is_ok_and(|it| it.full)
    };
    ensure!(answers(ENOUGH_BYTES), "the demo model does not answer under any limit");
    let (mut low, mut high) = (LEAST_BYTES, ENOUGH_BYTES);
    while high - low > STEP_BYTES {
        let middle = low + (high - low) / 2;
        if answers(middle) { high = middle } else { low = middle }
    }
    Ok(high)
}

fn groups(amount: &Amount) -> Row {
    many("killed by a control group", amount.times, 1, |number| {
        let mut verdict = Verdict::default();
        let span = GROUP_BYTES.len();
        let bytes = GROUP_BYTES.start + span * number / amount.times.max(1);
        let group = Group::new(bytes as u64)?;
        let procs = group.folder.join("cgroup.procs").display().to_string();
        let outcome = under(limited(GROUP, procs), &mut verdict)?;
        for failure in &mut verdict.failures {
            failure.push_str(&format!(" ({} KiB, {})", bytes >> 10, outcome.ended.word()));
        }
        Ok(verdict)
    })
}

/// A control group with a memory limit, if the system allows creating one, which containers often
/// do not. Of either version: the older has a hierarchy of its own for memory.
struct Group {
    folder: PathBuf,
}

impl Group {
    /// `bytes`: the limit, or 0 for none.
    fn new(bytes: u64) -> Result<Self> {
        // Version 1 of control groups has a tree for each resource, version 2 one for all.
        let old = PathBuf::from("/sys/fs/cgroup/memory");
        let (root, file) = match old.is_dir() {
            true => (old, "memory.limit_in_bytes"),
            false => (PathBuf::from("/sys/fs/cgroup"), "memory.max"),
        };
        let folder = root.join(format!("localcoder-faults-{}", std::process::id()));
        // A group left by an earlier run is empty, unless the trial before has not ended.
        let _ = std::fs::remove_dir(&folder);
        fs_err::create_dir(&folder)?;
        let group = Self { folder };
        if bytes > 0 {
            fs_err::write(group.folder.join(file), bytes.to_string())
                .context("the group takes no limit")?;
        }
        Ok(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Its processes have ended, which the system notices a little later.
        let gone = || std::fs::remove_dir(&self.folder).is_ok();
        processes::wait(Duration::from_secs(2), gone);
    }
}
