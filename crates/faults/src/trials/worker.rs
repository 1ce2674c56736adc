//! Workers that die, hang and talk nonsense, at every moment of their lives. One trial: a host of
//! its own with a fake worker that misbehaves once, a client that asks for something, and a look at
//! all that must stay as it is. `real` beside this file does the same to the real worker.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use localcoder_protocol::{Cancel, CancelParams, DEMO, ErrorCode, Unload, UnloadParams};
use localcoder_test_support::fake_worker::{Deed, Fatal, Moment, Note, Script};

use super::client::{Caller, Ended, Kind};
use super::report::{self, Row};
use super::trial::{DOCUMENT, Ground, SCALE, Setup, many};
use super::verdict::{KILLED, READY, SHOWN, Verdict};
use super::watcher::Watcher;
use super::{Amount, processes, real};

/// Trials at once, by a clock that is not the world's: more would take each other's time.
const AT_ONCE: usize = 3;
/// Trials of one kind at once by the world's clock, and there are several kinds at once.
const AT_ONCE_TRUE: usize = 4;
/// This many trials by the scaled clock come on one by the world's.
const SCALED_TO_TRUE: usize = 10;
/// What a flood has where the host's clock runs faster than it can be read.
const SMALL_FLOOD_BYTES: usize = 4_000_000;
/// A cancel is answered within this.
const CANCEL_WITHIN: Duration = Duration::from_secs(2);
/// An idle model can be unloaded within this.
const UNLOAD_WITHIN: Duration = Duration::from_secs(5);

/// What brings the worker to the moment in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Request,
    Unload,
    Cancel,
}

/// What the fault does to the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Deadly,
    Hang,
    Harmless,
}

struct Case {
    name: &'static str,
    at: Moment,
    deed: Deed,
    by: By,
    is: Is,
}

const fn case(name: &'static str, at: Moment, deed: Deed, is: Is) -> Case {
    Case { name, at, deed, by: By::Request, is }
}

const CASES: &[Case] = &[
    case("SIGKILL at the start", Moment::Spawn, Deed::Signal(Fatal::Kill), Is::Deadly),
    case("SIGKILL in the handshake", Moment::Handshake, Deed::Signal(Fatal::Kill), Is::Deadly),
    case("SIGKILL at 10 % of a load", Moment::Load(0.1), Deed::Signal(Fatal::Kill), Is::Deadly),
    case("SIGKILL at 50 % of a load", Moment::Load(0.5), Deed::Signal(Fatal::Kill), Is::Deadly),
    case("SIGKILL at 90 % of a load", Moment::Load(0.9), Deed::Signal(Fatal::Kill), Is::Deadly),
    case("SIGKILL in prefill", Moment::Prefill, Deed::Signal(Fatal::Kill), Is::Deadly),
    case("SIGKILL at the first token", Moment::FirstToken, Deed::Signal(Fatal::Kill), Is::Deadly),
    case("SIGKILL in decode", Moment::Token(4), Deed::Signal(Fatal::Kill), Is::Deadly),
    Case {
        name: "SIGKILL in an unload",
        at: Moment::Unload,
        deed: Deed::Signal(Fatal::Kill),
        by: By::Unload,
        is: Is::Deadly,
    },
    case("SIGSEGV in decode", Moment::Token(4), Deed::Signal(Fatal::Segv), Is::Deadly),
    case("SIGABRT in decode", Moment::Token(4), Deed::Signal(Fatal::Abrt), Is::Deadly),
    case("SIGBUS in decode", Moment::Token(4), Deed::Signal(Fatal::Bus), Is::Deadly),
    case("SIGILL in decode", Moment::Token(4), Deed::Signal(Fatal::Ill), Is::Deadly),
    case("SIGFPE in decode", Moment::Token(4), Deed::Signal(Fatal::Fpe), Is::Deadly),
    case("exit 0 at the start", Moment::Spawn, Deed::Exit(0), Is::Deadly),
    case("SIGSTOP in a load", Moment::Load(0.5), Deed::Stop, Is::Hang),
    case("SIGSTOP in prefill", Moment::Prefill, Deed::Stop, Is::Hang),
    case("SIGSTOP in decode", Moment::Token(4), Deed::Stop, Is::Hang),
    case("SIGKILL when idle", Moment::Idle, Deed::Signal(Fatal::Kill), Is::Deadly),
    case("exit 3 in decode", Moment::Token(4), Deed::Exit(3), Is::Deadly),
    case("garbage in the handshake", Moment::Handshake, Deed::Garbage, Is::Deadly),
    case("garbage in decode", Moment::Token(4), Deed::Garbage, Is::Deadly),
    case("valid frames of nonsense", Moment::Prefill, Deed::Nonsense, Is::Harmless),
    case("a flood of stderr", Moment::Prefill, Deed::Flood, Is::Harmless),
    case("no sign of life in prefill", Moment::Prefill, Deed::Silent, Is::Hang),
    case("beats, no progress in a load", Moment::Load(0.5), Deed::Stall, Is::Hang),
    case("beats, no progress in prefill", Moment::Prefill, Deed::Stall, Is::Hang),
    case("beats, no progress in decode", Moment::Token(4), Deed::Stall, Is::Hang),
    case("another version", Moment::Handshake, Deed::WrongVersion, Is::Deadly),
    case(
        "an error of the load",
        Moment::Load(0.5),
        Deed::LoadError(ErrorCode::ModelLoadFailed),
        Is::Harmless,
    ),
    case("tokens of another request", Moment::Token(2), Deed::LateToken, Is::Harmless),
    Case {
        name: "a cancel that is ignored",
        at: Moment::FirstToken,
        deed: Deed::IgnoreCancel,
        by: By::Cancel,
        is: Is::Hang,
    },
];

