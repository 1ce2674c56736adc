//! `build --levels`: one worker for each level of processors that a package supports, next to the
//! command line program, in `target/levels/bin`. The host takes the best that the processor can
//! run. A build from source does not need this: it has kernels for its own machine.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::{places, process, report};

struct Level {
    /// What the worker's name ends with; the host has the same list.
    suffix: &'static str,
    /// The name for rustc, and through it for llama.cpp.
    cpu: &'static str,
    /// Further options for ggml that rustc's names do not cover.
    ggml: &'static [(&'static str, &'static str)],
}

const LEVELS: &[Level] = &[
    // Every x86-64 since 2013 (Haswell) from Intel, and 2017 (Zen) from AMD.
    Level { suffix: "", cpu: "x86-64-v3", ggml: &[] },
    // Ice Lake, Sapphire Rapids, Zen 4 and later.
    Level {
        suffix: "-avx512",
        cpu: "x86-64-v4",
        ggml: &[("GGML_AVX512", "ON"), ("GGML_AVX512_VBMI", "ON"), ("GGML_AVX512_VNNI", "ON")],
    },
];

/// Builds all levels and tries one request with those that run here. Each has a target folder of
/// its own: with other flags for the processor, nothing can be shared.
pub(super) fn build() -> Result<()> {
    let folder = places::target().join("levels");
    let programs = folder.join("bin");
    fs_err::create_dir_all(&programs)?;
    for level in LEVELS {
        report::stage(&format!("build for {}", level.cpu), || {
            let built = folder.join(level.cpu);
            let mut cargo = process::cargo(&places::root());
            cargo.args(["build", "--locked", "--package", "localcoder-worker"]);
            cargo.args(["--package", "localcoder-cli", "--target-dir"]).arg(&built);
            // Through the environment, since a flag in the configuration would hold for all builds.
            cargo.env("RUSTFLAGS", format!("-C target-cpu={}", level.cpu));
            process::run(cargo.envs(level.ggml.iter().copied()))?;
            let worker = programs.join(format!("localcoder-worker{}", level.suffix));
            fs_err::copy(built.join("debug/localcoder-worker"), worker)?;
            // The command line is the same for all; that of the lowest level runs everywhere.
            if level.suffix.is_empty() {
                fs_err::copy(built.join("debug/localcoder"), programs.join("localcoder"))?;
            }
            Ok(())
        })?;
    }
    answer(&programs)
}

/// The host in the folder must choose a worker that answers: a level that is too high for this
/// machine would be killed by an illegal instruction.
fn answer(programs: &Path) -> Result<()> {
    let home = tempfile::Builder::new().prefix("lcl").tempdir_in("/tmp")?;
    let model: PathBuf = places::root().join("models/demo/localcoder-demo.gguf");
    let mut generate = process::command(programs.join("localcoder"), home.path());
    // A worker that is set for tests would be taken instead of those in the folder.
    generate.env("LOCALCODER_HOME", home.path()).env_remove("LOCALCODER_WORKER");
    generate.args(["generate", "--max-tokens", "4", "--prompt", "x = 1", "--model"]).arg(model);
    let answered = process::read(&mut generate);
    let log = fs_err::read_to_string(home.path().join("logs/host.log")).unwrap_or_default();
    let mut stop = process::command(programs.join("localcoder"), home.path());
    process::read(stop.args(["host", "stop"]).env("LOCALCODER_HOME", home.path()))?;
    ensure!(!answered?.is_empty(), "the worker wrote nothing");
    let line = log.lines().find(|line| line.contains("a worker was started")).unwrap_or_default();
    report::line(format!("answers: {line}"));
    Ok(())
}
