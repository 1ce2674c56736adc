//! `acceptance`: how much of what a model writes a smaller one foresees.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::build;
use crate::arguments::Arguments;
use crate::bench::{AcceptancePlan, run_acceptance};
use crate::setup::{self, Group};

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let mut path = |name| arguments.option(name).map(|it| it.map(PathBuf::from));
    let (draft, model, answers) = (path("--draft")?, path("--model")?, path("--answers")?);
    let (tasks, tokens) = (arguments.option("--tasks")?, arguments.option("--tokens")?);
    let plan = AcceptancePlan {
        draft: draft.context("name the draft model's file with `--draft`")?,
        model,
        answers: answers.context("name a file of tasks and answers with `--answers`")?,
        tokens: tokens.map(|text| text.parse()).transpose().context("`--tokens` takes a number")?,
        tasks: tasks.map(|text| text.parse()).transpose().context("`--tasks` takes a number")?,
    };
    let yes = arguments.switch("--yes");
    arguments.finish()?;
    setup::ensure(&[Group::Engine], yes)?;
    build::worker()?;
    run_acceptance(&plan)
}
