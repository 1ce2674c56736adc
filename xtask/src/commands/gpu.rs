//! `gpu`: the worker with Vulkan, built apart from the other one, and its tests on the device
//! that is there, be it Mesa's software one. Not part of the tests: a graphics library is not
//! needed for the product, and the shaders take long to compile.

use anyhow::{Result, ensure};

use crate::arguments::Arguments;
use crate::setup::{self, Group};
use crate::{places, process, report};

/// Text that the demo model goes on with.
const PROMPT: &str = "def total(items):\n    ";

pub(super) fn run(mut arguments: Arguments) -> Result<()> {
    let yes = arguments.switch("--yes");
    arguments.finish()?;
    setup::ensure(&[Group::Engine, Group::Window, Group::Vulkan], yes)?;
    let folder = places::target().join("vulkan");
    let cargo = |what: &str| {
        let mut cargo = process::cargo(&places::root());
        cargo.args([what, "--locked", "--package", "localcoder-worker", "--features", "vulkan"]);
        cargo.arg("--target-dir").arg(&folder);
        cargo
    };
    report::stage("build the worker with Vulkan", || process::run(&mut cargo("build")))?;
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
    report::stage("the worker's tests with Vulkan", || process::run(&mut cargo("test")))
}

/// What the product writes with a worker and a value of `localcoder.acceleration`, and on which
/// device.
fn generate(worker: &std::path::Path, acceleration: &str) -> Result<(String, String)> {
    let home = tempfile::Builder::new().prefix("lcg").tempdir_in("/tmp")?;
    let settings = format!("{{\"acceleration\": \"{acceleration}\"}}");
    fs_err::write(home.path().join("settings.json"), settings)?;
    let localcoder = |arguments: &[&str]| {
        let mut command = process::command(places::program("localcoder"), home.path());
        command.env("LOCALCODER_HOME", home.path()).env("LOCALCODER_WORKER", worker);
        process::read(command.args(arguments))
    };
    let arguments =
        ["generate", "--raw", "--temperature", "0", "--max-tokens", "24", "--prompt", PROMPT];
    let text = localcoder(&arguments);
    let status = localcoder(&["status", "--json"])?;
    localcoder(&["host", "stop"])?;
    let status: serde_json::Value = serde_json::from_str(&status)?;
    let device = status["status"]["worker"]["device"].as_str().unwrap_or_default().to_owned();
    Ok((text?, device))
}
