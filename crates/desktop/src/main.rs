//! `localcoder-desktop`: the IDE's native windows. The launcher starts it, sends it what to open on
//! standard input, and gets what happens on standard output; see `localcoder_launcher::window`.
//!
//! It shows only one origin, the editor server's. It keeps no state but the windows' size and the
//! pages' own storage, and ends when its standard input does.

mod app;
mod geometry;
mod icon;
mod link;
mod page;
#[cfg_attr(target_os = "linux", path = "platform/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "platform/other.rs")]
mod platform;
mod report;

use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, bail};
use localcoder_launcher::window::{Command, LINE_BYTES_MAX};

fn main() -> ExitCode {
    // Before any file is created: what the pages store must be accessible to the user only.
    localcoder_launcher::close_umask();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        bail!("this program is started by `localcoder PATH`, which tells it what to show");
    }
    // Only this function and then the thread below read it, one after the other.
    let first = read_command(&mut stdin.lock())?.context("nothing was said on standard input")?;
    let Command::Start { data, origin, proxy } = first else {
        bail!("the first command must be `start`");
    };
    app::run(&data, (origin, proxy), move |deliver| {
        let mut stdin = stdin.lock();
        while let Ok(Some(command)) = read_command(&mut stdin) {
            deliver(command);
        }
        // The launcher has ended, or its stream can't be read any more.
        deliver(Command::Quit);
    })
}

/// One command; `None` at the end of the stream. A longer line than the limit is cut, and so an
/// error.
fn read_command(reader: &mut impl BufRead) -> anyhow::Result<Option<Command>> {
    let mut line = Vec::new();
    reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).context("standard input failed")?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&line).context("a command can't be understood").map(Some)
}
