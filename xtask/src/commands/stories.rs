//! Running the user stories: those in a browser, the native window's on a screen of its own, and
//! the editor under faults. Used by `test`, `e2e` and `faults`; the programs and the IDE must be
//! built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::display::Display;
use crate::{node, places, process};

/// The stories in headless Chromium.
pub(super) fn browser() -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    let mut node = story(&folder, &folder)?;
    process::run(&mut node)
}

/// The native window's story.
pub(super) fn native() -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    let mut node = story(&folder, &folder.join("native"))?;
    let display = if cfg!(target_os = "linux") { Some(Display::start()?) } else { None };
    if let Some(display) = &display {
        display.set(&mut node);
    }
    process::run(&mut node)
}

/// The editor under faults, each so often; what came of it is in `target/faults/editor.json`.
pub(super) fn faults(times: usize) -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    let out = places::target().join("faults/editor.json");
    fs_err::create_dir_all(places::target().join("faults"))?;
    let mut node = process::command("node", &places::root());
    node.args(["e2e/faults/editor.mjs", "--times", &times.to_string(), "--out"]).arg(out);
    process::run(&mut node)
}

/// Node's own test runner over the stories in a folder, one after the other: each starts a
/// whole IDE, and two at once would measure each other.
fn story(package: &Path, folder: &Path) -> Result<std::process::Command> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("there are no stories in `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    if files.is_empty() {
        bail!("there are no stories (`*.test.mjs`) in `{}`", folder.display());
    }
    let mut node = process::command("node", package);
    node.args(["--test", "--test-concurrency=1", "--test-reporter=spec"]).args(files);
    Ok(node)
}
