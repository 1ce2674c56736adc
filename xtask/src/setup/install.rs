//! Shows what is missing, asks if there is someone to ask, and installs it.
//!
//! Knows apt (Debian, Ubuntu) and Homebrew; elsewhere it lists what is needed and continues, since
//! it can't know where such a system keeps its files. Called by `setup::ensure`.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::needs::Need;
use crate::{places, process, report};

pub(super) fn install(missing: &[&Need], yes: bool) -> Result<()> {
    report::line("This needs system packages that are not installed:");
    for need in missing {
        report::line(format!("  {:<22} {}", need.what, need.reason));
    }
    if cfg!(target_os = "macos") {
        let packages = packages(missing, |need| need.brew);
        if process::find("brew").is_none() {
            bail!("install Homebrew (https://brew.sh), or these by hand: {}", packages.join(" "));
        }
        let mut brew = process::command("brew", &places::root());
        brew.arg("install").args(&packages);
        confirm(&brew, yes)?;
        return process::run(&mut brew);
    }
    let packages = packages(missing, |need| need.apt);
    if process::find("apt-get").is_none() {
        report::line(format!(
            "This system has no apt. Debian calls the packages: {}\n\
             Please install what yours calls them; going on without.",
            packages.join(" ")
        ));
        // Not an error: the user may have installed all of it by other names.
        return Ok(());
    }
    let root = is_root();
    let mut install = apt(root, &["install", "-y", "--no-install-recommends"]);
    install.args(&packages);
    confirm(&install, yes)?;
    // After the question, which shows what is to be run by root.
    if !root && process::find("sudo").is_none() {
        bail!("there is no sudo; please run as root: {}", process::show(&install));
    }
    // Containers begin without any package lists.
    let updated = !has_package_lists();
    if updated {
        process::run(&mut apt(root, &["update"]))?;
    }
    // Where there are lists, they are tried as they are, and updated only if that fails.
    let first = process::run(&mut install);
    if first.is_ok() || updated {
        return first;
    }
    // Old package lists name files that the mirror no longer has.
    process::run(&mut apt(root, &["update"]))?;
    process::run(&mut install)
}

fn packages(missing: &[&Need], name: fn(&Need) -> Option<&'static str>) -> Vec<&'static str> {
    let mut names: Vec<&str> = missing.iter().filter_map(|need| name(need)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn apt(root: bool, words: &[&str]) -> Command {
    let folder = places::root();
    let mut command = if root {
        process::command("env", &folder)
    } else {
        let mut sudo = process::command("sudo", &folder);
        sudo.arg("env");
        // Through `env`, since sudo may drop the variable.
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(words);
    command
}

/// Asks, unless told not to or nobody is at the terminal: a script that waited for an answer would
/// hang. `CI` counts even with a terminal.
fn confirm(command: &Command, yes: bool) -> Result<()> {
    report::line(format!("It will run: {}", process::show(command)));
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    if yes || in_ci || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    report::line("Go ahead? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("reading the answer")?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was installed; install the packages yourself or answer y"),
    }
}

fn is_root() -> bool {
    let mut id = process::command("id", Path::new("/"));
    process::read(id.arg("-u")).is_ok_and(|user| user.trim() == "0")
}

fn has_package_lists() -> bool {
    let Ok(entries) = std::fs::read_dir("/var/lib/apt/lists") else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}