/// All of it. What one part finds is no reason not to go on to the next.
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

/// A few of each by the world's clock. Those that wait for most of it go side by side.
fn true_times(amount: &Amount) -> Result<()> {
    let begun = Instant::now();
    crate::report::line("by the world's clock:");
    let times = (amount.times / SCALED_TO_TRUE).max(1);
    let (hangs, others): (Vec<_>, Vec<_>) = chosen(amount).partition(|case| case.is == Is::Hang);
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
        per_token_ms: Some(if case.by == By::Cancel { 10 * SCALE / scale } else { 2 }),
        tokens: Some(if case.by == By::Cancel { 1_000_000 } else { 12 }),
        flood_bytes: (scale > 1).then_some(SMALL_FLOOD_BYTES),
        ..Script::default()
    };
    let script = Script { at: Some(case.at), deed: Some(case.deed), times: Some(1), ..slow };
    let ground = Ground::start(Setup { scale, scripts: vec![script], ..Setup::default() })?;
    let watcher = Watcher::start(&ground)?;
    let mut caller = Caller::greeted(&ground.home(), true)?;
    let kind = if case.by == By::Cancel { Kind::Generate } else { Kind::of(number) };
    let call = caller.ask(kind, "first", DOCUMENT)?;
    let mut ended = Ended::default();
    let within = ground.patience(150);
    if case.by == By::Cancel {
        cancel(&mut caller, call, within, &mut ended, &mut verdict)?;
    } else {
        caller.go_on(call, within, &mut ended, |_| false);
    }
    verdict.ended(&ended);
    if case.by == By::Unload {
        unload(&mut caller, &mut verdict);
    }
    let misdone = || Note::read(&ground.notes()).iter().any(|note| note.misdeed);
    if processes::wait(Duration::from_secs(10), misdone).is_none() {
        verdict.complain("the worker did not come to misbehave");
    }
    if case.by == By::Cancel {
        still_answers(&ground, &mut verdict, call, &caller);
    } else {
        ground.recovers(&mut caller, &mut verdict, within);
        if caller.answered_again(call) {
            verdict.complain("a request was answered twice");
        }
    }
    // The generation that ignores its cancel would go on for ever: nothing is asked of it again.
    let watched = watcher.finish(&mut verdict);
    measure(case, &ground, &ended, watched.gone_ns, &mut verdict);
    drop(caller);
    ground.finish(&mut verdict);
    Ok(verdict)
}

/// Cancels after the first word; the answer is there at once, whatever the worker does.
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
        verdict.complain(format!("a cancel ended as `{word}` after {:?}", begun.elapsed()));
    }
    Ok(())
}

/// Its worker dies of it, which is not a failure of this request. What all prompts begin with may just
/// be saved, for some milliseconds.
fn unload(caller: &mut Caller, verdict: &mut Verdict) {
    let params = UnloadParams { model: DEMO.to_owned() };
    let deadline = Instant::now() + UNLOAD_WITHIN;
    while Instant::now() < deadline {
        match caller.client.call::<Unload>(&params, |_, _| {}) {
            Ok(answer) if answer.unloaded => return,
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return verdict.complain(format!("an unload failed: {error}")),
        }
    }
    verdict.complain("an idle model was not unloaded");
}

/// The worker that does not stop is ended, and another one answers. It would ignore the next
/// cancel too, so the next request is short.
fn still_answers(ground: &Ground, verdict: &mut Verdict, call: i64, caller: &Caller) {
    let first = Note::read(&ground.notes()).iter().find(|note| note.misdeed).map(|it| it.pid);
    let gone = || first.is_some_and(|pid| !processes::runs(pid));
    if processes::wait(ground.patience(30), gone).is_none() {
        verdict.complain("a worker that ignores a cancel lives on");
    }
    if caller.answered_again(call) {
        verdict.complain("a request was answered twice");
    }
    let mut command = ground.command(&["generate", "--raw", "--prompt", "x", "--max-tokens", "4"]);
    if !command.output().is_ok_and(|output| output.status.success()) {
        verdict.complain("after a cancel nothing is answered");
    }
}

/// The times: of the worker by its own notes, of the client by what it was told.
fn measure(
    case: &Case,
    ground: &Ground,
    ended: &Ended,
    gone_ns: Option<u128>,
    verdict: &mut Verdict,
) {
    let notes = Note::read(&ground.notes());
    let Some(misdeed) = notes.iter().find(|note| note.misdeed) else { return };
    let death_ns = match case.is {
        Is::Harmless => return,
        Is::Deadly => misdeed.unix_ns,
        Is::Hang => {
            let Some(gone_ns) = gone_ns else { return verdict.complain("a hang was not ended") };
            verdict.time_between(KILLED, misdeed.unix_ns, gone_ns);
            gone_ns
        }
    };
    // That a process is gone is seen a little later than the host tells it.
    let shown = ended.signs_ns.iter().find(|sign| **sign >= misdeed.unix_ns);
    if let Some(shown) = shown.filter(|_| case.by == By::Request) {
        verdict.time_between(SHOWN, death_ns, *shown);
    }
    let next = |note: &&Note| note.word == "loaded" && note.pid != misdeed.pid;
    if let Some(next) = notes.iter().find(next) {
        verdict.time_between(READY, death_ns, next.unix_ns);
    }
}
