//! Worker processes: started from one thread that lives as long as the host, read, written,
//! killed, and reported when they end.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_fds::{CommandFdExt as _, FdMapping};
use crossbeam_channel::{Receiver, Sender, unbounded};
use localcoder_disk::{Cause, cause_of_start};
use localcoder_protocol::limits::{WORKER_EXCHANGE_FD, WORKER_MODELS_FD};
use localcoder_protocol::{
    EXCHANGE_FD, ErrorAction, ErrorCode, ErrorInfo, MODELS_FD, WORKER_ENVIRONMENT,
};
use localcoder_transport::handover::{self, Giver};
use localcoder_transport::{
    Message, Outbox, ReadError, descriptors, is_shortage, shortage, spawn_reader, spawn_thread,
    spawn_writer,
};

use super::inspector::Load;
use super::look::Checked;
use super::orphans::Orphans;
use super::{Input, last_lines, oom, worker_environment};
use crate::core::{Death, Event, WorkerEnding};

const SIGKILL: i32 = 9;

type Shared<T> = Arc<Mutex<T>>;

/// The processes of this host, by generation.
#[derive(Default)]
struct Table {
    running: HashMap<u64, Running>,
}

struct Running {
    /// The only writer of the worker's input; dropped to tell the worker to end, which it also does
    /// by itself when this process dies.
    outbox: Option<Outbox>,
    child: Shared<Child>,
    shared: Ours,
    /// Whether the host has asked for its end.
    unwanted: bool,
}

/// The host's ends of what a worker inherits in addition to its streams.
struct Ours {
    exchange: Option<File>,
    giver: Giver,
}

pub(super) struct Workers {
    starts: Sender<u64>,
    table: Shared<Table>,
}

