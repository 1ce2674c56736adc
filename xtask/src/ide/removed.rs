//! Removes from the tree what is not shipped, as listed in `ide/overlay/removed.json`.
//!
//! A listed path that does not exist is an error unless it is marked optional: then the base has
//! changed, and a developer must find out what the thing is called now.

use std::path::Path;

use anyhow::{Result, bail};
use fs_err as fs;
use serde::Deserialize;

use super::{toolchain, tree};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Removed {
    remove: Vec<Entry>,
    keep_only: Vec<KeepOnly>,
    /// Packages from the base's list that are not in ours.
    not_installed: Vec<NotInstalled>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    #[serde(default)]
    optional: bool,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeepOnly {
    folder: String,
    keep: Vec<String>,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NotInstalled {
    packages: Vec<String>,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

impl Removed {
    pub(super) fn read(overlay: &Path) -> Result<Self> {
        super::overlay::read_json(&overlay.join("removed.json"))
    }

    /// Whether a path of the tree is itself listed, not only by a pattern. The bill of materials
    /// leaves such packages out.
    pub(super) fn names(&self, path: &str) -> bool {
        self.remove.iter().any(|entry| entry.path == path)
    }

    pub(super) fn apply(&self, tree: &Path) -> Result<()> {
        for entry in &self.remove {
            let found = tree::matching(tree, &entry.path)?;
            if found.is_empty() && !entry.optional {
                bail!("removed.json lists `{}`, which the base does not have", entry.path);
            }
            for path in found {
                tree::remove(&path)?;
            }
        }
        for entry in &self.keep_only {
            entry.apply(tree)?;
        }
        // These are not removed here but missing from our own lock file; if one comes back as a
        // dependency of another, it must be noticed.
        for package in self.not_installed.iter().flat_map(|entry| &entry.packages) {
            if tree.join("node_modules").join(package).exists() {
                bail!("removed.json says `{package}` is not installed, and it is");
            }
        }
        Ok(())
    }
}

impl KeepOnly {
    fn apply(&self, tree: &Path) -> Result<()> {
        let folder = tree.join(&self.folder);
        let keep: Vec<String> = self
            .keep
            .iter()
            .map(|name| name.replace("${platform}", toolchain::platform()))
            .collect();
        // Before anything is removed: a name that the base has changed would lose the file that was
        // meant to be kept.
        for name in &keep {
            if !folder.join(name).exists() {
                bail!("removed.json keeps `{}/{name}`, which the base does not have", self.folder);
            }
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if !keep.iter().any(|name| *name == entry.file_name().to_string_lossy()) {
                tree::remove(&entry.path())?;
            }
        }
        Ok(())
    }
}
