//! Names that an answer lost or misspelled: small models slip when they copy long identifiers.

use std::collections::BTreeSet;

use super::{Problem, Rewrite, Severity, asks_to_delete};
use crate::language::Language;
use crate::syntax::{self, bound_names, count_of_word, identifiers};
use crate::{python, scopes};

/// Shorter names are too similar to call one a slip for another.
const LENGTH_MIN: usize = 8;

/// Functions and classes that the answer no longer defines. One that was given another name is not
/// lost if an instruction may have asked for that, as long as the rest of the file does not use the
/// old name.
///
/// Of 2,080 recorded answers to instructions in Python, 148 wrong ones lose a definition that the
/// instruction does not name, and no right one does.
pub(super) fn vanished(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let of_python = |code| python::definitions(code).filter(|_| rewrite.language.id == "python");
    let (had, answered) = match (of_python(rewrite.original), of_python(rewrite.answer)) {
        (Some(had), Some(answered)) => (had, answered),
        // A part of a file need not parse by itself, and an answer may be indented as the file is.
        _ => (
            definitions(rewrite.language, rewrite.original),
            definitions(rewrite.language, rewrite.answer),
        ),
    };
    // A function may have become a variable's value.
    let bound = bound_names(rewrite.language, rewrite.answer);
    let lost: Vec<&String> =
        had.iter().filter(|name| !answered.contains(name) && !bound.contains(name)).collect();
    let Some(instruction) = rewrite.instruction else {
        return lost.first().map(|name| missed(name, Severity::Doubtful));
    };
    if let Some(name) = lost.iter().find(|name| is_used_around(rewrite, name)) {
        let reason =
            format!("it no longer defines `{name}`, which the rest of the file still uses");
        // Whoever asked for another name may want to change the other uses, too.
        return Some(Problem::new(Severity::Warn, reason));
    }
    // If the instruction names it, losing it may be what was asked for.
    let lost = lost.into_iter().find(|name| !instruction.contains(name.as_str()))?;
    let is_renamed = answered.iter().any(|name| !had.contains(name)) && asks_to_rename(instruction);
    if is_renamed {
        return None;
    }
    let may_go = asks_to_delete(rewrite.instruction);
    Some(missed(lost, if may_go { Severity::Warn } else { Severity::Doubtful }))
}

/// A nested function that the selection uses and that the answer only defines: with its call, its
/// purpose is gone.
pub(super) fn out_of_use(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let mut inner = Vec::new();
    let tree = syntax::parse(rewrite.language, rewrite.answer)?;
    let mut cursor = tree.walk();
    syntax::walk(&mut cursor, &mut |node| {
        // A node's parent is searched for from the root, which is slow in deep code.
        if scopes::is_function(node) {
            let mut around = std::iter::successors(node.parent(), tree_sitter::Node::parent);
            if around.any(scopes::is_function) {
                inner.extend(scopes::name(node, rewrite.answer));
            }
        }
        true
    });
    let name = inner.into_iter().find(|name| {
        count_of_word(rewrite.answer, name) == 1 && count_of_word(rewrite.original, name) > 1
    })?;
    let reason = format!("it defines `{name}` and no longer uses it");
    Some(Problem::new(Severity::Doubtful, reason))
}

/// Names of functions, types and methods; not of nested functions, which may be inlined.
fn definitions(language: &Language, code: &str) -> Vec<String> {
    let Some(tree) = syntax::parse(language, code) else { return Vec::new() };
    let mut names = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        let is_function = scopes::is_function(node);
        if is_function || scopes::is_type(node) {
            names.extend(scopes::name(node, code).map(str::to_owned));
        }
        !is_function
    });
    names
}

fn asks_to_rename(instruction: &str) -> bool {
    const WORDS: &[&str] = &[
        "renam",
        "better name",
        "new name",
        "other name",
        "clear name",
        "clearer name",
        "call it",
    ];
    let instruction = instruction.to_lowercase();
    WORDS.iter().any(|words| instruction.contains(words))
}

fn missed(name: &str, severity: Severity) -> Problem {
    Problem::new(severity, format!("it no longer defines `{name}`"))
}

fn is_used_around(rewrite: &Rewrite<'_>, name: &str) -> bool {
    let (before, after) = rewrite.around;
    before
        .iter()
        .chain(after)
        .any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
}

