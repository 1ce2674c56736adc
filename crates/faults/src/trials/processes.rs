//! Which processes belong to an installation, found by its folder in their environment, and what
//! resources they hold. Used by the trials to find what was left behind.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Sends a signal; returns whether there was a process to receive it.
pub(super) fn signal(pid: u32, signal: Signal) -> bool {
    number(pid).is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// Whether a process runs. A zombie, which only waits for its parent, does not count: its parent
/// may be a trial that has not looked yet.
pub(super) fn runs(pid: u32) -> bool {
    number(pid).is_some_and(|pid| test_kill_process(pid).is_ok()) && !is_zombie(pid)
}

fn number(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn is_zombie(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may have spaces and parentheses itself, so the last one counts.
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// The processes of the installation in `home`: process ids and program names. Found by their
/// environment, because a worker whose host was killed has no parent that would lead to it.
#[cfg(target_os = "linux")]
pub(super) fn of(home: &Path) -> Vec<(u32, String)> {
    let wanted = format!("LOCALCODER_HOME={}", home.display()).into_bytes();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_ours = |pid: &u32| {
        // Unreadable for processes of others, which are not ours then.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    };
    let named = |pid: u32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        Some((pid, program.file_name()?.to_string_lossy().into_owned()))
    };
    pids.filter(is_ours).filter_map(named).collect()
}

/// From `ps`, which prints the environment behind the command; the space keeps a longer path from
/// matching.
#[cfg(not(target_os = "linux"))]
pub(super) fn of(home: &Path) -> Vec<(u32, String)> {
    let wanted = format!("LOCALCODER_HOME={} ", home.display());
    let output = std::process::Command::new("ps").args(["-axEww", "-o", "pid=,command="]).output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let process = |line: &str| {
        let (pid, rest) = line.trim().split_once(' ')?;
        let program = rest.split_whitespace().next()?.rsplit('/').next()?;
        format!("{rest} ").contains(&wanted).then_some((pid.parse().ok()?, program.to_owned()))
    };
    text.unwrap_or_default().lines().filter_map(process).collect()
}

pub(super) fn workers(home: &Path) -> Vec<u32> {
    let is_worker = |(_, name): &(u32, String)| name.ends_with("-worker");
    of(home).into_iter().filter(is_worker).map(|(pid, _)| pid).collect()
}

/// Polls until a condition holds; returns how long that took, or `None` if it took too long.
pub(super) fn wait(within: Duration, holds: impl Fn() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    loop {
        if holds() {
            return Some(begun.elapsed());
        }
        if begun.elapsed() > within {
            return None;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holds {
    pub(super) memory_kib: u64,
    pub(super) descriptors: usize,
    pub(super) threads: usize,
}

/// `None` if the system has no `/proc`.
pub(super) fn holds(pid: u32) -> Option<Holds> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let count =
        |folder: &str| Some(std::fs::read_dir(format!("/proc/{pid}/{folder}")).ok()?.count());
    Some(Holds {
        memory_kib: memory.split_whitespace().next()?.parse().ok()?,
        descriptors: count("fd")?,
        threads: count("task")?,
    })
}
