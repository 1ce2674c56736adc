//! Commands whose work is done by programs of their own, which need much of the product to be
//! compiled. The command line is parsed here, what the work needs is set up and built, and then the
//! program gets the same line.

use std::ffi::OsString;
use std::process::Command;

use anyhow::Result;
use localcoder_automation::options::{Acceptance, Bench, Faults, Soak};

use super::build;
use crate::setup::{self, Group};
use crate::{places, process, report};

pub(super) const BENCH: &str = "localcoder-bench";
pub(super) const FAULTS: &str = "localcoder-faults";

pub(super) fn bench(options: &Bench) -> Result<()> {
    setup::ensure(&[Group::Engine, Group::Window], options.yes)?;
    // With a model of the user's only the worker is measured; the rest of the product need not be
    // built.
    if options.model.is_some() && options.infill.is_none() {
        build::worker()?;
    } else {
        build::programs()?;
    }
    start(BENCH, typed())
}

pub(super) fn acceptance(options: &Acceptance) -> Result<()> {
    setup::ensure(&[Group::Engine], options.yes)?;
    build::worker()?;
    start(BENCH, typed())
}

pub(super) fn faults(options: &Faults) -> Result<()> {
    if !options.no_build {
        setup::ensure(&[Group::Engine, Group::Window], options.yes)?;
        build::programs()?;
    }
    start(FAULTS, typed())
}

pub(super) fn soak(options: &Soak) -> Result<()> {
    if options.programs.is_none() {
        setup::ensure(&[Group::Engine, Group::Window], options.yes)?;
        build::programs()?;
    }
    start(FAULTS, typed())
}

/// For `simulate` and `fuzz`, which need none of the product's programs: the code under test is
/// linked into the program that runs it.
pub(super) fn without_programs() -> Result<()> {
    start(FAULTS, typed())
}

/// The stage of the tests: a few faults of each kind that has no other tests, with the programs
/// that are built already.
pub(super) fn few_faults() -> Result<()> {
    let words = ["faults", "worker", "memory", "host", "limits", "--quick", "--no-build"];
    start(FAULTS, words.map(OsString::from))
}

fn typed() -> impl Iterator<Item = OsString> {
    std::env::args_os().skip(1)
}

/// Builds the program, selected by binary and so with the features that all builds have, and runs
/// it in the user's folder, since paths in the line are relative to that.
fn start(program: &str, words: impl IntoIterator<Item = OsString>) -> Result<()> {
    report::stage(&format!("build {program}"), || {
        let mut cargo = process::cargo(&places::root());
        // Built now and not with the products: most commands never need it.
        process::run(cargo.args(["build", "--locked", "--bin", program]))
    })?;
    process::run(Command::new(places::program(program)).args(words))
}
