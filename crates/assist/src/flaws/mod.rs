//! What Improve looks for, found without a model: a few flaws that the text shows surely enough to
//! name the line. A small model that is given the line and what is wrong there fixes it far more
//! often than one that is asked to look.
//!
//! None of these is a fault for certain, so only the model is given them, never the user.

mod conditions;
mod dead;
mod errors;
mod loops;
mod ranges;
mod repeated;
mod resources;

use std::ops::Range;

use tree_sitter::Node;

use crate::language::Language;
use crate::syntax;

/// A small model does not manage more at a time.
const FLAWS_MAX: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) line: usize,
    pub(crate) message: String,
    /// Whether fixing it takes knowledge that the code does not contain, so that the result needs a
    /// look.
    pub(crate) is_guess: bool,
}

/// The code that is searched. `selection` is what is looked at where no function is around a node.
struct Code<'a> {
    language: &'static str,
    text: &'a str,
    selection: &'a str,
}

impl<'a> Code<'a> {
    fn of(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn is(&self, languages: &[&str]) -> bool {
        languages.contains(&self.language)
    }
}

/// Looks for one flaw at a node; each check only handles the kinds of nodes that it knows.
type Check = fn(&Code<'_>, Node<'_>) -> Option<String>;

const CHECKS: &[Check] = &[
    // At a node the first check that finds something gives the line its message, as a line has at
    // most one.
    conditions::returns_by_branches,
    conditions::equals_none,
    conditions::in_keys,
    errors::swallowed,
    errors::ignored,
    errors::checked_and_unwrapped,
    loops::over_indices,
    loops::copies,
    loops::concatenates,
    resources::left_open,
    dead::unreachable,
    dead::never_true,
    ranges::never_true,
    dead::unused,
    repeated::compiled,
    repeated::looks_twice,
    repeated::calls,
];

/// Levels of a document's tree that are searched. Checks ask what is around a node, for which the
/// grammar's library goes down from the root once for each level: with the sum of 20 000 parts that
/// some program has written, the host would compute for minutes. Code by people has some 30 levels.
const LEVELS_MAX: usize = 200;

/// The flaws in some lines (0-based, half open) of a document, at most one a line, and each message
/// once.
pub(crate) fn found(language: &Language, text: &str, lines: &Range<usize>) -> Vec<Flaw> {
    let Some(tree) = syntax::parse(language, text) else { return Vec::new() };
    let selection = selection(text, lines);
    // The checks name languages; JSX is checked as the language that it is in.
    let language = match language.id {
        "javascriptreact" => "javascript",
        "typescriptreact" => "typescript",
        id => id,
    };
    let code = Code { language, text, selection };
    let mut flaws: Vec<Flaw> = Vec::new();
    syntax::walk_to(&mut tree.walk(), LEVELS_MAX, &mut |node| {
        let rows = syntax::rows(node);
        // A node that begins above the lines is the function around them or a part of it: what is
        // wrong with that is not what was selected.
        if lines.contains(&rows.start) && node.is_named() {
            for check in CHECKS {
                let is_new = |message: &String| {
                    // One flaw in ten lines is one thing to fix; ten messages of the same words
                    // would crowd out the others.
                    flaws.iter().all(|flaw| flaw.line != rows.start && flaw.message != *message)
                };
                if let Some(message) = check(&code, node).filter(is_new) {
                    let is_guess = message == errors::CATCHES_EVERY;
                    flaws.push(Flaw { line: rows.start, message, is_guess });
                }
            }
        }
        // Only what overlaps the lines is gone into: a document is searched for the sake of a few
        // of them.
        rows.start < lines.end && rows.end > lines.start
    });
    flaws.truncate(FLAWS_MAX);
    flaws
}

fn selection<'a>(text: &'a str, lines: &Range<usize>) -> &'a str {
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let start = starts.get(lines.start).copied().unwrap_or(text.len());
    let end = starts.get(lines.end).copied().unwrap_or(text.len());
    text.get(start..end).unwrap_or_default()
}

fn around<'t>(node: Node<'t>, kinds: &[&str]) -> Option<Node<'t>> {
    let mut next = node.parent();
    while let Some(node) = next {
        if kinds.contains(&node.kind()) {
            return Some(node);
        }
        next = node.parent();
    }
    None
}

const LOOPS: &[&str] = &[
    "do_statement",
    "enhanced_for_statement",
    "for_expression",
    "for_in_statement",
    "for_range_loop",
    "for_statement",
    "foreach_statement",
    "loop_expression",
    "while_expression",
    "while_statement",
];

const FUNCTIONS: &[&str] = &[
    "arrow_function",
    "constructor_declaration",
    "function_declaration",
    "function_definition",
    "function_expression",
    "function_item",
    "method_declaration",
    "method_definition",
];

/// The text of the function around a node; the selection if there is none. Checks search it as
/// text, for whether something is closed or called again anywhere.
fn function_of<'a>(code: &Code<'a>, node: Node<'_>) -> &'a str {
    around(node, FUNCTIONS).map_or(code.selection, |function| code.of(function))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn messages(path: &str, text: &str) -> Vec<(usize, String)> {
        let lines = 0..text.split('\n').count();
        let flaws = found(Language::of(None, path), text, &lines);
        flaws.into_iter().map(|flaw| (flaw.line + 1, flaw.message)).collect()
    }

    /// Each case has that one flaw and no other.
    #[track_caller]
    pub(super) fn check(path: &str, text: &str, line: usize, says: &str) {
        let found = messages(path, text);
        // Exactly one, since a second message on a sample with one flaw is a false report, for
        // which a model would change right code.
        let [(at, message)] = found.as_slice() else { panic!("{path}: {text}\n{found:?}") };
        assert!(*at == line && message.contains(says), "{path}: {text}\n{found:?}");
    }

    #[track_caller]
    pub(super) fn clean(path: &str, text: &str) {
        assert_eq!(messages(path, text), [], "{path}: {text}");
    }

    #[test]
    fn only_what_is_selected_is_looked_at() {
        let text = "try:\n    f()\nexcept:\n    pass\n\ntry:\n    g()\nexcept:\n    pass\n";
        let language = Language::of(None, "a.py");
        let lines = |range| -> Vec<usize> {
            found(language, text, &range).iter().map(|flaw| flaw.line + 1).collect()
        };
        assert_eq!(lines(0..4), [3]);
        assert_eq!(lines(5..9), [8]);
        assert_eq!(lines(4..5), Vec::<usize>::new());
    }

    #[test]
    fn which_errors_to_handle_is_a_guess_and_a_loop_is_not() {
        for (text, is_guess) in [
            ("try:\n    f()\nexcept:\n    pass\n", true),
            ("for i in range(len(a)):\n    f(a[i])\n", false),
        ] {
            let flaws = found(Language::of(None, "a.py"), text, &(0..4));
            let guesses: Vec<bool> = flaws.iter().map(|flaw| flaw.is_guess).collect();
            assert_eq!(guesses, [is_guess], "{text}");
        }
    }
}
