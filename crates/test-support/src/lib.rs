//! What integration tests share: a private installation with its own host, and the command line run
//! in it; servers that do everything wrong, and the required result for each; disks that are full;
//! a worker that misbehaves on command; tiny models. None of it is in the product.

pub mod demo;
pub mod disk;
pub mod downloads;
pub mod fake_worker;
pub mod http;
pub mod settings;
pub mod tiny;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use localcoder_protocol::ErrorCode;
use serde_json::Value;

/// How long a test waits for anything, which is far more than it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A private installation with a home of its own, so that tests can run in parallel and never meet
/// the host of the person who runs them. When it is dropped, its host is ended and its files are
/// deleted.
#[derive(Debug)]
pub struct Installation {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Installation {
    /// `program` is the built `localcoder`; the worker must be in the same folder.
    ///
    /// # Panics
    /// If the worker was not built.
    #[must_use]
    pub fn new(program: &str) -> Self {
        let program = PathBuf::from(program);
        let worker = program.with_file_name("localcoder-worker");
        assert!(worker.is_file(), "{} is missing: run `cargo xtask build`", worker.display());
        // A short path, since that of a socket may have 103 bytes at most.
        let folder = tempfile::Builder::new().prefix("lc").tempdir_in("/tmp");
        Self { program, folder: folder.expect("a temporary folder") }
    }

    /// An installation whose product folder exists already and is empty.
    ///
    /// # Panics
    /// If the folder can't be created.
    #[must_use]
    pub fn with_home(program: &str) -> Self {
        let installation = Self::new(program);
        std::fs::create_dir_all(installation.home()).expect("the test's folder is writable");
        installation
    }

    /// The installation's folder; `LOCALCODER_HOME` is `home` in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Writes a file for the test.
    ///
    /// # Panics
    /// If it can't be written.
    #[must_use]
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the test's folder is writable");
        path
    }

    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LOCALCODER_HOME", self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(&self.command(arguments).output().expect("the program starts"))
    }

    /// Runs a command that reads `input`.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("it was asked for as a pipe");
        stdin.write_all(input.as_bytes()).expect("the program reads");
        // The program reads to the end of its input, which comes only when the pipe is closed.
        drop(stdin);
        Outcome::of(&child.wait_with_output().expect("the program ends"))
    }

    /// The status of the running host; `None` if no host runs.
    ///
    /// # Panics
    /// If the command fails.
    #[must_use]
    pub fn status(&self) -> Option<Value> {
        let mut answer = self.run(&["status", "--json"]).json();
        Some(answer["status"].take()).filter(|status| !status.is_null())
    }

    /// Waits until the host's status satisfies a condition.
    ///
    /// # Panics
    /// If that takes longer than [`PATIENCE`].
    pub fn wait_for_status(&self, what: &str, wanted: impl Fn(Option<&Value>) -> bool) {
        wait_until(what, || wanted(self.status().as_ref()));
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        // A host outlives the command that started it, so without this each test would leave one.
        let _ = self.command(&["host", "stop"]).output();
    }
}

/// Polls until a condition holds.
///
/// # Panics
/// If that takes longer than [`PATIENCE`].
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a child, and kills it if it takes too long.
///
/// # Panics
/// If it takes longer than [`PATIENCE`].
pub fn wait_for_end(child: &mut Child) -> std::process::ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("a process did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts that the command succeeded.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "it failed:\n{}{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that the command failed with this code and an error that says what to do next.
    ///
    /// # Panics
    /// If it did not.
    #[must_use]
    pub fn failed(self, code: ErrorCode) -> Self {
        assert_eq!(
            self.code,
            Some(i32::from(code.exit_code())),
            "not {code:?}:\n{}{}",
            self.stdout,
            self.stderr
        );
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(self.stderr.contains("\n  hint: "), "no next step: {}", self.stderr);
        self
    }

    /// The stdout of the command as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}
