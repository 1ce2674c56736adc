//! `faults`: what the product must survive, often and at random moments, with the real programs.
//!
//! Each kind writes `target/faults/KIND.json` and fails if anything happened that must not. The
//! stage of `test` runs a few trials of each kind; the others are run by hand after a change to
//! what they cover.

mod client;
mod downloads;
mod host;
mod limits;
mod memory;
mod peers;
mod processes;
mod racers;
mod real;
mod report;
mod requests;
mod trial;
mod verdict;
mod watcher;
mod worker;

use anyhow::Result;

use crate::options::{Fault, Faults};
use crate::{node, places, process};

#[derive(Debug, Clone)]
struct Amount {
    times: usize,
    /// Only as much as shows that nothing has changed.
    quick: bool,
    /// With the clock that runs faster, see [`trial::SCALE`].
    scaled: bool,
    /// In real time, a tenth as often.
    true_times: bool,
    real: bool,
    model: Option<String>,
    only: Option<String>,
}

impl Amount {
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// Name under which the result is kept, so that a part is not mistaken for the whole: only a
    /// full run writes `target/faults/KIND.json`.
    fn file(&self, what: &str) -> String {
        let quick = if self.quick { "-quick" } else { "" };
        let part = if self.only.is_some() { "-part" } else { "" };
        format!("{what}{quick}{part}")
    }
}

const TIMES: usize = 100;
/// Trials of downloads, which have their own measure.
const DOWNLOADS_TIMES: usize = 50;
const QUICK_TIMES: usize = 1;

struct Kind {
    fault: Fault,
    name: &'static str,
    run: fn(&Amount) -> Result<()>,
}

const KINDS: &[Kind] = &[
    Kind { fault: Fault::Downloads, name: "downloads", run: downloads },
    Kind { fault: Fault::Editor, name: "editor", run: editor },
    Kind { fault: Fault::Worker, name: "worker", run: worker::run },
    Kind { fault: Fault::Memory, name: "memory", run: memory::run },
    Kind { fault: Fault::Host, name: "host", run: host::run },
    Kind { fault: Fault::Limits, name: "limits", run: limits::run },
];

pub(super) fn run(options: Faults) -> Result<()> {
    let Faults { kinds, times, quick, real, world_clock, model, only, .. } = options;
    let amount = Amount {
        times: times.unwrap_or(if quick { QUICK_TIMES } else { TIMES }),
        quick,
        scaled: !world_clock,
        true_times: !quick,
        real,
        model,
        only,
    };
    let is_wanted = |kind: &&Kind| kinds.contains(&kind.fault) || kinds.contains(&Fault::All);
    let run = |kind: &Kind| crate::report::stage(kind.name, || (kind.run)(&amount));
    // All kinds are run, whatever the first one finds.
    let mut failures = KINDS.iter().filter(is_wanted).filter_map(|kind| run(kind).err());
    let Some(first) = failures.next() else { return Ok(()) };
    failures.for_each(|error| crate::report::failure(&error));
    Err(first)
}

fn downloads(amount: &Amount) -> Result<()> {
    downloads::run(amount.times * DOWNLOADS_TIMES / TIMES)
}

/// In the assembled IDE, by a script of its own; the result is in `target/faults/editor.json`.
fn editor(amount: &Amount) -> Result<()> {
    let root = places::root();
    node::install(&root.join("e2e"))?;
    let out = places::target().join("faults");
    fs_err::create_dir_all(&out)?;
    let mut script = process::command("node", &root);
    script.args(["e2e/faults/editor.mjs", "--times", &amount.times.to_string(), "--out"]);
    process::run(script.arg(out.join("editor.json")))
}
