//! Texts that code has and an answer has lost, where nobody said what to change: what a program prints,
//! compares with or looks up is what it does.

use super::{Problem, Rewrite, Severity};
use crate::language::Language;
use crate::syntax;

/// Longer ones are messages, which may be worded anew.
const TEXT_BYTES_MAX: usize = 16;

/// The first text of the selection that is nowhere in the answer.
pub(super) fn lost(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if rewrite.instruction.is_some() || rewrite.is_told_flaws || rewrite.language.prose {
        return None;
    }
    let is_data = ["css", "html", "json", "jsonc", "less", "scss", "toml", "xml", "yaml"];
    if is_data.contains(&rewrite.language.id) {
        return None;
    }
    let texts = texts(rewrite.language, rewrite.original);
    let lost = texts.iter().find(|text| !rewrite.answer.contains(text.as_str()))?;
    let reason = format!("it no longer has the text \"{lost}\"");
    Some(Problem::new(Severity::Doubtful, reason))
}

/// What stands between quotes, where it is short and has no places for values: those may be written in
/// several ways.
fn texts(language: &Language, code: &str) -> Vec<String> {
    let Some(tree) = syntax::parse(language, code) else { return Vec::new() };
    let mut texts = Vec::new();
    if tree.root_node().has_error() {
        return texts;
    }
    syntax::walk(&mut tree.walk(), &mut |node| {
        let kind = node.kind();
        let is_text = node.is_named() && kind.contains("string") || kind == "char_literal";
        if is_text && !syntax::is_docstring_text(node) {
            let text = code.get(node.byte_range()).unwrap_or_default();
            let text = text.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '#');
            let inner = text.trim_matches(['"', '\'', '`', '#']);
            let is_plain = !inner.contains(['{', '%', '\\', '$', '\n']);
            if is_plain && inner.len() <= TEXT_BYTES_MAX && !inner.trim().is_empty() {
                texts.push(inner.to_owned());
            }
        }
        !is_text
    });
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, before: &str, after: &str) -> Option<String> {
        lost(&Rewrite::of(path, before, after)).map(|problem| problem.reason)
    }

    #[test]
    fn a_text_that_is_gone_is_told() {
        let before = "def f(a):\n    if a > 2:\n        return '-'\n    return \"_\"\n";
        let reason = said("a.py", before, "def f(a):\n    return \"_\"\n").unwrap();
        assert_eq!(reason, "it no longer has the text \"-\"");
        assert_eq!(said("a.py", before, "def f(a):\n    return \"-\" if a > 2 else '_'\n"), None);
        assert!(said("a.js", "f('a');\n", "f();\n").is_some());
        assert!(said("a.rs", "fn f() { g(\"a b\"); }\n", "fn f() { g(); }\n").is_some());
        let asked =
            Rewrite { instruction: Some("x"), ..Rewrite::of("a.js", "f('a');\n", "f();\n") };
        assert_eq!(lost(&asked), None);
    }
}
