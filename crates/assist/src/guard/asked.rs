//! Names that an instruction gives and an answer lacks: without `is_odd` in it, an answer did not
//! "put it into a function `is_odd`".

use regex::Regex;
use std::sync::LazyLock;

use super::{Problem, Rewrite, Severity};
use crate::syntax::count_of_word;

/// Names in a sentence: after the kind of thing they name, or of a shape that no English word has.
/// A word in backticks alone may be a value or a variable of a formula: of 2,080 recorded answers,
/// 33 right ones lack such a word.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    let kinds = "(?:class|constant|enum|field|function|helper|interface|method|parameter|property|\
                 record|struct|trait|type|variable)";
    let shapes = [
        format!(r"\b{kinds}(?: named| called)? `([A-Za-z_]\w*)`"),
        format!(r"\b{kinds} (?:named|called) ([A-Za-z_]\w*)\b"),
        r"\b([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b".to_owned(),
        r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b".to_owned(),
        r"\b([A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+)\b".to_owned(),
        r"\b([a-z]+[0-9]*(?:[A-Z][a-z0-9]*)+)\b".to_owned(),
    ];
    Regex::new(&shapes.join("|")).expect("it was tried")
});

/// Words in a sentence that make a name in it optional: it is unwanted, one of several, or part of
/// what goes wrong.
const UNLESS: &[&str] = &[
    "avoid", "bug", "delete", "don't", "drop", "fix", "instead", "like", "never", "no", "not",
    "or", "remove", "replace", "than", "unlike", "without",
];

/// A name in the instruction that neither the file nor the answer has. A name that the file has
/// already is there whatever the answer does, and proves nothing.
pub(super) fn missing(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let (before, after) = rewrite.document;
    let is_there = |name: &str| [before, after].iter().any(|it| count_of_word(it, name) > 0);
    let mut sentences = rewrite.instruction?.split_inclusive(['.', ';', '\n']);
    let name = sentences.find_map(|sentence| {
        let mut words = sentence.split(|c: char| !c.is_alphabetic() && c != '\'');
        let is_free = words.any(|word| UNLESS.contains(&word.to_lowercase().as_str()));
        let names = NAMES.captures_iter(sentence).filter(|_| !is_free);
        let mut names = names.filter_map(|found| found.iter().skip(1).flatten().next());
        names.find(|name| !is_there(name.as_str())).map(|name| name.as_str())
    })?;
    Some(Problem::new(Severity::Doubtful, format!("`{name}`, which was asked for, is not in it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(instruction: &str, answer: &str) -> Option<String> {
        let original = "def f(a):\n    return a % 2\n";
        let rewrite =
            Rewrite { instruction: Some(instruction), ..Rewrite::of("a.py", original, answer) };
        missing(&rewrite).map(|problem| problem.reason)
    }

    #[test]
    fn a_name_that_an_instruction_gives_is_missed() {
        let answer = "def f(a):\n    return a % 2 == 1\n";
        for instruction in [
            "Put it into a function `isodd`.",
            "Put it into a function named isodd.",
            "Use is_odd for that.",
            "Raise a ValueError where that is odd.",
            "Return MAX_SIZE then.",
            "Use isOdd.",
        ] {
            let reason = found(instruction, answer).expect(instruction);
            assert!(reason.ends_with("which was asked for, is not in it"), "{reason}");
        }
        assert_eq!(found("Put it into a function `isodd`.", "def isodd(a): pass"), None);
    }

    #[test]
    fn words_names_that_are_there_and_unwanted_ones_are_not_missed() {
        let answer = "def f(a):\n    return a % 2 == 1\n";
        for instruction in [
            "Return a bool.",
            "Explain `f` in a comment.",
            "Do it without is_odd.",
            "Do it, but don't use `abs`.",
            "Use this instead of is_odd.",
        ] {
            assert_eq!(found(instruction, answer), None, "{instruction}");
        }
    }
}
