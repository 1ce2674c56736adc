//! Code that occurs twice: the old and the new version, the same version again, or what the rest of
//! the file already has.

use super::{Problem, Rewrite, Severity};
use crate::syntax;

/// Languages in which a function is defined once. Others allow several, for different types.
const ONCE: &[&str] = &[
    "python",
    "javascript",
    "javascriptreact",
    "typescript",
    "typescriptreact",
    "rust",
    "go",
    "php",
];

/// Shorter pieces repeat in good code, too.
const LINES_MIN: usize = 3;

/// Models get stuck in one line or in a few.
const CAUGHT_LINES_MAX: usize = 4;

/// Good code does not repeat a line this often if the selection does not.
const CAUGHT_TIMES_MIN: usize = 10;

pub(super) fn defined(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if !ONCE.contains(&rewrite.language.id) {
        return None;
    }
    let (before, after) = rewrite.document;
    let now = syntax::defined_twice(rewrite.language, after);
    let had =
        // The document before is read only if there is something to compare, so most answers cost
        // one parse.
        if now.is_empty() { now.clone() } else { syntax::defined_twice(rewrite.language, before) };
    let name = now.difference(&had).next()?;
    let reason = format!("the file would define `{name}` twice");
    Some(Problem::new(Severity::Doubtful, reason))
}

/// Finds an answer that consists of one piece twice, or repeats a few lines over and over: small
/// models get stuck in them.
pub(super) fn written(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if is_caught(rewrite.answer) && !is_caught(rewrite.original) {
        let reason = "it has the same lines over and over";
        return Some(Problem::new(Severity::Doubtful, reason));
    }
    (is_repeated(rewrite.answer) && !is_repeated(rewrite.original))
        .then(|| Problem::new(Severity::Doubtful, "it has the same code twice"))
}

fn is_caught(text: &str) -> bool {
    let lines = filled(text);
    // Lines of brackets alone may repeat: nested code closes with a run of them.
    let tells = |line: &str| line.chars().filter(|c| c.is_alphabetic()).count() > 2;
    (1..=CAUGHT_LINES_MAX).any(|height| {
        let (mut run, wanted) = (0, height * (CAUGHT_TIMES_MIN - 1));
        lines.iter().zip(lines.iter().skip(height)).any(|(a, b)| {
            // A run may begin with a telling line only, but goes through brackets: the pieces of a
            // few lines that are repeated have some.
            run = if a == b && (tells(a) || run > 0) { run + 1 } else { 0 };
            run >= wanted
        })
    })
}

fn filled(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

fn is_repeated(text: &str) -> bool {
    let lines = filled(text);
    let mut heights = LINES_MIN..=lines.len() / 2;
    heights.any(|height| {
        // The last piece may be cut off.
        lines[0] == lines[height] && lines.iter().zip(&lines[height..]).all(|(a, b)| a == b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_is_there_twice_is_found() {
        let piece = "fun f() {\n    g()\n}\n";
        let found = |answer: &str| written(&Rewrite::of("a.kt", piece, answer)).is_some();
        assert!(found(&piece.repeat(2)) && found(&format!("{piece}\n{piece}{piece}fun f() {{")));
        assert!(!found(piece) && !found(&format!("{piece}{piece}fun h() {{")));
        // Rows of a table repeat in good code.
        assert!(!found("a\na\na\na\nb") && !found(&"0, 0,\n".repeat(5)));
        assert!(found(&format!("fun f() {{\n{}}}", "    go()\n    stop()\n".repeat(12))));
        let twice = |path| {
            defined(&Rewrite::of(path, "function f() {}", "function f() {}\nfunction f() { g() }"))
        };
        assert!(twice("a.js").unwrap().reason.contains("`f` twice"));
        // In Java it is an overload.
        assert_eq!(twice("a.java"), None);
    }
}
