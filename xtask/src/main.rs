//! The project's automation: `cargo xtask COMMAND`.
//!
//! Does: find the command that was named and run it. Does not: hold any command's work; each
//! is in its own file under `commands`, or in a program of its own that one of them starts. Called by people, by `.ci/run` and by nothing else.

mod arguments;
mod commands;
mod display;
mod ide;
mod setup;
mod tidy;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use arguments::Arguments;
use localcoder_automation::{files, metal, node, places, process, python, report};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Without a terminal there is no one to report it to.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let Some(command) = arguments.command else {
        let _ = Arguments::command().print_help();
        return ExitCode::SUCCESS;
    };
    report::ending(command.run())
}
