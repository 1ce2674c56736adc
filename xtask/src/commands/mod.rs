//! The commands and what each of them is for.
//!
//! A command that is not here does not exist: the parser and its help are made from this enum,
//! which is matched in one place. What each command takes and does is in its own file, or, for
//! those that need much of the product, in a program that [`handed_on`] starts.

mod airgap;
mod audit;
mod build;
mod codegen;
mod demo_model;
mod e2e;
mod eval;
mod forecast;
mod gpu;
mod handed_on;
mod ide;
mod levels;
mod manifest_words;
mod printed_json;
mod run;
mod sbom;
mod smoke;
mod stories;
mod templates;
mod test;
mod tidy;

use anyhow::Result;
use clap::Subcommand;
use localcoder_automation::options;

pub(crate) use codegen::generated;

/// Every command, in the order help shows them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install what is missing, build, assemble, and open the IDE
    Run(run::Options),
    /// Everything that has to hold, in stages
    Test(test::Options),
    /// Build the programs
    Build(build::Options),
    /// Assemble the IDE in target/ide
    Ide(ide::Options),
    /// The user stories in a browser, many times over; or that of a real model
    E2e(e2e::Options),
    /// How fast the engine is, beside llama-server (built once, some minutes)
    Bench(options::Bench),
    /// How much of what a model writes a smaller one foresees
    Acceptance(options::Acceptance),
    /// How good a real model's edits are: tasks whose answers are run
    Eval(eval::Options),
    /// What goes wrong with downloads, workers, memory, hosts, limits and editors
    Faults(options::Faults),
    /// Requests for two hours on a machine that is kept busy: nothing may be killed
    Soak(options::Soak),
    /// The host's core in simulated worlds where everything goes wrong, one each seed
    Simulate(options::Simulate),
    /// What comes from elsewhere, with inputs that a fuzzer makes (needs cargo-fuzz)
    Fuzz(options::Fuzz),
    /// Chat templates in our engine beside Jinja2 and @huggingface/jinja
    Templates(templates::Options),
    /// Build the worker with Vulkan, apart, and test it on the device there is
    Gpu(gpu::Options),
    /// Write the files made from tables in the code, or check them
    Codegen(codegen::Options),
    /// The rules about the repository itself
    Tidy,
    /// Nothing leaves the machine: the stories traced, then without a network (Linux, root)
    Airgap(airgap::Options),
    /// Known flaws in crates and packages that we build on (needs the network)
    Audit,
    /// What is shipped, with versions and licenses, as CycloneDX
    Sbom(sbom::Options),
    /// Make or measure the demo model (Python, in a virtual environment of its own)
    DemoModel(demo_model::Options),
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Run(options) => run::run(options),
            Self::Test(options) => test::run(options),
            Self::Build(options) => build::run(&options),
            Self::Ide(options) => ide::run(&options),
            Self::E2e(options) => e2e::run(options),
            Self::Bench(options) => handed_on::bench(&options),
            Self::Acceptance(options) => handed_on::acceptance(&options),
            Self::Eval(options) => eval::run(options),
            Self::Faults(options) => handed_on::faults(&options),
            Self::Soak(options) => handed_on::soak(&options),
            Self::Simulate(_) | Self::Fuzz(_) => handed_on::without_programs(),
            Self::Templates(options) => templates::run(&options),
            Self::Gpu(options) => gpu::run(&options),
            Self::Codegen(options) => codegen::run(&options),
            Self::Tidy => tidy::check(),
            Self::Airgap(options) => airgap::run(options),
            Self::Audit => audit::run(),
            Self::Sbom(options) => sbom::run(options),
            Self::DemoModel(options) => demo_model::run(options),
        }
    }
}
