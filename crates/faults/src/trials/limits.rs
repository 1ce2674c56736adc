//! A host under the system's limits, from far too low to high enough: on its address space, on
//! threads and processes, on open files. Whatever it lacks, each request ends in time, with an
//! answer or with an error that says what to do; clients beyond a limit get an error; nothing is
//! lost, and without the limit everything works as before. Uses the real worker and the demo model.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use localcoder_settings::{Places, env};
use rustix::process::Signal;
use serde_json::Value;

use super::report;
use super::trial::{DOCUMENT, LEFT_WITHIN, many};
use super::verdict::Verdict;
use super::{Amount, processes};
use crate::{files, places};

const AT_ONCE: usize = 2;
const QUICK_PLACES: usize = 4;
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Without a limit, a busy machine is given more time: that request only shows that nothing was
/// lost.
const UNLIMITED_WITHIN: Duration = Duration::from_secs(60);
const START_WITHIN: Duration = Duration::from_secs(10);
/// Connections that stay silent, so that later ones are too many.
const IDLE: usize = 100;
/// The first of the user ids under which a host is run if that is possible: the limit on processes
/// applies to a user, and root has none.
const USERS_FROM: u32 = 61_000;
const USERS: usize = 1_000;
/// The user's own settings, which must stay as they are.
const SETTINGS: &str = "{\n  \"acceleration\": \"cpu\"\n}\n";

/// What a client reports about a host that does not answer at all.
const SAYS_NOTHING: &str = "runs but does not answer";
const ANSWERED: &str = "answered";

/// A limit by its `prlimit` option, and the range between nothing and enough in which it is tried.
#[derive(Debug, Clone, Copy)]
struct Limit {
    name: &'static str,
    option: &'static str,
    least: f64,
    most: f64,
    /// Whether the limit applies to a user rather than a process.
    of_user: bool,
}

const LIMITS: &[Limit] = &[
    // Below the first value not even a program without a thread starts; above the last the worker
    // has everything that it needs.
    Limit { name: "address space", option: "--as", least: 8e6, most: 4e9, of_user: false },
    Limit {
        name: "threads and processes",
        option: "--nproc",
        least: 1.0,
        most: 100.0,
        of_user: true,
    },
    // A host needs about a dozen for itself, and three for each client.
    Limit { name: "open files", option: "--nofile", least: 3.0, most: 300.0, of_user: false },
];

pub(super) fn run(amount: &Amount) -> Result<()> {
    let begun = Instant::now();
    if !cfg!(target_os = "linux") {
        crate::report::line("the limits are set with `prlimit`, which Linux alone has");
        return Ok(());
    }
    report::heading();
    let times = if amount.quick { QUICK_PLACES } else { amount.times };
    let programs = Programs::new()?;
    let rows: Vec<report::Row> = LIMITS
        .iter()
        .filter(|limit| amount.wants(limit.name))
        .map(|limit| {
            let name = format!("few {}", limit.name);
            many(&name, times, AT_ONCE, |number| trial(&programs, *limit, number, times))
        })
        .collect();
    report::conclude(&amount.file("limits"), "the world's", &rows, begun.elapsed())
}

/// The values of a limit are closer together where they are low, since behavior changes there: they
/// grow by a constant factor.
fn place(limit: Limit, number: usize, times: usize) -> u64 {
    let share = number as f64 / times.saturating_sub(1).max(1) as f64;
    let value = limit.least * (limit.most / limit.least).powf(share);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "far from either")]
    let whole = value.round() as u64;
    whole
}

/// The programs in a place where every user may read them, with the demo model.
struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lcp").tempdir_in("/tmp")?;
        open_to_all(folder.path())?;
        let bin = folder.path().join("bin");
        let models = folder.path().join("models/demo");
        for made in [&bin, &models] {
            fs_err::create_dir_all(made)?;
        }
        // Copied, because another user may not be able to enter the build folder.
        for name in ["localcoder", "localcoder-worker"] {
            fs_err::copy(places::program(name), bin.join(name))?;
        }
        let demo = "models/demo/localcoder-demo.gguf";
        fs_err::copy(places::root().join(demo), folder.path().join(demo))?;
        Ok(Self { folder })
    }

    fn localcoder(&self) -> PathBuf {
        self.folder.path().join("bin/localcoder")
    }
}

fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?)
}

struct Home<'a> {
    programs: &'a Programs,
    folder: tempfile::TempDir,
    user: Option<u32>,
}

#[derive(Debug)]
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    took: Duration,
    in_time: bool,
}

impl<'a> Home<'a> {
    fn new(programs: &'a Programs, user: Option<u32>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lcl").tempdir_in("/tmp")?;
        let home = Self { programs, folder, user };
        let places = Places::under(&home.path());
        fs_err::create_dir_all(&places.config)?;
        fs_err::write(places.config.join("settings.json"), SETTINGS)?;
        fs_err::write(home.document(), DOCUMENT)?;
        if user.is_some() {
            open_to_all(home.folder.path())?;
            let settings = places.config.join("settings.json");
            let made = [home.folder.path().to_owned(), home.path(), places.config.clone()];
            for path in made.into_iter().chain([settings, home.document()]) {
                chown(path, user, user)?;
            }
        }
        Ok(home)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("h")
    }

    fn document(&self) -> PathBuf {
        self.folder.path().join("trial.py")
    }

    fn command(&self, limit: Option<(Limit, u64)>, arguments: &[&str]) -> Command {
        let mut words = Vec::new();
        if let Some(user) = self.user {
            words.extend(["setpriv", "--reuid"].map(str::to_owned));
            // `setpriv` first and `prlimit` after it: a limit on processes counts against the user
            // who then runs.
            words.push(user.to_string());
            words.push("--regid".to_owned());
            words.push(user.to_string());
            words.push("--clear-groups".to_owned());
        }
        if let Some((limit, value)) = limit {
            words.extend(["prlimit".to_owned(), format!("{}={value}", limit.option)]);
        }
        words.push(self.programs.localcoder().to_string_lossy().into_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).stdin(Stdio::null());
        command.current_dir(self.folder.path()).env("LOCALCODER_HOME", self.path());
        // A test's own worker must not be taken instead of the copied one.
        command.env("HOME", self.folder.path()).env_remove(env::WORKER);
        command
    }

    /// Runs a command to its end, or kills it if it takes too long.
    fn ask(&self, arguments: &[&str], within: Duration) -> Result<Said> {
        let begun = Instant::now();
        let mut command = self.command(None, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // Both streams are read in threads, since a full pipe would keep the command from ending.
        let stdout = whole(child.stdout.take().context("it was asked for as a pipe")?);
        let stderr = whole(child.stderr.take().context("it was asked for as a pipe")?);
        let in_time = processes::wait(within, || !processes::runs(child.id()));
        let took = begun.elapsed();
        if in_time.is_none() {
            let _ = child.kill();
        }
        let code = child.wait()?.code();
        // A host that the command has started does not hold these streams, so they end with the
        // command.
        // A limit: if the host did inherit a stream, reading it would never end.
        let text = |it: std::sync::mpsc::Receiver<String>| {
            it.recv_timeout(Duration::from_secs(2)).unwrap_or_default()
        };
        let (stdout, stderr) = (text(stdout), text(stderr));
        Ok(Said { code, stdout, stderr, took, in_time: in_time.is_some() })
    }

    /// Runs a request and checks its result: an answer or an error with a hint, in time. A limit
    /// may refuse work, so an error is not a failure here.
    fn judge(&self, arguments: &[&str], verdict: &mut Verdict) -> Result<()> {
        let said = self.ask(arguments, ANSWER_WITHIN)?;
        let what = arguments.join(" ");
        verdict.time(ANSWERED, said.took);
        let word = match said.ending() {
            Ok(word) => word,
            Err(why) => {
                verdict.fail(format!("`{what}`: {why}"));
                "neither".to_owned()
            }
        };
        if !said.in_time {
            verdict.no_end += 1;
        }
        *verdict.endings.entry(word).or_default() += 1;
        Ok(())
    }
}

impl Said {
    /// `answer` or the error's code; an error if the result is neither, which is what must never
    /// be: no end in time, no hint, or a host that says nothing.
    fn ending(&self) -> Result<String, String> {
        if !self.in_time {
            return Err(format!("no end within {ANSWER_WITHIN:?}"));
        }
        if self.code == Some(0) {
            return Ok("answer".to_owned());
        }
        let said = || format!("{:?}: {}{}", self.code, self.stdout, self.stderr);
        let last = self.stdout.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_default();
        let error = &error["error"];
        match (error["code"].as_str(), error["hint"].as_str()) {
            // A host that lacks something says what; only one that hangs says nothing.
            _ if said().contains(SAYS_NOTHING) => Err(format!("a host that hangs: {}", said())),
            (Some(code), Some(hint)) if !hint.is_empty() => Ok(code.to_owned()),
            _ => Err(format!("no error with a hint: {}", said())),
        }
    }
}

fn whole(mut stream: impl std::io::Read + Send + 'static) -> std::sync::mpsc::Receiver<String> {
    let (sender, text) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        // The receiver is gone if the command took too long.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}

struct Limited {
    host: Child,
    said: Option<String>,
}

impl Limited {
    fn start(home: &Home<'_>, limit: Limit, value: u64) -> Result<Self> {
        let mut command = home.command(Some((limit, value)), &["host", "run"]);
        let mut host = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = host.stdout.take().context("it was asked for as a pipe")?;
        // A host that says nothing in time is judged in `started`.
        let said = first_line(stdout).recv_timeout(START_WITHIN).ok();
        Ok(Self { host, said })
    }

    fn runs(&mut self) -> bool {
        matches!(self.host.try_wait(), Ok(None))
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.host.kill();
        let _ = self.host.wait();
    }
}

fn first_line(stdout: ChildStdout) -> std::sync::mpsc::Receiver<String> {
    let (sender, line) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout.take(64 * 1024)).read_line(&mut line);
        let _ = sender.send(line);
    });
    line
}

