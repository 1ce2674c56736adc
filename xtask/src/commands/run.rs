//! `run`: from a fresh clone to the open IDE.
//!
//! Does: install what is missing, build, assemble, and then run the product's own `localcoder` on
//! the sample project or the given path. Does not: change the user's copy of the sample once it
//! exists. With `--smoke` it proves that all of this works and ends; see [`super::smoke`].

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use localcoder_settings::Places;

use super::{build, forecast, ide, smoke};
use crate::setup::{self, Group};
use crate::{display, files, places, process, report};

/// What can be given to `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Open the IDE on a fresh copy of the sample, improve a function of it there, and end
    #[arg(long)]
    smoke: bool,
    /// Print an address for a browser instead of opening a window
    #[arg(long)]
    browser: bool,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
    /// What to open; the sample project where nothing is named
    path: Option<PathBuf>,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { smoke, browser, yes, path } = options;
    let mut groups = vec![Group::Engine, Group::Ide, Group::Window];
    // Only where there is none, and a virtual one must be installed.
    if smoke && !browser && !display::is_there() {
        groups.push(Group::Display);
    }
    if smoke && browser {
        groups.push(Group::Tests);
    }
    // Before anything is installed or built, since that is what takes the time.
    report::line(forecast::of_run(&groups));
    setup::ensure(&groups, yes)?;
    build::programs()?;
    let ide = ide::assemble()?;
    if smoke {
        return smoke::run(&ide, browser);
    }
    let path = match path {
        Some(path) => path,
        None => sample(&ide)?,
    };
    report::line(format!("── opening {}", path.display()));
    // The user's paths are relative to the current folder.
    let here = std::env::current_dir()?;
    let mut editor = process::command(places::program("localcoder"), &here);
    if browser {
        editor.arg("--browser");
    }
    process::run(editor.arg(path))
}

/// The user's copy of the sample project; created once and never overwritten, since users try edits
/// in it.
fn sample(ide: &std::path::Path) -> Result<PathBuf> {
    let places = Places::resolve().map_err(|error| anyhow!("{error}"))?;
    let sample = places.sample();
    if !sample.exists() {
        files::copy_folder(&ide.join("sample"), &sample)?;
    }
    Ok(sample)
}
