//! `build`: the programs, and nothing else.
//!
//! The whole workspace is selected, as the alias in `.cargo/config.toml` does, although this program is
//! there already: with another selection crates have other features, and 146 of them would be
//! compiled a second time, which a newcomer waits for.

use anyhow::Result;

use super::levels;
use crate::setup::{self, Group};
use crate::{metal, places, process, report};

/// What can be given to `build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also the workers for each level of x86
    #[arg(long)]
    levels: bool,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    setup::ensure(&[Group::Engine, Group::Window], options.yes)?;
    if options.levels { levels::build() } else { programs() }
}

/// The worker alone.
pub(super) fn worker() -> Result<()> {
    report::stage("build", || {
        let mut cargo = process::cargo(&places::root());
        process::run(cargo.args(["build", "--locked", "--package", "localcoder-worker"]))?;
        metal::place(&places::target().join("debug"))
    })
}

/// Builds every program of the workspace, as the tests use them too.
pub(super) fn programs() -> Result<()> {
    report::stage("build", || {
        let mut cargo = process::cargo(&places::root());
        cargo.args(["build", "--locked", "--workspace", "--bins"]);
        process::run(&mut cargo)?;
        metal::place(&places::target().join("debug"))
    })
}
