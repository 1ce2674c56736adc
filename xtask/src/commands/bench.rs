//! `bench`: how fast the engine is, beside llama-server.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::build;
use crate::bench::{self, Plan};
use crate::setup::{self, Group};

/// One hole in this many: what two cores do in some minutes.
const INFILL_EVERY: usize = 40;

/// What can be given to `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The small shape alone, and fewer cases
    #[arg(long)]
    quick: bool,
    /// Without llama-server: what the engine gains over itself
    #[arg(long)]
    alone: bool,
    /// One shape of model alone: `demo`, `0.5b` or `7b`
    #[arg(long)]
    shape: Option<String>,
    /// One part of the measurements alone; the other rows stay
    #[arg(long, value_name = "NAME")]
    part: Option<String>,
    /// How many edits are tried at most
    #[arg(long, value_name = "N")]
    edits: Option<usize>,
    /// Edits of one kind alone
    #[arg(long, value_name = "NAME")]
    kind: Option<String>,
    /// What a real model gains by the engine, and whether it writes the same
    #[arg(long, value_name = "FILE|tiny")]
    model: Option<String>,
    /// How a model fills the holes of HumanEval-infilling
    #[arg(long, value_name = "HOLES")]
    infill: Option<PathBuf>,
    /// Every Nth hole
    #[arg(long, value_name = "N")]
    every: Option<usize>,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { quick, alone, shape, part, edits, kind, model, infill, every, yes } = options;
    let plan = Plan { kind, quick, alone, shape, part, edits };
    setup::ensure(&[Group::Engine, Group::Window], yes)?;
    if let Some(holes) = infill {
        let model =
            model.context("`--infill` needs a model with tokens for gaps: `--model FILE`")?;
        build::programs()?;
        return bench::run_infill(&holes, &PathBuf::from(model), every.unwrap_or(INFILL_EVERY));
    }
    match model {
        Some(model) => {
            build::worker()?;
            bench::run_real(&PathBuf::from(model), plan.edits)
        }
        None => {
            build::programs()?;
            bench::run(&plan)
        }
    }
}
