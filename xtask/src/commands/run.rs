//! `run`: from a fresh clone to the open IDE.
//!
//! Does: what is missing, build, assembly, and then the product's own `localcoder` on the
//! sample project or the given path. Does not: change the user's copy of the sample once it is
//! there. With `--smoke` it proves that all of it works and ends; see [`super::smoke`].

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow};
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
    /// Have the extension host wait for a debugger of Node.js on this port; implies --browser
    #[arg(long, value_name = "PORT", conflicts_with = "smoke")]
    inspect_extensions: Option<u16>,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
    /// What to open; the sample project where nothing is named
    path: Option<PathBuf>,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { smoke, browser, inspect_extensions, yes, path } = options;
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
    if let Some(port) = inspect_extensions {
        return inspected(editor.arg("--browser").arg(path), port);
    }
    if browser {
        editor.arg("--browser");
    }
    process::run(editor.arg(path))
}

/// Runs the launcher and passes on what it writes, with the port in the address that it prints: the
/// page asks the editor's server for an extension host that a debugger can attach to.
fn inspected(editor: &mut Command, port: u16) -> Result<()> {
    let mut editor = editor.stderr(Stdio::piped()).spawn()?;
    let said = editor.stderr.take().context("the launcher's output is a pipe")?;
    for line in BufReader::new(said).lines() {
        report::line(with_inspector(&line?, port));
    }
    editor.wait()?;
    Ok(())
}

/// A line of the launcher's; where it is the address of a window, with the port in what the page is
/// given beside the folder.
fn with_inspector(line: &str, port: u16) -> String {
    if !line.trim_start().starts_with("http://") {
        return line.to_owned();
    }
    let inspect = format!("%5B%22inspect-extensions%22%2C%22{port}%22%5D");
    match line.split_once("&payload=%5B") {
        Some((address, files)) => format!("{address}&payload=%5B{inspect}%2C{files}"),
        None => format!("{line}&payload=%5B{inspect}%5D"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_goes_into_the_address_of_a_window_and_into_no_other_line() {
        let said = "Open this address in a browser on this machine.";
        assert_eq!(with_inspector(said, 9229), said);
        let folder = with_inspector("  http://a.localhost:1/?folder=/a&ticket=b", 9229);
        let port = "%5B%22inspect-extensions%22%2C%229229%22%5D";
        assert_eq!(
            folder,
            format!("  http://a.localhost:1/?folder=/a&ticket=b&payload=%5B{port}%5D")
        );
        let file = with_inspector("http://a.localhost:1/?folder=/a&payload=%5B%5B1%5D%5D", 9229);
        assert_eq!(file, format!("http://a.localhost:1/?folder=/a&payload=%5B{port}%2C%5B1%5D%5D"));
    }
}
