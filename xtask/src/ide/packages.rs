//! The npm packages and built-in extensions in an assembled editor, read from their own files.
//!
//! A package is what a package.json directly inside `node_modules` or `extensions` describes; other
//! package.json files only set module types. Judges nothing. Used by the license check and by the
//! notices.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;
use serde_json::Value;

use super::{overlay, tree};

pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// As its package.json says; empty when it says nothing.
    pub(super) license: String,
    pub(super) folder: PathBuf,
}

pub(super) fn find(root: &Path) -> Result<Vec<Package>> {
    let mut found = Vec::new();
    for file in tree::files(root)? {
        let Some(folder) = file.parent() else { continue };
        if file.file_name().is_some_and(|name| name == "package.json") && is_package(folder) {
            found.push(read(&root.join(folder))?);
        }
    }
    // The version as well: a package may be there in several.
    found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(found)
}

/// Whether a folder holds a package: `node_modules/NAME`, `node_modules/@SCOPE/NAME` or
/// `extensions/NAME`.
fn is_package(folder: &Path) -> bool {
    let mut above = folder.iter().rev().skip(1).map(|part| part.to_string_lossy());
    match above.next().as_deref() {
        Some("node_modules" | "extensions") => true,
        Some(scope) if scope.starts_with('@') => above.next().as_deref() == Some("node_modules"),
        _ => false,
    }
}

fn read(folder: &Path) -> Result<Package> {
    let value: Value = overlay::read_json(&folder.join("package.json"))?;
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    Ok(Package {
        name: text("name"),
        version: text("version"),
        license: text("license"),
        folder: folder.to_owned(),
    })
}

/// The texts of the license and notice files in a folder, sorted by file name; empty if it has
/// none. Names are compared in upper case, and both spellings of license occur.
pub(super) fn license_texts(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let starts = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "THIRDPARTYNOTICES"];
        if entry.file_type()?.is_file() && starts.iter().any(|start| name.starts_with(start)) {
            names.push(entry.path());
        }
    }
    names.sort();
    names.iter().map(|path| Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())).collect()
}
