//! `eval`: `localcoder eval` with a real model, in a home of its own, with the outcomes in `target/`.
//!
//! Needs the file of a model, which is not fetched. `--quick` takes a part of the tasks that a
//! model of 0.5 B weights does in less than eight minutes on two cores. `--diagnostics` has it fix what
//! tools report, as the editor asks for that.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::{build, stories};
use crate::arguments::Arguments;
use crate::setup::{self, Group};
use crate::{places, report};

/// Every this many of the tasks, in `--quick`.
const QUICK_EVERY: &str = "4";

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let quick = arguments.switch("--quick");
    let diagnostics = arguments.switch("--diagnostics");
    let yes = arguments.switch("--yes");
    let model = arguments.option("--model")?;
    let rest = arguments.rest();
    let model = model.map(PathBuf::from).context(
        "which model? give `--model FILE.gguf`; `localcoder models info ID` says where one lies \
         that is installed",
    )?;
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
        // As it is built now, every time.
        command.args(["--every", QUICK_EVERY]);
    } else {
        command.arg("--out").arg(&out);
    }
    let status = command.status();
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
