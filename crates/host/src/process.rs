//! Another process of this user, told apart from a later one with the same process id. Used for
//! workers that a dead host left behind, and for a host that does not answer.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

/// How often to check whether a process that should end is gone.
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    started: String,
}

impl Process {
    /// The process that has this id now; `None` if there is none, or one that only waits for its
    /// parent.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, started: system::started(pid)? })
    }

    pub(crate) fn runs(&self) -> bool {
        // Both: the number may be another process's by now, and a process that is gone but not yet
        // waited for still takes signals.
        number(self.pid).is_some_and(|pid| test_kill_process(pid).is_ok())
            && system::started(self.pid).as_ref() == Some(&self.started)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if self.runs()
            && let Some(pid) = number(self.pid)
        {
            let _ = kill_process(pid, signal);
        }
    }

    pub(crate) fn ends(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        // Polled: a process that is not a child of ours can't be waited for.
        while self.runs() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        true
    }

    pub(crate) fn is_stopped(&self) -> bool {
        system::state(self.pid).is_some_and(|state| state.starts_with(['T', 't']))
    }

    pub(crate) fn program(&self) -> Option<String> {
        system::program(self.pid)
    }
}

fn number(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

#[cfg(target_os = "linux")]
mod system {
    /// The fields after the name, which is in parentheses and may contain anything.
    fn fields(pid: u32) -> Option<Vec<String>> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields = stat.rsplit_once(')')?.1.split_whitespace();
        Some(fields.map(str::to_owned).collect())
    }

    pub(super) fn state(pid: u32) -> Option<String> {
        fields(pid)?.into_iter().next()
    }

    /// When it was started, in the system's own format; `None` if it is gone or only waits for its
    /// parent.
    pub(super) fn started(pid: u32) -> Option<String> {
        let fields = fields(pid)?;
        // The start time is the 22nd field, and the first after the name is the third.
        if fields.first()? == "Z" { None } else { fields.into_iter().nth(19) }
    }

    pub(super) fn program(pid: u32) -> Option<String> {
        let path = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let name = path.file_name()?.to_str()?;
        // The kernel appends this if an update has replaced the file since.
        Some(name.trim_end_matches(" (deleted)").to_owned())
    }
}

/// The same functions as on Linux, by means of `ps`, since there is no `/proc`.
#[cfg(not(target_os = "linux"))]
mod system {
    fn ask(pid: u32, what: &str) -> Option<String> {
        let pid = pid.to_string();
        let output =
            std::process::Command::new("/bin/ps").args(["-o", what, "-p", &pid]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        Some(text).filter(|text| !text.is_empty())
    }

    pub(super) fn state(pid: u32) -> Option<String> {
        ask(pid, "state=")
    }

    pub(super) fn started(pid: u32) -> Option<String> {
        ask(pid, "lstart=")
    }

    pub(super) fn program(pid: u32) -> Option<String> {
        ask(pid, "comm=")?.rsplit('/').next().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_its_state_and_its_program() {
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(process.runs() && process.program().is_some());
        assert!(!Process { started: "another time".to_owned(), ..process.clone() }.runs());
        process.signal(Signal::STOP);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !process.is_stopped() {
            assert!(Instant::now() < deadline, "it was not stopped");
        }
        process.signal(Signal::KILL);
        assert!(process.ends(Duration::from_secs(30)), "one that waits for its parent is gone");
        child.wait().unwrap();
        assert!(Process::of(child.id()).is_none_or(|later| later != process));
    }
}
