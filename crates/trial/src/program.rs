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

/// Limit of a program's data, in KiB: a compiler or a virtual machine needs a few hundred MiB. Data
/// and not address space, of which virtual machines reserve far more than they use.
const DATA_KIB_MAX: u32 = 3 * 1024 * 1024;
/// Limit of one file, in blocks of 512 bytes, which makes 256 MiB: tests write little, a linker
/// some ten MiB. Output is such a file, so that a program that prints without end is ended by it.
const FILE_BLOCKS_MAX: u32 = 512 * 1024;
/// How much of a program's output is kept, from its end: compilers and test runners sum up there,
/// and a model that is told of it has to fit it in its context window.
const SAID_BYTES_MAX: u64 = 2_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    Passed {
        said: String,
    },
    Failed {
        /// `None` if a signal ended it, that of a limit among them.
        code: Option<i32>,
        /// The end of its output; if it said nothing, its exit status in words.
        said: String,
    },
    /// It could not be started, or did not end in time: why, as a clause. This says nothing about
    /// what the program would have found.
    NoEnd(String),
}

/// Keeps a program from the network and, where that is asked for, from the user's files.
/// Implemented by the command line with what the launcher and the sandbox have; tests of this crate
/// confine nothing.
pub trait Confine {
    /// Why programs are not kept from the network on this system; `None` if they are.
    fn why_not(&self) -> Option<&str>;

    /// Makes the command start without a network, or not at all.
    ///
    /// # Errors
    /// If that can't be prepared.
    fn apply(&self, command: &mut Command) -> std::io::Result<()>;

    /// A command line before a program's own that keeps it from starting others and from writing
    /// anywhere but below a folder; `None` if this system has no way to. Words before the command,
    /// and not a change of it, as the rules hold for whichever process sets them, and that has to
    /// be a new one that then becomes the program.
    fn contained(&self, folder: &Path) -> Option<Vec<String>> {
        let _ = folder;
        None
    }
}

pub struct Program<'a> {
    pub confinement: &'a dyn Confine,
    pub folder: &'a Path,
    /// Where its output is kept: standard output and error together, in the order in which they
    /// were written. A file of that name is replaced.
    pub output: &'a Path,
    pub environment: &'a [(&'a str, String)],
    /// Wall-clock time, after which its process group is killed. Its processor time has the same
    /// limit.
    pub within: Duration,
}

impl Program<'_> {
    /// Runs the program until it ends, or ends it when its time is up. Whatever it has started and
    /// left in its process group is ended too. `arguments`: the program's name and its arguments;
    /// not empty.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        match self.started(arguments) {
            Ok(child) => self.ended(child),
            Err(error) => Ran::NoEnd(format!("`{}` can't be started: {error}", arguments[0])),
        }
    }

    // The limits are set by a shell that becomes the program: `Command` can't set any without
    // unsafe code between fork and exec, and they are inherited by all that the program starts.
    fn started(&self, arguments: &[&str]) -> std::io::Result<Child> {
        // A file and not a pipe: it needs no reader while the program runs, and a process that
        // outlives the program can't keep its end open.
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
        // `Child` can't wait with a limit of time, so another thread waits.
        let (sender, receiver) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            let _ = sender.send(child.wait());
        });
        let result = receiver.recv_timeout(self.within);
        // Also after a good end, for what it has left running, which would keep running in a folder
        // that is about to be removed. Usually the group is empty, and that error says nothing.
        let _ = kill_process_group(group, Signal::KILL);
        // The leader is dead by now, so this is a matter of moments; it leaves no zombie behind.
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

/// The end of the output, from the beginning of a line; empty if it can't be read. A cut may be in
/// the middle of a character, which is in the line that is dropped.
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
