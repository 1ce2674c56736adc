//! Size limits: lines of a file, lines of a function, bytes of a file.
//!
//! Functions are measured by indentation, which is reliable thanks to rustfmt; clippy and eslint
//! measure more precisely in stages of their own.

use anyhow::Result;

use super::Repository;

/// A longer file has more than one concern.
const FILE_LINES_MAX: usize = 800;

const FUNCTION_LINES_MAX: usize = 70;

const FILE_BYTES_MAX: u64 = 500_000;

const LARGE: &[&str] = &[
    "models/demo/localcoder-demo.gguf", // the demo model itself
    "ide/base/package-lock.json",       // the editor's dependencies
    "ide/base/vscode/package-lock.json",
];

const SOURCES: &[&str] = &["rs", "ts", "mjs", "js", "py", "css"];

pub(super) fn file_lines(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for extension in SOURCES {
        for file in repository.written(extension) {
            let lines = file.text.lines().count();
            if lines > FILE_LINES_MAX {
                complaints.push(format!("{}: {lines} lines, {FILE_LINES_MAX} allowed", file.path));
            }
        }
    }
    Ok(complaints)
}

pub(super) fn function_lines(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for extension in ["rs", "py"] {
        for file in repository.written(extension) {
            for (name, lines) in functions(&file.text) {
                if lines > FUNCTION_LINES_MAX {
                    complaints.push(format!(
                        "{}: `{name}` has {lines} lines, {FUNCTION_LINES_MAX} allowed",
                        file.path
                    ));
                }
            }
        }
    }
    Ok(complaints)
}

/// Every function with its number of lines of code, without blank lines and comments, so that
/// explaining a function does not make it too long.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        // The body is what is indented more deeply, so a macro or a string at the left margin would
        // end it early.
        let indent = indentation(line);
        let body = lines[at + 1..].iter().take_while(|next| {
            // A signature over several lines closes with `)` at the function's own indentation.
            next.trim().is_empty() || indentation(next) > indent || next.trim().starts_with(')')
        });
        let code = |next: &&&str| {
            let next = next.trim();
            // Attributes, and comments of Python.
            !next.is_empty() && !next.starts_with("//") && !next.starts_with('#')
        };
        found.push((name.to_owned(), body.filter(code).count()));
    }
    found
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn function_name(line: &str) -> Option<&str> {
    let words = line.trim_start();
    let rest = if let Some(rest) = words.strip_prefix("def ") {
        rest
    } else {
        let at = words.find("fn ")?;
        // Only modifiers may come before `fn`: elsewhere it is a word of a text, or the type of a
        // pointer.
        let modifier = |word: &str| {
            ["const", "async", "unsafe", "extern", "\"C\"", "\"C-unwind\""].contains(&word)
                || word.starts_with("pub")
                // Parts of `pub(in path)`.
                || word == "in"
                || word.ends_with(')')
        };
        words[..at].split_whitespace().all(modifier).then_some(&words[at + 3..])?
    };
    rest.split(['(', '<']).next().filter(|name| !name.is_empty())
}

pub(super) fn file_bytes(repository: &Repository) -> Result<Vec<String>> {
    let large = |path: &str| LARGE.contains(&path);
    let files = repository.files.iter();
    Ok(files
        .filter(|file| file.bytes > FILE_BYTES_MAX && !large(&file.path))
        .map(|file| format!("{}: {} bytes, {FILE_BYTES_MAX} allowed", file.path, file.bytes))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_without_comments_and_blank_lines() {
        let text = "impl X {\n    pub(crate) fn one(\n        a: u8,\n    ) -> u8 {\n        // why\n\n        a\n    }\n\n    fn two() {}\n}\n\ndef three():\n    return 1\n";
        let found = functions(text);
        let names: Vec<(&str, usize)> =
            found.iter().map(|(name, lines)| (name.as_str(), *lines)).collect();
        assert_eq!(names, [("one", 3), ("two", 0), ("three", 1)]);
    }
}
