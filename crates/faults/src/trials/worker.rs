//! Workers that die, hang and send nonsense, at every moment of their lives. A trial consists of a
//! host of its own with a fake worker that misbehaves once, a client that sends a request, and
//! checks of everything that must stay as it is. `real` in this folder does the same to the real
//! worker.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use localcoder_protocol::{Cancel, CancelParams, DEMO, ErrorCode, Unload, UnloadParams};
use localcoder_test_support::fake_worker::{Fatal, Fault, Moment, Note, Script};

use super::client::{Caller, Ended, Kind};
use super::report::{self, Row};
use super::trial::{DOCUMENT, Installation, SCALE, Setup, many};
use super::verdict::{KILLED, READY, SHOWN, Verdict};
use super::watcher::Watcher;
use super::{Amount, processes, real};

const AT_ONCE: usize = 3;
/// Trials of one kind that run at once in real time, where several kinds run at once, too. They
/// mostly wait for deadlines.
const AT_ONCE_TRUE: usize = 4;
/// How many trials with the faster clock there are for each one in real time.
const SCALED_TO_TRUE: usize = 10;
/// Bytes of a flood when the host's clock runs faster: its deadlines come sooner, and reading does
/// not.
const SMALL_FLOOD_BYTES: usize = 4_000_000;
const CANCEL_WITHIN: Duration = Duration::from_secs(2);
const UNLOAD_WITHIN: Duration = Duration::from_secs(5);

/// What makes the worker reach the moment of the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trigger {
    Request,
    Unload,
    Cancel,
}

/// What the fault does to the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Deadly,
    Hang,
    Harmless,
}

struct Case {
    name: &'static str,
    at: Moment,
    fault: Fault,
    trigger: Trigger,
    effect: Effect,
}

const fn case(name: &'static str, at: Moment, fault: Fault, effect: Effect) -> Case {
    Case { name, at, fault, trigger: Trigger::Request, effect }
}

const CASES: &[Case] = &[
    case("SIGKILL at the start", Moment::Spawn, Fault::Signal(Fatal::Kill), Effect::Deadly),
    case("SIGKILL in the handshake", Moment::Handshake, Fault::Signal(Fatal::Kill), Effect::Deadly),
    case(
        "SIGKILL at 10 % of a load",
        Moment::Load(0.1),
        Fault::Signal(Fatal::Kill),
        Effect::Deadly,
    ),
    case(
        "SIGKILL at 50 % of a load",
        Moment::Load(0.5),
        Fault::Signal(Fatal::Kill),
        Effect::Deadly,
    ),
    case(
        "SIGKILL at 90 % of a load",
        Moment::Load(0.9),
        Fault::Signal(Fatal::Kill),
        Effect::Deadly,
    ),
    case("SIGKILL in prefill", Moment::Prefill, Fault::Signal(Fatal::Kill), Effect::Deadly),
    case(
        "SIGKILL at the first token",
        Moment::FirstToken,
        Fault::Signal(Fatal::Kill),
        Effect::Deadly,
    ),
    case("SIGKILL in decode", Moment::Token(4), Fault::Signal(Fatal::Kill), Effect::Deadly),
    Case {
        name: "SIGKILL in an unload",
        at: Moment::Unload,
        fault: Fault::Signal(Fatal::Kill),
        trigger: Trigger::Unload,
        effect: Effect::Deadly,
    },
    case("SIGSEGV in decode", Moment::Token(4), Fault::Signal(Fatal::Segv), Effect::Deadly),
    case("SIGABRT in decode", Moment::Token(4), Fault::Signal(Fatal::Abrt), Effect::Deadly),
    case("SIGBUS in decode", Moment::Token(4), Fault::Signal(Fatal::Bus), Effect::Deadly),
    case("SIGILL in decode", Moment::Token(4), Fault::Signal(Fatal::Ill), Effect::Deadly),
    case("SIGFPE in decode", Moment::Token(4), Fault::Signal(Fatal::Fpe), Effect::Deadly),
    case("exit 0 at the start", Moment::Spawn, Fault::Exit(0), Effect::Deadly),
    case("SIGSTOP in a load", Moment::Load(0.5), Fault::Stop, Effect::Hang),
    case("SIGSTOP in prefill", Moment::Prefill, Fault::Stop, Effect::Hang),
    case("SIGSTOP in decode", Moment::Token(4), Fault::Stop, Effect::Hang),
    case("SIGKILL when idle", Moment::Idle, Fault::Signal(Fatal::Kill), Effect::Deadly),
    case("exit 3 in decode", Moment::Token(4), Fault::Exit(3), Effect::Deadly),
    case("garbage in the handshake", Moment::Handshake, Fault::Garbage, Effect::Deadly),
    case("garbage in decode", Moment::Token(4), Fault::Garbage, Effect::Deadly),
    case("valid frames of nonsense", Moment::Prefill, Fault::Nonsense, Effect::Harmless),
    case("a flood of stderr", Moment::Prefill, Fault::Flood, Effect::Harmless),
    case("no sign of life in prefill", Moment::Prefill, Fault::Silent, Effect::Hang),
    case("beats, no progress in a load", Moment::Load(0.5), Fault::Stall, Effect::Hang),
    case("beats, no progress in prefill", Moment::Prefill, Fault::Stall, Effect::Hang),
    case("beats, no progress in decode", Moment::Token(4), Fault::Stall, Effect::Hang),
    case("another version", Moment::Handshake, Fault::WrongVersion, Effect::Deadly),
    case(
        "an error of the load",
        Moment::Load(0.5),
        Fault::LoadError(ErrorCode::ModelLoadFailed),
        Effect::Harmless,
    ),
    case("tokens of another request", Moment::Token(2), Fault::LateToken, Effect::Harmless),
    Case {
        name: "a cancel that is ignored",
        at: Moment::FirstToken,
        fault: Fault::IgnoreCancel,
        trigger: Trigger::Cancel,
        effect: Effect::Hang,
    },
];

