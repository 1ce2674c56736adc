//! The project's automation: `cargo xtask COMMAND`.
//!
//! Does: find the command that was named and run it. Does not: contain any command's work; that is
//! in a file of its own under `commands`, or in a program that one of them starts. Called by people
//! and by `.ci/run`.

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
            // Without a terminal there is nowhere to report it.
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
