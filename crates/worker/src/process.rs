//! The process itself: private descriptors for the protocol, limits, and an end together with the
//! host. Called once by `main`, before llama.cpp is touched. Knows nothing of models.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use localcoder_protocol::{EXCHANGE_FD, MODELS_FD};
use localcoder_transport::handover::Taker;
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::process::{Resource, Rlimit, setrlimit};

#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) reader: File,
    pub(crate) writer: File,
}

/// Moves the protocol to private descriptors that no child inherits, and leaves descriptor 0 empty
/// and descriptor 1 a second stderr: whatever a library prints can't get into the protocol.
pub(crate) fn take_streams() -> io::Result<Streams> {
    // `try_clone_to_owned` sets CLOEXEC.
    let reader = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let writer = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(io::stderr().as_fd())?;
    Ok(Streams { reader, writer })
}

/// The file that host and worker exchange states in, if the host passed one.
pub(crate) fn take_exchange() -> io::Result<Option<File>> {
    let Some(file) = inherited(EXCHANGE_FD)?.map(File::from) else { return Ok(None) };
    // It is written at offsets and cut, which a pipe or a device under this number would not do.
    let is_file = file.metadata()?.is_file();
    is_file.then_some(Some(file)).ok_or_else(|| not_inherited(EXCHANGE_FD))
}

pub(crate) fn take_models() -> io::Result<Option<Taker>> {
    Ok(inherited(MODELS_FD)?.map(Taker::from))
}

/// The descriptor whose number the host passes in this variable.
#[expect(unsafe_code, reason = "std can't take an inherited descriptor")]
fn inherited(variable: &'static str) -> io::Result<Option<OwnedFd>> {
    let Some(name) = std::env::var_os(variable) else { return Ok(None) };
    let number = name.to_str().and_then(|text| text.parse::<i32>().ok());
    let number = number.filter(|number| *number > 2).ok_or_else(|| not_inherited(variable))?;
    // SAFETY: it is only inspected, and if no file is open under the number that is an error.
    let looked_at = unsafe { BorrowedFd::borrow_raw(number) };
    // Descriptors that this process has opened or taken itself are close-on-exec; inherited ones
    // are not.
    let flags = fcntl_getfd(looked_at).map_err(|_| not_inherited(variable))?;
    if flags.contains(FdFlags::CLOEXEC) {
        return Err(not_inherited(variable));
    }
    fcntl_setfd(looked_at, FdFlags::CLOEXEC)?;
    // SAFETY: it was inherited and, since it is not close-on-exec, has not been taken before.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(number) }))
}

fn not_inherited(variable: &str) -> io::Error {
    let message = format!("{variable} names nothing that this process was given");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Makes sure that no dump of the user's code is left behind, and that running another program
/// can't gain rights.
pub(crate) fn restrict() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}

/// Ends this process when the host ends, even if llama.cpp never returns. The end of stdin means
/// the same; this is for a host whose pipe another process holds open.
#[cfg(target_os = "linux")]
pub(crate) fn follow_parent() -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have ended between the two calls.
    if getppid() != parent {
        end(0);
    }
    Ok(())
}

/// As on Linux, but by polling: there is no signal for it here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn follow_parent() -> io::Result<()> {
    let parent = rustix::process::getppid();
    std::thread::Builder::new().name("parent-watch".to_owned()).spawn(move || {
        while rustix::process::getppid() == parent {
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        end(0);
    })?;
    Ok(())
}

/// Lets every other thread compute first: the calling thread's work is not urgent.
pub(crate) fn give_way() {
    // On Linux this affects only the calling thread.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 19);
}

/// A panic is a bug after which nothing here can be trusted: it is logged and the process ends,
/// whichever thread it is, except that of a template, which catches its own. The host starts
/// another worker.
pub(crate) fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // Only messages that are literals in the source; formatted ones may quote the user's text.
        let words = panic.payload().downcast_ref::<&str>().map_or("", |words| *words);
        log(&format!("panic at {place}: {words}"));
        end(101);
    }));
}

/// Ends the process at once: no destructor of llama.cpp runs while another thread computes.
#[expect(unsafe_code, reason = "the standard library's exit runs C++ destructors")]
pub(crate) fn end(code: i32) -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Writes a line to stderr, which the host puts into its log. Errors are ignored: without stderr
/// there is nowhere else to report them.
pub(crate) fn log_raw(line: &str) {
    // One write, so that lines of two threads do not mix.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Logs a message of this program, as distinct from llama.cpp's lines.
pub(crate) fn log(line: &str) {
    log_raw(&format!("localcoder-worker: {line}"));
}
