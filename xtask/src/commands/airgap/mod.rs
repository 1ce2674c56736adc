//! `airgap`: shows that nothing leaves this machine. The stories run with all programs traced
//! (strace), then once more in a network without a way out; a table lists what each program
//! contacted. The counts must be zero for everything except what a terminal runs.
//!
//! The browser of the tests is a tool and not traced: the stories themselves watch what its pages
//! request, and so does Chromium's own network log. Linux only.

mod count;
mod line;
mod programs;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::{build, ide, stories};
use crate::setup::{self, Group};
use crate::{files, places, process, report};
use count::Tally;

/// With `--quick`: edits, explanations, refused visitors, a hostile folder.
const QUICK: [&str; 4] = ["improve", "explain", "clean", "hostile"];

/// What can be given to `airgap`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Some of the stories
    #[arg(long)]
    quick: bool,
    /// Stories whose files begin so
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// With the programs and the IDE as they are built
    #[arg(long)]
    no_build: bool,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { quick, only, no_build: built, yes } = options;
    ensure!(cfg!(target_os = "linux"), "`airgap` traces with strace, which there is on Linux only");
    ensure!(
        process::succeeds(Command::new("strace").arg("--version")),
        "strace is missing, and without it nothing can be seen: apt-get install strace"
    );
    if !built {
        setup::ensure(Group::ALL, yes)?;
        build::programs()?;
        ide::assemble()?;
    }
    // Without any name, every story runs.
    let names = if only.is_empty() && quick { QUICK.map(str::to_owned).to_vec() } else { only };
    let traces = places::target().join("airgap");
    if traces.exists() {
        // A trace of an earlier run would be judged with this one's.
        fs_err::remove_dir_all(&traces)?;
    }
    fs_err::create_dir_all(&traces)?;
    // First, since a trace that sees nothing would be clean.
    report::stage("what must be seen is seen", || control(&traces))?;
    let traced = report::stage("stories, traced", || {
        stories::traced(&names, &traces, stories::Network::Usual)
    });
    // Judged even if stories failed: what they did until then must be clean as well.
    let verdict = judge(&traces);
    let apart = report::stage("stories, in a network without a way out", || {
        stories::traced(&names, &traces.join("apart"), stories::Network::None)
    });
    // The verdict on the traces comes before failed stories: a contact is worse than a failure.
    let tally = verdict?;
    let guilty = tally.guilty();
    if !guilty.is_empty() {
        bail!("these reached out, or could have unseen: {}", guilty.join(", "));
    }
    traced.context("what was traced is clean, but stories failed")?;
    apart.context("with a network everything passes, without one it does not")
}

/// A program that does connect, and one that looks up a name: the trace must catch both. The
/// address is one for documentation, to which nothing answers, and the name can't exist.
fn control(traces: &Path) -> Result<()> {
    let file = traces.join("control.txt");
    let script = "const d = require('node:dgram').createSocket('udp4'); \
                  d.send('x', 9, '192.0.2.1', () => d.close()); \
                  require('node:dns').lookup('leak.localcoder-test.invalid', () => {});";
    let mut strace = stories::strace(&file)?;
    strace.args(["node", "-e", script]);
    process::run(&mut strace)?;
    let mut tally = Tally::default();
    tally.add(&fs_err::read_to_string(&file)?);
    let counts = tally.of("node");
    ensure!(
        counts.elsewhere > 0 && counts.look_ups > 0 && !tally.guilty().is_empty(),
        "a program that sent a datagram and looked a name up was not caught: {counts:?}"
    );
    // Not to be judged with the others.
    fs_err::remove_file(&file)?;
    report::line(format!(
        "   caught: {} to elsewhere, {} look-ups of a program that does both",
        counts.elsewhere, counts.look_ups
    ));
    Ok(())
}

fn judge(traces: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut files: Vec<PathBuf> = fs_err::read_dir(traces)?.flatten().map(|it| it.path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "strace"));
    ensure!(!files.is_empty(), "no story has left a trace in `{}`", traces.display());
    for path in &files {
        // Programs may send data that is not text.
        tally.add(&String::from_utf8_lossy(&fs_err::read(path)?));
    }
    // A program that a story no longer starts, or that is renamed, would be clean for the wrong
    // reason.
    for program in ["launcher", "host", "worker", "editor server", "extension host"] {
        ensure!(
            tally.of(program).processes > 0,
            "no {program} was seen: what is unseen isn't clean"
        );
    }
    let table = format!("{} traces\n{}", files.len(), tally.table());
    report::line(&table);
    files::write(&traces.join("report.txt"), &table)?;
    Ok(tally)
}
