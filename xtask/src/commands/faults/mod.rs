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

use anyhow::{Context as _, Result, bail};

use super::{build, stories};
use crate::arguments::Arguments;
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
type Run = fn(&Amount) -> Result<()>;

const KINDS: &[(&str, Run)] = &[
    ("worker", worker::run),
    ("memory", memory::run),
    ("host", host::run),
    ("limits", limits::run),
];

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let times = arguments.option("--times")?;
    let times = times.map(|text| text.parse()).transpose().context("`--times` takes a number")?;
    let quick = arguments.switch("--quick");
    let by_the_world = arguments.switch("--world-clock");
    let amount = Amount {
        times: times.unwrap_or(if quick { QUICK_TIMES } else { TIMES }),
        quick,
        scaled: !by_the_world,
        true_times: !quick,
        real: arguments.switch("--real"),
        model: arguments.option("--model")?,
        only: arguments.option("--only")?,
    };
    let yes = arguments.switch("--yes");
    let built = arguments.switch("--no-build");
    let what = arguments.positional().unwrap_or_default();
    arguments.finish()?;
    let chosen: Vec<Run> = match what.as_str() {
        "downloads" => vec![downloads],
        "editor" => vec![editor],
        "all" => {
            [downloads as Run, editor].into_iter().chain(KINDS.iter().map(|it| it.1)).collect()
        }
        name => match KINDS.iter().find(|(kind, _)| *kind == name) {
            Some((_, run)) => vec![*run],
            None => {
                let kinds: Vec<&str> = KINDS.iter().map(|it| it.0).collect();
                bail!("there are `faults downloads`, `editor`, `{}`, `all`", kinds.join("`, `"))
            }
        },
    };
    if !built {
        setup::ensure(&[Group::Engine, Group::Window], yes)?;
        build::programs()?;
    }
    // What the first finds is no reason not to look at the rest.
    let mut failures = chosen.into_iter().filter_map(|run| run(&amount).err()).peekable();
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
    KINDS.iter().try_for_each(|(name, run)| crate::report::stage(name, || run(&amount)))
}

fn downloads(amount: &Amount) -> Result<()> {
    downloads::run(amount.times * DOWNLOADS_TIMES / TIMES)
}

/// In the assembled IDE, by a script of its own.
fn editor(amount: &Amount) -> Result<()> {
    stories::faults(amount.times)
}
