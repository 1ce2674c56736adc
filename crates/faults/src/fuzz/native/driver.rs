//! The program that gives files to llama.cpp: how it is built, and how this program talks to it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context as _, Result, bail};

use super::verdict::{self, Verdict};
use crate::{places, process};

const PACKAGE: &str = "llama-cpp-sys-2";

/// A sanitizer report ends the process with a unique exit code. It is not a report if an allocation
/// that a file asks for fails, or if memory is not freed: each file has a process of its own.
const ADDRESSES: &str = "exitcode=99:detect_leaks=0:allocator_may_return_null=1:\
                         max_allocation_size_mb=2000:handle_abort=0:detect_stack_use_after_return=0:\
                         symbolize=1:fast_unwind_on_fatal=1";

pub(super) fn build(folder: &Path) -> Result<PathBuf> {
    let build = folder.join("build");
    fs_err::create_dir_all(&build)?;
    let mut configure = process::command("cmake", &build);
    configure.arg("-S").arg(places::root().join("fuzz/native")).arg("-B").arg(&build);
    configure.arg(format!("-DLLAMA_CPP={}", sources()?.display()));
    process::read(&mut configure)?;
    let mut make = process::command("cmake", &build);
    process::run(make.args(["--build", ".", "--target", "load", "--parallel", "--", "-s"]))?;
    Ok(build.join("load"))
}

/// llama.cpp's sources, from which the worker is built, too.
fn sources() -> Result<PathBuf> {
    let mut command = process::cargo(&places::root());
    command.args(["metadata", "--locked", "--format-version=1"]);
    let metadata: serde_json::Value = serde_json::from_str(&process::read(&mut command)?)?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.with_context(|| format!("there is no package {PACKAGE}"))?);
    Ok(manifest.parent().context("a manifest without a folder")?.join("llama.cpp"))
}

pub(super) struct Driver {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Driver {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut command = process::command(program, &places::root());
        command.env("ASAN_OPTIONS", ADDRESSES).env("UBSAN_OPTIONS", "print_stacktrace=0");
        // Otherwise a failed assertion would start a debugger.
        command.env("GGML_NO_BACKTRACE", "1");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let asks = process.stdin.take().context("a pipe was asked for")?;
        let answers = BufReader::new(process.stdout.take().context("a pipe was asked for")?);
        Ok(Self { process, asks, answers })
    }

    /// What llama.cpp does with a file. One line asks and one line answers; the driver forks for
    /// each file, so a crash is an answer like any other and only its own end is an error.
    pub(super) fn verdict(&mut self, file: &Path) -> Result<Verdict> {
        writeln!(self.asks, "{}", file.display())?;
        let mut ended = String::new();
        if self.answers.read_line(&mut ended)? == 0 {
            bail!("the program that loads model files has ended");
        }
        // The log includes names of tokens, which may not be valid text.
        let said = fs_err::read(verdict::log_of(file)).unwrap_or_default();
        Ok(Verdict::of(ended.trim(), &String::from_utf8_lossy(&said)))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It has no state that could be lost.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
