//! What the editor is made from: the prebuilt VS Code tree and the packages it loads.
//!
//! Our own lock files list the packages, instead of the tree's, so that modules we do not ship are
//! never downloaded. Two native modules are compiled. Nothing is changed or removed here.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::stage::{Digest, Stage};
use super::toolchain::{self, Toolchain};
use crate::process;

/// Native modules that come as source. Packages are installed without running their scripts, so
/// those that must be compiled are named here and nothing else runs.
const COMPILED: [&str; 2] = ["@vscode/native-watchdog", "@vscode/spdlog"];

pub(super) struct Sources {
    /// The package that holds the VS Code tree in `lib/vscode`.
    pub(super) base: PathBuf,
    /// `node_modules` of the server.
    pub(super) modules: PathBuf,
    /// `node_modules` that the built-in extensions share.
    pub(super) extension_modules: PathBuf,
    /// Digest of everything that this was installed from; part of the key of the assembled editor.
    pub(super) key: String,
}

pub(super) fn install(root: &Path, cache: &Path, toolchain: &Toolchain) -> Result<Sources> {
    let base = root.join("ide/base");
    let (modules, extensions) = (base.join("vscode"), base.join("extensions"));
    let keys = [
        part("base", &base, cache, toolchain, &[])?,
        part("modules", &modules, cache, toolchain, &COMPILED)?,
        part("extension-modules", &extensions, cache, toolchain, &[])?,
    ];
    let mut key = Digest::new("sources");
    keys.iter().for_each(|part| key.text(part));
    Ok(Sources {
        base: cache.join("base/node_modules/code-server"),
        modules: cache.join("modules/node_modules"),
        extension_modules: cache.join("extension-modules/node_modules"),
        key: key.finish(),
    })
}

fn part(
    name: &'static str,
    lock: &Path,
    cache: &Path,
    toolchain: &Toolchain,
    compiled: &[&str],
) -> Result<String> {
    let mut inputs = Digest::new(name);
    toolchain::add_lock(&mut inputs, lock)?;
    // Modules are compiled for one Node.js, so another one needs all of them again.
    inputs.text(&toolchain.key);
    compiled.iter().for_each(|module| inputs.text(module));
    let key = inputs.finish();
    Stage { name, folder: cache.join(name), key: key.clone() }.run(cache, |to| {
        toolchain.install_packages(lock, to)?;
        if !compiled.is_empty() {
            process::run(toolchain.npm(to, "rebuild")?.args(compiled))?;
        }
        Ok(())
    })?;
    Ok(key)
}
