//! Checks of an answer against the selection that it is to replace: is it complete, is it the
//! selection and nothing else, does it still parse?
//!
//! Each finding says whether the model should be asked again and whether the answer may be shown at
//! all. What the user gets to see of it is decided in `edit`. The answer has already been cleaned
//! and dedented, as the selection has.

mod asked;
mod brackets;
mod characters;
mod comments;
mod echo;
mod hints;
mod layout;
mod losses;
mod names;
mod patches;
mod placeholder;
mod powers;
mod returns;
mod surroundings;
mod twice;
mod undefined;

use localcoder_protocol::FinishReason;

pub(crate) use echo::trim as trim_echo;

use crate::language::Language;
use crate::{python, syntax};

/// How bad a finding is, and what is done about it: a warning is only shown; after a doubt or an
/// unusable answer the model is asked once more, and what stays doubtful is shown as such while
/// what stays unusable is refused. The order is used: the worst finding of an answer decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Warn,
    Doubtful,
    Unusable,
    /// Refuse it at once: asking again can't help.
    Hopeless,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    /// A clause that can follow "The answer could not be used:" and that a retry gives the model.
    pub(crate) reason: String,
}

impl Problem {
    fn new(severity: Severity, reason: impl Into<String>) -> Self {
        Self { severity, reason: reason.into() }
    }
}

/// What the checks compare: the selection and the answer, both dedented, and the document without
/// and with the edit. `around` are the lines before and after the selection, in the order of the
/// document. `only_comments` says that nothing else may differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rewrite<'a> {
    pub(crate) language: &'static Language,
    pub(crate) original: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) document: (&'a str, &'a str),
    pub(crate) around: (&'a [String], &'a [String]),
    pub(crate) instruction: Option<&'a str>,
    pub(crate) only_comments: bool,
    /// Whether the prompt named flaws to be fixed; the code around them may go with them.
    pub(crate) is_told_flaws: bool,
}

#[cfg(test)]
impl<'a> Rewrite<'a> {
    /// A whole document that is improved.
    fn of(path: &str, original: &'a str, answer: &'a str) -> Self {
        Self {
            language: Language::of(None, path),
            original,
            answer,
            document: (original, answer),
            around: (&[], &[]),
            instruction: None,
            only_comments: false,
            is_told_flaws: false,
        }
    }
}

/// The problem that the way a generation ended implies, if any. A limit that was hit may be raised
/// for another attempt; a window that is full stays full.
pub(crate) fn cut(finish: FinishReason) -> Option<Problem> {
    match finish {
        FinishReason::EndOfTurn | FinishReason::StopString => None,
        FinishReason::TokenLimit => {
            Some(Problem::new(Severity::Unusable, "it was too long and was cut off before its end"))
        }
        FinishReason::ContextFull => Some(Problem::new(
            Severity::Hopeless,
            "the context window was full before the answer was complete",
        )),
    }
}

/// Everything that is wrong with a rewrite, the worst first. The sort is stable, so of equally bad
/// findings the one that comes first here is the reason that the user and the model are given.
pub(crate) fn check(rewrite: &Rewrite<'_>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = [
        characters::introduced(rewrite.original, rewrite.answer),
        characters::misleading(rewrite),
        characters::control(rewrite),
        patches::instead(rewrite),
        broken(rewrite),
        too_new(rewrite),
        placeholder::introduced(rewrite),
        shrank(rewrite),
        surroundings::instead(rewrite),
        echo::remaining(rewrite),
        twice::defined(rewrite),
        twice::written(rewrite),
        undefined::introduced(rewrite),
        undefined::lost(rewrite),
        layout::alone(rewrite),
        losses::of_texts(rewrite),
        losses::of_names(rewrite),
        layout::mixed(rewrite),
        layout::long(rewrite),
        names::vanished(rewrite),
        names::out_of_use(rewrite),
        names::misspelt(rewrite),
        powers::introduced(rewrite),
        returns::vanished(rewrite),
        hints::of_returns(rewrite),
        asked::missing(rewrite),
        comments::code_changed(rewrite),
        comments::instead(rewrite),
    ]
    .into_iter()
    .flatten()
    .collect();
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    problems
}

pub(crate) fn asks_to_delete(instruction: Option<&str>) -> bool {
    const WORDS: &[&str] = &[
        "delete", "remove", "drop", "shorten", "shorter", "strip", "extract", "move", "inline",
        "simplify", "only", "replace", "collapse", "merge", "split", "reduce", "condense",
    ];
    instruction.is_some_and(|text| {
        // Whole words: `only` is not meant in `commonly`, nor `move` in `movement`.
        text.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word))
    })
}

/// Code that parsed before and no longer does. Errors are counted in the whole document, as a
/// selection need not parse by itself, and a document that was broken before may stay as broken as
/// it was.
fn broken(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let (before, after) = rewrite.document;
    if let Some(why) = refused_by_python(rewrite) {
        let reason = format!("the code does not parse: {why}");
        return Some(Problem::new(Severity::Unusable, reason));
    }
    let errors = |text| syntax::error_count(rewrite.language, text);
    match (errors(before), errors(after)) {
        (Some(before), Some(after)) => {
            (after > before).then(|| Problem::new(Severity::Unusable, "the code does not parse"))
        }
        // Without a parser only brackets can be counted, and not as surely.
        _ => brackets::unbalanced(rewrite.original, rewrite.answer).map(|bracket| {
            let reason = format!("its `{bracket}` brackets are not balanced");
            Problem::new(Severity::Doubtful, reason)
        }),
    }
}

