//! The host's log. It contains what happened, never what the user wrote or the model answered, and
//! no path of a document: every caller keeps to that, at every level.
//!
//! Only our own lines are logged. What a library logs at its finer levels may quote the data that
//! passes through it.

use std::path::Path;
use std::sync::Mutex;

use localcoder_disk::LogRing;
use localcoder_protocol::{BUILD_ID, PROTOCOL_VERSION, WORKER_VERSION};
use localcoder_settings::env;
use rustix::process::{Resource, Rlimit, setrlimit};
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use super::{last_lines, machine};

/// At this size the file is rotated. With three older ones the log takes up to 8 MiB: weeks of one
/// user's work, and still no problem on a small disk.
const LOG_BYTES_MAX: u64 = 2 * 1024 * 1024;
const OLDER_LOGS: usize = 3;

/// Starts logging to `host.log`. If the folder is not writable there is no log, and nothing else
/// changes: the host must run with a full disk, too.
pub(super) fn start(folder: &Path) {
    let filter = env::text(env::LOG).unwrap_or_else(|| "info".to_owned());
    let ring = LogRing::new(folder.join("host.log"), LOG_BYTES_MAX, OLDER_LOGS);
    let _ = tracing_subscriber::registry()
        .with(EnvFilter::new(filter))
        .with(FilterFn::new(|metadata| is_ours(metadata.target())))
        .with(fmt::layer().with_ansi(false).with_writer(Mutex::new(ring)))
        .try_init();
    end_on_panic();
    tracing::info!(
        pid = std::process::id(),
        build = BUILD_ID,
        protocol = PROTOCOL_VERSION,
        worker_protocol = WORKER_VERSION,
        system = std::env::consts::OS,
        arch = std::env::consts::ARCH,
        machine = machine::name(),
        "the host starts"
    );
}

fn is_ours(target: &str) -> bool {
    target == last_lines::TARGET || target.starts_with("localcoder")
}

/// A panic is a bug of ours that would leave one thread missing, and everything that waits for it
/// waiting forever: so a panic in any thread ends the whole host. Its clients see their connections
/// end, and the next one starts another host. Where it happened is logged, since no one reads a
/// host's stderr; its message is not, since it may quote a piece of text that could not be handled.
fn end_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        tracing::error!(place, thread = thread.name(), "a mistake in the host: it ends");
        before(panic);
        // No core dump with the user's code is left behind.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
        std::process::abort();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_any_thread_ends_the_process() {
        use std::os::unix::process::ExitStatusExt as _;
        const INSIDE: &str = "LOCALCODER_TEST_PANICS";
        if std::env::var_os(INSIDE).is_some() {
            end_on_panic();
            let thread = localcoder_transport::spawn_thread("test", || {
                assert!(std::env::var_os(INSIDE).is_none(), "a mistake");
            });
            let _ = thread.unwrap().join();
            return;
        }
        let name = "shell::log::tests::a_panic_in_any_thread_ends_the_process";
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", name]).env(INSIDE, "1").output().unwrap();
        assert_eq!(output.status.signal(), Some(6), "{output:?}");
    }

    #[test]
    fn libraries_are_not_heard() {
        assert!(is_ours(module_path!()) && is_ours("worker"));
        assert!(!is_ours("serde_json::de") && !is_ours("log"));
    }
}
