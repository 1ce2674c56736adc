//! Layers inside a crate: each file may only name files that come before it, so that the
//! dependencies in a machine of several files have one direction; and what one machine may not call
//! in another.

use anyhow::Result;

use super::Repository;

/// The host's core, the lowest first. A folder's name is its `mod.rs`. The order is the rule: to
/// let a file use another one, one of them moves in this list, which a reviewer sees.
const CORE: &[&str] = &[
    "reply",
    "event",
    "random",
    "suspect",
    "errors",
    "configuration",
    "life",
    "pool/slot",
    "pool/lifecycle",
    "pool/budget",
    "pool/prefix",
    "pool/engine",
    "pool/outcome",
    "pool/view",
    "pool",
    "pool/draft",
    "jobs/step",
    "jobs/keep_warm",
    "jobs/prepare",
    "jobs/complete",
    "jobs/next_edit",
    "jobs/text",
    "jobs/generate",
    "jobs/trial",
    "jobs/counting",
    "jobs/edit",
    "jobs",
    "ghost",
    "schedule/action",
    "schedule/drafts",
    "schedule/fit",
    "schedule/placing",
    "schedule/knowledge",
    "schedule/ladder",
    "schedule/residency",
    "schedule/resolutions",
    "schedule/speed",
    "schedule/suggester",
    "schedule/wanted",
    "schedule/survey",
    "schedule/ticket",
    "schedule",
    "schedule/helping",
    "schedule/drafting",
    "schedule/suggesting",
    "schedule/recover",
    "schedule/run",
    "schedule/plan",
    "schedule/status",
    "sessions",
    "requests",
    "",
];

/// The machines of the core: only its `mod.rs` may hold them.
const MACHINES: &[(&str, &str)] =
    &[("Pool", "pool"), ("Schedule", "schedule"), ("Sessions", "sessions")];

const ROOT: &str = "crates/host/src/core/";

/// No file of the core names one that comes after it. A file that is not in the list is an error as
/// well, or new files would be free of the rule.
pub(super) fn upwards(repository: &Repository) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (file, text) in core_files(repository) {
        let Some(own) = CORE.iter().position(|it| *it == file) else {
            wrong.push(format!("{ROOT}{file} has no layer: name it in xtask/src/tidy/layers.rs"));
            continue;
        };
        let above = |path: &String| deepest(path).is_some_and(|layer| layer > own);
        for path in imports(&file, &text).into_iter().filter(above) {
            wrong.push(format!("{ROOT}{file} names `{path}`, which stands above it"));
        }
    }
    Ok(wrong)
}

/// No machine of the core holds or calls another one. Looked for by the names of their types, in
/// code without comments: whoever can't name a machine can't call it.
pub(super) fn machines(repository: &Repository) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (file, text) in core_files(repository) {
        for (name, home) in MACHINES {
            let is_home = file == *home || file.starts_with(&format!("{home}/"));
            if !is_home && !file.is_empty() && words(&text).any(|word| word == *name) {
                wrong.push(format!(
                    "{ROOT}{file} names `{name}`: machines give each other values, and only \
                     {ROOT}mod.rs calls them"
                ));
            }
        }
    }
    Ok(wrong)
}

/// The file in which a path ends, as its index in the table: the longest name that the path begins
/// with, since the rest names items in that file.
fn deepest(path: &str) -> Option<usize> {
    let matching = CORE.iter().enumerate().filter(|(_, file)| is_within(path, file));
    matching.max_by_key(|(_, file)| file.len()).map(|(index, _)| index)
}

fn is_within(path: &str, file: &str) -> bool {
    file.is_empty() || path == file || path.starts_with(&format!("{file}/"))
}

fn core_files(repository: &Repository) -> Vec<(String, String)> {
    let own = repository.written("rs").filter_map(|file| {
        let name = file.path.strip_prefix(ROOT)?.strip_suffix(".rs")?;
        let name = name.strip_suffix("/mod").unwrap_or(name);
        let name = if name == "mod" { "" } else { name };
        if name.ends_with("/tests") {
            return None;
        }
        Some((name.to_owned(), code(&file.text)))
    });
    own.collect()
}

fn code(text: &str) -> String {
    // Tests are at the end of a file by the project's convention, so the rest is not code of the
    // core.
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Paths inside the core that a file imports, with `/` between their parts. A re-export (`pub use`)
/// does not count as a use.
fn imports(file: &str, text: &str) -> Vec<String> {
    let uses = text.split(';').filter_map(|statement| {
        let (before, path) = statement.rsplit_once("use ")?;
        let line = before.rsplit('\n').next().unwrap_or_default();
        // Only a `use` at the beginning of its line is an import; `pub use` is a re-export, and the
        // word may be in a string.
        line.trim().is_empty().then_some(path)
    });
    uses.flat_map(expand).filter_map(|path| resolve(file, &path)).collect()
}

/// `a::{b, c::d}` as `a::b` and `a::c::d`. Groups may be nested, so only commas outside of inner
/// braces separate.
fn expand(path: &str) -> Vec<String> {
    let path: String = path.split_whitespace().collect();
    let Some((head, rest)) = path.split_once('{') else { return vec![path] };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let named = parts.into_iter().filter(|part| !part.is_empty());
    named.flat_map(|part| expand(&format!("{head}{part}"))).collect()
}

/// A path relative to the core's root; `None` if it leads out of it. `super` is resolved by the
/// file's place, and a first name counts if it is one of the file's own children.
fn resolve(file: &str, path: &str) -> Option<String> {
    let mut here: Vec<&str> = file.split('/').filter(|part| !part.is_empty()).collect();
    let mut parts: Vec<&str> = path.split("::").collect();
    if parts.starts_with(&["crate", "core"]) {
        return Some(parts[2..].join("/"));
    }
    // Paths of other crates, and names that another `use` has brought in, are not the core's.
    let relative = parts[0] == "super" || is_child(file, parts[0]);
    if !relative {
        return None;
    }
    while parts.first() == Some(&"super") {
        // One `super` of a file leads to its folder's `mod.rs`, which has the folder's name here.
        here.pop()?;
        parts.remove(0);
    }
    here.extend(parts);
    Some(here.join("/"))
}

fn is_child(file: &str, name: &str) -> bool {
    let child = if file.is_empty() { name.to_owned() } else { format!("{file}/{name}") };
    CORE.contains(&child.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_found_however_they_are_written() {
        let text = "use super::{Context, fit};\nuse crate::core::pool::{\n    Engine,\n};\nuse std::fs;\n\
                    pub(super) use status::Status;\n";
        let found = imports("schedule/plan", text);
        assert_eq!(found, ["schedule/Context", "schedule/fit", "pool/Engine"]);
        assert_eq!(imports("schedule", "use plan::x;\n"), ["schedule/plan/x"]);
    }

    #[test]
    fn what_stands_above_is_told_from_what_stands_below() {
        let layer = |path| deepest(path).unwrap();
        assert!(layer("schedule/Context") > layer("pool/Engine"));
        assert!(layer("schedule/plan/x") > layer("schedule/Context"));
        assert!(layer("pool/engine/Engine") < layer("pool/Pool"));
    }
}
