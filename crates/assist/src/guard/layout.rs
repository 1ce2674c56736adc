//! How an answer is laid out: an instruction must change more than the layout, and Python does not
//! accept mixed indentation.

use super::{Problem, Rewrite, Severity};
use crate::same;

/// Words, and beginnings of words, in instructions that are about layout.
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

/// Finds an answer to an instruction that changes only the layout. Of the recorded answers of a 7B
/// model, 74 wrong ones do, and no right one.
pub(super) fn alone(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let instruction = rewrite.instruction?.to_lowercase();
    // By the beginnings of words, so that `formatting` counts and `information` does not.
    let mut words = instruction.split(|c: char| !c.is_alphanumeric() && c != '-');
    let is_about_it = words.any(|word| WORDS.iter().any(|known| word.starts_with(known)));
    (!is_about_it && same::but_for_layout(rewrite.language, rewrite.original, rewrite.answer))
        .then(|| Problem::new(Severity::Doubtful, "it changes nothing but the layout"))
}

/// No one writes a line this long, and a model that has begun to repeat itself within one does not
/// end it.
const LINE_BYTES_MAX: usize = 10_000;

pub(super) fn long(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let longest = |text: &str| text.lines().map(str::len).max().unwrap_or(0);
    let (had, has) = (longest(rewrite.original), longest(rewrite.answer));
    // Measured by the selection, too: minified code and embedded data have such lines of their own.
    (has > LINE_BYTES_MAX.max(2 * had))
        .then(|| Problem::new(Severity::Doubtful, "it has a very long line"))
}

/// Python lines some of which begin with tabs and others with blanks, if the selection does not mix
/// them. Python refuses most of that; its grammar here does not.
pub(super) fn mixed(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let mixes = |text: &str| {
        let begins = |sign| text.lines().any(|line| line.starts_with(sign));
        begins('\t') && begins(' ')
    };
    (rewrite.language.id == "python" && mixes(rewrite.answer) && !mixes(rewrite.original))
        .then(|| Problem::new(Severity::Doubtful, "it mixes tabs and spaces"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_alone(instruction: Option<&str>, answer: &str) -> bool {
        let rewrite = Rewrite { instruction, ..Rewrite::of("a.py", "x = f(a,b)", answer) };
        alone(&rewrite).is_some()
    }

    #[test]
    fn tabs_beside_spaces_are_found_where_there_were_none() {
        let found = |path, answer| mixed(&Rewrite::of(path, "if a:\n    b()", answer)).is_some();
        assert!(found("a.py", "if a:\n\tb()\nif c:\n    d()"));
        assert!(!found("a.py", "if a:\n\tb()") && !found("a.js", "if (a)\n\tb();\n  c();"));
    }

    #[test]
    fn layout_alone_is_not_an_answer_unless_it_was_asked_for() {
        assert!(is_alone(Some("Handle an empty list."), "x = f(a, b)"));
        assert!(!is_alone(Some("Handle an empty list."), "x = f(a, b)  # may be empty"));
        assert!(!is_alone(Some("Format it as usual."), "x = f(a, b)"));
        assert!(!is_alone(Some("Swap the arguments."), "x = f(b, a)"));
        assert!(!is_alone(None, "x = f(a, b)"));
    }
}
