//! Runs a program in a folder, with limits on time, memory and output, and without a network if the
//! system can keep it from one.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// Limit of a program's data, in KiB: a compiler or a virtual machine needs a few hundred MiB.
const DATA_KIB_MAX: u32 = 3 * 1024 * 1024;
/// Limit of one file, in blocks of 512 bytes: tests write little, a linker some ten MiB.
const FILE_BLOCKS_MAX: u32 = 512 * 1024;
/// How much of a program's output is kept, from its end.
const SAID_BYTES_MAX: u64 = 2_000;

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// It ended with 0.
    Passed {
        /// The end of what it said.
        said: String,
    },
    /// It ended, but not with 0.
    Failed {
        /// Its exit code, if it ended by itself.
        code: Option<i32>,
        /// The end of its output, or why it was ended.
        said: String,
    },
    /// It could not be started, or did not end in time: why, as a clause.
    NoEnd(String),
}

/// Keeps a program from the network.
pub trait Confine {
    /// Why it can't; `None` if it can.
    fn why_not(&self) -> Option<&str>;

    /// Makes the command start without a network, or not at all.
    ///
    /// # Errors
    /// If that can't be prepared.
    fn apply(&self, command: &mut Command) -> std::io::Result<()>;

    /// A command line before a program's own that keeps it from starting others and from writing
    /// anywhere but below a folder; `None` if this system has no way to.
    fn contained(&self, folder: &Path) -> Option<Vec<String>> {
        let _ = folder;
        None
    }
}

/// How a program is run.
pub struct Program<'a> {
    /// What keeps it from the network.
    pub confinement: &'a dyn Confine,
    /// The folder in which it runs.
    pub folder: &'a Path,
    /// Where its output is kept; there must be no file of that name.
    pub output: &'a Path,
    /// Variables in addition to those of this process.
    pub environment: &'a [(&'a str, String)],
    /// How long it may take.
    pub within: Duration,
}

impl Program<'_> {
    /// Runs the program until it ends, or ends it when its time is up.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        match self.started(arguments) {
            Ok(child) => self.ended(child),
            Err(error) => Ran::NoEnd(format!("`{}` can't be started: {error}", arguments[0])),
        }
    }

    fn started(&self, arguments: &[&str]) -> std::io::Result<Child> {
        let output = File::create(self.output)?;
        // Of processor time as well, since a program could leave its process group.
        let cpu_s = self.within.as_secs().max(1);
        let limits = format!(
            "ulimit -d {DATA_KIB_MAX}; ulimit -f {FILE_BLOCKS_MAX}; ulimit -t {cpu_s}; \
             ulimit -c 0; exec \"$@\""
        );
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &limits, "sh"]).args(arguments).current_dir(self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // What it starts is ended with it.
        command.process_group(0);
        self.confinement.apply(&mut command)?;
        command.spawn()
    }

    fn ended(&self, mut child: Child) -> Ran {
        let group = Pid::from_child(&child);
        let (sender, receiver) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let _ = sender.send(child.wait());
        });
        let result = receiver.recv_timeout(self.within);
        let _ = kill_process_group(group, Signal::KILL);
        let _ = waiting.join();
        match result {
            Ok(Ok(status)) if status.success() => Ran::Passed { said: tail(self.output) },
            Ok(Ok(status)) => {
                let said = match tail(self.output) {
                    said if said.is_empty() => format!("it ended with {status}"),
                    said => said,
                };
                Ran::Failed { code: status.code(), said }
            }
            Ok(Err(error)) => Ran::NoEnd(format!("its end was not seen: {error}")),
            Err(_) => Ran::NoEnd(format!("it ran for more than {} s", self.within.as_secs())),
        }
    }
}

/// The end of the output, from the beginning of a line.
fn tail(path: &Path) -> String {
    let read = || {
        use std::io::{Seek as _, SeekFrom};
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(SAID_BYTES_MAX);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(SAID_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>((from > 0, bytes))
    };
    let (is_cut, bytes) = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let whole = if is_cut { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    whole.trim().to_owned()
}
