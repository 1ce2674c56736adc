//! What the program says: events for the launcher on standard output, and errors for a person on
//! standard error.
#![expect(clippy::print_stderr, reason = "this is where the program speaks")]

use std::io::Write;

use localcoder_launcher::window::Event;

/// Tells the launcher. Where it is gone, standard input has ended too, which ends the program.
pub(crate) fn event(event: &Event) {
    let mut line = serde_json::to_vec(event).expect("plain data is always JSON");
    line.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
}

/// Tells the launcher, and with it the user, of something that does not end the program.
pub(crate) fn problem(message: impl Into<String>) {
    event(&Event::Problem { message: message.into() });
}

/// Tells why the program ends.
pub(crate) fn error(message: &str) {
    eprintln!("localcoder-desktop: {message}");
}