/// Runs all parts that were asked for. Whatever one of them finds, the next is run as well; the
/// first error is returned.
pub(super) fn run(amount: &Amount) -> Result<()> {
    let scaled = if amount.scaled { scaled(amount) } else { Ok(()) };
    let by_the_world = if amount.true_times { true_times(amount) } else { Ok(()) };
    let with_the_real = if amount.real { real::run(amount) } else { Ok(()) };
    scaled.and(by_the_world).and(with_the_real)
}

fn scaled(amount: &Amount) -> Result<()> {
    let begun = Instant::now();
    report::heading();
    let run = |case: &Case| many(case.name, amount.times, AT_ONCE, |it| trial(case, it, SCALE));
    let rows: Vec<Row> = chosen(amount).map(run).collect();
    report::conclude(&amount.file("worker"), "20 times the world's", &rows, begun.elapsed())
}

fn chosen(amount: &Amount) -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| amount.wants(case.name))
}

/// A few trials of each kind in real time. Those that mostly wait run in parallel.
fn true_times(amount: &Amount) -> Result<()> {
    let begun = Instant::now();
    crate::report::line("by the world's clock:");
    let times = (amount.times / SCALED_TO_TRUE).max(1);
    let (hangs, others): (Vec<_>, Vec<_>) =
        chosen(amount).partition(|case| case.effect == Effect::Hang);
    // Hangs wait for deadlines of many seconds, so all of them run at once; the others would
    // disturb each other's times.
    let mut rows: Vec<Row> = others
        .into_iter()
        .map(|case| many(case.name, times, AT_ONCE, |number| trial(case, number, 1)))
        .collect();
    std::thread::scope(|scope| {
        let run = |case: &'static Case| {
            move || many(case.name, times, AT_ONCE_TRUE, |number| trial(case, number, 1))
        };
        let threads: Vec<_> = hangs.into_iter().map(|case| scope.spawn(run(case))).collect();
        rows.extend(threads.into_iter().filter_map(|thread| thread.join().ok()));
    });
    report::conclude(&amount.file("worker-true"), "the world's", &rows, begun.elapsed())
}

fn trial(case: &Case, number: usize, scale: u64) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let slow = Script {
        // An answer that is cancelled must last until its worker is ended.
        per_token_ms: Some(if case.trigger == Trigger::Cancel { 10 * SCALE / scale } else { 2 }),
        tokens: Some(if case.trigger == Trigger::Cancel { 1_000_000 } else { 12 }),
        flood_bytes: (scale > 1).then_some(SMALL_FLOOD_BYTES),
        ..Script::default()
    };
    // Once: the worker that is started next must be a sound one.
    let script = Script { at: Some(case.at), fault: Some(case.fault), times: Some(1), ..slow };
    let installation =
        Installation::start(Setup { scale, scripts: vec![script], ..Setup::default() })?;
    let watcher = Watcher::start(&installation)?;
    let mut caller = Caller::greeted(&installation.home(), true)?;
    let kind = if case.trigger == Trigger::Cancel { Kind::Generate } else { Kind::of(number) };
    let call = caller.ask(kind, "first", DOCUMENT)?;
    let mut ended = Ended::default();
    let within = installation.patience(150);
    if case.trigger == Trigger::Cancel {
        cancel(&mut caller, call, within, &mut ended, &mut verdict)?;
    } else {
        caller.go_on(call, within, &mut ended, |_| false);
    }
    verdict.ended(&ended);
    if case.trigger == Trigger::Unload {
        unload(&mut caller, &mut verdict);
    }
    // The request may end before the moment of the fault, as with an idle worker.
    // A trial in which the fault never came would pass without having tried anything.
    let misdone = || Note::read(&installation.notes()).iter().any(|note| note.is_fault);
    if processes::wait(Duration::from_secs(10), misdone).is_none() {
        verdict.fail("the worker did not come to misbehave");
    }
    if case.trigger == Trigger::Cancel {
        still_answers(&installation, &mut verdict, call, &caller);
    } else {
        installation.recovers(&mut caller, &mut verdict, within);
        if caller.answered_again(call) {
            verdict.fail("a request was answered twice");
        }
    }
    // The generation that ignores its cancel would continue forever, so nothing more is asked of
    // its worker.
    let watched = watcher.finish(&mut verdict);
    measure(case, &installation, &ended, watched.gone_ns, &mut verdict);
    drop(caller);
    installation.finish(&mut verdict);
    Ok(verdict)
}

