//! The project's automation: `cargo xtask COMMAND`.
//!
//! Does: find the command in one table and run it. Does not: hold any command's work; each
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

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match commands::dispatch(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::failure(&error);
            ExitCode::FAILURE
        }
    }
}
