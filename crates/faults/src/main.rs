//! `localcoder-faults`: what the product survives, for `cargo xtask faults`, `soak`, `simulate` and
//! `fuzz`.
//!
//! Does: make things go wrong with the programs as they are built, and look at what must hold. Does
//! not: build anything of ours, or install what is missing; `cargo xtask` has done that when it
//! starts this.

mod fuzz;
mod simulate;
mod soak;
mod trials;

use std::process::ExitCode;

use clap::Parser;
use localcoder_automation::{files, node, options, places, process, report};

/// The line that `cargo xtask` was given.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    Faults(options::Faults),
    Soak(options::Soak),
    Simulate(options::Simulate),
    Fuzz(options::Fuzz),
}

fn main() -> ExitCode {
    report::ending(match Command::parse() {
        Command::Faults(options) => trials::run(options),
        Command::Soak(options) => soak::run(options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Fuzz(options) => fuzz::run(options),
    })
}
