//! Runs the user stories: those in a browser, and the native window's on a screen of its own. Used
//! by `test`, `e2e` and `airgap`; the programs and the IDE must be built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::display::Display;
use crate::{node, places, process};

pub(super) fn browser() -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    let (measured, others): (Vec<_>, Vec<_>) =
        files(&folder, &[])?.into_iter().partition(|file| is_named(file, MEASURED));
    // In two runs of node, each with its own number of files at once.
    for (files, at_once) in [(measured, 1), (others, files_at_once())] {
        let mut node = process::command("node", &folder);
        node.args(node_tests(at_once)).args(files);
        process::run(&mut node)?;
    }
    Ok(())
}

/// Stories that measure how long something takes, which another one beside them would distort. They
/// run first, alone.
const MEASURED: &[&str] = &["door."];

/// How many files of stories run at once. On two cores two at once took seven tenths of the time of
/// one after another (four stories a minute for 2.8, on a slow machine): much of it is loading the
/// editor's page. Each needs a gigabyte or two of memory.
fn files_at_once() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    if cores < 2 { 1 } else { (cores / 2).clamp(2, 4) }
}

pub(super) fn of_model(file: &Path) -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    let mut node = story(&folder, &folder.join("model"))?;
    node.env("LOCALCODER_STORY_MODEL", std::path::absolute(file)?);
    process::run(&mut node)
}

/// How many of the faults that tools report are fixed by a model whose file the user has.
pub(super) fn diagnostics(file: &Path) -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    let mut node = process::command("node", &places::root());
    node.args(["e2e/eval/diagnostics.mjs", "--model"]).arg(std::path::absolute(file)?);
    process::run(&mut node)
}

pub(super) fn native() -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    let mut node = story(&folder, &folder.join("native"))?;
    // macOS has a screen of its own for a window; on Linux a virtual one is started, also if there
    // is a real one.
    let display = if cfg!(target_os = "linux") { Some(Display::start()?) } else { None };
    if let Some(display) = &display {
        display.set(&mut node);
    }
    process::run(&mut node)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Usual,
    /// A network of their own that has loopback and no way out.
    None,
}

/// The stories whose files begin with one of `names`, or all, in a browser and in the native
/// window, with a trace of every program in `traces`.
pub(super) fn traced(names: &[String], traces: &Path, network: Network) -> Result<()> {
    let package = places::root().join("e2e");
    node::install(&package)?;
    fs_err::create_dir_all(traces)?;
    let display = if cfg!(target_os = "linux") { Some(Display::start()?) } else { None };
    let mut failed = 0;
    for folder in [package.clone(), package.join("native")] {
        let files = files(&folder, names)?;
        if files.is_empty() {
            continue;
        }
        let mut node = match network {
            Network::Usual => process::command("node", &package),
            Network::None => apart("node", &package),
        };
        node.env("LOCALCODER_TRACES", traces);
        // What the user has set is for a machine that only they know.
        if std::env::var_os(PATIENCE).is_none() {
            node.env(PATIENCE, TRACED_PATIENCE_S.to_string());
        }
        if let Some(display) = &display {
            display.set(&mut node);
        }
        node.args(node_tests(1)).args(files);
        // Continue nevertheless, to see what the other programs do.
        if let Err(error) = process::run(&mut node) {
            crate::report::failure(&error);
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("not all stories passed");
    }
    Ok(())
}

/// Tells the stories how long to wait for anything, in seconds.
const PATIENCE: &str = "LOCALCODER_PATIENCE_S";
/// Three times the usual: traced programs are slower, most of all those that start many others.
const TRACED_PATIENCE_S: u32 = 180;

/// A program in a network with nothing but loopback. Needs the rights to create one. Loopback is
/// down in a new network, and the programs speak to each other over it.
fn apart(program: &str, folder: &Path) -> std::process::Command {
    let mut command = process::command("unshare", folder);
    command.args(["--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh", program]);
    command
}

/// strace with the stories' options, writing to `file`; the program and its arguments are to be
/// added.
pub(super) fn strace(file: &Path) -> Result<std::process::Command> {
    let folder = places::root().join("e2e");
    let mut node = process::command("node", &folder);
    // The options are the stories' own, so that the control traces exactly what they trace.
    let script = "import('./support/trace.mjs').then(it => \
                  console.log(JSON.stringify(it.strace(process.argv[1]))))";
    let words: Vec<String> =
        serde_json::from_str(&process::read(node.args(["-e", script]).arg(file))?)?;
    let (program, rest) = words.split_first().context("strace has no command line")?;
    let mut command = process::command(program, &folder);
    command.args(rest);
    Ok(command)
}

fn node_tests(at_once: usize) -> [String; 3] {
    let at_once = format!("--test-concurrency={at_once}");
    ["--test".to_owned(), at_once, "--test-reporter=spec".to_owned()]
}

fn story(package: &Path, folder: &Path) -> Result<std::process::Command> {
    let files = files(folder, &[])?;
    if files.is_empty() {
        bail!("there are no stories (`*.test.mjs`) in `{}`", folder.display());
    }
    let mut node = process::command("node", package);
    node.args(node_tests(1)).args(files);
    Ok(node)
}

/// The story files in a folder whose names begin with one of `names`; all if there are none.
/// Sorted, so that a failure can be repeated in the same order.
fn files(folder: &Path, names: &[String]) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("there are no stories in `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| {
        let is_story = file.to_string_lossy().ends_with(".test.mjs");
        is_story && (names.is_empty() || is_named(file, names))
    });
    files.sort();
    Ok(files)
}

fn is_named(file: &Path, names: &[impl AsRef<str>]) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    names.iter().any(|it| name.starts_with(it.as_ref()))
}
