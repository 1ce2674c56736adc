//! The project's automation: `cargo xtask COMMAND`.
//!
//! Does: find the command that was named and run it. Does not: hold any command's work; each
//! is in its own file under `commands`. Called by people, by `.ci/run` and by nothing else.

mod arguments;
mod bench;
mod commands;
mod display;
mod files;
mod ide;
mod metal;
mod node;
mod places;
mod process;
mod report;
mod setup;
mod tidy;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => {
            // Nobody is left to be told where the terminal is gone.
            let _ = told.print();
            return if told.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let Some(command) = arguments.command else {
        let _ = Arguments::command().print_help();
        return ExitCode::SUCCESS;
    };
    match command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::failure(&error);
            ExitCode::FAILURE
        }
    }
}
