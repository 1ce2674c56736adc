//! Assembles the editor: a prebuilt VS Code tree, pruned and rebranded, with our extension in it.
//!
//! All decisions are data under `ide/`; this code installs, links, merges and checks. It does not
//! build the extension or the Rust programs, and it downloads nothing but the locked npm packages,
//! once. Called by `cargo xtask ide` and by the commands that need the result.

mod addresses;
mod crates;
mod extension;
pub(crate) mod licenses;
mod manifest;
mod notices;
mod overlay;
mod packages;
mod program_settings;
mod removed;
pub(crate) mod sbom;
mod shim;
mod sources;
mod stage;
mod strings;
#[cfg(test)]
mod tests;
mod toolchain;
mod tree;
mod user_settings;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use fs_err as fs;

use crate::report;
use stage::{Digest, Stage};
use toolchain::Toolchain;

/// Assembles the editor in `target/ide` under the repository's root, and returns that folder.
///
/// Each step is only repeated if its inputs have changed. Fails if the result would not be a
/// product: without our extension, or with something in it that we may not ship.
pub(crate) fn assemble(root: &Path) -> Result<PathBuf> {
    let cache = root.join("target/ide-cache");
    fs::create_dir_all(&cache)?;
    // Two runs at once would delete each other's half-built folders.
    let lock = fs::File::create(cache.join("lock"))?;
    lock.file().lock().context("waiting for another assembly of the IDE")?;

    let toolchain = Toolchain::install(root, &cache)?;
    let parts = sources::install(root, &cache, &toolchain)?;

    let extension = extension::find(root)?;
    let target = root.join("target/ide");
    let mut inputs = Digest::new("assembled");
    for key in [&toolchain.key, &parts.key] {
        inputs.text(key);
    }
    // This folder's own code is an input as well: a change of how it is assembled must assemble
    // again.
    for folder in ["ide/overlay", "ide/sample", "xtask/src/ide"] {
        inputs.tree(&root.join(folder))?;
    }
    // The notices list every crate with its version.
    for file in ["Cargo.lock", "Cargo.toml"] {
        inputs.file(&root.join(file))?;
    }
    // Without the extension the editor is assembled nevertheless, and that it is not a product is
    // an error at the end.
    inputs.text(extension.as_ref().map_or("no extension", |found| &found.digest));

    Stage { name: "editor", folder: target.clone(), key: inputs.finish() }.run(
        &cache,
        |folder| {
            overlay::build(root, folder, &parts)?;
            if let Some(extension) = &extension {
                extension.copy(&folder.join("vscode/extensions/localcoder"))?;
            }
            tree::link_file(&toolchain.node(), &folder.join(manifest::node_path()))?;
            tree::copy(&root.join("ide/sample"), &folder.join("sample"))?;
            fs::write(
                folder.join("NOTICES.txt"),
                notices::text(root, folder, &parts, &toolchain)?,
            )?;
            // Written last, so that a folder with `ide.json` is complete.
            manifest::write(root, folder, extension.as_ref())?;
            // Within the stage: what may not be shipped gets no stamp and never becomes
            // `target/ide`.
            refuse(&licenses::check(folder))
        },
    )?;

    let size_mb = tree::size_bytes(&target)? / 1_000_000;
    report::line(format!("   editor: {size_mb} MB in {}", target.display()));
    if extension.is_none() {
        bail!(
            "the editor in `{}` has no LocalCoder extension: `editors/code` is not built; \
             run `npm ci` and `npm run build` there, then this command again",
            target.display()
        );
    }
    Ok(target)
}

fn refuse(problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    bail!("the editor must not be shipped like this:\n  {}", problems.join("\n  "))
}
