//! Node.js and npm: checks that they exist and are new enough, and installs packages from a lock
//! file.
//!
//! `npm ci` runs only if the lock file or Node.js has changed since it last finished. Used by the
//! steps that build or test TypeScript.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::files::{self, Stamp};
use crate::{places, process};

/// The oldest Node.js that the tools of the extension and the stories run on.
const MAJOR_MIN: u32 = 20;

/// The version of Node.js, after making sure that it and npm are usable.
pub fn ensure() -> Result<String> {
    let mut node = process::command("node", &places::root());
    let version = process::read(node.arg("--version"))
        .with_context(|| format!("Node.js {MAJOR_MIN} or newer is needed: https://nodejs.org"))?;
    let version = version.trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    if major.parse::<u32>().unwrap_or_default() < MAJOR_MIN {
        bail!("Node.js is {version}, and {MAJOR_MIN} or newer is needed: https://nodejs.org");
    }
    // Distributions have a package of its own for it.
    if process::find("npm").is_none() {
        bail!("Node.js {version} is here, but its npm is not: install the package `npm`");
    }
    Ok(version)
}

/// Installs a package's dependencies from its lock file with `npm ci`, which changes no version.
/// Done again when the lock file or Node.js has changed.
pub fn install(folder: &Path) -> Result<()> {
    let version = ensure()?;
    let lock = files::read(&folder.join("package-lock.json"))?;
    let relative = folder.strip_prefix(places::root()).unwrap_or(folder);
    let name = format!("npm-{}", relative.to_string_lossy().replace(['/', '\\'], "-"));
    let stamp = Stamp::new(&name, format!("{version}\n{lock}"));
    // The stamp outlives the folder, which may have been deleted by hand.
    if stamp.is_fresh() && folder.join("node_modules").is_dir() {
        return Ok(());
    }
    stamp.clear();
    process::run(npm(folder).args(["ci", "--no-audit", "--no-fund"]))?;
    stamp.set()
}

pub fn npm(folder: &Path) -> Command {
    process::command(if cfg!(windows) { "npm.cmd" } else { "npm" }, folder)
}