/// What Python's own grammar reports for a document that it accepted before; tree-sitter's accepts
/// much that Python refuses.
fn refused_by_python(rewrite: &Rewrite<'_>) -> Option<String> {
    let (before, after) = rewrite.document;
    if rewrite.language.id != "python" || !python::errors(before)?.is_empty() {
        return None;
    }
    python::errors(after)?.into_iter().next()
}

/// Syntax that only the newest versions of Python accept: the user's may be one of them, or not.
/// Shown as a doubt and not refused, since most users have such a version by now.
fn too_new(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let (before, after) = rewrite.document;
    if rewrite.language.id != "python" || !python::newer(before)?.is_empty() {
        return None;
    }
    let why = python::newer(after)?.into_iter().next()?;
    Some(Problem::new(Severity::Doubtful, format!("older versions of Python refuse it: {why}")))
}

/// From this length on, a selection is more than a function.
const LONG_LINES: usize = 25;

/// An answer that lost most of the selection without being asked to.
fn shrank(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let size = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let lines = |text: &str| text.lines().filter(|line| !line.trim().is_empty()).count();
    let (before, after) = (size(rewrite.original), size(rewrite.answer));
    // A few lines may well become one.
    let few = lines(rewrite.original) < 5;
    // A function can become a single line; something as long as a file can't. Of recorded answers
    // to whole files, all 100 that kept less than 60 % are wrong.
    let part = if lines(rewrite.original) < LONG_LINES { 4 } else { 6 };
    let lost = after * 10 < before * part;
    (lost && !few && !asks_to_delete(rewrite.instruction)).then(|| {
        let (had, has) = (lines(rewrite.original), lines(rewrite.answer));
        let reason = format!("it has {has} of the {had} lines that were selected; much is missing");
        Problem::new(Severity::Doubtful, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(id: &str, original: &str, answer: &str, instruction: Option<&str>) -> Option<Problem> {
        let rewrite = Rewrite {
            language: Language::of(Some(id), ""),
            original,
            answer,
            document: (original, answer),
            around: (&[], &[]),
            instruction,
            only_comments: false,
            is_told_flaws: false,
        };
        check(&rewrite).into_iter().next()
    }

    #[track_caller]
    fn refused(id: &str, original: &str, answer: &str, severity: Severity, reason: &str) {
        let problem = worst(id, original, answer, None).expect("a problem");
        assert_eq!(problem.severity, severity, "{problem:?}");
        assert!(problem.reason.contains(reason), "{problem:?}");
    }

    #[test]
    fn a_good_answer_has_no_problem() {
        for (id, original, answer) in [
            ("python", "if x == True:\n    f()", "if x:\n    f()"),
            ("python", "print('a)'", "print('a')"),
            ("rust", "fn f() -> u8 { return 1; }", "fn f() -> u8 {\n    1\n}"),
            ("swift", "if (x) { f(\"(\") }", "if x {\n\tf(\"(\")\n}"),
            ("", "some (text", "some (better text"),
        ] {
            assert_eq!(worst(id, original, answer, None), None, "{id} {answer}");
        }
    }

    #[test]
    fn broken_code_is_unusable_and_broken_brackets_are_doubtful() {
        refused("python", "f(a)", "f(a", Severity::Unusable, "does not parse");
        refused("rust", "fn f() {}", "fn f() {", Severity::Unusable, "does not parse");
        let newest = "f\"{a.count('\\n')}\"";
        refused("python", "a", newest, Severity::Doubtful, "older versions of Python");
        refused("swift", "f(a)", "f(a", Severity::Doubtful, "`(`");
    }

    #[test]
    fn code_that_never_parsed_may_stay_as_broken_as_it_was() {
        assert_eq!(worst("python", "def f(:\n  x", "def f(:\n  y", None), None);
    }

    #[test]
    fn an_answer_that_lost_most_of_the_code_is_doubtful_unless_asked_for() {
        let original = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\n";
        refused("swift", original, "a = 1", Severity::Doubtful, "1 of the 6 lines");
        assert_eq!(worst("swift", original, "a = 1", Some("Remove all but a.")), None);
        assert_eq!(worst("swift", "x = 1\ny = 2", "x", None), None);
    }

    #[test]
    fn a_cut_answer_is_unusable_and_hopeless_where_the_window_is_full() {
        assert_eq!(cut(FinishReason::EndOfTurn), None);
        assert_eq!(cut(FinishReason::StopString), None);
        assert_eq!(cut(FinishReason::TokenLimit).unwrap().severity, Severity::Unusable);
        assert_eq!(cut(FinishReason::ContextFull).unwrap().severity, Severity::Hopeless);
    }
}
