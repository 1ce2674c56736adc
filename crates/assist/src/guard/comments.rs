//! Comments were asked for, and the code is another one: an answer that documents code may not
//! change what it does.

use super::{Problem, Rewrite, Severity};
use crate::syntax;

/// Code that differs where only comments may. Nothing is known of a language without a grammar.
pub(super) fn code_changed(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if !rewrite.only_comments {
        return None;
    }
    let words = |code| syntax::words_of_code(rewrite.language, code);
    let (before, after) = (words(rewrite.original)?, words(rewrite.answer)?);
    (before != after).then(|| {
        Problem::new(
            Severity::Unusable,
            "it changed the code itself, and only comments were to be written",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(path: &str, original: &str, answer: &str) -> bool {
        let rewrite = Rewrite { only_comments: true, ..Rewrite::of(path, original, answer) };
        code_changed(&rewrite).is_some()
    }

    #[test]
    fn comments_and_docstrings_may_come_and_code_may_not_change() {
        let code = "def f(a):\n    return a + 1";
        let documented = "# Adds.\ndef f(a):\n    \"\"\"Adds one.\"\"\"\n    return a + 1  # one";
        assert!(!changes("a.py", code, documented));
        assert!(changes("a.py", code, "def f(a):\n    \"\"\"Adds one.\"\"\"\n    return a + 2"));
        let code = "pub fn f(a: u8) -> u8 {\n    a + 1\n}";
        assert!(!changes("a.rs", code, &format!("/// Adds one.\n{code}")));
        assert!(changes("a.rs", code, &format!("/// Adds one.\n{code}\nfn g() {{}}")));
        let code = "export function f(a: number): number {\n  return a + 1;\n}";
        assert!(!changes("a.ts", code, &format!("/** Adds one. */\n{code}")));
    }

    #[test]
    fn a_string_that_does_something_is_code() {
        assert!(changes("a.py", "x = \"a\"", "x = \"b\""));
    }
}
