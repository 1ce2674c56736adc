//! `ide.json` next to the assembled editor: what it is and what it was made from.
//!
//! Programs read it to report versions; nothing depends on it to run. Written last.

use std::path::Path;

use anyhow::{Context as _, Result};
use fs_err as fs;
use serde_json::{Value, json};

use super::extension::Extension;
use super::{overlay, toolchain};

pub(super) fn node_path() -> &'static str {
    "node/bin/node"
}

pub(super) fn product_version(root: &Path) -> Result<String> {
    let text = fs::read_to_string(root.join("Cargo.toml"))?;
    let package = text.split("[workspace.package]").nth(1).context("no [workspace.package]")?;
    package
        .lines()
        .find_map(|line| {
            line.strip_prefix("version = ")?.trim().trim_matches('"').to_owned().into()
        })
        .context("Cargo.toml names no version in [workspace.package]")
}

/// Writes `ide.json`, the last file of an assembly.
pub(super) fn write(root: &Path, folder: &Path, extension: Option<&Extension>) -> Result<()> {
    let product: Value = overlay::read_json(&folder.join("vscode/product.json"))?;
    let base: Value = overlay::read_json(&root.join("ide/base/package.json"))?;
    let node: Value = overlay::read_json(&root.join("ide/toolchain/package-lock.json"))?;
    let manifest = json!({
        "name": product["nameLong"],
        "version": product_version(root)?,
        "platform": toolchain::platform(),
        "vscode": { "version": product["version"], "commit": product["commit"] },
        "base": base["dependencies"],
        "node": node["packages"]
            .as_object()
            .into_iter()
            .flatten()
            // The lock file has the Node.js of every platform; only one of them is shipped here.
            .find(|(path, _)| path.ends_with(toolchain::platform()))
            .map(|(_, package)| package["version"].clone()),
        "extension": extension.map(|found| json!({
            "version": found.version,
            "digest": format!("sha256-{}", found.digest),
        })),
    });
    fs::write(folder.join("ide.json"), serde_json::to_string_pretty(&manifest)? + "\n")?;
    Ok(())
}
