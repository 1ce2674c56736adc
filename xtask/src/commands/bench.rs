//! `bench`: how fast the engine is, beside llama-server.

use anyhow::Result;

use super::build;
use crate::arguments::Arguments;
use crate::bench::{self, Plan};
use crate::setup::{self, Group};

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let plan = Plan {
        quick: arguments.switch("--quick"),
        alone: arguments.switch("--alone"),
        shape: arguments.option("--shape")?,
        part: arguments.option("--part")?,
    };
    let yes = arguments.switch("--yes");
    arguments.finish()?;
    setup::ensure(&[Group::Engine, Group::Window], yes)?;
    build::programs()?;
    bench::run(&plan)
}
