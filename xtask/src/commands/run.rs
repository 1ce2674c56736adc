//! `run`: from a fresh clone to the open IDE.
//!
//! Does: what is missing, build, assembly, and then the product's own `localcoder` on the
//! sample project or the given path. Does not: change the user's copy of the sample once it is
//! there. With `--smoke` it proves that all of it works and ends; see [`super::smoke`].

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use localcoder_settings::Places;

use super::{build, forecast, ide, smoke};
use crate::arguments::Arguments;
use crate::setup::{self, Group};
use crate::{display, files, places, process, report};

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let smoke = arguments.switch("--smoke");
    let browser = arguments.switch("--browser");
    let yes = arguments.switch("--yes");
    let path = arguments.positional().map(PathBuf::from);
    arguments.finish()?;
    let mut groups = vec![Group::Engine, Group::Ide, Group::Window];
    if smoke && !browser && !display::is_there() {
        groups.push(Group::Display);
    }
    if smoke && browser {
        groups.push(Group::Tests);
    }
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
    // The user's paths are relative to where they stand.
    let here = std::env::current_dir()?;
    let mut editor = process::command(places::program("localcoder"), &here);
    if browser {
        editor.arg("--browser");
    }
    process::run(editor.arg(path))
}

/// The user's copy of the sample project; made once and never written again.
fn sample(ide: &std::path::Path) -> Result<PathBuf> {
    let places = Places::resolve().map_err(|error| anyhow!("{error}"))?;
    let sample = places.sample();
    if !sample.exists() {
        files::copy_folder(&ide.join("sample"), &sample)?;
    }
    Ok(sample)
}
