//! Rules about the texts of errors: an error is shown by a window and by the command line, so its
//! text must not name commands of either. What can be done about it is an `ErrorAction`, which each
//! of them words for itself.

use anyhow::Result;

use super::Repository;

/// Files whose texts only one of them shows: pages of documentation, the command line's own, and
/// what only developers read.
const OF_ONE: &[&str] = &[
    "crates/bench/",
    "crates/cli/",
    "crates/faults/",
    "crates/protocol/src/error_help.rs",
    "crates/protocol/src/typescript.rs",
    "crates/settings/src/render.rs",
    "crates/desktop/src/main.rs",
    "crates/launcher/src/explain.rs",
    "crates/test-support/",
];

/// What only one of them has: a command, an option, an entry in the palette.
const NAMES: &[&str] = &["`localcoder ", "`--", "*LocalCoder: "];

pub(super) fn of_errors(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in repository.written("rs") {
        let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
        let of_one = OF_ONE.iter().any(|of_one| file.path.starts_with(of_one));
        if is_test || of_one || !file.path.starts_with("crates/") {
            continue;
        }
        // Tests may name commands; they check what is shown.
        let code = file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            // In a comment a command is for developers.
            let is_comment = line.trim_start().starts_with("//");
            for name in NAMES.iter().filter(|name| !is_comment && line.contains(**name)) {
                complaints.push(format!("{}:{}: `{name}…`", file.path, number + 1));
            }
        }
    }
    Ok(complaints)
}

/// Libraries with typed errors: hints are added where these become what a client shows, so that a
/// library does not word advice for an interface that it does not know.
const TYPED: &[&str] =
    &["assist", "disk", "gguf", "launcher", "model-store", "settings", "templates", "transport"];
const EXPLAINS: &str = "src/explain.rs";

pub(super) fn of_libraries(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in repository.written("rs") {
        let inner = file.path.strip_prefix("crates/").and_then(|path| path.split_once('/'));
        let Some((library, path)) = inner else { continue };
        let is_typed = TYPED.contains(&library) && path.starts_with("src/") && path != EXPLAINS;
        let code = file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        if is_typed && code.contains("ErrorCode") {
            complaints.push(format!("{} names `ErrorCode`, which is for {EXPLAINS}", file.path));
        }
    }
    Ok(complaints)
}
