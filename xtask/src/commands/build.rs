//! `build`: the programs, and nothing else.
//!
//! Leaves xtask out: only it wants the TypeScript feature of `protocol`, and with it in the
//! selection the product's crates would be compiled a second time.

use anyhow::Result;

use super::levels;
use crate::arguments::Arguments;
use crate::setup::{self, Group};
use crate::{metal, places, process, report};

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let yes = arguments.switch("--yes");
    let all_levels = arguments.switch("--levels");
    arguments.finish()?;
    setup::ensure(&[Group::Engine, Group::Window], yes)?;
    if all_levels { levels::build() } else { programs() }
}

/// Builds every program of the workspace, as the tests use them too.
pub(super) fn programs() -> Result<()> {
    report::stage("build", || {
        let mut cargo = process::cargo(&places::root());
        cargo.args(["build", "--locked", "--workspace", "--exclude", "xtask", "--bins"]);
        process::run(&mut cargo)?;
        metal::place(&places::target().join("debug"))
    })
}
