//! What every trial needs: an installation with a host of its own, a watcher that asks for its
//! status all the time, and a verdict that counts what must never happen. The faults themselves
//! are in the files beside this one.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use localcoder_protocol::{ErrorCode, ErrorInfo};
use localcoder_settings::env;
use localcoder_test_support::fake_worker::{Note, SCRIPT, Script, unix_ns};

use super::client::{Caller, Ended, Kind};
use super::{processes, report};
use crate::places;

/// A status must come within this, whatever the engine does.
const STATUS_WITHIN: Duration = Duration::from_secs(1);
/// How often it is asked for.
const STATUS_EVERY: Duration = Duration::from_millis(20);
/// So long after a host's end nothing of it may be left.
pub(super) const LEFT_WITHIN: Duration = Duration::from_secs(2);
/// So much faster pass the deadlines of most trials.
pub(super) const SCALE: u64 = 20;
/// The document that requests are about. The fake worker writes a number for the zero.
pub(super) const DOCUMENT: &str = "count = 0\ntotal = count + 1\nprint(total)\n";

/// What must never happen, and what was measured.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Documents or answers that are not what they must be.
    pub(super) changed: usize,
    pub(super) host_deaths: usize,
    pub(super) no_end: usize,
    pub(super) orphans: usize,
    /// Everything else.
    pub(super) wrong: usize,
    pub(super) complaints: Vec<String>,
    /// How its requests ended.
    pub(super) endings: BTreeMap<String, usize>,
    /// Times in milliseconds, by what they are of.
    pub(super) times: BTreeMap<&'static str, Vec<f64>>,
}

/// From a death to its being told.
pub(super) const SHOWN: &str = "shown";
/// From a death to the next worker with a model.
pub(super) const READY: &str = "ready";
/// From a hang to its end.
pub(super) const KILLED: &str = "killed";

impl Verdict {
    pub(super) fn complain(&mut self, text: impl Into<String>) {
        self.wrong += 1;
        self.complaints.push(text.into());
    }

    pub(super) fn time(&mut self, of: &'static str, time: Duration) {
        self.times.entry(of).or_default().push(time.as_secs_f64() * 1e3);
    }

