//! The crates that cargo links into the product's programs, from its metadata for this machine, and
//! llama.cpp, which one of them contains. Used by the notices and by the list of what is shipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use fs_err as fs;
use serde_json::Value;

use super::licenses;
use crate::process;

const NOT_SHIPPED: [&str; 6] = [
    "xtask",
    "localcoder-automation",
    "localcoder-bench",
    "localcoder-faults",
    "localcoder-simulator",
    "localcoder-test-support",
];

pub(super) struct Crate {
    pub(super) name: String,
    pub(super) version: String,
    /// As it says itself, as an SPDX expression.
    pub(super) license: String,
    pub(super) folder: PathBuf,
}

pub(super) fn shipped(root: &Path) -> Result<Vec<Crate>> {
    let mut command = process::cargo(root);
    command.args(["metadata", "--locked", "--format-version=1"]);
    // For this machine only: dependencies of other platforms are in the metadata, too, and not
    // linked.
    command.args(["--filter-platform", &rustc_host(root)?]);
    let metadata: Value = serde_json::from_str(&process::read(&mut command)?)
        .context("cargo metadata did not write JSON")?;
    let linked = linked(&metadata);
    let rules = licenses::rules();
    let mut crates = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        // Without a source it is a member of the workspace, that is, ours.
        if package["source"].is_null() || !linked.contains(package["id"].as_str().unwrap_or("")) {
            continue;
        }
        let (name, license) = (text("name"), text("license"));
        if !rules.allows(&license) {
            bail!("the crate `{name}` has the license `{license}`, which is not allowed");
        }
        let manifest = text("manifest_path");
        let folder = Path::new(&manifest).parent().context("a manifest without a folder")?;
        crates.push(Crate { name, version: text("version"), license, folder: folder.to_owned() });
    }
    Ok(crates)
}

impl Crate {
    pub(super) fn llama_cpp(&self) -> Option<PathBuf> {
        Some(self.folder.join("llama.cpp")).filter(|folder| folder.is_dir())
    }
}

pub(super) fn llama_cpp_version(sources: &Path) -> Result<String> {
    let text = fs::read_to_string(sources.join("CMakeLists.txt"))?;
    let part = |name: &str| {
        let beginning = format!("set(LLAMA_VERSION_{name} ");
        let line = text.lines().find_map(|line| line.strip_prefix(beginning.as_str()));
        let number = line.and_then(|line| line.strip_suffix(')'));
        number.with_context(|| format!("llama.cpp's CMakeLists.txt names no {name} of its version"))
    };
    Ok(format!("{}.{}.{}", part("MAJOR")?, part("MINOR")?, part("PATCH")?))
}

fn rustc_host(root: &Path) -> Result<String> {
    let said = process::read(process::command("rustc", root).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// The ids of the packages reached from our shipped programs by normal dependencies. A member that
/// is not shipped is followed only if a shipped one uses it.
fn linked(metadata: &Value) -> BTreeSet<&str> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let ours = |id: &str| {
        let package = metadata["packages"].as_array().into_iter().flatten();
        let name = package.clone().find(|package| package["id"] == id).map(|found| &found["name"]);
        !NOT_SHIPPED.iter().any(|other| name.is_some_and(|name| name == other))
    };
    let members = metadata["workspace_members"].as_array().into_iter().flatten();
    let mut waiting: Vec<&str> = members.filter_map(Value::as_str).filter(|id| ours(id)).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        // A crate may be reached in several ways and is followed once.
        if !found.insert(id) {
            continue;
        }
        for dependency in
            nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten()
        {
            // Build dependencies and those of tests have a kind.
            let normal = |kind: &Value| kind["kind"].is_null();
            if dependency["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(normal)) {
                waiting.extend(dependency["pkg"].as_str());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_normal_dependencies_of_shipped_programs_are_linked() {
        let metadata = serde_json::json!({
            "packages": [{"id": "a", "name": "localcoder-cli"}, {"id": "x", "name": "xtask"}],
            "workspace_members": ["a", "x"],
            "resolve": {"nodes": [
                {"id": "a", "deps": [
                    {"pkg": "normal", "dep_kinds": [{"kind": null}]},
                    {"pkg": "test", "dep_kinds": [{"kind": "dev"}]},
                ]},
                {"id": "x", "deps": [{"pkg": "tool", "dep_kinds": [{"kind": null}]}]},
                {"id": "normal", "deps": []},
            ]},
        });
        assert_eq!(linked(&metadata).into_iter().collect::<Vec<_>>(), ["a", "normal"]);
    }
}
