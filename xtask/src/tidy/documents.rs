//! Documents are true: the code map is complete, and the tests and files that documents name exist.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

use super::Repository;

const ARCHITECTURE: &str = "ARCHITECTURE.md";

/// Every crate and every top-level folder is on the map, and nothing else is. Hidden folders need
/// not be.
pub(super) fn map(repository: &Repository) -> Result<Vec<String>> {
    let text = &repository.file(ARCHITECTURE).context("there is no ARCHITECTURE.md")?.text;
    let start = text.find("## Code map").context("ARCHITECTURE.md has no `## Code map`")?;
    let section = &text[start..];
    // Up to the next heading of the same level; the heading itself is skipped to find it.
    let section = section[3..].find("\n## ").map_or(section, |end| &section[..end + 3]);
    let named: BTreeSet<&str> =
        quoted(section).into_iter().filter(|word| word.ends_with('/')).collect();
    let mut there = BTreeSet::new();
    for file in &repository.files {
        let parts: Vec<&str> = file.path.split('/').collect();
        if parts.len() > 1 && !parts[0].starts_with('.') {
            there.insert(format!("{}/", parts[0]));
        }
        if parts.len() > 2 && parts[0] == "crates" {
            there.insert(format!("crates/{}/", parts[1]));
        }
    }
    let mut complaints = Vec::new();
    for folder in &there {
        if !named.contains(folder.as_str()) {
            complaints.push(format!("`{folder}` is not on the code map of {ARCHITECTURE}"));
        }
    }
    for name in named {
        if !repository.files.iter().any(|file| file.path.starts_with(name)) {
            complaints.push(format!("{ARCHITECTURE} maps `{name}`, which does not exist"));
        }
    }
    let lines = text.lines().count();
    if lines > 400 {
        complaints.push(format!("{ARCHITECTURE} has {lines} lines; 400 can be read at once"));
    }
    Ok(complaints)
}

pub(super) fn named_tests(repository: &Repository) -> Result<Vec<String>> {
    let text = &repository.file(ARCHITECTURE).context("there is no ARCHITECTURE.md")?.text;
    let mut complaints = Vec::new();
    for paragraph in text.split("\n\n") {
        let Some(at) = paragraph.find("Held by") else { continue };
        for word in quoted(&paragraph[at..]) {
            if !exists(repository, word) {
                complaints.push(format!("{ARCHITECTURE} names `{word}`, which does not exist"));
            }
        }
    }
    Ok(complaints)
}

/// Files and folders that documents name exist. A word in backticks counts as a path if it begins
/// with one of our top folders, so `application/json` does not.
pub(super) fn paths(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let top = |word: &str| word.split('/').next().unwrap_or_default().to_owned();
    let folders: BTreeSet<String> = repository
        .files
        .iter()
        .filter(|file| file.path.contains('/'))
        .map(|file| top(&file.path))
        .collect();
    // The sample is a user's project, whose documents speak of that.
    for file in repository.written("md").filter(|file| !file.path.starts_with("ide/sample/")) {
        for word in quoted(&file.text) {
            let is_path = word.contains('/') && !word.contains(char::is_whitespace);
            if is_path && folders.contains(&top(word)) && !exists(repository, word) {
                complaints.push(format!("{} names `{word}`, which does not exist", file.path));
            }
        }
    }
    Ok(complaints)
}

/// Whether there is a test with this name or title, or a path, which may be the beginning of one.
fn exists(repository: &Repository, word: &str) -> bool {
    if word.contains('/') {
        return repository.files.iter().any(|file| file.path.starts_with(word));
    }
    // A test may be named with the module that it is in.
    let name = word.rsplit("::").next().unwrap_or(word);
    let (function, title) = (format!("fn {name}("), format!("\"{word}\""));
    let holds = |text: &str| text.contains(&function) || text.contains(&title);
    repository
        .files
        .iter()
        .any(|file| ["rs", "ts", "mjs", "py"].contains(&file.extension()) && holds(&file.text))
}

pub(super) fn links(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in repository.written("md") {
        if file.path.starts_with("ide/sample/") {
            continue;
        }
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (at, _) in file.text.match_indices("](") {
            let target = file.text[at + 2..].split(')').next().unwrap_or_default();
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            // On disk and not among the files, since a link may lead to a folder.
            if !repository.root.join(folder).join(path).exists() {
                complaints.push(format!("{}: the link to `{target}` leads nowhere", file.path));
            }
        }
    }
    Ok(complaints)
}

/// Everything between single backticks. After an odd backtick everything is inverted.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).filter(|word| !word.is_empty()).collect()
}