    /// The time between two moments of the calendar; none where they are the other way round.
    pub(super) fn time_between(&mut self, of: &'static str, from_ns: u128, to_ns: u128) {
        let nanos = to_ns.saturating_sub(from_ns);
        self.time(of, Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
    }

    /// Notes how a request ended, and whether its error says all that it must.
    pub(super) fn ended(&mut self, ended: &Ended) {
        *self.endings.entry(ended.word()).or_default() += 1;
        match &ended.result {
            None => {
                self.no_end += 1;
                self.complaints.push(format!("a request has not ended: {}", ended.word()));
            }
            Some(Err(error)) => self.error(error),
            Some(Ok(answer)) => self.text(&answer.to_string()),
        }
        self.text(&ended.text);
    }

    /// What belongs to another request must not be in an answer.
    fn text(&mut self, text: &str) {
        if text.contains("STRAY") {
            self.changed += 1;
            self.complaints.push("an answer holds words of another one".to_owned());
        }
    }

    /// An error says what happened, why, and what to do; that of a file has no button.
    pub(super) fn error(&mut self, error: &ErrorInfo) {
        if error.code == ErrorCode::Cancelled {
            // Whoever asked for it knows why.
            return;
        }
        let ErrorInfo { code, message, cause, hint, action } = error;
        let whole = !message.is_empty() && cause.is_some() && hint.is_some();
        let whole = whole && (action.is_some() || *code == ErrorCode::ModelDamaged);
        if !whole {
            self.complain(format!("`{}` lacks something: {error:?}", code.as_str()));
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.host_deaths += other.host_deaths;
        self.no_end += other.no_end;
        self.orphans += other.orphans;
        self.wrong += other.wrong;
        self.complaints.extend(other.complaints);
        for (word, count) in other.endings {
            *self.endings.entry(word).or_default() += count;
        }
        for (of, times) in other.times {
            self.times.entry(of).or_default().extend(times);
        }
    }
}

/// How the host of a trial is started.
#[derive(Debug, Clone, Default)]
pub(super) struct Setup {
    pub(super) scale: u64,
    pub(super) scripts: Vec<Script>,
    /// Further variables of its environment.
    pub(super) variables: Vec<(String, String)>,
    /// The real worker in the place of the fake one.
    pub(super) real: bool,
}

/// A private installation, with or without a host.
pub(super) struct Ground {
    folder: tempfile::TempDir,
    setup: Setup,
    host: Option<Child>,
    pub(super) scale: u64,
}

impl Ground {
    /// Without a host.
    pub(super) fn new(setup: Setup) -> Result<Self> {
        // A short path: a socket's may have 103 bytes at most.
        let folder = tempfile::Builder::new().prefix("lcf").tempdir_in("/tmp")?;
        std::fs::write(folder.path().join("trial.py"), DOCUMENT)?;
        let scale = setup.scale.max(1);
        Ok(Self { folder, setup, host: None, scale })
    }

    /// With a host.
    pub(super) fn start(setup: Setup) -> Result<Self> {
        let mut ground = Self::new(setup)?;
        ground.start_host()?;
        Ok(ground)
    }

    pub(super) fn start_host(&mut self) -> Result<()> {
        let mut command = self.command(&["host", "run"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("it was asked for as a pipe")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        self.host = Some(child);
        ensure!(line.contains("\"ready\""), "the host does not start: {line}");
        Ok(())
    }

    pub(super) fn home(&self) -> PathBuf {
        self.folder.path().join("h")
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the fake worker leaves its notes.
    pub(super) fn notes(&self) -> PathBuf {
        self.folder.path().join("notes")
    }

    pub(super) fn host_pid(&self) -> u32 {
        self.host.as_ref().map_or(0, Child::id)
    }

    /// The program in this installation.
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
            scripts.push(Script { counter, ..Script::default() });
            let text = serde_json::to_string(&scripts).expect("plain data is always JSON");
            command.env(SCRIPT, text).env(env::WORKER, places::program("localcoder-fake-worker"));
        }
        command.envs(self.setup.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A time of the host's clock, with so much of the world's as a busy machine needs.
    pub(super) fn patience(&self, host_s: u64) -> Duration {
        Duration::from_millis(host_s * 1_000 / self.scale) + Duration::from_secs(20)
    }

    /// Kills the host, and takes its end.
    pub(super) fn kill_host(&mut self) {
        if let Some(mut host) = self.host.take() {
            let _ = host.kill();
            let _ = host.wait();
        }
    }

    /// Stops the host, and looks for what is left: of processes, and of the document.
    pub(super) fn finish(mut self, verdict: &mut Verdict) {
        let died = self.host.as_mut().is_some_and(|host| !matches!(host.try_wait(), Ok(None)));
        if died {
            verdict.host_deaths += 1;
            verdict.complaints.push("the host has died".to_owned());
        }
        let mut stop = self.command(&["host", "stop"]);
        let stopped = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            verdict.complain("`localcoder host stop` failed");
        }
        let home = self.home();
        let host = self.host.take();
        let gone = processes::wait(LEFT_WITHIN, || processes::of(&home).is_empty());
        if gone.is_none() {
            let left = processes::of(&home);
            verdict.orphans += left.len();
            verdict.complaints.push(format!("left after the end: {left:?}"));
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
            verdict.complaints.push("the document has changed".to_owned());
        }
    }

    /// Asks until a request is answered: the fault is over.
    pub(super) fn recovers(&self, caller: &mut Caller, verdict: &mut Verdict, within: Duration) {
        let deadline = Instant::now() + within;
        for number in 0.. {
            let id = format!("after-{number}");
            let Ok(call) = caller.ask(Kind::Generate, &id, DOCUMENT) else {
                return verdict.complain("the connection was lost");
            };
            let ended = caller.end_of(call, within);
            verdict.ended(&ended);
            match ended.result {
                Some(Ok(_)) | None => return,
                Some(Err(error)) if Instant::now() > deadline => {
                    return verdict.complain(format!("nothing is answered any more: {error}"));
                }
                Some(Err(_)) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.kill_host();
        for (pid, _) in processes::of(&self.home()) {
            processes::signal(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Asks for the status all the time, and sees when a process ends.
pub(super) struct Watcher {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Watched>,
}

/// What a watcher saw.
#[derive(Debug, Default)]
pub(super) struct Watched {
    slowest: Duration,
    wrong: Option<String>,
    /// When the process of the first misdeed was gone.
    pub(super) gone_ns: Option<u128>,
}

impl Watcher {
    pub(super) fn start(ground: &Ground) -> Result<Self> {
        let mut caller = Caller::connect(&ground.home())?;
        let (notes, pid) = (ground.notes(), ground.host_pid());
        let ended = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ended);
        let thread = std::thread::spawn(move || {
            let mut watched = Watched::default();
            while !told.load(Ordering::Acquire) && watched.wrong.is_none() {
                let begun = Instant::now();
                match caller.status() {
                    Ok(status) if status.pid == pid => {}
                    Ok(status) => watched.wrong = Some(format!("the host is {}", status.pid)),
                    Err(error) => watched.wrong = Some(format!("no status: {error}")),
                }
                watched.slowest = watched.slowest.max(begun.elapsed());
                if watched.gone_ns.is_none()
                    && let Some(note) = Note::read(&notes).iter().find(|note| note.misdeed)
                    && !processes::runs(note.pid)
                {
                    watched.gone_ns = Some(unix_ns());
                }
                std::thread::sleep(STATUS_EVERY);
            }
            watched
        });
        Ok(Self { ended, thread })
    }

    pub(super) fn finish(self, verdict: &mut Verdict) -> Watched {
        self.ended.store(true, Ordering::Release);
        let mut watched = self.thread.join().unwrap_or_default();
        if let Some(wrong) = watched.wrong.take() {
            verdict.complain(wrong);
        }
        if watched.slowest > STATUS_WITHIN {
            verdict.complain(format!("a status took {:?}", watched.slowest));
        }
        watched
    }
}

/// Does `trial` for each number below `times`, some at once; one that can't be done is wrong.
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
                    let mut verdict = trial(number).unwrap_or_else(|error| {
                        let mut verdict = Verdict::default();
                        verdict.complain(format!("{error:#}"));
                        verdict
                    });
                    for complaint in &mut verdict.complaints {
                        complaint.insert_str(0, &format!("trial {number}: "));
                    }
                    all.lock().unwrap_or_else(PoisonError::into_inner).add(verdict);
                }
            });
        }
    });
    let verdict = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    report::Row::new(name, times, verdict, begun.elapsed())
}
