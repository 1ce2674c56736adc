//! Comments were asked for, and the code has changed: an answer that documents code may not change
//! what it does.

use super::placeholder::comment;
use super::{Problem, Rewrite, Severity, asks_to_delete};
use crate::syntax;

pub(super) fn code_changed(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if !rewrite.only_comments {
        return None;
    }
    // Words of the tree, without layout: a comment may push code to another line.
    let words = |code| syntax::words_of_code(rewrite.language, code);
    let (before, after) = (words(rewrite.original)?, words(rewrite.answer)?);
    (before != after).then(|| {
        Problem::new(
            Severity::Unusable,
            "it changed the code itself, and only comments were to be written",
        )
    })
}

/// Comments in place of code: the model says that there is nothing to do, or where to continue.
pub(super) fn instead(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let only_comments = |code: &str| {
        let mut lines = code.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
        let is_comment = |line| comment(line, rewrite.language.comments).is_some();
        lines.peek().is_some() && lines.all(is_comment)
    };
    // The instruction may ask to comment code out.
    let may_be_asked_for = asks_to_delete(rewrite.instruction)
        || rewrite.instruction.is_some_and(|text| text.to_lowercase().contains("comment"));
    (!rewrite.language.prose
        && !may_be_asked_for
        && only_comments(rewrite.answer)
        && !only_comments(rewrite.original))
    .then(|| Problem::new(Severity::Doubtful, "it has nothing but comments where code was"))
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
    fn comments_in_place_of_code_are_found_unless_asked_for() {
        let found = |original, answer, instruction| {
            instead(&Rewrite { instruction, ..Rewrite::of("a.kt", original, answer) }).is_some()
        };
        assert!(found("f()", "// It is fine.", None));
        assert!(!found("// a", "// b", None) && !found("f()", "// b\nf()", None));
        assert!(!found("f()", "// f()", Some("Comment it out.")));
    }

    #[test]
    fn a_string_that_does_something_is_code() {
        // Docstrings are strings to the grammar, and leaving out all strings would let this pass.
        assert!(changes("a.py", "x = \"a\"", "x = \"b\""));
    }
}