/// A name that is nowhere in the document and almost one of the selection's names, which is gone.
/// Only without an instruction, since that may ask for another name.
pub(super) fn misspelt(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if rewrite.instruction.is_some() {
        return None;
    }
    let answered = identifiers(rewrite.language, rewrite.answer);
    let original = identifiers(rewrite.language, rewrite.original);
    let document: BTreeSet<&str> =
        rewrite.document.0.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let lost: Vec<_> =
        original.difference(&answered).filter(|name| name.len() >= LENGTH_MIN).collect();
    let new = answered.iter().filter(|name| !document.contains(**name));
    let pairs = new.flat_map(|name| lost.iter().map(move |meant| (*name, **meant)));
    let (slip, meant) = pairs.into_iter().find(|(name, meant)| is_slip(name, meant))?;
    Some(Problem::new(Severity::Doubtful, format!("it has `{slip}` where `{meant}` was")))
}

/// Whether two names differ in one or two letters. A name that only extends the other is another
/// word (`value`, `values`).
fn is_slip(name: &str, meant: &str) -> bool {
    if name.starts_with(meant) || meant.starts_with(name) || name.len().abs_diff(meant.len()) > 2 {
        return false;
    }
    // Up to two, as letters that change places count twice with this distance.
    (1..=2).contains(&distance(name.as_bytes(), meant.as_bytes()))
}

fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn rewrite<'a>(
        original: &'a str,
        answer: &'a str,
        instruction: Option<&'a str>,
    ) -> Rewrite<'a> {
        let language = Language::of(Some("python"), "");
        Rewrite {
            language,
            original,
            answer,
            document: (original, answer),
            around: (&[], &[]),
            instruction,
            only_comments: false,
            is_told_flaws: false,
        }
    }

    #[test]
    fn a_definition_that_is_gone_is_missed() {
        let (original, answer) = ("def f(): pass\ndef g(): pass", "def f(): pass");
        let severity = |instruction| {
            vanished(&rewrite(original, answer, instruction)).map(|found| found.severity)
        };
        assert_eq!(severity(None), Some(Severity::Doubtful));
        assert_eq!(severity(Some("Tidy up.")), Some(Severity::Doubtful));
        assert_eq!(severity(Some("Remove g.")), None);
        // It was given another name.
        let renamed = rewrite("def f(): pass", "def g(): pass", Some("Give it a better name."));
        assert_eq!(vanished(&renamed), None);
        let after = ["print(f())".to_owned()];
        let used = Rewrite { around: (&[], &after), ..renamed };
        let found = vanished(&used).unwrap();
        assert_eq!(found.severity, Severity::Warn);
        assert!(found.reason.contains("the rest of the file still uses"), "{}", found.reason);
        assert_eq!(vanished(&rewrite("x = 1", "y = 1", None)), None);
    }

    #[test]
    fn a_method_that_goes_unasked_is_a_doubt_in_any_language() {
        let both = "impl A {\n    fn one(&self) {}\n    fn two(&self) {}\n}";
        let first = "impl A {\n    /// Nothing.\n    fn one(&self) {}\n}";
        let severity = |instruction| {
            let language = Language::of(Some("rust"), "");
            let rewrite = Rewrite { language, ..rewrite(both, first, Some(instruction)) };
            vanished(&rewrite).map(|found| found.severity)
        };
        assert_eq!(severity("Document the methods."), Some(Severity::Doubtful));
        assert_eq!(severity("Move what is shared into one function."), Some(Severity::Warn));
    }

    #[test]
    fn a_function_that_is_left_without_its_call_is_noticed() {
        let before = "def f(x):\n    def even(y):\n        return y % 2 == 0\n    return even(x)";
        let after = before.replace("return even(x)", "return x");
        let found = |before: &str, after: &str| {
            out_of_use(&rewrite(before, after, Some("Tidy up."))).map(|found| found.reason)
        };
        assert_eq!(found(before, &after).unwrap(), "it defines `even` and no longer uses it");
        assert_eq!(found(before, before), None);
        assert_eq!(found(&after, &after), None, "it was so before");
        assert_eq!(found(before, "def f(x):\n    return x % 2 == 0"), None, "it is not there");
    }

    #[test]
    fn a_slip_in_a_long_name_is_noticed_and_a_new_name_is_not() {
        let slip =
            |original, answer| misspelt(&rewrite(original, answer, None)).map(|found| found.reason);
        let found = slip("return self.default_encoding", "return self.default_encodng").unwrap();
        assert_eq!(found, "it has `default_encodng` where `default_encoding` was");
        assert_eq!(slip("x = calculate(values_list)", "x = calculate(total)"), None);
        // Comments are prose, whose spelling an improvement may fix.
        assert_eq!(slip("# recieving\nx = 1", "# receiving\nx = 1"), None);
        assert_eq!(slip("all_items = f()", "all_item = f()"), None);
        assert_eq!(slip("use(parameter)", "for parametric in f(parameter): pass"), None);
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "axc", 1),
            ("kitten", "sitting", 3),
            ("", "ab", 2),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
