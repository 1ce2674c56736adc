//! The program's output: events for the launcher on standard output, and errors for people on
//! standard error.
#![expect(clippy::print_stderr, reason = "this is where the program speaks")]

use std::io::{ErrorKind, Write};
use std::path::Path;

use localcoder_disk::cause_of;
use localcoder_launcher::window::{Event, OUTPUT_FAILED};

/// Sends an event to the launcher. If the launcher is gone, standard input has ended as well, which
/// ends the program. If it exists but can't be reached, windows that it does not know of are
/// useless, so the program ends too.
#[expect(clippy::exit, reason = "the event loop does not come back, and what is unsaved is kept")]
pub(crate) fn event(event: &Event) {
    let mut line = serde_json::to_vec(event).expect("plain data is always JSON");
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    let Err(failed) = stdout.write_all(&line).and_then(|()| stdout.flush()) else { return };
    if failed.kind() != ErrorKind::BrokenPipe {
        let why = cause_of(&failed, Path::new("/dev/stdout")).text;
        error(&format!("events can't be sent to the launcher: {why}"));
        std::process::exit(OUTPUT_FAILED);
    }
}

pub(crate) fn problem(message: impl Into<String>) {
    event(&Event::Problem { message: message.into() });
}

pub(crate) fn error(message: &str) {
    eprintln!("localcoder-desktop: {message}");
}
