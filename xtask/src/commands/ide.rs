//! `ide`: the extension, and the editor with it in `target/ide`; quick if nothing has changed.

use std::path::PathBuf;

use anyhow::Result;

use crate::setup::{self, Group};
use crate::{node, places, process, report};

/// What can be given to `ide`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    setup::ensure(&[Group::Ide], options.yes)?;
    let folder = assemble()?;
    report::line(format!("The IDE is in {}", folder.display()));
    Ok(())
}

/// Bundles the extension, assembles the IDE around it and prints where it is. Bundling takes less
/// than a second and gives the same bytes for the same sources, so it is never skipped.
pub(super) fn assemble() -> Result<PathBuf> {
    report::stage("extension", || {
        let folder = places::root().join("editors/code");
        node::install(&folder)?;
        process::run(node::npm(&folder).args(["run", "--silent", "build"]))
    })?;
    report::stage("assemble the IDE", || crate::ide::assemble(&places::root()))
}
