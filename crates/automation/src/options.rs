//! The options of commands whose work is done by programs of their own. `cargo xtask` parses a
//! command line with them before anything else is compiled, and so does the program that gets the
//! line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What can be given to `bench`.
#[derive(Debug, Args)]
pub struct Bench {
    /// The small shape alone, and fewer cases
    #[arg(long)]
    pub quick: bool,
    /// Without llama-server: what the engine gains over itself
    #[arg(long)]
    pub alone: bool,
    /// One shape of model alone: `demo`, `0.5b` or `7b`
    #[arg(long)]
    pub shape: Option<String>,
    /// One part of the measurements alone; the other rows stay
    #[arg(long, value_name = "NAME")]
    pub part: Option<String>,
    /// How many edits are tried at most
    #[arg(long, value_name = "N")]
    pub edits: Option<usize>,
    /// Edits of one kind alone
    #[arg(long, value_name = "NAME")]
    pub kind: Option<String>,
    /// A real model: its answers beside llama-server's on the same file; with `--alone`, or for
    /// `tiny` models made here, what it gains by the engine, and whether it writes the same
    #[arg(long, value_name = "FILE|tiny")]
    pub model: Option<String>,
    /// Fixes of a file of HumanEvalPack in addition to the instructed edits of the product's tasks
    #[arg(long, value_name = "PACK", requires = "model")]
    pub tasks: Option<PathBuf>,
    /// How a model with tokens for gaps fills the holes of HumanEval-infilling
    #[arg(long, value_name = "HOLES", requires = "model")]
    pub infill: Option<PathBuf>,
    /// Every Nth hole
    #[arg(long, value_name = "N")]
    pub every: Option<usize>,
    /// Answer every question with yes
    #[arg(long)]
    pub yes: bool,
}

/// What can be given to `acceptance`.
#[derive(Debug, Args)]
pub struct Acceptance {
    /// The draft model
    #[arg(long, value_name = "FILE")]
    pub draft: PathBuf,
    /// Tasks and recorded answers
    #[arg(long, value_name = "FILE")]
    pub answers: PathBuf,
    /// Texts that this model writes here on the same tasks, and what it gains
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// How many tasks are tried
    #[arg(long, value_name = "N")]
    pub tasks: Option<usize>,
    /// Tokens of each text at most
    #[arg(long, value_name = "N")]
    pub tokens: Option<u32>,
    /// Answer every question with yes
    #[arg(long)]
    pub yes: bool,
}

/// What goes wrong in a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Downloads in every known way, and installations that are killed
    Downloads,
    /// The processes of the assembled IDE are killed
    Editor,
    /// A worker that dies, hangs or talks nonsense at every moment
    Worker,
    /// Too little memory
    Memory,
    /// A killed or stopped host, many who start it, clients that misbehave
    Host,
    /// Too few threads, open files or bytes of address space
    Limits,
    /// Each of them
    All,
}

/// What can be given to `faults`.
#[derive(Debug, Args)]
pub struct Faults {
    /// What goes wrong
    #[arg(required = true, value_enum, value_name = "KIND")]
    pub kinds: Vec<Fault>,
    /// Trials of each fault
    #[arg(long, value_name = "N")]
    pub times: Option<usize>,
    /// Only what shows that all is as before
    #[arg(long)]
    pub quick: bool,
    /// Also with the real worker
    #[arg(long)]
    pub real: bool,
    /// All by the world's clock, none by one that runs faster
    #[arg(long)]
    pub world_clock: bool,
    /// A model for the real worker, in place of the demo model
    #[arg(long, value_name = "PATH")]
    pub model: Option<String>,
    /// Only trials whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// With the programs as they are built
    #[arg(long)]
    pub no_build: bool,
    /// Answer every question with yes
    #[arg(long)]
    pub yes: bool,
}

const SOAK_MINUTES: u64 = 120;

/// What can be given to `soak`.
#[derive(Debug, Args)]
pub struct Soak {
    /// How long it asks, in minutes
    #[arg(long, value_name = "N", default_value_t = SOAK_MINUTES)]
    pub minutes: u64,
    /// Programs that are built already
    #[arg(long, value_name = "FOLDER")]
    pub programs: Option<PathBuf>,
    /// Answer every question with yes
    #[arg(long)]
    pub yes: bool,
}

/// Seeds of `simulate`: a few minutes.
const SEEDS: u64 = 100_000;

/// What can be given to `simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// How many worlds are tried
    #[arg(long, value_name = "N", default_value_t = SEEDS)]
    pub seeds: u64,
    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub from: u64,
    /// This world alone, with all that happens in it
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Minutes of `fuzz` for one target.
const FUZZ_MINUTES: f64 = 2.0;

/// What can be given to `fuzz`.
#[derive(Debug, Args)]
pub struct Fuzz {
    /// This reader alone, one of those in `fuzz/fuzz_targets`
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Minutes for each reader
    #[arg(long, value_name = "N", default_value_t = FUZZ_MINUTES)]
    pub minutes: f64,
    /// Keep in `fuzz/corpus` what reaches more code
    #[arg(long)]
    pub keep: bool,
    /// Our reader of model files beside two others
    #[arg(long, conflicts_with = "native")]
    pub gguf_readers: bool,
    /// Files that ours accepts, given to llama.cpp
    #[arg(long)]
    pub native: bool,
    /// How many files are tried, with `--gguf-readers` and `--native`
    #[arg(long, value_name = "N")]
    pub files: Option<u64>,
    /// The first of them, with `--native`
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub from: u64,
}