fn trial(programs: &Programs, limit: Limit, number: usize, times: usize) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let is_root = rustix::process::geteuid().is_root();
    // Each trial has a user of its own, or leftovers of another trial would count against its
    // limit.
    let user = (limit.of_user && is_root)
        .then(|| USERS_FROM + u32::try_from(number % USERS).unwrap_or_default());
    let mut value = place(limit, number, times);
    if limit.of_user && !is_root {
        // The other processes of this user count against the limit, too.
        value += own_threads();
    }
    let home = Home::new(programs, user)?;
    let mut limited = Limited::start(&home, limit, value)?;
    let runs = started(&mut limited, &mut verdict);
    requests(&home, &mut verdict)?;
    if user.is_none() {
        crowd(&home, &mut verdict)?;
    }
    let alive = limited.runs();
    // None of the three is a failure; the table shows where each begins.
    let word = match (runs, alive) {
        (true, true) => "the host goes on",
        (true, false) => "the host has ended",
        (false, _) => "the host did not start",
    };
    *verdict.endings.entry(word.to_owned()).or_default() += 1;
    if alive {
        home.judge(&["status", "--json"], &mut verdict)?;
    }
    // Before `limited` is dropped: the host must be able to end by itself, also under the limit.
    end(&home, &mut verdict)?;
    drop(limited);
    without_limit(&home, &mut verdict)?;
    for failure in &mut verdict.failures {
        // Without the value a failure could not be repeated.
        failure.insert_str(0, &format!("{}={value}: ", limit.option));
    }
    Ok(verdict)
}

/// Whether the host reports that it runs. If not, it must have reported why, or the system could
/// not even load it: then there is a line without an object, or none.
/// not even load it.
fn started(limited: &mut Limited, verdict: &mut Verdict) -> bool {
    // `said` is `Some("")` if the stream ended; `None` means that it is open and silent.
    let Some(line) = limited.said.clone() else {
        verdict.fail(format!("the host said nothing for {START_WITHIN:?}"));
        return false;
    };
    let said: Value = serde_json::from_str(&line).unwrap_or_default();
    if said["ready"] == true {
        return true;
    }
    if said["error"].is_object() && said["error"]["hint"].as_str().is_none() {
        verdict.fail(format!("the host does not start and says too little: {line}"));
    }
    if processes::wait(START_WITHIN, || !processes::runs(limited.host.id())).is_none() {
        verdict.fail(format!("the host neither starts nor ends: {line}"));
    }
    false
}

