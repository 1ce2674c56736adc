//! `bench`: how fast the engine is, beside llama-server.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::build;
use crate::arguments::Arguments;
use crate::bench::{self, Plan};
use crate::setup::{self, Group};

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let edits = arguments.option("--edits")?;
    let model = arguments.option("--model")?;
    let kind = arguments.option("--kind")?;
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
