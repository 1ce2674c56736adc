//! `localcoder-fetch`: from an address to a verified file. The only program of the product that can
//! open a connection off this machine; it knows nothing of models.
//!
//! It reads its request from standard input and reports what happens on standard output, both as
//! lines of JSON (`localcoder_protocol::FetchOrder`). The command line starts it for one file, and
//! never in air-gapped mode; but whoever starts it, it checks the settings itself, and also refuses
//! a request that does not state that the network is allowed. Once it knows what is wanted, it has
//! the system deny it everything else, and reports how far that went. It ends when its standard
//! input does.

mod attempt;
mod attempt_error;
mod confine;
mod download;
mod hosts;
mod partial;
mod permission;
mod proxy;
mod response;
mod speed;
mod text;

use std::io::{BufRead as _, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use localcoder_disk::cause_of;
use localcoder_protocol::{
    ErrorCode, FetchEvent, FetchFailure, FetchNetwork, FetchOrder, FetchPermission, FetchTask,
};

use attempt_error::Failed;
use confine::confine;
use permission::Permission;

/// Longest request; an address has a few hundred bytes.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;

fn main() -> ExitCode {
    // Before any file is created: which models a user has is private. The other programs have this
    // from `localcoder_transport::private`, which this one does not depend on.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match Permission::ask().and_then(|permission| run(&read_task()?, &permission)) {
        Ok(()) => {
            report(FetchEvent::Done);
            ExitCode::SUCCESS
        }
        Err(Failed { failure, message }) => {
            let is_refused = failure == FetchFailure::AirGapped;
            if is_refused {
                // For users who have started it by hand; the exit code is the same as the command
                // line's.
                let _ = writeln!(std::io::stderr(), "localcoder-fetch: {message}");
            }
            report(FetchEvent::Failed { failure, message });
            match is_refused {
                true => ErrorCode::AirGapped.exit_code().into(),
                false => ExitCode::FAILURE,
            }
        }
    }
}

fn run(task: &FetchTask, permission: &Permission) -> Result<(), Failed> {
    // Before the confinement, which needs the folders of a request that is well-formed.
    if let FetchTask::File(request) = task {
        download::check(request)?;
    }
    // Before the first thread is started, since threads are confined one by one.
    report(FetchEvent::Confined(confine(task, permission.places())));
    end_with_the_host();
    match task {
        FetchTask::File(request) => download::download(request, permission, &mut report),
        FetchTask::Text(request) => {
            text::load(request, permission).map(|text| report(FetchEvent::Text { text }))
        }
    }
}

/// The request, from one line. Read twice: whether the network is allowed is looked at before
/// anything else, so that a request of another version that lacks it is refused as that, and not as
/// malformed.
fn read_task() -> Result<FetchTask, Failed> {
    let mut line = String::new();
    std::io::Read::take(std::io::stdin().lock(), REQUEST_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|error| invalid(&error.to_string()))?;
    let permission: FetchPermission =
        serde_json::from_str(&line).map_err(|error| invalid(&error.to_string()))?;
    if permission.network != FetchNetwork::Allowed {
        let message = "the request does not say that the settings allow downloads";
        return Err(Failed::new(FetchFailure::AirGapped, message));
    }
    let order: FetchOrder =
        serde_json::from_str(&line).map_err(|error| invalid(&error.to_string()))?;
    Ok(order.task)
}

fn invalid(why: &str) -> Failed {
    Failed { failure: FetchFailure::Invalid, message: format!("the request is malformed: {why}") }
}

/// Ends this process when the caller does, or cancels by closing our standard input. What has been
/// written so far is on disk, or can be fetched again: there is nothing to clean up, and so the
/// whole process can be aborted from any point.
fn end_with_the_host() {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::abort();
    });
}

/// A caller that does not read any more has ended, and so does this program: silently if the caller
/// is gone, else with an exit code of its own. What has been written of the file stays.
#[expect(clippy::needless_pass_by_value, reason = "events are handed on, not kept")]
#[expect(clippy::exit, reason = "nothing is to be cleaned up, as where standard input ends")]
fn report(event: FetchEvent) {
    let mut line = serde_json::to_string(&event).unwrap_or_default();
    line.push('\n');
    let mut stdout = std::io::stdout().lock();
    let Err(error) = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()) else {
        return;
    };
    if error.kind() != ErrorKind::BrokenPipe {
        let why = cause_of(&error, Path::new("/dev/stdout")).text;
        let _ =
            writeln!(std::io::stderr(), "localcoder-fetch: what happens can't be reported: {why}");
    }
    std::process::exit(ErrorCode::OutputFailed.exit_code().into());
}
