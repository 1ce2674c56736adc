//! `build`: only the programs.
//!
//! They are selected by binary and not by package, as in the alias in `.cargo/config.toml`: another
//! selection unifies features differently, and 91 crates would be compiled a second time, which a
//! newcomer would have to wait for.

use anyhow::Result;

use super::levels;
use crate::setup::{self, Group};
use crate::{metal, places, process, report};

/// The product's programs, and the fake worker for its tests. Other programs of the workspace are
/// built when they are started, so that the IDE does not wait for them.
const PROGRAMS: &[&str] = &[
    "localcoder",
    "localcoder-worker",
    "localcoder-fetch",
    "localcoder-desktop",
    "localcoder-fake-worker",
];

/// Options of `build`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also the workers for each level of x86
    #[arg(long)]
    levels: bool,
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    setup::ensure(&[Group::Engine, Group::Window], options.yes)?;
    if options.levels { levels::build() } else { programs() }
}

pub(super) fn worker() -> Result<()> {
    report::stage("build", || {
        let mut cargo = process::cargo(&places::root());
        process::run(cargo.args(["build", "--locked", "--package", "localcoder-worker"]))?;
        metal::place(&places::target().join("debug"))
    })
}

/// Builds [`PROGRAMS`], as the tests use them too. Metal's library goes beside them.
pub(super) fn programs() -> Result<()> {
    report::stage("build", || {
        let mut cargo = process::cargo(&places::root());
        cargo.args(["build", "--locked"]);
        process::run(cargo.args(PROGRAMS.iter().flat_map(|program| ["--bin", program])))?;
        metal::place(&places::target().join("debug"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::commands::handed_on;

    #[test]
    fn each_program_of_the_workspace_is_built_by_a_command() {
        let mut cargo = process::cargo(&places::root());
        cargo.args(["metadata", "--locked", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&process::read(&mut cargo).unwrap()).unwrap();
        let packages = metadata["packages"].as_array().unwrap();
        let targets = packages.iter().flat_map(|it| it["targets"].as_array().unwrap());
        let mut there: Vec<&str> = targets
            .filter(|target| target["kind"][0] == "bin")
            .map(|target| target["name"].as_str().unwrap())
            .collect();
        let mut built = [PROGRAMS, &["xtask", handed_on::BENCH, handed_on::FAULTS]].concat();
        there.sort_unstable();
        built.sort_unstable();
        assert_eq!(there, built);
    }

    fn packages(edges: &str) -> BTreeSet<String> {
        let mut cargo = process::cargo(&places::root());
        cargo.args(["tree", "--locked", "--workspace", "--prefix", "none", "--no-dedupe"]);
        let tree = process::read(cargo.args(["--edges", edges, "--format", "{p} {f}"])).unwrap();
        tree.lines().map(str::to_owned).collect()
    }

    #[test]
    fn tests_compile_nothing_of_the_programs_a_second_time() {
        // A program that is built with other features for tests would be compiled twice by `test`.
        let programs = packages("normal,build");
        let tests = packages("normal,build,dev");
        let again: Vec<_> = programs.difference(&tests).collect();
        assert!(
            again.is_empty(),
            "with other features in tests; see `faults/Cargo.toml`: {again:#?}"
        );
    }
}
