//! `demo-model`: the Python tools that make and measure the demo model.
//!
//! Does: set up a virtual environment under `target` with the packages that `requirements.txt`
//! pins, and then run `python -m demo_model`. Does not: take part in building or running the
//! product, which only loads the finished GGUF. Also runs the tools' own tests, for `test`.

use std::path::PathBuf;

use anyhow::Result;

use crate::{places, process, python, report};

/// What can be given to `demo-model`. All but `--work` is the Python tool's, its help as well.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// The folder of everything between the steps; `target/demo-model/work` where it is not given
    #[arg(long, value_name = "FOLDER")]
    work: Option<String>,
    /// What to do (retrain, prepare, train, export, evaluate or all), and options of that
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "WORD"
    )]
    words: Vec<String>,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { work, mut words } = options;
    let work = work.or_else(|| take_work(&mut words));
    let folder = places::root().join("models/demo");
    let python = python::environment()?;
    let work = work.map_or_else(|| python::home().join("work"), PathBuf::from);
    // The tool runs in its own folder, but a relative path means one in the user's.
    let work = std::path::absolute(work)?;
    let mut tool = process::command(python, &folder);
    tool.args(["-m", "demo_model"]).args(words).arg("--work").arg(work);
    tool.env("PYTHONDONTWRITEBYTECODE", "1");
    process::run(&mut tool)
}

/// The folder after `--work`, removed from the words. The parser leaves it there if it comes after
/// the first word, since everything from that on is the tool's.
fn take_work(words: &mut Vec<String>) -> Option<String> {
    let at = words.iter().position(|word| word == "--work" || word.starts_with("--work="))?;
    let word = words.remove(at);
    match word.strip_prefix("--work=") {
        Some(folder) => Some(folder.to_owned()),
        None => (at < words.len()).then(|| words.remove(at)),
    }
}

/// The tools' tests. All of them if the tools have been used here; otherwise only those that need
/// nothing but Python, and the rest is listed: the packages for training are not part of the
/// product, and take hundreds of megabytes.
pub(super) fn test() -> Result<()> {
    let folder = places::root().join("models/demo");
    let trained_here = python::program().is_file();
    let python = if trained_here { python::environment()? } else { PathBuf::from("python3") };
    let mut modules = Vec::new();
    for entry in std::fs::read_dir(folder.join("tests"))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_suffix(".py").filter(|name| name.starts_with("test_")) else {
            continue;
        };
        let module = format!("tests.{name}");
        let mut import = process::command(&python, &folder);
        import.args(["-B", "-c", &format!("import {module}")]);
        let output = process::output(&mut import)?;
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        // Only a missing package is excused; any other error of an import fails when the module is
        // run.
        if last.starts_with("ModuleNotFoundError") && !trained_here {
            report::line(format!("   left out here: {module} ({last})"));
        } else {
            modules.push(module);
        }
    }
    // The order of a folder differs from machine to machine.
    modules.sort();
    if modules.is_empty() {
        return Ok(());
    }
    let mut tests = process::command(&python, &folder);
    process::run(tests.args(["-B", "-m", "unittest", "--quiet"]).args(modules))
}
