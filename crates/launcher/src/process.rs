//! Child processes that never outlive the launcher: each has a process group of its own, which is
//! killed as a whole when its leader ends, when it is stopped, and, on Linux, when the launcher
//! dies in any way.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// A running group. Dropping it does not stop it; [`Group::stop`] does. Clones mean the same group.
/// `ended` is true once the leader is reaped: from then on its number may belong to somebody else,
/// so signals are sent under its lock.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pid: Pid,
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl Group {
    /// Starts the command and calls `on_end` with its status once it has ended and the rest of its
    /// group was killed. `prepare` gets the child first, to take its pipes.
    pub(crate) fn spawn<T: Send + 'static>(
        mut command: Command,
        prepare: impl FnOnce(&mut Child) -> T + Send + 'static,
        on_end: impl FnOnce(ExitStatus) + Send + 'static,
    ) -> io::Result<(Self, T)> {
        // A group of its own also keeps Ctrl-C in the terminal from it: the launcher decides in
        // which order things end.
        command.process_group(0);
        die_with_parent(&mut command);
        let (sender, receiver) = mpsc::sync_channel(1);
        // The kernel sends the parent-death signal when the thread that started the child ends, so
        // that thread stays as long as the child.
        std::thread::Builder::new().name("child".to_owned()).spawn(move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(sender.send(Err(error))),
            };
            let group = Self { pid: Pid::from_child(&child), ended: Arc::default() };
            let prepared = prepare(&mut child);
            // If the caller is gone, nothing would stop the child.
            if sender.send(Ok((group.clone(), prepared))).is_err() {
                group.signal(Signal::KILL);
            }
            drop(sender);
            on_end(group.reap(&mut child));
        })?;
        receiver.recv().map_err(|_| io::Error::other("the thread of the child ended"))?
    }

    /// Waits for the leader, kills the rest of its group while its number can't be reused, and only
    /// then releases the number. Waiting in the usual way would release it first: the kernel could
    /// give it to a new process, and the kill would hit a stranger's group.
    fn reap(&self, child: &mut Child) -> ExitStatus {
        wait_without_reaping(self.pid);
        let (ended, changed) = &*self.ended;
        // Held across the kill and the release, so that `signal` sees either a leader that is not
        // reaped, or the end.
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        kill_group(self.pid, Signal::KILL);
        let status = child.wait().unwrap_or_default();
        *ended = true;
        changed.notify_all();
        status
    }

    /// Sends a signal to the whole group, if its leader still exists.
    fn signal(&self, signal: Signal) {
        let ended = self.ended.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*ended {
            kill_group(self.pid, signal);
        }
    }

    pub(crate) fn wait(&self, time: Duration) -> bool {
        let (ended, changed) = &*self.ended;
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, _) = changed
            .wait_timeout_while(ended, time, |ended| !*ended)
            .unwrap_or_else(PoisonError::into_inner);
        *ended
    }

    /// Asks the whole group to end (SIGTERM), waits for at most `patience`, then kills it. Returns
    /// when it is gone, or after [`Group::kill`]'s own limit.
    pub(crate) fn stop(&self, patience: Duration) {
        self.signal(Signal::TERM);
        if !self.wait(patience) {
            self.kill();
        }
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        // A killed process in an uninterruptible call can take its time; waiting forever would gain
        // nothing.
        self.wait(Duration::from_secs(5));
    }
}

fn wait_without_reaping(pid: Pid) {
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while matches!(waitid(WaitId::Pid(pid), how), Err(Errno::INTR)) {}
}

/// The group belongs to a child that is not yet reaped, so its number can't have been reused. If
/// all of the group has ended, there is nothing to do.
fn kill_group(pid: Pid, signal: Signal) {
    let _ = kill_process_group(pid, signal);
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std has no safe way to run something in the child")]
fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let set = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The launcher may have died between the fork and this point.
        match rustix::process::getppid() {
            Some(now) if now == parent => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    };
    // SAFETY: the closure makes two system calls; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(set) };
}

/// On other systems the window program ends with its standard input. The editor server would
/// outlive a launcher that was killed with SIGKILL.
#[cfg(not(target_os = "linux"))]
fn die_with_parent(_command: &mut Command) {}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    use std::time::Instant;

    use super::*;

    fn alive(pid: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A killed process whose parent has not asked for its status is a zombie.
        !stat.is_empty() && !stat.contains(") Z ")
    }

    fn gone(pid: i32) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while alive(pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        !alive(pid)
    }

    fn spawn_two(script: &str) -> (Group, mpsc::Receiver<ExitStatus>, i32) {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).stdout(Stdio::piped());
        let (sender, receiver) = mpsc::channel();
        let (group, stdout) = Group::spawn(
            command,
            |child| child.stdout.take().unwrap(),
            move |status| sender.send(status).unwrap_or_default(),
        )
        .unwrap();
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        (group, receiver, line.trim().parse().unwrap())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn stopping_ends_the_grandchild_too_even_when_term_is_ignored() {
        let (group, ended, grandchild) =
            spawn_two("trap '' TERM; sleep 600 & echo $!; while :; do sleep 600; done");
        assert!(alive(grandchild));
        group.stop(Duration::from_millis(50));
        assert!(ended.recv_timeout(Duration::from_secs(10)).is_ok());
        assert!(gone(grandchild));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_leader_that_ends_takes_its_group_with_it() {
        let (group, ended, grandchild) = spawn_two("sleep 600 & echo $!; exit 3");
        let status = ended.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(status.code(), Some(3));
        assert!(gone(grandchild));
        group.kill();
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let result = Group::spawn(Command::new("/no/such/program"), |_| (), |_| ());
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
