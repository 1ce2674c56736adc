//! Rules about the text of source files: they explain themselves, do not hide tests, leave no loose
//! ends, and use `unsafe` only where that is listed.

use anyhow::Result;

use super::Repository;

const OPENINGS: &[(&str, &[&str])] =
    &[("rs", &["//! "]), ("ts", &["/**"]), ("mjs", &["/**"]), ("py", &["\"\"\""])];

/// Files that may contain `unsafe`, by the beginning of their path, and why.
const UNSAFE: &[(&str, &str)] = &[
    ("crates/kernels/src/", "instructions of the processor, and rows that many threads write"),
    ("crates/worker/src/llama/", "the safe wrapper round llama.cpp"),
    ("crates/worker/src/memory.rs", "pages of a mapped file given back"),
    ("crates/worker/src/process.rs", "descriptors and limits of the process"),
    ("crates/sandbox/tests/ways_out.rs", "system calls that are to be refused"),
    ("crates/desktop/src/platform/linux.rs", "what a library of the system may lack"),
    ("crates/gguf/tests/hostile.rs", "an allocator that counts"),
    ("crates/launcher/src/offline", "a program without network, and trials from inside of it"),
    ("crates/launcher/src/private.rs", "the umask of a child"),
    ("crates/launcher/src/process.rs", "a child that ends with its launcher"),
    ("crates/launcher/tests/support/mod.rs", "signals to a process"),
    ("crates/templates/src/guard.rs", "limits of a thread: an allocator, signals, its stack"),
    ("crates/transport/src/descriptors.rs", "open files that a child does not inherit"),
];

/// Code that does no I/O and reads no clock, by the beginning of its path: it gets its time and its
/// input from its callers, so that tests and the simulator can repeat whatever happened.
const PURE: &[&str] =
    &["crates/protocol/src/", "crates/assist/src/", "crates/gguf/src/", "crates/host/src/core/"];

const IMPURE: &[&str] = &[
    "std::fs",
    "fs_err",
    "std::net",
    "std::os::",
    "std::process",
    "std::env",
    "std::thread",
    "SystemTime",
    "Instant::",
    "crossbeam_channel",
];

/// Files whose text is data and may contain anything.
const DATA: &[&str] = &["models/demo/demo_model/variation.py"];

pub(super) fn module_docs(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for (extension, openings) in OPENINGS {
        for file in repository.written(extension) {
            // The sample project is a user's code, not ours.
            if file.path.starts_with("ide/sample/") || file.text.trim().is_empty() {
                continue;
            }
            // A script may begin with the line that names its interpreter.
            let first = file.text.lines().find(|line| !line.starts_with("#!"));
            if !openings.iter().any(|opening| first.unwrap_or_default().starts_with(opening)) {
                complaints.push(format!(
                    "{}: begins without saying what it does (`{}`)",
                    file.path,
                    openings[0].trim()
                ));
            }
        }
    }
    Ok(complaints)
}

/// Words that must not be in source files, and what to do instead. They are assembled here so that
/// this file does not break its own rule.
fn banned_words() -> Vec<(String, &'static str)> {
    vec![
        (["#[", "ignore"].concat(), "run the test or remove it"),
        (["should_", "panic"].concat(), "return an error and test that"),
        (["to", "do!("].concat(), "write it or leave it out"),
        (["test", ".skip("].concat(), "run the test or remove it"),
        (["test", ".only("].concat(), "run all tests"),
        (["@ts-", "ignore"].concat(), "use the right type"),
    ]
}

/// No hidden tests, and no notes to oneself without an issue number.
pub(super) fn banned(repository: &Repository) -> Result<Vec<String>> {
    let words = banned_words();
    let notes = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let mut complaints = Vec::new();
    for extension in ["rs", "ts", "mjs", "js", "py", "toml", "css"] {
        for file in repository.written(extension) {
            if DATA.contains(&file.path.as_str()) {
                continue;
            }
            for (number, line) in file.text.lines().enumerate() {
                let place = format!("{}:{}", file.path, number + 1);
                for (word, instead) in &words {
                    if line.contains(word.as_str()) {
                        complaints.push(format!("{place}: `{word}`; {instead}"));
                    }
                }
                for note in &notes {
                    if has_loose_note(line, note) {
                        complaints
                            .push(format!("{place}: `{note}` without an issue: `{note}(#12)`"));
                    }
                }
            }
        }
    }
    Ok(complaints)
}

fn has_loose_note(line: &str, note: &str) -> bool {
    line.match_indices(note).any(|(at, _)| {
        let after = &line[at + note.len()..];
        let alone = !line[..at].ends_with(char::is_alphanumeric)
            && !after.starts_with(char::is_alphanumeric);
        alone && !after.starts_with("(#")
    })
}

/// `unsafe` only in the listed places. The workspace denies it everywhere, so a file must allow it
/// to have any, and that line is what is looked for.
pub(super) fn unsafe_code(repository: &Repository) -> Result<Vec<String>> {
    // The third is how rustfmt breaks a long attribute.
    let openers = ["allow(unsafe_code", "expect(unsafe_code", "allow(\n    unsafe_code"];
    let opens = |text: &str| openers.iter().any(|opener| text.contains(opener));
    Ok(repository
        .written("rs")
        // This file has the texts that it looks for.
        .filter(|file| !file.path.starts_with("xtask/src/tidy/") && opens(&file.text))
        .filter(|file| !UNSAFE.iter().any(|(listed, _)| file.path.starts_with(listed)))
        .map(|file| format!("{} opens unsafe code and is not listed", file.path))
        .collect())
}

/// What opens a connection to an address. The launcher's own code must not name these: its front
/// only listens, and it only connects to Unix sockets.
const CONNECTS: &[&str] =
    &["TcpStream::connect", "TcpSocket", "UdpSocket", "lookup_host", "ToSocketAddrs"];

/// The launcher opens no connection to another machine. Its tests may connect to the front, as
/// clients do.
pub(super) fn listens_only(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in repository.written("rs") {
        let is_test = file.path.ends_with("/tests.rs");
        if is_test || !file.path.starts_with("crates/launcher/src/") {
            continue;
        }
        let program = file.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        // Code that only tests of one platform compile.
        let program = program.split("#[cfg(all(test,").next().unwrap_or_default();
        for word in CONNECTS.iter().filter(|word| program.contains(**word)) {
            complaints.push(format!("{} names `{word}`, and only listens", file.path));
        }
    }
    Ok(complaints)
}

/// No I/O and no clock in code that promises to do without. Tests may read fixtures. Looked for by
/// names, so an indirect use through another crate is not found.
pub(super) fn pure(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in repository.written("rs") {
        let is_test = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
        if is_test || !PURE.iter().any(|pure| file.path.starts_with(pure)) {
            continue;
        }
        // Fixtures may be read by tests, which come at the end of a file.
        let code = file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            for name in IMPURE {
                if line.contains(name) && !line.trim_start().starts_with("//") {
                    complaints.push(format!("{}:{}: `{name}`", file.path, number + 1));
                }
            }
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_needs_an_issue() {
        let note = ["TO", "DO"].concat();
        assert!(has_loose_note(&format!("// {note}: later"), &note));
        assert!(!has_loose_note(&format!("// {note}(#12): later"), &note));
        assert!(!has_loose_note(&format!("{note}S"), &note));
    }
}
