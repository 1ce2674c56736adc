//! An answer to an instruction that changes nothing but how the code is laid out. Of the recorded
//! answers of a 7B, 74 wrong ones do and no right one.

use super::{Problem, Rewrite, Severity};
use crate::same;

/// Words, and beginnings of words, of instructions that are about layout.
const WORDS: &[&str] = &[
    "format",
    "reformat",
    "layout",
    "line",
    "lines",
    "wrap",
    "indent",
    "blank",
    "space",
    "spaces",
    "whitespace",
    "align",
    "quotes",
    "parentheses",
    "brackets",
    "pep",
    "style",
    "trailing",
    "tabs",
    "comma",
    "one-liner",
    "split",
    "break",
    "join",
    "sort",
    "semicolons",
];

/// Finds one.
pub(super) fn alone(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let instruction = rewrite.instruction?.to_lowercase();
    let mut words = instruction.split(|c: char| !c.is_alphanumeric() && c != '-');
    let is_about_it = words.any(|word| WORDS.iter().any(|known| word.starts_with(known)));
    (!is_about_it && same::but_for_layout(rewrite.language, rewrite.original, rewrite.answer))
        .then(|| Problem::new(Severity::Doubtful, "it changes nothing but the layout"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_alone(instruction: Option<&str>, answer: &str) -> bool {
        let rewrite = Rewrite { instruction, ..Rewrite::of("a.py", "x = f(a,b)", answer) };
        alone(&rewrite).is_some()
    }

    #[test]
    fn layout_alone_is_no_answer_unless_it_was_asked_for() {
        assert!(is_alone(Some("Handle an empty list."), "x = f(a, b)"));
        assert!(!is_alone(Some("Handle an empty list."), "x = f(a, b)  # may be empty"));
        assert!(!is_alone(Some("Format it as usual."), "x = f(a, b)"));
        assert!(!is_alone(Some("Swap the arguments."), "x = f(b, a)"));
        assert!(!is_alone(None, "x = f(a, b)"));
    }
}