fn requests(home: &Home<'_>, verdict: &mut Verdict) -> Result<()> {
    home.judge(&["status", "--json"], verdict)?;
    home.judge(&["host", "start", "--json"], verdict)?;
    let document = home.document();
    let document = document.to_str().context("the path is not UTF-8")?;
    // At once, so that a lack of threads or files meets several requests in flight.
    let at_once: [&[&str]; 3] = [
        &["explain", document, "--lines", "1-2", "--json"],
        &["improve", document, "--lines", "1-2", "--json"],
        &["generate", "--prompt", "x", "--max-tokens", "4", "--json"],
    ];
    let ended: Vec<Result<Verdict>> = std::thread::scope(|scope| {
        let threads = at_once.map(|arguments| {
            scope.spawn(move || {
                let mut verdict = Verdict::default();
                home.judge(arguments, &mut verdict)?;
                Ok(verdict)
            })
        });
        threads.into_iter().map(|it| it.join().expect("nothing panics in it")).collect()
    });
    for one in ended {
        verdict.add(one?);
    }
    home.judge(&["profiles", "--json"], verdict)
}

/// More connections than there is room for stay silent; clients that come later are answered or
/// refused, and there is room again once the silent ones are gone.
fn crowd(home: &Home<'_>, verdict: &mut Verdict) -> Result<()> {
    let socket = Places::under(&home.path()).host_socket();
    let crowd: Vec<UnixStream> =
        // Refused connections are part of it.
        (0..IDLE).filter_map(|_| UnixStream::connect(&socket).ok()).collect();
    home.judge(&["status", "--json"], verdict)?;
    drop(crowd);
    home.judge(&["status", "--json"], verdict)
}

fn end(home: &Home<'_>, verdict: &mut Verdict) -> Result<()> {
    let said = home.ask(&["host", "stop", "--json"], 2 * ANSWER_WITHIN)?;
    if said.code != Some(0) {
        verdict.fail(format!("`host stop` failed: {}{}", said.stdout, said.stderr));
    }
    let path = home.path();
    if processes::wait(LEFT_WITHIN, || processes::of(&path).is_empty()).is_none() {
        let left = processes::of(&path);
        verdict.orphans += left.len();
        verdict.failures.push(format!("left after the end: {left:?}"));
        // Killed, so that they do not count in later trials.
        for (pid, _) in left {
            processes::signal(pid, Signal::KILL);
        }
    }
    Ok(())
}

/// A new host has no limit: everything works, and nothing was lost. Lost would be the user's
/// settings or document, or a file of the host's own that can't be read any more.
fn without_limit(home: &Home<'_>, verdict: &mut Verdict) -> Result<()> {
    let document = home.document();
    let document = document.to_str().context("the path is not UTF-8")?;
    let explain = ["explain", document, "--lines", "1-2", "--json"];
    let said = home.ask(&explain, UNLIMITED_WITHIN)?;
    if said.code != Some(0) {
        verdict.fail(format!("without a limit: {}{}", said.stdout, said.stderr));
    }
    end(home, verdict)?;
    let places = Places::under(&home.path());
    let unchanged = |path: &Path, text: &str| files::read(path).is_ok_and(|now| now == text);
    let settings = places.config.join("settings.json");
    if !unchanged(&settings, SETTINGS) || !unchanged(&home.document(), DOCUMENT) {
        verdict.changed += 1;
        verdict.failures.push("the settings or the document have changed".to_owned());
    }
    // These files may be absent, but not torn.
    for kept in [places.measurements_file(), places.editor_settings_file()] {
        let damaged = std::fs::read(&kept)
            .is_ok_and(|bytes| serde_json::from_slice::<Value>(&bytes).is_err());
        if damaged {
            verdict.changed += 1;
            verdict.failures.push(format!("{} is damaged", kept.display()));
        }
    }
    Ok(())
}

fn own_threads() -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid().as_raw();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    // A process that ends meanwhile has no folder any more.
    let own = processes.filter(|it| it.metadata().is_ok_and(|meta| meta.uid() == user));
    let threads =
        own.filter_map(|it| Some(std::fs::read_dir(it.path().join("task")).ok()?.count()));
    threads.map(|count| count as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_from_the_least_to_the_most() {
        for limit in LIMITS {
            let places: Vec<u64> = (0..50).map(|number| place(*limit, number, 50)).collect();
            assert!(places.is_sorted());
            assert_eq!((places[0] as f64, places[49] as f64), (limit.least, limit.most));
        }
        assert_eq!(place(LIMITS[1], 0, 1), 1);
    }
}
