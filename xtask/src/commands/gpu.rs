//! `gpu`: the worker with Vulkan, built separately from the other one, and its tests on whatever
//! device there is, even Mesa's software one. Not part of the tests: the product does not need a
//! graphics library, and the shaders take long to compile. llama.cpp wants Vulkan headers 1.3.272
//! or later (`VK_EXT_layer_settings`): Debian 13 has them, Debian 12 does not; the compiler finds
//! newer ones elsewhere by its own `CPATH`. Mesa's software driver 22.3 itself crashes in some of
//! the tests.

use anyhow::{Result, ensure};

use crate::setup::{self, Group};
use crate::{places, process, report};

/// llama.cpp uses Vulkan's software device only if it is named.
const FIRST_DEVICE: (&str, &str) = ("GGML_VK_VISIBLE_DEVICES", "0");
/// Tests of what only a CPU has: weights rearranged for it, weights counted in the file's own
/// pages, steps whose cost makes drafts pay.
const OF_A_CPU: &[&str] = &[
    "faster_weights_take_over_without_losing_what_was_read",
    "the_memory_that_was_taken_is_reported",
    "an_edit_is_the_same_with_a_draft_and_takes_fewer_rounds",
];
const PROMPT: &str = "def total(items):\n    ";

/// What can be given to `gpu`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Answer every question with yes
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(options: &Options) -> Result<()> {
    setup::ensure(&[Group::Engine, Group::Window, Group::Vulkan], options.yes)?;
    let folder = places::target().join("vulkan");
    let cargo = |what: &str| {
        let mut cargo = process::cargo(&places::root());
        cargo.args([what, "--locked", "--package", "localcoder-worker", "--features", "vulkan"]);
        cargo.arg("--target-dir").arg(&folder).env(FIRST_DEVICE.0, FIRST_DEVICE.1);
        cargo
    };
    report::stage("build the worker with Vulkan", || process::run(&mut cargo("build")))?;
    // The host and the command line are those of the usual build: only the worker differs.
    super::build::programs()?;
    report::stage("both devices give the same text", || {
        let worker = folder.join("debug/localcoder-worker");
        let on_gpu = generate(&worker, "gpu")?;
        let on_cpu = generate(&worker, "cpu")?;
        report::line(format!("{} and {}", on_gpu.1, on_cpu.1));
        ensure!(on_gpu.1.contains("Vulkan"), "no Vulkan device was used: {}", on_gpu.1);
        ensure!(on_cpu.1 == "CPU", "compatibility mode used {}", on_cpu.1);
        ensure!(on_gpu.0 == on_cpu.0, "`{}` and `{}`", on_gpu.0, on_cpu.0);
        Ok(())
    })?;
    report::stage("the worker's tests with Vulkan", || {
        let mut test = cargo("test");
        test.args(["--test", "it", "--"]);
        process::run(test.args(OF_A_CPU.iter().flat_map(|name| ["--skip", name])))
    })
}

/// What the product writes with this worker and value of `localcoder.acceleration`, and on which
/// device. Greedy, so that both devices must write the same.
/// device.
fn generate(worker: &std::path::Path, acceleration: &str) -> Result<(String, String)> {
    let home = tempfile::Builder::new().prefix("lcg").tempdir_in("/tmp")?;
    let settings = format!("{{\"acceleration\": \"{acceleration}\"}}");
    fs_err::write(home.path().join("settings.json"), settings)?;
    let localcoder = |arguments: &[&str]| {
        let mut command = process::command(places::program("localcoder"), home.path());
        command.env("LOCALCODER_HOME", home.path()).env("LOCALCODER_WORKER", worker);
        command.env(FIRST_DEVICE.0, FIRST_DEVICE.1);
        process::read(command.args(arguments))
    };
    let arguments =
        ["generate", "--raw", "--temperature", "0", "--max-tokens", "24", "--prompt", PROMPT];
    let text = localcoder(&arguments);
    let status = localcoder(&["status", "--json"])?;
    localcoder(&["host", "stop"])?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let device = status["status"]["worker"]["device"].as_str().unwrap_or_default().to_owned();
    // The error of the text is looked at last, so that the host is stopped in any case.
    Ok((text?, device))
}
