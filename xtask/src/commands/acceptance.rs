//! `acceptance`: how much of what a model writes a smaller one foresees.

use std::path::PathBuf;

use anyhow::Result;

use super::build;
use crate::bench::{AcceptancePlan, run_acceptance};
use crate::setup::{self, Group};

/// What can be given to `acceptance`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The draft model
    #[arg(long, value_name = "FILE")]
    draft: PathBuf,
    /// Tasks and recorded answers
    #[arg(long, value_name = "FILE")]
    answers: PathBuf,
    /// Texts that this model writes here on the same tasks, and what it gains
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// How many tasks are tried
    #[arg(long, value_name = "N")]
    tasks: Option<usize>,
    /// Tokens of each text at most
    #[arg(long, value_name = "N")]
    tokens: Option<u32>,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { draft, answers, model, tasks, tokens, yes } = options;
    let plan = AcceptancePlan { draft, model, answers, tokens, tasks };
    setup::ensure(&[Group::Engine], yes)?;
    build::worker()?;
    run_acceptance(&plan)
}
