//! What the walls cost a worker: the time to put them up, and what they add to each system call
//! afterwards. Measured in processes of their own, since a process can't leave its sandbox.
//! `--nocapture` shows the numbers.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use localcoder_sandbox::{Profile, Walls, close};

/// Without this variable the process is not a child.
const CHILD: &str = "LOCALCODER_TEST_SANDBOX_COST";
/// How many processes confine themselves.
const RUNS: usize = 20;
/// How much longer a start of the worker may take: not noticeable next to loading a model.
const CLOSE_MAX: Duration = Duration::from_millis(20);
/// Calls in a series, and how many series: the fastest counts, since others use the processor as
/// well.
const CALLS: u32 = 20_000;
const REPEATS: usize = 7;
/// How much longer a call may take; on a current kernel it is some hundredths of that. The worker
/// makes three to four calls for each token of the demo model, which takes a third of a
/// millisecond.
const CALL_MAX: Duration = Duration::from_micros(2);

/// How long each of many calls takes.
fn each(mut call: impl FnMut()) -> Duration {
    let time = |_| {
        let begun = Instant::now();
        (0..CALLS).for_each(|_| call());
        begun.elapsed() / CALLS
    };
    (0..REPEATS).map(time).min().unwrap_or_default()
}

/// A call that the filter allows whatever its arguments, and one whose arguments it checks.
fn calls(file: &File) -> [Duration; 2] {
    let plain = each(|| {
        std::hint::black_box(std::os::unix::process::parent_id());
    });
    let looked_at = each(|| {
        std::hint::black_box(file.is_terminal());
    });
    [plain, looked_at]
}

/// Runs in the child only, which prints what it took, in nanoseconds, a word each.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let file = File::open("/dev/null").expect("it is there");
    let before = calls(&file);
    // As in the worker, whose host is confined before it starts one: the filters add up.
    let host = close(&Profile::Host { writes: &[] }, Walls::All);
    assert!(host.calls, "the filter can't be had here: {host:?}");
    let begun = Instant::now();
    let confined = close(&Profile::Worker { files_from: None }, Walls::All);
    let took = begun.elapsed();
    assert!(confined.calls, "the filter can't be had here: {confined:?}");
    let after = calls(&file);
    let numbers = [took, before[0], after[0], before[1], after[1]].map(|it| it.as_nanos());
    let _ = writeln!(std::io::stderr(), "cost {numbers:?}");
}

/// What the children measured, each kind sorted.
fn measured() -> [Vec<Duration>; 5] {
    let this = std::env::current_exe().expect("it runs");
    let mut all: [Vec<Duration>; 5] = Default::default();
    for _ in 0..RUNS {
        let mut child = Command::new(&this);
        child.args(["child", "--exact", "--nocapture"]).env(CHILD, "1");
        let output = child.output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find_map(|line| line.strip_prefix("cost "));
        let line = line.unwrap_or_else(|| panic!("{said}"));
        let numbers = line.trim_matches(['[', ']']).split(", ");
        for (kind, number) in all.iter_mut().zip(numbers) {
            kind.push(Duration::from_nanos(number.parse().expect("a number")));
        }
    }
    all.each_mut().map(|kind| {
        kind.sort();
        std::mem::take(kind)
    })
}

#[test]
fn a_worker_starts_and_calls_the_system_about_as_fast_as_without() {
    let [took, plain, plain_closed, looked_at, looked_at_closed] = measured();
    let (median, most) = (took[RUNS / 2], took[RUNS - 1]);
    eprintln!("closing takes {median:?}, at most {most:?}");
    assert!(median <= CLOSE_MAX, "{took:?}");
    for (what, before, after) in [
        ("a call that always passes", &plain, &plain_closed),
        ("a call whose arguments are looked at", &looked_at, &looked_at_closed),
    ] {
        let (before, after) = (before[RUNS / 2], after[RUNS / 2]);
        eprintln!("{what} takes {before:?} without and {after:?} with the filter");
        assert!(after.saturating_sub(before) <= CALL_MAX, "{what}: {before:?}, then {after:?}");
    }
}
