//! `localcoder-bench`: how fast the engine is, for `cargo xtask bench` and `acceptance`.
//!
//! Does: measure with the programs as they are built. Does not: build anything of ours, or install
//! what is missing; `cargo xtask` has done that when it starts this.

mod measure;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use localcoder_automation::{files, options, places, process, python, report};

use measure::Plan;

/// One gap in this many is filled, which takes two cores some minutes.
const INFILL_EVERY: usize = 40;

/// Stands for tiny models with random weights, one of each kind of memory, in place of a file.
const TINY: &str = "tiny";

/// The line that `cargo xtask` was given.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    Bench(options::Bench),
    Acceptance(options::Acceptance),
}

fn main() -> ExitCode {
    report::ending(match Command::parse() {
        Command::Bench(options) => bench(options),
        Command::Acceptance(options) => measure::run_acceptance(&options),
    })
}

fn bench(options: options::Bench) -> Result<()> {
    let options::Bench {
        quick, alone, shape, part, edits, kind, model, tasks, infill, every, ..
    } = options;
    if let Some(holes) = infill {
        let model = model.context("`--infill` needs a model")?;
        return measure::run_infill(&holes, Path::new(&model), every.unwrap_or(INFILL_EVERY));
    }
    match model {
        Some(model) if alone || model == TINY => measure::run_real(Path::new(&model), edits),
        Some(model) => measure::run_weights(Path::new(&model), tasks.as_deref(), edits),
        None => measure::run(&Plan { quick, alone, shape, part, edits, kind }),
    }
}
