//! `NOTICES.txt`: everything shipped that was written by others, with its license and the license's
//! text.
//!
//! Collected from what is really in the assembled editor and from what cargo links into our
//! programs, so that it can't become outdated. A text that many share is included once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use fs_err as fs;

use super::sources::Sources;
use super::toolchain::Toolchain;
use super::{crates, licenses, packages};

struct Item {
    name: String,
    license: String,
    texts: Vec<String>,
}

pub(super) fn text(root: &Path, ide: &Path, parts: &Sources, node: &Toolchain) -> Result<String> {
    let mut items = components(root, parts, node)?;
    for package in packages::find(ide)? {
        // Ours, which is not a work of others.
        if package.folder.ends_with("extensions/localcoder") {
            continue;
        }
        items.push(Item {
            texts: packages::license_texts(&package.folder)?,
            name: format!("{} {} (npm)", package.name, package.version),
            license: package.license,
        });
    }
    items.extend(crates(root)?);
    Ok(render(&items))
}

fn components(root: &Path, parts: &Sources, node: &Toolchain) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for component in licenses::rules().components {
        let text = fs::read_to_string(root.join("ide/overlay").join(component.text))?;
        items.push(Item { name: component.name, license: component.license, texts: vec![text] });
    }
    let texts = packages::license_texts(&parts.base)?;
    items.push(Item {
        name: "code-server, with notices of what the VS Code tree contains".to_owned(),
        license: "MIT".to_owned(),
        texts,
    });
    items.push(Item {
        name: "Node.js, with notices of what it contains".to_owned(),
        license: "MIT".to_owned(),
        texts: packages::license_texts(&node.package)?,
    });
    Ok(items)
}

fn crates(root: &Path) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for linked in crates::shipped(root)? {
        items.push(Item {
            texts: packages::license_texts(&linked.folder)?,
            name: format!("{} {} (crate)", linked.name, linked.version),
            license: linked.license.clone(),
        });
        if let Some(llama) = linked.llama_cpp() {
            let texts = packages::license_texts(&llama)?;
            items.push(Item { name: "llama.cpp".to_owned(), license: "MIT".to_owned(), texts });
        }
    }
    Ok(items)
}

fn render(items: &[Item]) -> String {
    let mut out = String::from(
        "LocalCoder IDE: notices\n\
         =======================\n\n\
         LocalCoder IDE contains the following works of others. The list is followed by the\n\
         texts of their licenses; a text shared by several works is given once.\n\n",
    );
    let mut shared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in items {
        let note =
            if item.texts.is_empty() { " (the package carries no license text)" } else { "" };
        let _ = writeln!(out, "- {}: {}{note}", item.name, item.license);
        for text in &item.texts {
            // Copies differ in their line breaks at the end.
            shared.entry(text.trim()).or_default().push(&item.name);
        }
    }
    let mut sections: Vec<(Vec<&str>, &str)> =
        shared.into_iter().map(|(text, names)| (names, text)).collect();
    // By name and not by text, so that a new text does not move the others.
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
        Item { name: name.to_owned(), license: "MIT".to_owned(), texts }
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
}
