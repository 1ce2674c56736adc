//! `localcoder host start|stop|forget|run`: the background process that windows and commands share.

use std::io::LineWriter;
use std::time::{Duration, Instant};

use localcoder_disk::cause_of;
use localcoder_host::unresponsive::Unresponsive;
use localcoder_host::{connect, shell};
use localcoder_protocol::{
    ClientKind, ErrorCode, ErrorInfo, HostStart, HostStarted, HostStop, HostStopped, Nothing,
    Status, Stop,
};
use localcoder_settings::Places;

use crate::arguments::{HostCommand, HostOptions};
use crate::failure::explained;
use crate::output;
use crate::session::program;

/// How long a host may take to end after it has answered `stop`, which it does at once: it ends its
/// worker and saves what it keeps.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &HostOptions) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    match options.command {
        HostCommand::Start { json } => start(&places, json),
        HostCommand::Stop { json } => stop(&places, json),
        HostCommand::Forget => forget(&places),
        // The host itself, which another program started: its stdout is a pipe on which that one
        // waits.
        HostCommand::Run => {
            let mut printed = Ok(());
            // As one line, since readers wait for the end of the line.
            shell::run(&places, LineWriter::new(output::ErrorCapture(&mut printed)))?;
            printed
        }
    }
}

fn start(places: &Places, json: bool) -> Result<(), ErrorInfo> {
    let mut client = connect::connect_or_start(places, &program()?, ClientKind::Other)?;
    let status = client.call::<Status>(&Nothing {}, |_, _| {})?;
    if json {
        let socket = places.host_socket().display().to_string();
        return output::answer::<HostStart>(&HostStarted { socket, pid: status.pid });
    }
    output::note(&format!("The host runs as process {}.", status.pid));
    Ok(())
}

fn stop(places: &Places, json: bool) -> Result<(), ErrorInfo> {
    report_stop(json, end_host(places)?)
}

/// Ends the host, by a signal if it does not answer. Only a process that is known to be this
/// program's host is ever ended so.
///
/// # Errors
/// If it neither ends nor can be identified, and if it can't be asked for any other reason than
/// silence.
pub(crate) fn end_host(places: &Places) -> Result<Stopped, ErrorInfo> {
    // Without a hello: it must be possible to stop a host of another version.
    let refused = match connect::ask_raw::<Stop>(places, &Nothing {}) {
        Ok(None) => return Ok(Stopped::Nothing),
        Ok(Some(_)) => {
            // It has promised to end; if it hangs on the way, it is ended below like one that is
            // silent.
            if is_gone(places) {
                return Ok(Stopped::Asked);
            }
            None
        }
        // Other problems are not fixed by ending a process.
        Err(error) if error.code != ErrorCode::HostUnreachable => return Err(error),
        Err(error) => Some(error),
    };
    match Unresponsive::find(places) {
        Some(host) => {
            host.end()?;
            Ok(Stopped::Forced(host.pid()))
        }
        // It has ended after all, or another process has its socket.
        None if !connect::is_there(places) => Ok(Stopped::Asked),
        None => Err(refused.unwrap_or_else(|| {
            ErrorInfo::new(ErrorCode::HostUnreachable, "the host does not end")
                .with_cause("which process it is can't be determined")
                .with_hint("`localcoder status` shows its process id; end it by hand")
        })),
    }
}

fn is_gone(places: &Places) -> bool {
    let deadline = Instant::now() + STOP_DEADLINE;
    while connect::is_there(places) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Deletes what is on disk; a running host saves what it has in memory again when it ends.
fn forget(places: &Places) -> Result<(), ErrorInfo> {
    for path in [places.prefixes(), places.measurements_file()] {
        let removed =
            if path.is_dir() { fs_err::remove_dir_all(&path) } else { fs_err::remove_file(&path) };
        match removed {
            // Nothing may have been kept yet.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("`{}` could not be deleted", path.display());
                let error_info = ErrorInfo::new(ErrorCode::FileAccess, message);
                return Err(explained(error_info, cause_of(&error, &path)));
            }
            _ => {}
        }
    }
    output::note("Deleted. The next start takes a little longer.");
    Ok(())
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Stopped {
    Nothing,
    /// It has ended as requested, or by itself meanwhile.
    Asked,
    Forced(u32),
}

fn report_stop(json: bool, stopped: Stopped) -> Result<(), ErrorInfo> {
    let text = match stopped {
        Stopped::Nothing => "No host runs.".to_owned(),
        Stopped::Asked => "The host has ended.".to_owned(),
        Stopped::Forced(pid) => {
            format!("The host (process {pid}) did not answer, so it was ended.")
        }
    };
    if json {
        let (stopped, forced) = match stopped {
            Stopped::Nothing => (false, false),
            Stopped::Asked => (true, false),
            Stopped::Forced(_) => (true, true),
        };
        return output::answer::<HostStop>(&HostStopped { stopped, forced });
    }
    output::note(&text);
    Ok(())
}
