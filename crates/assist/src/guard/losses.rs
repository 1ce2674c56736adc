//! What the selection has and the answer has lost, though the user did not say what to change: what
//! a program prints, compares with, looks up or calls is what it does.

use super::{Problem, Rewrite, Severity};
use crate::imports;
use crate::language::Language;
use crate::syntax;

/// Longer strings are messages, which may be reworded.
const TEXT_BYTES_MAX: usize = 16;

pub(super) fn of_texts(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if is_free(rewrite) {
        return None;
    }
    let is_data = ["css", "html", "json", "jsonc", "less", "scss", "toml", "xml", "yaml"];
    // In data and styles the strings are what is to be improved.
    if is_data.contains(&rewrite.language.id) {
        return None;
    }
    let texts = texts(rewrite.language, rewrite.original);
    let lost = texts.iter().find(|text| !rewrite.answer.contains(text.as_str()))?;
    let reason = format!("it no longer has the text \"{lost}\"");
    Some(Problem::new(Severity::Doubtful, reason))
}

/// The first name of the file or its imports that the selection uses and the answer does not.
pub(super) fn of_names(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if is_free(rewrite) {
        return None;
    }
    let used = syntax::identifiers(rewrite.language, rewrite.original);
    let left = syntax::identifiers(rewrite.language, rewrite.answer);
    let (document, _) = rewrite.document;
    let defined = syntax::defined_names(rewrite.language, document);
    // The includes of a C file do not say which names they provide.
    let includes = ["c", "cpp"].contains(&rewrite.language.id);
    let is_brought_in = |name: &str| {
        if includes {
            return false;
        }
        document.lines().filter(|line| imports::is_import(rewrite.language, line)).any(|line| {
            line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
        })
    };
    let is_known =
        |name: &&&str| defined.iter().any(|other| other == **name) || is_brought_in(name);
    let lost = used.difference(&left).find(is_known)?;
    let reason = format!("it no longer uses `{lost}`");
    Some(Problem::new(Severity::Doubtful, reason))
}

fn is_free(rewrite: &Rewrite<'_>) -> bool {
    rewrite.instruction.is_some() || rewrite.is_told_flaws || rewrite.language.prose
}

/// Quoted strings that are short and have no placeholders: those could be written in several ways.
fn texts(language: &Language, code: &str) -> Vec<String> {
    let Some(tree) = syntax::parse(language, code) else { return Vec::new() };
    let mut texts = Vec::new();
    // In broken code a string may begin where another one ends.
    if tree.root_node().has_error() {
        return texts;
    }
    syntax::walk(&mut tree.walk(), &mut |node| {
        let kind = node.kind();
        let is_text = node.is_named() && kind.contains("string") || kind == "char_literal";
        if is_text && !syntax::is_docstring_text(node) {
            let text = code.get(node.byte_range()).unwrap_or_default();
            // Prefixes such as `b` and `r#` belong to how a string is written, not to what it says.
            let text = text.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '#');
            let inner = text.trim_matches(['"', '\'', '`', '#']);
            let is_plain = !inner.contains(['{', '%', '\\', '$', '\n']);
            if is_plain && inner.len() <= TEXT_BYTES_MAX && !inner.trim().is_empty() {
                texts.push(inner.to_owned());
            }
        }
        // Strings have children, which are not texts of their own.
        !is_text
    });
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, before: &str, after: &str) -> Option<String> {
        let rewrite = Rewrite::of(path, before, after);
        of_texts(&rewrite).or_else(|| of_names(&rewrite)).map(|problem| problem.reason)
    }

    #[test]
    fn a_text_that_is_gone_is_reported() {
        let before = "def f(a):\n    if a > 2:\n        return '-'\n    return \"_\"\n";
        let reason = said("a.py", before, "def f(a):\n    return \"_\"\n").unwrap();
        assert_eq!(reason, "it no longer has the text \"-\"");
        // Other quotes are the same text.
        assert_eq!(said("a.py", before, "def f(a):\n    return \"-\" if a > 2 else '_'\n"), None);
        assert!(said("a.js", "f('a');\n", "f();\n").is_some());
        assert!(said("a.rs", "fn f() { g(\"a b\"); }\n", "fn f() { g(); }\n").is_some());
        let asked =
            Rewrite { instruction: Some("x"), ..Rewrite::of("a.js", "f('a');\n", "f();\n") };
        assert_eq!(of_texts(&asked), None);
    }

    #[test]
    fn a_function_that_is_no_longer_called_is_reported() {
        let before = "import math\n\ndef f(a):\n    return math.ceil(a) ** 2\n";
        let after = "import math\n\ndef f(a):\n    return a ** 2\n";
        let of = |original, answer| {
            let rewrite =
                Rewrite { document: (before, after), ..Rewrite::of("a.py", original, answer) };
            of_names(&rewrite).map(|problem| problem.reason)
        };
        let (old, new) =
            ("def f(a):\n    return math.ceil(a) ** 2\n", "def f(a):\n    return a ** 2\n");
        assert_eq!(of(old, new).unwrap(), "it no longer uses `math`");
        // Only names of the file and its imports are looked at: that another function of the module
        // is right can't be told here.
        assert_eq!(of(old, "def f(a):\n    return math.floor(a) ** 2\n"), None);
        // Names that are local to the selection may go.
        assert_eq!(of("def f(a):\n    b = a\n    return b\n", "def f(a):\n    return a\n"), None);
    }
}
