//! `e2e`: the browser stories, once or many times over to find one that fails now and then; or the
//! story of a real model, whose file one has.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};

use super::{build, ide, stories};
use crate::arguments::Arguments;
use crate::report;
use crate::setup::{self, Group};

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let times = arguments.option("--times")?.unwrap_or_else(|| "1".to_owned());
    let times: u32 = times.parse().with_context(|| format!("`{times}` is not a number"))?;
    ensure!(times > 0, "--times needs at least 1");
    let yes = arguments.switch("--yes");
    let model = arguments.option("--model")?.map(PathBuf::from);
    arguments.finish()?;
    if let Some(model) = &model {
        ensure!(model.is_file(), "there is no file `{}`", model.display());
    }
    setup::ensure(Group::ALL, yes)?;
    build::programs()?;
    ide::assemble()?;
    let mut failed = 0;
    for time in 1..=times {
        let name = format!("stories, {time} of {times}");
        let told = || match &model {
            Some(model) => stories::of_model(model),
            None => stories::browser(),
        };
        if let Err(error) = report::stage(&name, told) {
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