/// Cancels after the first word; the answer must come at once, whatever the worker does.
fn cancel(
    caller: &mut Caller,
    call: i64,
    within: Duration,
    ended: &mut Ended,
    verdict: &mut Verdict,
) -> Result<()> {
    caller.go_on(call, within, ended, |text| !text.is_empty());
    let begun = Instant::now();
    let params = CancelParams { request_id: "first".to_owned() };
    caller.client.start::<Cancel>(&params).map_err(|error| anyhow!("{error}"))?;
    caller.go_on(call, within, ended, |_| false);
    let is_cancelled = matches!(&ended.result, Some(Err(it)) if it.code == ErrorCode::Cancelled);
    if !is_cancelled || begun.elapsed() > CANCEL_WITHIN {
        let word = ended.word();
        verdict.fail(format!("a cancel ended as `{word}` after {:?}", begun.elapsed()));
    }
    Ok(())
}

/// Unloads the model. If its worker dies of that, this request has not failed. It is repeated,
/// since the state of the prompts' common beginning may be being saved, which takes some
/// milliseconds.
fn unload(caller: &mut Caller, verdict: &mut Verdict) {
    let params = UnloadParams { model: DEMO.to_owned() };
    let deadline = Instant::now() + UNLOAD_WITHIN;
    while Instant::now() < deadline {
        match caller.client.call::<Unload>(&params, |_, _| {}) {
            Ok(answer) if answer.unloaded => return,
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return verdict.fail(format!("an unload failed: {error}")),
        }
    }
    verdict.fail("an idle model was not unloaded");
}

/// A worker that does not stop is ended, and another one answers. That one would ignore the next
/// cancel as well, so the next request is short.
fn still_answers(installation: &Installation, verdict: &mut Verdict, call: i64, caller: &Caller) {
    let first =
        Note::read(&installation.notes()).iter().find(|note| note.is_fault).map(|it| it.pid);
    let gone = || first.is_some_and(|pid| !processes::runs(pid));
    if processes::wait(installation.patience(30), gone).is_none() {
        verdict.fail("a worker that ignores a cancel lives on");
    }
    if caller.answered_again(call) {
        verdict.fail("a request was answered twice");
    }
    let mut command =
        installation.command(&["generate", "--raw", "--prompt", "x", "--max-tokens", "4"]);
    if !command.output().is_ok_and(|output| output.status.success()) {
        verdict.fail("after a cancel nothing is answered");
    }
}

/// Records the times: the worker's from its own notes, the client's from what it received. A hang
/// counts from when its process was gone, a death from the fault itself.
fn measure(
    case: &Case,
    installation: &Installation,
    ended: &Ended,
    gone_ns: Option<u128>,
    verdict: &mut Verdict,
) {
    let notes = Note::read(&installation.notes());
    let Some(is_fault) = notes.iter().find(|note| note.is_fault) else { return };
    let death_ns = match case.effect {
        Effect::Harmless => return,
        Effect::Deadly => is_fault.unix_ns,
        Effect::Hang => {
            let Some(gone_ns) = gone_ns else { return verdict.fail("a hang was not ended") };
            verdict.time_between(KILLED, is_fault.unix_ns, gone_ns);
            gone_ns
        }
    };
    // The check notices the end of a process a little later than the host reports it.
    // Signs before the fault belong to an earlier state.
    let shown = ended.signs_ns.iter().find(|sign| **sign >= is_fault.unix_ns);
    if let Some(shown) = shown.filter(|_| case.trigger == Trigger::Request) {
        verdict.time_between(SHOWN, death_ns, *shown);
    }
    // By another process: the victim may have loaded before.
    let next = |note: &&Note| note.word == "loaded" && note.pid != is_fault.pid;
    if let Some(next) = notes.iter().find(next) {
        verdict.time_between(READY, death_ns, next.unix_ns);
    }
}