impl Workers {
    /// A set without processes; `program` is the worker's executable, and running workers are
    /// recorded in `noted` for a later host.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub(super) fn new(
        program: PathBuf,
        noted: PathBuf,
        sender: Sender<Input>,
    ) -> std::io::Result<Self> {
        // Unbounded, since the core only asks for one at a time in each of its few slots.
        let (starts, wanted) = unbounded();
        let table = Shared::<Table>::default();
        let orphans = Orphans::new(noted);
        let mut spawner = Spawner { program, sender, table: Arc::clone(&table), orphans };
        // A worker is told to die with its parent, and on Linux the parent is the thread that
        // started it: so this thread must never end before the host does.
        spawn_thread("worker-spawner", move || spawner.run(&wanted))?;
        Ok(Self { starts, table })
    }

    pub(super) fn start(&self, generation: u64) {
        // The thread ends only with the host: any panic in it ends the host.
        let _ = self.starts.send(generation);
    }

    pub(super) fn send(&self, generation: u64, message: Message) {
        let table = lock(&self.table);
        if let Some(running) = table.running.get(&generation)
            && let Some(outbox) = &running.outbox
            && let Err(error) = outbox.send(message)
        {
            tracing::warn!(generation, %error, "a message to the worker was lost");
        }
    }

    pub(super) fn exchange(&self, generation: u64) -> Option<File> {
        let table = lock(&self.table);
        table.running.get(&generation)?.shared.exchange.as_ref()?.try_clone().ok()
    }

    /// Hands a worker the file for the load message that is sent next.
    ///
    /// # Errors
    /// If the worker is gone, or does not accept the file.
    pub(super) fn hand(&self, load: Load, checked: &Checked) -> Result<(), ErrorInfo> {
        let table = lock(&self.table);
        // It has ended, which is reported anyway.
        let Some(running) = table.running.get(&load.generation) else { return Ok(()) };
        let given = running.shared.giver.give(load.request, &checked.file, &checked.stamp);
        given.map_err(|error| {
            let message = "the engine could not be given the model's file";
            ErrorInfo::new(ErrorCode::ModelLoadFailed, message)
                .with_cause(error.to_string())
                .with_hint("try again; if that does not help, start the engine again")
                .with_action(ErrorAction::RestartEngine)
        })
    }

    pub(super) fn stop(&self, generation: u64) {
        if let Some(running) = lock(&self.table).running.get_mut(&generation) {
            running.unwanted = true;
            running.outbox = None;
        }
    }

    pub(super) fn terminate(&self, generation: u64) {
        self.end(generation, |child| {
            let pid = rustix::process::Pid::from_child(child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        });
    }

    pub(super) fn kill(&self, generation: u64) {
        self.end(generation, |child| {
            let _ = child.kill();
        });
    }

    fn end(&self, generation: u64, how: impl FnOnce(&mut Child)) {
        let child = lock(&self.table).running.get_mut(&generation).map(|running| {
            running.unwanted = true;
            Arc::clone(&running.child)
        });
        // The table is free again by now: others must not wait for this child.
        if let Some(child) = child {
            tracing::info!(generation, "the host ends a worker");
            how(&mut lock(&child));
        }
    }

    /// Ends all workers, and waits until they are gone.
    pub(super) fn finish(self) {
        // With the entries gone, the readers report no end of theirs as news.
        let running: Vec<Running> = lock(&self.table).running.drain().map(|(_, it)| it).collect();
        for Running { child, .. } in running {
            let mut child = lock(&child);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Spawner {
    program: PathBuf,
    sender: Sender<Input>,
    table: Shared<Table>,
    orphans: Orphans,
}

impl Spawner {
    fn run(&mut self, wanted: &Receiver<u64>) {
        self.orphans.end_left();
        for generation in wanted {
            let result = self.spawn(generation);
            let event = Event::WorkerStarted { generation, result };
            if self.sender.send(Input::Event(event)).is_err() {
                return;
            }
        }
    }

    fn spawn(&mut self, generation: u64) -> Result<u32, ErrorInfo> {
        let prepared = prepared(&self.program);
        let (mut command, shared) = prepared.map_err(|error| not_started(&self.program, &error))?;
        // Counted before the process exists, so that its own end is not among these.
        let killed_before = oom::kills();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| not_started(&self.program, &error))?;
        let pid = child.id();
        // At once, so that the next host finds it if this one dies now.
        self.orphans.started(pid);
        tracing::info!(generation, pid, program = %self.program.display(), "a worker was started");
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        self.serve(generation, pid, pipes, &child, shared, killed_before).map_err(|error| {
            // Nobody else knows of this process yet, so it is ended and waited for here.
            lock(&self.table).running.remove(&generation);
            let mut child = lock(&child);
            let _ = child.kill();
            let _ = child.wait();
            not_started(&self.program, &error)
        })?;
        Ok(pid)
    }

    fn serve(
        &self,
        generation: u64,
        pid: u32,
        pipes: Pipes,
        child: &Shared<Child>,
        shared: Ours,
        killed_before: u64,
    ) -> std::io::Result<()> {
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(std::io::Error::other("it has no pipes"));
        };
        let last_lines = last_lines::collect(generation, stderr)?;
        let (outbox, _) = spawn_writer("worker", stdin)?;
        let child = Arc::clone(child);
        let running =
            Running { outbox: Some(outbox), child: Arc::clone(&child), shared, unwanted: false };
        // Before the reader's thread begins, which removes it: a worker that ends at once would
        // leave its entry for ever.
        lock(&self.table).running.insert(generation, running);
        let (sender, table) = (self.sender.clone(), Arc::clone(&self.table));
        let mut broken = None;
        let on_message = move |message: Option<Result<Message, ReadError>>| {
            let event = match message {
                Some(Ok(message)) => Event::WorkerMessage { generation, message },
                Some(Err(error)) => {
                    tracing::error!(generation, %error, "the worker wrote nonsense");
                    if let ReadError::Frame(error) = error {
                        broken = Some(error.to_string());
                    }
                    // The end of the stream follows, and that is what is reported.
                    return true;
                }
                None => {
                    let running = lock(&table).running.remove(&generation);
                    let mut ending = end(&child, &last_lines);
                    blame_protocol(&mut ending, broken.take());
                    // The end of a worker that the host ended is not news, though it is reported as
                    // a signal as well.
                    if running.is_some_and(|running| !running.unwanted) {
                        blame_memory(&mut ending, killed_before);
                        tracing::warn!(
                            generation,
                            pid,
                            ending = ending.death.to_string(),
                            "a worker ended"
                        );
                    }
                    Event::WorkerEnded { generation, ending }
                }
            };
            sender.send(Input::Event(event)).is_ok()
        };
        spawn_reader("worker", stdout, on_message)?;
        Ok(())
    }
}

type Pipes = (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>);

fn not_started(program: &Path, error: &std::io::Error) -> ErrorInfo {
    let message = format!("the worker `{}` could not be started", program.display());
    if is_shortage(error) {
        return shortage(ErrorCode::WorkerStart, message, error);
    }
    let Cause { text, hint, .. } = cause_of_start(error, program);
    ErrorInfo::new(ErrorCode::WorkerStart, message).with_cause(text).with_hint(hint)
}

/// The command that starts the worker, and the host's ends of what it inherits. The worker gets
/// only what it needs of the host's: no variable and no open file that is not meant for it.
fn prepared(program: &Path) -> std::io::Result<(Command, Ours)> {
    let mut command = Command::new(program);
    worker_environment::limit(&mut command, std::env::vars_os());
    command.envs(WORKER_ENVIRONMENT.iter().copied());
    // Must come first: it closes the numbers to which the shared files are then mapped.
    descriptors::pass_none_on(&mut command);
    // A pair for each worker: a file that is handed over can't reach another one.
    let (giver, taker) = handover::pair()?;
    let mut shared = vec![FdMapping { parent_fd: taker.into(), child_fd: WORKER_MODELS_FD }];
    command.env(MODELS_FD, WORKER_MODELS_FD.to_string());
    let exchange = exchange_file();
    if let Some(exchange) = &exchange {
        let parent_fd = OwnedFd::from(exchange.try_clone()?);
        shared.push(FdMapping { parent_fd, child_fd: WORKER_EXCHANGE_FD });
        command.env(EXCHANGE_FD, WORKER_EXCHANGE_FD.to_string());
    }
    command.fd_mappings(shared).map_err(std::io::Error::other)?;
    Ok((command, Ours { exchange, giver }))
}

/// A file without a name that the worker inherits. If it can't be created, there are no kept
/// states.
fn exchange_file() -> Option<File> {
    tempfile::tempfile()
        .inspect_err(|error| {
            tracing::warn!(%error, "the worker gets no file to exchange states in");
        })
        .ok()
}

/// A worker that closed its protocol can't be used: it is killed if it still runs. One that was
/// already dying keeps its own exit status.
fn end(child: &Shared<Child>, last_lines: &Receiver<Vec<String>>) -> WorkerEnding {
    let status = {
        let mut child = lock(child);
        let _ = child.kill();
        child.wait()
    };
    // A grandchild might keep stderr open; the report does not wait for it.
    let last_lines = last_lines.recv_timeout(Duration::from_millis(200)).unwrap_or_default();
    match status {
        // A killed process had no time to say why, so its last lines are about something else.
        Ok(status) if status.signal() == Some(SIGKILL) => WorkerEnding::from(KILLED),
        Ok(status) => WorkerEnding { death: death(status), last_lines },
        Err(error) => {
            tracing::warn!(%error, "the exit status of a worker can't be had");
            WorkerEnding { death: Death::Unknown, last_lines }
        }
    }
}

fn blame_protocol(ending: &mut WorkerEnding, broken: Option<String>) {
    // One that died of something else at the same time keeps its own reason.
    if let Some(broken) = broken.filter(|_| ending.death == KILLED) {
        ending.death = Death::Malformed(broken);
    }
}

fn blame_memory(ending: &mut WorkerEnding, killed_before: u64) {
    if ending.death == KILLED && oom::kills() > killed_before {
        ending.death = Death::OutOfMemory;
    }
}

/// How a worker ended that something other than this host killed.
const KILLED: Death = Death::Signal(SIGKILL);

fn death(status: ExitStatus) -> Death {
    match (status.code(), status.signal()) {
        (Some(code), _) => Death::Exit(code),
        (None, Some(signal)) => Death::Signal(signal),
        (None, None) => Death::Unknown,
    }
}

fn lock<T>(shared: &Shared<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_worker_gets_the_shared_file_and_nothing_else_of_the_host() {
        // Cargo sets this for tests; here it stands for any variable that a user has set.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let foreign = tempfile::tempfile().unwrap();
        rustix::io::fcntl_setfd(&foreign, rustix::io::FdFlags::empty()).unwrap();
        let (mut command, shared) = prepared(Path::new("/bin/sh")).unwrap();
        let script = "env; for fd in /proc/$$/fd/*; do echo \"open ${fd##*/}\"; done";
        let output = command.args(["-c", script]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(shared.exchange.is_some());
        let open: Vec<&str> = printed.lines().filter(|line| line.starts_with("open")).collect();
        // The last one is the folder that the shell itself opens to list them.
        assert_eq!(open, ["open 0", "open 1", "open 2", "open 3", "open 4", "open 5"], "{printed}");
        assert!(printed.contains("LOCALCODER_EXCHANGE_FD=3\n"), "{printed}");
        assert!(printed.contains("LOCALCODER_MODELS_FD=4\n"), "{printed}");
        assert!(printed.contains("OMP_WAIT_POLICY=passive\n"), "{printed}");
        assert!(!printed.contains("CARGO"), "{printed}");
    }

    #[test]
    fn a_worker_that_the_system_can_not_afford_is_not_told_to_be_installed_again() {
        let program = Path::new("/w");
        let short = not_started(program, &rustix::io::Errno::AGAIN.into());
        assert_eq!(short.code, ErrorCode::WorkerStart);
        assert!(short.hint.unwrap().contains("ulimit -u"));
        let missing = not_started(program, &rustix::io::Errno::NOENT.into());
        assert!(missing.hint.unwrap().contains("install"));
    }

    #[test]
    fn who_can_not_be_understood_was_not_killed_for_memory() {
        let killed = || WorkerEnding::from(KILLED);
        let mut ending = killed();
        blame_protocol(&mut ending, Some("no colon".to_owned()));
        assert_eq!(ending.death, Death::Malformed("no colon".to_owned()));
        let mut ending = killed();
        blame_protocol(&mut ending, None);
        assert_eq!(ending.death, KILLED);
    }
}
