//! `e2e`: the browser stories, once or many times over to find one that fails occasionally; or the
//! story of a real model, whose file the user must have.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};

use super::{build, ide, stories};
use crate::report;
use crate::setup::{self, Group};

/// What can be given to `e2e`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run them so often
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// The story of a real model, with this one
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { times, model, yes } = options;
    if let Some(model) = &model {
        ensure!(model.is_file(), "there is no file `{}`", model.display());
    }
    setup::ensure(Group::ALL, yes)?;
    build::programs()?;
    ide::assemble()?;
    let mut failed = 0;
    for time in 1..=times {
        let name = format!("stories, {time} of {times}");
        let run_stories = || match &model {
            Some(model) => stories::of_model(model),
            None => stories::browser(),
        };
        // All runs are done: how many of them fail is what is asked.
        if let Err(error) = report::stage(&name, run_stories) {
            report::failure(&error);
            failed += 1;
        }
    }
    report::line(format!("{} of {times} runs passed", times - failed));
    if failed > 0 {
        bail!("{failed} of {times} runs of the stories failed");
    }
    Ok(())
}
