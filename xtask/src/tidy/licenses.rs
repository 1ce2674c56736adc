//! The licenses of everything we build on must allow distributing the product.
//!
//! Reads the SPDX expressions in cargo's metadata and in npm's lock files. The list of licenses is
//! the assembly's, `ide/overlay/licenses.json`; the assembly also writes the notices.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Repository;
use crate::ide;

/// Packages with a license outside the list, and why that is acceptable. Nothing of them is
/// bundled.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("argparse", "PSF-2.0", "only the command line of markdown-it uses it"),
    ("argparse", "Python-2.0", "the same of an older one, for the export of words to translators"),
];

/// Rust crates, for every platform.
pub(super) fn crates(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for package in repository.packages()? {
        let name = package["name"].as_str().context("a package without a name")?;
        let license = package["license"].as_str().unwrap_or("no license named");
        complain(name, license, &mut complaints);
    }
    Ok(complaints)
}

/// npm packages of the extension and the stories. The editor's own are checked when it is
/// assembled, because much of what its lock file lists is removed then.
pub(super) fn npm(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for path in ["editors/code/package-lock.json", "e2e/package-lock.json"] {
        let Some(file) = repository.file(path) else { continue };
        let lock: Value = serde_json::from_str(&file.text).with_context(|| path.to_owned())?;
        for (name, package) in lock["packages"].as_object().into_iter().flatten() {
            let license = package["license"].as_str().unwrap_or("no license named");
            let name = name.rsplit("node_modules/").next().unwrap_or_default();
            if !name.is_empty() {
                complain(name, license, &mut complaints);
            }
        }
    }
    Ok(complaints)
}

fn complain(name: &str, license: &str, complaints: &mut Vec<String>) {
    let excepted = EXCEPTIONS.iter().any(|(other, its, _)| *other == name && *its == license);
    if !excepted && !ide::licenses::allows(license) {
        complaints.push(format!("{name}: `{license}` is not among the licenses we accept"));
    }
}
