//! `test`: everything that has to hold, in stages, cheapest first.
//!
//! Stops at the first stage that fails and ends with a table of all of them, so that the end of the
//! output always says what happened. Never asks when nobody can answer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::builder::PossibleValuesParser;

use super::{build, demo_model, handed_on, ide, stories, tidy};
use crate::setup::{self, Group};
use crate::{files, node, places, process, report};

struct Stage {
    name: &'static str,
    run: fn() -> Result<()>,
}

/// All stages, in order: the cheapest first, so that most mistakes are reported within a minute.
/// The programs come before what runs them.
const STAGES: &[Stage] = &[
    Stage { name: "tidy", run: tidy::check },
    Stage { name: "format", run: format },
    Stage { name: "clippy", run: clippy },
    Stage { name: "build", run: build::programs },
    Stage { name: "rust", run: rust },
    Stage { name: "extension", run: extension },
    Stage { name: "scripts", run: scripts },
    Stage { name: "demo-model", run: demo_model::test },
    Stage { name: "ide", run: assemble },
    // After the assembly, which writes the notices.
    Stage { name: "notices", run: notices },
    Stage { name: "stories", run: stories::browser },
    Stage { name: "native", run: stories::native },
    Stage { name: "faults", run: handed_on::few_faults },
];

/// What can be given to `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// This stage alone
    #[arg(long, value_name = "STAGE",
        value_parser = PossibleValuesParser::new(STAGES.iter().map(|stage| stage.name)))]
    only: Option<String>,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { only, yes } = options;
    let chosen: Vec<&Stage> =
        STAGES.iter().filter(|stage| only.as_ref().is_none_or(|only| only == stage.name)).collect();
    let begin = Instant::now();
    let mut rows: Vec<(&str, &str, Duration)> = Vec::new();
    // Also with `--only`: a stage alone needs the same packages.
    let mut failure = time("setup", &mut rows, || setup::ensure(Group::ALL, yes));
    for stage in chosen {
        if failure.is_some() {
            // In the table nevertheless: a reader must see that these say nothing.
            rows.push((stage.name, "not run", Duration::ZERO));
            continue;
        }
        failure = time(stage.name, &mut rows, stage.run);
    }
    // The table comes last, also after a failure: whoever looks at the end of a long output should
    // find what happened.
    report::line("");
    for (name, verdict, duration) in &rows {
        report::line(format!("{name:<12} {verdict:<8} {:>12}", report::time(*duration)));
    }
    report::line(format!("{:<12} {:<8} {:>12}", "all", "", report::time(begin.elapsed())));
    // After the table, so that the last lines of the output are both: the table and the reason.
    failure.map_or(Ok(()), Err)
}

fn time(
    name: &'static str,
    rows: &mut Vec<(&str, &str, Duration)>,
    run: impl FnOnce() -> Result<()>,
) -> Option<anyhow::Error> {
    let start = Instant::now();
    let result = report::stage(name, run);
    rows.push((name, if result.is_ok() { "passed" } else { "FAILED" }, start.elapsed()));
    result.err().map(|error| error.context(format!("the stage `{name}` failed")))
}

fn format() -> Result<()> {
    process::run(process::cargo(&places::root()).args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
    let mut cargo = process::cargo(&places::root());
    cargo.args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    process::run(&mut cargo)
}

/// Unit and integration tests, with the selection that `build` explains. Documentation has none
/// (`doctest = false`): to look for them would check every crate once more.
fn rust() -> Result<()> {
    process::run(process::cargo(&places::root()).args(["test", "--locked", "--workspace"]))
}

fn extension() -> Result<()> {
    let folder = places::root().join("editors/code");
    node::install(&folder)?;
    for script in ["check", "lint", "test"] {
        process::run(node::npm(&folder).args(["run", "--silent", script]))?;
    }
    Ok(())
}

/// Types, style and formatting of the scripts that are not the extension's: the stories, what is
/// added to the editor or runs in the native window's page, and what calls users' functions.
fn scripts() -> Result<()> {
    let folder = places::root().join("e2e");
    node::install(&folder)?;
    for script in ["check", "lint"] {
        process::run(node::npm(&folder).args(["run", "--silent", script]))?;
    }
    Ok(())
}

fn assemble() -> Result<()> {
    ide::assemble().map(drop)
}

/// Everything that the product is built on is listed with its license in the notices shipped with
/// it. Only the names of the largest parts are looked for; the notices are made from what is really
/// there.
/// it.
fn notices() -> Result<()> {
    let path = places::target().join("ide/NOTICES.txt");
    let text = files::read(&path).context("the assembled IDE has no notices")?;
    for name in ["Visual Studio Code", "code-server", "Node.js", "llama.cpp"] {
        ensure!(text.contains(name), "`{}` does not name {name}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_stage_is_in_the_table_and_in_the_error() {
        let mut rows = Vec::new();
        let error = time("shaky", &mut rows, || bail!("it broke")).unwrap();
        assert_eq!(format!("{error:#}"), "the stage `shaky` failed: it broke");
        assert_eq!((rows[0].0, rows[0].1), ("shaky", "FAILED"));
    }
}
