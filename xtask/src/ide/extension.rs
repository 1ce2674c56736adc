//! Our extension's built files: where they are, what is shipped of them, and their digest.
//!
//! Does not build them. Used when the editor is assembled.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use serde_json::Value;

use super::stage::Digest;
use super::tree;

/// What of `editors/code` an installed extension needs; the rest is for building and testing.
const SHIPPED: [&str; 9] = [
    "package.json",
    "package.nls.json",
    "dist",
    "media",
    "l10n",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "language-configuration.json",
];

/// The built extension.
pub(super) struct Extension {
    folder: PathBuf,
    /// From its package.json.
    pub(super) version: String,
    /// Digest of all that is shipped of it.
    pub(super) digest: String,
}

/// The built extension, or nothing when it has not been built.
pub(super) fn find(root: &Path) -> Result<Option<Extension>> {
    let folder = root.join("editors/code");
    if !folder.join("dist/extension.js").is_file() {
        return Ok(None);
    }
    let mut digest = Digest::new("extension");
    for name in SHIPPED {
        let path = folder.join(name);
        digest.text(name);
        if path.is_dir() {
            digest.tree(&path)?;
        } else if path.is_file() {
            digest.file(&path)?;
        }
    }
    let package: Value = serde_json::from_str(&fs::read_to_string(folder.join("package.json"))?)
        .context("editors/code/package.json is not JSON")?;
    let version = package["version"].as_str().unwrap_or("unknown").to_owned();
    Ok(Some(Extension { folder, version, digest: digest.finish() }))
}

impl Extension {
    /// Copies what is shipped.
    pub(super) fn copy(&self, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        for name in SHIPPED {
            let (source, target) = (self.folder.join(name), to.join(name));
            if source.is_dir() {
                tree::copy(&source, &target)?;
            } else if source.is_file() {
                fs::copy(&source, &target)?;
            }
        }
        Ok(())
    }
}
