//! `faults`: what the product must survive, often and at random points, with the real programs.
//!
//! Each kind writes `target/faults/KIND.json` and fails where anything happened that must not. The
//! stage of `test` runs a few trials of each; the rest is run by hand after a change to what it is
//! about.

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
use clap::builder::PossibleValuesParser;

use super::{build, stories};
use crate::setup::{self, Group};

/// How much is tried.
#[derive(Debug, Clone)]
struct Amount {
    /// Trials of each kind.
    times: usize,
    /// Only what shows that all is as before.
    quick: bool,
    /// By the clock that runs faster.
    scaled: bool,
    /// By the world's clock, a tenth as often.
    true_times: bool,
    /// Also with the real worker.
    real: bool,
    /// A model for the real worker; the demo model where absent.
    model: Option<String>,
    /// Only kinds whose name holds this.
    only: Option<String>,
}

impl Amount {
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// Under which name the outcome is kept: a part is not taken for the whole.
    fn file(&self, what: &str) -> String {
        let quick = if self.quick { "-quick" } else { "" };
        let part = if self.only.is_some() { "-part" } else { "" };
        format!("{what}{quick}{part}")
    }
}

/// Trials of each kind.
const TIMES: usize = 100;
/// Of downloads, which have their own measure.
const DOWNLOADS_TIMES: usize = 50;
/// Trials of each kind in the tests.
const QUICK_TIMES: usize = 1;

/// A kind of faults.
struct Kind {
    name: &'static str,
    run: fn(&Amount) -> Result<()>,
    /// Whether the tests run some; of the others they have tests of their own.
    in_tests: bool,
}

const KINDS: &[Kind] = &[
    Kind { name: "downloads", run: downloads, in_tests: false },
    Kind { name: "editor", run: editor, in_tests: false },
    Kind { name: "worker", run: worker::run, in_tests: true },
    Kind { name: "memory", run: memory::run, in_tests: true },
    Kind { name: "host", run: host::run, in_tests: true },
    Kind { name: "limits", run: limits::run, in_tests: true },
];

/// For every kind.
const ALL: &str = "all";

/// What can be given to `faults`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What goes wrong
    #[arg(value_parser =
        PossibleValuesParser::new(KINDS.iter().map(|kind| kind.name).chain([ALL])))]
    kind: String,
    /// Trials of each fault
    #[arg(long, value_name = "N")]
    times: Option<usize>,
    /// Only what shows that all is as before
    #[arg(long)]
    quick: bool,
    /// Also with the real worker
    #[arg(long)]
    real: bool,
    /// All by the world's clock, none by one that runs faster
    #[arg(long)]
    world_clock: bool,
    /// A model for the real worker, in the place of the demo model
    #[arg(long, value_name = "PATH")]
    model: Option<String>,
    /// Only trials whose name holds this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// With the programs as they are built
    #[arg(long)]
    no_build: bool,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: Options) -> Result<()> {
    let Options { kind, times, quick, real, world_clock, model, only, no_build, yes } = options;
    let amount = Amount {
        times: times.unwrap_or(if quick { QUICK_TIMES } else { TIMES }),
        quick,
        scaled: !world_clock,
        true_times: !quick,
        real,
        model,
        only,
    };
    if !no_build {
        setup::ensure(&[Group::Engine, Group::Window], yes)?;
        build::programs()?;
    }
    let chosen = KINDS.iter().filter(|it| kind == ALL || kind == it.name);
    // What the first finds is no reason not to look at the rest.
    let mut failures = chosen.filter_map(|it| (it.run)(&amount).err()).peekable();
    let Some(first) = failures.next() else { return Ok(()) };
    failures.for_each(|error| crate::report::failure(&error));
    Err(first)
}

/// The stage of the tests: a few of each, with the programs that are built.
pub(super) fn quick() -> Result<()> {
    let amount = Amount {
        times: QUICK_TIMES,
        quick: true,
        scaled: true,
        true_times: false,
        real: false,
        model: None,
        only: None,
    };
    let mut kinds = KINDS.iter().filter(|kind| kind.in_tests);
    kinds.try_for_each(|kind| crate::report::stage(kind.name, || (kind.run)(&amount)))
}

fn downloads(amount: &Amount) -> Result<()> {
    downloads::run(amount.times * DOWNLOADS_TIMES / TIMES)
}

/// In the assembled IDE, by a script of its own.
fn editor(amount: &Amount) -> Result<()> {
    stories::faults(amount.times)
}
