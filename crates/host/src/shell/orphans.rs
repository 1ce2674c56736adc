//! What a dead host has left behind: the system ends its workers along with it, and if that failed,
//! the next host ends them before it starts its own, so that no model is ever in memory twice. Each
//! running worker is noted in a file of the runtime folder together with its start time, since
//! process ids are reused. Called by the thread that starts workers.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::process::Process;

const GONE_WITHIN: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Orphans {
    path: PathBuf,
    running: Vec<Process>,
}

impl Orphans {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, running: Vec::new() }
    }

    /// Ends the workers that an earlier host has left, and waits until they are gone. A file that
    /// can't be read is an empty one: the host must start.
    pub(super) fn end_left(&self) {
        let text = fs_err::read_to_string(&self.path).unwrap_or_default();
        let left: Vec<Process> = serde_json::from_str(&text).unwrap_or_default();
        for worker in left.into_iter().filter(Process::runs) {
            tracing::warn!(pid = worker.pid, "a worker of an earlier host is ended");
            worker.signal(Signal::KILL);
            // One after another: what they hold must be free before the first load.
            worker.ends(GONE_WITHIN);
        }
    }

    /// Notes a worker that was just started; those that are gone are forgotten.
    pub(super) fn started(&mut self, pid: u32) {
        self.running.retain(Process::runs);
        self.running.extend(Process::of(pid));
        let text = serde_json::to_string(&self.running).expect("plain data is always JSON");
        if let Err(error) = fs_err::write(&self.path, text) {
            tracing::warn!(%error, "the next host will not know of this worker");
        }
    }
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
        let mut noted: Vec<serde_json::Value> =
            serde_json::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
        noted.push(serde_json::json!({"pid": other.id(), "started": "another time"}));
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
