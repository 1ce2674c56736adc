//! What a host that died has left: its workers are told by the system to end with it, and where that
//! failed the next host ends them before it starts its own, so that no model is ever there twice.
//! Each running worker is noted in a file of the runtime folder with the time it was started at,
//! since numbers of processes are used again. Called by the thread that starts workers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

/// A killed process is gone by then, but for one that waits for a dead disk.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A process by what tells it from a later one with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    pid: u32,
    started: String,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Orphans {
    path: PathBuf,
    running: Vec<Noted>,
}

impl Orphans {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, running: Vec::new() }
    }

    /// Ends what an earlier host has left, and waits until it is gone.
    pub(super) fn end_left(&self) {
        let text = fs_err::read_to_string(&self.path).unwrap_or_default();
        let left: Vec<Noted> = serde_json::from_str(&text).unwrap_or_default();
        for noted in left.into_iter().filter(still_runs) {
            tracing::warn!(pid = noted.pid, "a worker of an earlier host is ended");
            let Some(pid) = number(noted.pid) else { continue };
            let _ = kill_process(pid, Signal::KILL);
            let deadline = Instant::now() + GONE_WITHIN;
            while still_runs(&noted) && Instant::now() < deadline {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    /// Notes a worker that was just started.
    pub(super) fn started(&mut self, pid: u32) {
        self.running.retain(still_runs);
        if let Some(started) = started(pid) {
            self.running.push(Noted { pid, started });
        }
        let text = serde_json::to_string(&self.running).expect("plain data is always JSON");
        if let Err(error) = fs_err::write(&self.path, text) {
            tracing::warn!(%error, "the next host will not know of this worker");
        }
    }
}

fn number(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

fn still_runs(noted: &Noted) -> bool {
    number(noted.pid).is_some_and(|pid| test_kill_process(pid).is_ok())
        && started(noted.pid).as_ref() == Some(&noted.started)
}

/// When a process was started, in the system's own words; `None` for one that is gone or only
/// waits for its parent.
#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // The 22nd field; the third was the first after the name.
    (state != "Z").then(|| fields.nth(18).map(str::to_owned))?
}

/// As on Linux.
#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let output = std::process::Command::new("/bin/ps")
        .args(["-o", "lstart=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn sleeper() -> std::process::Child {
        Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn what_was_noted_is_ended_and_another_process_of_the_number_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("workers.json");
        let (mut left, mut other) = (sleeper(), sleeper());
        let mut orphans = Orphans::new(path.clone());
        orphans.started(left.id());
        let reaped = std::thread::spawn(move || left.wait().unwrap());
        let mut noted: Vec<Noted> =
            serde_json::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
        noted.push(Noted { pid: other.id(), started: "another time".to_owned() });
        fs_err::write(&path, serde_json::to_string(&noted).unwrap()).unwrap();
        Orphans::new(path.clone()).end_left();
        assert!(!reaped.join().unwrap().success(), "it was killed");
        assert!(other.try_wait().unwrap().is_none(), "this one is somebody else's");
        other.kill().unwrap();
        other.wait().unwrap();
        fs_err::write(&path, "{").unwrap();
        Orphans::new(path).end_left();
    }
}
