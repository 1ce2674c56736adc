//! Keeps a child from inheriting open files that are not meant for it, such as those that its
//! parent inherited itself. Closes nothing in the parent. Called by the host for its workers, and
//! by the launcher for programs that are started without network.

use std::os::fd::RawFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

const FIRST: RawFd = 3;
/// How many descriptors a process can have at most: Linux's own limit, unless an administrator
/// raised it. Bounds the loop where the limit is unlimited or absurd.
const COUNT_MAX: RawFd = 1 << 20;

/// Has the command start with its standard streams alone. What it is to inherit besides must be
/// prepared after this.
#[expect(unsafe_code, reason = "what is done between fork and exec is")]
pub fn pass_none_on(command: &mut Command) {
    let mark = || {
        close_on_exec();
        Ok(())
    };
    // SAFETY: it makes system calls that take numbers, allocates nothing and takes no lock.
    unsafe { command.pre_exec(mark) };
}

/// Marks everything above standard error to be closed when this process becomes another program.
/// Marked and not closed: std's own pipe, by which a failed exec is reported, is among them.
/// Async-signal-safe, so it can be called between fork and exec.
pub fn close_on_exec() {
    if !mark_all() {
        // By the limit and not by the list in `/proc/self/fd`: reading a folder allocates.
        let limit = getrlimit(Resource::Nofile).current;
        let end = limit.and_then(|limit| RawFd::try_from(limit).ok()).unwrap_or(COUNT_MAX);
        mark_each(end.min(COUNT_MAX));
    }
}

/// Marks all of them in one call; false if the system can't, as kernels before 5.11 and some
/// sandboxes.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "neither std nor rustix has a call for it")]
fn mark_all() -> bool {
    let (first, last, flags) = (FIRST, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    // SAFETY: takes numbers and touches no memory. Nothing is closed yet.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn mark_all() -> bool {
    false
}

#[expect(unsafe_code, reason = "numbers that may be no open descriptor")]
fn mark_each(end: RawFd) {
    for descriptor in FIRST..end {
        // SAFETY: takes numbers; a descriptor that is not open is an error that changes nothing.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::fd::{AsRawFd as _, OwnedFd};

    use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};

    use super::*;

    /// An open file that a child would inherit, with a number that children do not use themselves.
    fn leaking() -> OwnedFd {
        let file = fcntl_dupfd_cloexec(tempfile::tempfile().unwrap(), 100).unwrap();
        fcntl_setfd(&file, FdFlags::empty()).unwrap();
        file
    }

    fn open_in(command: &mut Command) -> Vec<RawFd> {
        let output = command.args(["-1", "/proc/self/fd"]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        printed.lines().map(|line| line.parse().unwrap()).collect()
    }

    #[test]
    fn what_the_parent_was_given_reaches_no_child() {
        let leaked = leaking();
        let open = open_in(&mut Command::new("ls"));
        assert!(open.contains(&leaked.as_raw_fd()), "the trial leaks nothing: {open:?}");
        let mut command = Command::new("ls");
        pass_none_on(&mut command);
        // The last one is the folder that `ls` reads.
        assert_eq!(open_in(&mut command), [0, 1, 2, 3]);
        assert!(fcntl_getfd(&leaked).unwrap().is_empty(), "the parent's own was changed");
    }

    #[test]
    #[expect(unsafe_code, reason = "what is done between fork and exec is")]
    fn a_kernel_that_takes_no_range_is_served_one_by_one() {
        let leaked = leaking();
        let end = leaked.as_raw_fd() + 1;
        let mut command = Command::new("ls");
        let mark = move || {
            mark_each(end);
            Ok(())
        };
        // SAFETY: as in `pass_none_on`.
        unsafe { command.pre_exec(mark) };
        let open = open_in(&mut command);
        assert!(!open.contains(&leaked.as_raw_fd()), "{open:?}");
    }
}
