//! `bench`: how fast the engine is, beside llama-server.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::build;
use crate::arguments::Arguments;
use crate::bench::{self, Plan};
use crate::setup::{self, Group};

/// One hole in this many: what two cores do in some minutes.
const INFILL_EVERY: usize = 40;

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let edits = arguments.option("--edits")?;
    let model = arguments.option("--model")?;
    let kind = arguments.option("--kind")?;
    let holes = arguments.option("--infill")?.map(PathBuf::from);
    let every = arguments.option("--every")?;
    let every = every.map(|text| text.parse()).transpose().context("`--every` takes a number")?;
    let plan = Plan {
        kind,
        quick: arguments.switch("--quick"),
        alone: arguments.switch("--alone"),
        shape: arguments.option("--shape")?,
        part: arguments.option("--part")?,
        edits: edits.map(|text| text.parse()).transpose().context("`--edits` takes a number")?,
    };
    let yes = arguments.switch("--yes");
    arguments.finish()?;
    setup::ensure(&[Group::Engine, Group::Window], yes)?;
    if let Some(holes) = holes {
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
