//! A private installation whose editor server and window program are shell scripts, and the
//! launcher's example program to run on it.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Records its pids, arguments and environment, prints what VS Code's server prints, and stays.
const SERVER: &str = r#"
sleep 600 & echo $! > "$FAKE/server-child.pid"
while [ "$1" != --socket-path ]; do shift; done
: > "$2"
echo "Extension host agent listening on $2"
sleep 600"#;

/// Records commands, reports each window that it is asked for, and sends the events that the test
/// wants.
const DESKTOP: &str = r#"#!/bin/sh
export FAKE="${0%/*}"
env > "$FAKE/desktop.env"
[ -p "$FAKE/events" ] || mkfifo "$FAKE/events"
while cat "$FAKE/events"; do :; done 2>/dev/null &
echo $$ > "$FAKE/desktop.pid"
window=0
while read -r line; do
  case "$line" in
    *'"open"'*)
      window=$((window + 1))
      url=$(echo "$line" | sed 's/.*"url":"//; s/".*//; s/ticket=[0-9a-f]*&//')
      echo "{\"event\":\"opened\",\"window\":$window,\"url\":\"$url\"}" ;;
  esac
  echo "$line" >> "$FAKE/commands"
  case "$line" in *'"quit"'*) exit 0 ;; esac
done"#;

/// The installation. Dropping it ends what was started from it.
pub(crate) struct Fake {
    dir: tempfile::TempDir,
}

impl Fake {
    pub(crate) fn new() -> Self {
        // Short, because it contains a socket.
        let dir = tempfile::Builder::new().prefix("lc").tempdir_in("/tmp").unwrap();
        let fake = Self { dir };
        for folder in ["project", "other", "ide/node/bin", "ide/vscode/out"] {
            std::fs::create_dir_all(fake.home().join(folder)).unwrap();
        }
        fake.write("ide/vscode/out/server-main.js", "");
        fake.server(SERVER);
        fake.script("desktop", DESKTOP);
        fake
    }

    pub(crate) fn home(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.home().join("project")
    }

    /// Replaces the editor server's script.
    pub(crate) fn server(&self, body: &str) {
        let write_down = "export FAKE=\"${0%/ide/*}\"\nenv > \"$FAKE/server.env\"\n\
                          echo \"$*\" > \"$FAKE/server.args\"\necho $$ > \"$FAKE/server.pid\"";
        self.script("ide/node/bin/node", &format!("#!/bin/sh\n{write_down}\n{body}"));
    }

    /// Another process writes it: if this one did, each child that another test starts would
    /// briefly have the file open for writing, and the system does not run such a program.
    fn script(&self, name: &str, text: &str) {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", r#"cat > "$0" && chmod 755 "$0""#]).arg(path).stdin(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.home().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.home().join(name)).ok()
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        std::fs::metadata(self.home().join(name)).unwrap().permissions().mode() & 0o777
    }

    /// Starts the launcher with a display.
    pub(crate) fn open(&self, words: &[&str]) -> Run {
        self.start(words, ":0")
    }

    pub(crate) fn open_without_display(&self, words: &[&str]) -> Run {
        self.start(words, "")
    }

    fn start(&self, words: &[&str], display: &str) -> Run {
        // Tests are in `deps`, examples next to it.
        let tests = std::env::current_exe().unwrap();
        let program = tests.ancestors().nth(2).unwrap().join("examples/open");
        let output = tempfile::NamedTempFile::new().unwrap();
        let child = Command::new(program)
            .arg("--home")
            .arg(self.home())
            .arg("--ide")
            .arg(self.home().join("ide"))
            .arg("--desktop")
            .arg(self.home().join("desktop"))
            .args(words)
            .current_dir(self.home())
            .env("DISPLAY", display)
            .env_remove("WAYLAND_DISPLAY")
            .env("VSCODE_IPC_HOOK", "/another/editor")
            .env("ELECTRON_RUN_AS_NODE", "1")
            .env("NODE_OPTIONS", "--require /some/where.js")
            .env("EXTENSIONS_GALLERY", r#"{"serviceUrl":"https://example.org"}"#)
            .env("CS_TELEMETRY_URL", "https://example.org")
            .env("http_proxy", "http://proxy.invalid:1")
            .stdin(Stdio::null())
            .stdout(output.reopen().unwrap())
            .stderr(output.reopen().unwrap())
            .spawn()
            .unwrap();
        Run { child, output }
    }

    /// The URL of the n-th window that was asked for, from 0.
    pub(crate) fn opened_url(&self, n: usize) -> String {
        until("a window is asked for", || {
            let commands = self.read("commands")?;
            let command = commands.lines().filter(|line| line.contains(r#""open""#)).nth(n)?;
            let command: serde_json::Value = serde_json::from_str(command).ok()?;
            Some(command["url"].as_str()?.to_owned())
        })
    }

    pub(crate) fn pid(&self, name: &str) -> i32 {
        until("a process has written its number", || {
            self.read(&format!("{name}.pid"))?.trim().parse().ok()
        })
    }

    /// Kills the process of this name once it is another one than `last`; returns its number.
    pub(crate) fn kill(&self, name: &str, last: i32) -> i32 {
        let pid =
            until("there is a process to kill", || Some(self.pid(name)).filter(|&pid| pid != last));
        signal(pid, libc::SIGKILL);
        pid
    }

    /// Makes the window program report something.
    pub(crate) fn say(&self, event: &str) {
        let mut events = std::fs::OpenOptions::new();
        let mut events = events.write(true).open(self.home().join("events")).unwrap();
        writeln!(events, "{event}").unwrap();
    }
}

/// A running launcher, ended when dropped.
pub(crate) struct Run {
    child: Child,
    output: tempfile::NamedTempFile,
}

impl Run {
    pub(crate) fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.output.path()).unwrap()
    }

    pub(crate) fn signal(&mut self, number: i32) {
        signal(self.pid(), number);
    }

    pub(crate) fn exited_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end; returns its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        assert!(self.exited_within(Duration::from_secs(60)), "it runs on: {}", self.output());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a process runs. One that has ended and waits for its parent does not.
pub(crate) fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Polls until there is something.
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[expect(unsafe_code, reason = "std can't signal")]
fn signal(pid: i32, number: i32) {
    // SAFETY: kill has no memory preconditions.
    unsafe { libc::kill(pid, number) };
}
