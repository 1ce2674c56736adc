//! `NOTICES.txt`: everything shipped that others wrote, with its licence and the licence's text.
//!
//! Gathered from what is really in the assembled editor and from what cargo links into our
//! programs, so that it can't fall behind. A text that many share stands there once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use fs_err as fs;
use serde_json::Value;

use super::sources::Sources;
use super::toolchain::Toolchain;
use super::{licences, packages};
use crate::process;

/// Workspace members that are not in the product.
const NOT_SHIPPED: [&str; 2] = ["xtask", "localcoder-test-support"];

/// Something shipped.
struct Item {
    name: String,
    licence: String,
    texts: Vec<String>,
}

/// The text of the file, for the editor assembled in `ide`.
pub(super) fn text(root: &Path, ide: &Path, parts: &Sources, node: &Toolchain) -> Result<String> {
    let mut items = components(root, parts, node)?;
    for package in packages::find(ide)? {
        if package.folder.ends_with("extensions/localcoder") {
            continue;
        }
        items.push(Item {
            texts: packages::licence_texts(&package.folder)?,
            name: format!("{} {} (npm)", package.name, package.version),
            licence: package.licence,
        });
    }
    items.extend(crates(root)?);
    Ok(render(&items))
}

/// What is neither an npm package nor a crate.
fn components(root: &Path, parts: &Sources, node: &Toolchain) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for component in licences::rules().components {
        let text = fs::read_to_string(root.join("ide/overlay").join(component.text))?;
        items.push(Item { name: component.name, licence: component.licence, texts: vec![text] });
    }
    let texts = packages::licence_texts(&parts.base)?;
    items.push(Item {
        name: "code-server, with notices of what the VS Code tree contains".to_owned(),
        licence: "MIT".to_owned(),
        texts,
    });
    items.push(Item {
        name: "Node.js, with notices of what it contains".to_owned(),
        licence: "MIT".to_owned(),
        texts: packages::licence_texts(&node.package)?,
    });
    Ok(items)
}

/// The crates that cargo links into our programs, and llama.cpp, which one of them carries.
fn crates(root: &Path) -> Result<Vec<Item>> {
    let mut command = process::cargo(root);
    command.args(["metadata", "--format-version=1", "--filter-platform", &rustc_host(root)?]);
    let metadata: Value = serde_json::from_str(&process::read(&mut command)?)
        .context("cargo metadata did not write JSON")?;
    let linked = linked(&metadata);
    let rules = licences::rules();
    let mut items = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        if package["source"].is_null() || !linked.contains(package["id"].as_str().unwrap_or("")) {
            continue;
        }
        let (name, licence) = (text("name"), text("license"));
        if !rules.allows(&licence) {
            bail!("the crate `{name}` has the licence `{licence}`, which is not allowed");
        }
        let manifest = text("manifest_path");
        let folder = Path::new(&manifest).parent().context("a manifest without a folder")?;
        let version = text("version");
        items.push(Item {
            texts: packages::licence_texts(folder)?,
            name: format!("{name} {version} (crate)"),
            licence,
        });
        let llama = folder.join("llama.cpp");
        if llama.is_dir() {
            let texts = packages::licence_texts(&llama)?;
            items.push(Item { name: "llama.cpp".to_owned(), licence: "MIT".to_owned(), texts });
        }
    }
    Ok(items)
}

fn rustc_host(root: &Path) -> Result<String> {
    let said = process::read(process::command("rustc", root).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

/// The ids of the packages reached from our shipped programs by normal dependencies.
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
        if !found.insert(id) {
            continue;
        }
        for dependency in
            nodes.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten()
        {
            let normal = |kind: &Value| kind["kind"].is_null();
            if dependency["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(normal)) {
                waiting.extend(dependency["pkg"].as_str());
            }
        }
    }
    found
}

/// Writes the list, then each text once under the names of all who use it.
fn render(items: &[Item]) -> String {
    let mut out = String::from(
        "LocalCoder IDE: notices\n\
         =======================\n\n\
         LocalCoder IDE contains the following works of others. The list is followed by the\n\
         texts of their licences; a text shared by several works is given once.\n\n",
    );
    let mut shared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in items {
        let note =
            if item.texts.is_empty() { " (the package carries no licence text)" } else { "" };
        let _ = writeln!(out, "- {}: {}{note}", item.name, item.licence);
        for text in &item.texts {
            shared.entry(text.trim()).or_default().push(&item.name);
        }
    }
    let mut sections: Vec<(Vec<&str>, &str)> =
        shared.into_iter().map(|(text, names)| (names, text)).collect();
    sections.sort();
    for (names, text) in sections {
        let _ = write!(out, "\n{}\n{}\n\n{text}\n", "-".repeat(78), names.join("\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, texts: &[&str]) -> Item {
        let texts = texts.iter().map(|&text| text.to_owned()).collect();
        Item { name: name.to_owned(), licence: "MIT".to_owned(), texts }
    }

    #[test]
    fn a_shared_text_stands_once_under_all_its_names() {
        let out = render(&[item("one", &["same text\n"]), item("two", &["same text"])]);
        assert_eq!(out.matches("same text").count(), 1);
        assert!(out.contains("one\ntwo\n\nsame text"));
    }

    #[test]
    fn a_work_without_a_text_is_listed_and_says_so() {
        assert!(render(&[item("bare", &[])]).contains("- bare: MIT (the package carries no"));
    }

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
