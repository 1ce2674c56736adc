//! `eval`: `localcoder eval` with a real model, in a home of its own, with the outcomes in
//! `target/`.
//!
//! Needs the file of a model, which is not downloaded. `--quick` takes a part of the tasks that a
//! model with 0.5 B weights does in less than eight minutes on two cores. `--diagnostics` has it
//! fix what tools report, in the way the editor asks for that.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use super::{build, stories};
use crate::setup::{self, Group};
use crate::{places, report};

const QUICK_EVERY: &str = "4";

/// Options that are not passed on.
const OWN: [&str; 4] = ["--model", "--quick", "--diagnostics", "--yes"];

/// What can be given to `eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The model; `localcoder models info ID` says where one is that is installed
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// A part of the tasks
    #[arg(long)]
    quick: bool,
    /// Fixes of what tools report, in place of the tasks
    #[arg(long)]
    diagnostics: bool,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
    /// Options of `localcoder eval`, after those above
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    rest: Vec<String>,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { model, quick, diagnostics, yes, rest } = options;
    // After an option of the other program, ours would be passed to that one.
    if let Some(late) = rest.iter().find(|word| OWN.contains(&word.as_str())) {
        bail!("`{late}` must stand before the options that go to `localcoder eval`");
    }
    ensure!(model.is_file(), "there is no file `{}`", model.display());
    setup::ensure(&[Group::Engine], yes)?;
    build::programs()?;
    if diagnostics {
        ensure!(
            rest.is_empty() && !quick,
            "`--diagnostics` is measured whole, with no other option"
        );
        return stories::diagnostics(&model);
    }
    let folder = tempfile::Builder::new().prefix("lce-").tempdir_in("/tmp")?;
    let out = places::target()
        .join("eval")
        .join(format!("{}.jsonl", model.file_stem().unwrap_or_default().to_string_lossy()));
    std::fs::create_dir_all(out.parent().unwrap_or(&out))?;
    let localcoder = || {
        let mut command = Command::new(places::program("localcoder"));
        command.env("LOCALCODER_HOME", folder.path());
        command
    };
    let started = Instant::now();
    let mut command = localcoder();
    command.arg("eval").arg("--model").arg(&model).args(&rest);
    if quick {
        // Nothing is saved and resumed, so that each run tests the current build.
        command.args(["--every", QUICK_EVERY]);
    } else {
        command.arg("--out").arg(&out);
    }
    let status = command.status();
    // The host must not outlive its home, whatever became of the command.
    let _ = localcoder().args(["host", "stop"]).status();
    if !status?.success() {
        bail!("`localcoder eval` failed");
    }
    report::line(format!("   {:.0} s", started.elapsed().as_secs_f64()));
    if !quick {
        report::line(format!("   each outcome is in {}", out.display()));
    }
    Ok(())
}
