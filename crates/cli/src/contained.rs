//! `localcoder contained FOLDER PROGRAM ARGUMENT...`: the program in this one's place, which then
//! can write below the folder only, and reaches no network and no other process. It starts that way
//! or not at all. Not for users: `test` runs made-up calls of their functions so.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use localcoder_sandbox::{Profile, Walls, close};

pub(crate) const CONTAINED: &str = "contained";
/// The exit code of shells for a program that can't be started.
const NOT_STARTED: u8 = 126;

/// Called by `main` before it reads arguments or starts a thread: rules hold for this thread and
/// what it becomes, and there must be no other. Returns only if the program was not started.
pub(crate) fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let error = match (arguments.next(), arguments.next()) {
        (Some(folder), Some(program)) => become_program(folder.into(), &program, arguments),
        _ => io::ErrorKind::InvalidInput.into(),
    };
    crate::output::note(&format!("The program could not be contained and started: {error}"));
    ExitCode::from(NOT_STARTED)
}

fn become_program(
    folder: PathBuf,
    program: &OsString,
    arguments: impl Iterator<Item = OsString>,
) -> io::Error {
    let confined = close(&Profile::Called { writes: &[folder] }, Walls::All);
    // Half of it is not enough here, unlike for our own programs, which run with less and say so:
    // this runs code that nobody asked to run.
    if !confined.calls || !confined.files {
        return io::Error::other(confined.why.unwrap_or_default());
    }
    Command::new(program).args(arguments).exec()
}
