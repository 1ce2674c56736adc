//! What every trial needs: an installation with a host of its own that is checked at the end, and a
//! way to run many trials. The faults themselves are in the other files of this folder, and so are
//! the watcher and the verdict of a trial.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use localcoder_settings::env;
use localcoder_test_support::fake_worker::{SCRIPT, Script};

use super::client::{Caller, Kind};
use super::verdict::Verdict;
use super::{processes, report};
use crate::places;

/// Time after a host's end within which all of its processes must be gone.
pub(super) const LEFT_WITHIN: Duration = Duration::from_secs(2);
/// The factor by which the host's clock runs faster in most trials, so that deadlines of many
/// seconds come soon. A few trials are repeated by the real clock, since machines do not get faster
/// with it.
pub(super) const SCALE: u64 = 20;
/// The document in the requests. The fake worker replaces its zero by a number.
pub(super) const DOCUMENT: &str = "count = 0\ntotal = count + 1\nprint(total)\n";

#[derive(Debug, Clone, Default)]
pub(super) struct Setup {
    pub(super) scale: u64,
    pub(super) scripts: Vec<Script>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) real: bool,
}

/// A private installation, with or without a host. Ends everything that belongs to it when it is
/// dropped, also after a trial that failed halfway.
pub(super) struct Installation {
    folder: tempfile::TempDir,
    setup: Setup,
    host: Option<Child>,
    pub(super) scale: u64,
}

impl Installation {
    pub(super) fn new(setup: Setup) -> Result<Self> {
        // A short path, since that of a socket may have 103 bytes at most.
        let folder = tempfile::Builder::new().prefix("lcf").tempdir_in("/tmp")?;
        std::fs::write(folder.path().join("trial.py"), DOCUMENT)?;
        let scale = setup.scale.max(1);
        Ok(Self { folder, setup, host: None, scale })
    }

    pub(super) fn start(setup: Setup) -> Result<Self> {
        let mut installation = Self::new(setup)?;
        installation.start_host()?;
        Ok(installation)
    }

    pub(super) fn start_host(&mut self) -> Result<()> {
        let mut command = self.command(&["host", "run"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("it was asked for as a pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        self.host = Some(child);
        // After the child is kept, so that a host that did not start is ended, too.
        ensure!(line.contains("\"ready\""), "the host does not start: {line}");
        Ok(())
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("h")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    pub(super) fn host_pid(&self) -> u32 {
        self.host.as_ref().map_or(0, Child::id)
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(places::program("localcoder"));
        command.args(arguments).stdin(Stdio::null()).env("LOCALCODER_HOME", self.home());
        if self.setup.scale > 1 {
            command.env(env::TIME_SCALE, self.setup.scale.to_string());
        }
        if !self.setup.real {
            let mut scripts = self.setup.scripts.clone();
            let counter = Some(self.notes());
            scripts.iter_mut().for_each(|script| script.counter.clone_from(&counter));
            // Whatever comes after the faults is a worker without one.
            scripts.push(Script { counter, ..Script::default() });
            let text = serde_json::to_string(&scripts).expect("plain data is always JSON");
            command.env(SCRIPT, text).env(env::WORKER, places::program("localcoder-fake-worker"));
        }
        command.envs(self.setup.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Converts a time on the host's clock to real time, with 20 seconds more for a busy machine,
    /// which does not get faster with the clock.
    pub(super) fn patience(&self, host_s: u64) -> Duration {
        Duration::from_millis(host_s * 1_000 / self.scale) + Duration::from_secs(20)
    }

    pub(super) fn kill_host(&mut self) {
        if let Some(mut host) = self.host.take() {
            let _ = host.kill();
            let _ = host.wait();
        }
    }

    /// Stops the host, and checks that no process is left and that the document is unchanged. Every
    /// trial ends with it, also one whose fault was survived well.
    pub(super) fn finish(mut self, verdict: &mut Verdict) {
        // Asked before the stop: afterwards a host that has ended is as it should be.
        let died = self.host.as_mut().is_some_and(|host| !matches!(host.try_wait(), Ok(None)));
        if died {
            verdict.host_deaths += 1;
            verdict.failures.push("the host has died".to_owned());
        }
        let mut stop = self.command(&["host", "stop"]);
        let stopped = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            verdict.fail("`localcoder host stop` failed");
        }
        let home = self.home();
        let host = self.host.take();
        // Zombies have no environment, so a host that ended but is not yet reaped does not count.
        let gone = processes::wait(LEFT_WITHIN, || processes::of(&home).is_empty());
        if gone.is_none() {
            let left = processes::of(&home);
            verdict.orphans += left.len();
            verdict.failures.push(format!("left after the end: {left:?}"));
            for (pid, _) in left {
                processes::signal(pid, rustix::process::Signal::KILL);
            }
        }
        if let Some(mut host) = host {
            let _ = host.kill();
            let _ = host.wait();
        }
        let document = std::fs::read_to_string(self.folder.path().join("trial.py"));
        if document.ok().as_deref() != Some(DOCUMENT) {
            verdict.changed += 1;
            verdict.failures.push("the document has changed".to_owned());
        }
    }

    /// Sends a request repeatedly until it is answered, which shows that the fault is over. Errors
    /// on the way are allowed, but each must say what it must.
    pub(super) fn recovers(&self, caller: &mut Caller, verdict: &mut Verdict, within: Duration) {
        recovers(caller, verdict, within, |caller, number| {
            caller.ask(Kind::Generate, &format!("after-{number}"), DOCUMENT)
        });
    }
}

/// Like [`Installation::recovers`], with any request.
pub(super) fn recovers(
    caller: &mut Caller,
    verdict: &mut Verdict,
    within: Duration,
    ask: impl Fn(&mut Caller, u32) -> Result<i64>,
) {
    let deadline = Instant::now() + within;
    for number in 0.. {
        let Ok(call) = ask(caller, number) else {
            return verdict.fail("the connection was lost");
        };
        let ended = caller.end_of(call, within);
        verdict.ended(&ended);
        match ended.result {
            // A request without an end is counted by `ended` already.
            Some(Ok(_)) | None => return,
            Some(Err(error)) if Instant::now() > deadline => {
                return verdict.fail(format!("nothing is answered any more: {error}"));
            }
            Some(Err(_)) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // Workers of a host that was killed are not its children's children any more, so they are
        // found by their environment.
        self.kill_host();
        for (pid, _) in processes::of(&self.home()) {
            processes::signal(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Runs `trial` for each number below `times`, `at_once` at a time; a trial that can't be run
/// counts as failed.
pub(super) fn many(
    name: &str,
    times: usize,
    at_once: usize,
    trial: impl Fn(usize) -> Result<Verdict> + Sync,
) -> report::Row {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Verdict::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(times) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= times {
                        return;
                    }
                    // A trial that can't be run must not look like one that passed.
                    let mut verdict = trial(number).unwrap_or_else(|error| {
                        let mut verdict = Verdict::default();
                        verdict.fail(format!("{error:#}"));
                        verdict
                    });
                    for failure in &mut verdict.failures {
                        failure.insert_str(0, &format!("trial {number}: "));
                    }
                    all.lock().unwrap_or_else(PoisonError::into_inner).add(verdict);
                }
            });
        }
    });
    let verdict = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    report::Row::new(name, times, verdict, begun.elapsed())
}
