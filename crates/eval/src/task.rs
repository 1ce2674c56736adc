//! One thing that a model is asked to do with selected code, and what must be true of its answer.

use localcoder_protocol::{DocumentText, LineRange, PendingEdit};
use regex::Regex;

use crate::language::Language;
use crate::run::{Ran, Runner};

/// One task: a program, a part of it that is selected, what is to be done with it, and how an
/// answer is judged. It has its own right answer, by which it can be proved before any model is
/// asked.
#[derive(Debug, Clone)]
pub struct Task {
    /// Unique among all: `LANGUAGE/PROGRAM/NAME`. What is before the last slash decides the half,
    /// and a run is resumed by the whole.
    pub id: String,
    pub language: Language,
    /// Sort of task, such as `rename`; `flaw` and `keep` have no instruction. Flaws have theirs
    /// behind a colon, as in `flaw: …`. Tasks are chosen and results reported by it.
    pub kind: String,
    pub document: DocumentText,
    /// Whole lines, counted from 1, the last one included.
    pub lines: LineRange,
    /// `None` where the model is only told to improve the code.
    pub instruction: Option<String>,
    /// An undecided edit that is to be changed, as in a follow-up; `None` if the code itself is.
    pub first: Option<First>,
    pub check: Check,
    /// A text for the selection that counts. There may be others.
    pub right: String,
    /// A plausible text that must not count; `None` where the selection as it is serves as one.
    pub wrong: Option<String>,
}

#[derive(Debug, Clone)]
pub struct First {
    pub instruction: String,
    pub selection: String,
}

/// Criteria for an answer. Patterns look at the new selection alone, so that what was asked is not
/// found elsewhere in the document; the tests run the document as a whole.
#[derive(Debug, Clone, Default)]
pub struct Check {
    pub asked: Vec<Regex>,
    pub forbidden: Vec<Regex>,
    /// Appended to the document, they make a program that ends with 0; tests of Go that begin with
    /// their package are put beside it.
    pub tests: String,
}

/// What was found out about an answer. The two halves are counted apart: a program that still works
/// says nothing about whether it was changed as asked, and the reverse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub done: bool,
    pub passes: bool,
    /// What is missing, or the program's output; empty if it is right.
    pub why: String,
}

impl Judged {
    #[must_use]
    pub fn right(&self) -> bool {
        self.done && self.passes
    }
}

impl Task {
    #[must_use]
    pub fn is_instructed(&self) -> bool {
        self.instruction.is_some()
    }

    #[must_use]
    pub fn selection(&self) -> String {
        let lines: Vec<&str> = self.document.text.split('\n').collect();
        lines[self.range()].join("\n")
    }

    /// The code that the user sees before the request: with the undecided edit in it, if there is
    /// one.
    #[must_use]
    pub fn shown(&self) -> String {
        self.first.as_ref().map_or_else(|| self.selection(), |first| first.selection.clone())
    }

    /// The undecided edit, as a client sends it; `None` if there is none.
    #[must_use]
    pub fn pending(&self) -> Option<PendingEdit> {
        let First { instruction, selection } = self.first.as_ref()?;
        let edit = localcoder_assist::edit_of(&self.document, self.lines, selection).ok()?;
        Some(PendingEdit { edit, imports: None, instructions: vec![instruction.clone()] })
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.lines.start as usize - 1..self.lines.end as usize
    }

    #[must_use]
    pub fn with(&self, selection: &str) -> String {
        let lines: Vec<&str> = self.document.text.split('\n').collect();
        let range = self.range();
        let mut all = lines[..range.start].to_vec();
        all.push(selection);
        all.extend(&lines[range.end..]);
        all.join("\n")
    }

    /// Finds out what an answer is worth, which takes as long as the program: at most half a minute
    /// for each step of building and running it. `edited`: the document with the edit, which is not
    /// always the selection put in its place, as imports are edits of their own.
    #[must_use]
    pub fn judge(&self, runner: &Runner, selection: &str, edited: &str) -> Judged {
        let missing = self.check.asked.iter().find(|wanted| !wanted.is_match(selection));
        let left = self.check.forbidden.iter().find_map(|unwanted| unwanted.find(selection));
        let text = match (missing, left) {
            (Some(wanted), _) => format!("`{wanted}` is not in it"),
            (None, Some(found)) => format!("`{}` is in it", found.as_str().trim()),
            (None, None) => String::new(),
        };
        // The program is run even if the answer lacks something: how many still work is a figure of
        // its own.
        let done = missing.is_none() && left.is_none();
        match runner.run(self.language, edited, &self.check.tests) {
            Ran::Passed => Judged { done, passes: true, why: text },
            Ran::Failed(said) if done => Judged { done, passes: false, why: said },
            Ran::Failed(_) => Judged { done, passes: false, why: text },
        }
    }

    /// Checks the task with its own references: the right answer must count, the wrong one and an
    /// unchanged document must not. An error says which of them does not.
    ///
    /// # Errors
    /// What is wrong with the task.
    pub fn prove(&self, runner: &Runner) -> Result<(), String> {
        let judge = |selection: &str| self.judge(runner, selection, &self.with(selection));
        let right = judge(&self.right);
        if !right.right() {
            return Err(format!("{}: the right answer does not count: {}", self.id, right.why));
        }
        // A task that is done already can't tell a model that works from one that does nothing.
        // Where code is to be left alone that is the very point.
        let unchanged = judge(&self.shown());
        if self.kind != "keep" && unchanged.right() {
            return Err(format!("{}: what is shown counts as it is", self.id));
        }
        match self.wrong.as_deref().map(judge) {
            Some(wrong) if wrong.right() => Err(format!("{}: the wrong answer counts", self.id)),
            _ => Ok(()),
        }
    }

    #[must_use]
    pub fn half(&self) -> Half {
        Half::of(&self.id)
    }
}

/// The halves of the tasks: prompts and rules are chosen with one and reported with the other,
/// since results on tasks that something was chosen on are too good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Tuning,
    HeldOut,
}

impl Half {
    /// The half of a task with this id. Tasks about one program are in the same one: choosing with
    /// some would reveal too much about the others.
    pub(crate) fn of(id: &str) -> Self {
        Self::of_program(id.rsplit_once('/').map_or(id, |(program, _)| program))
    }

    /// The half of a program. It depends on the name alone, so that adding a program moves no
    /// other.
    pub(crate) fn of_program(program: &str) -> Self {
        // FNV-1a as commonly specified: stable, and without a pattern in names.
        let hash = program.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // For names that differ only at their ends, its upper bits are far from evenly distributed:
        // they are mixed once more, by the finalizer of MurmurHash3.
        let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        if mixed >> 63 == 0 { Self::Tuning } else { Self::HeldOut }
    }
}

#[cfg(test)]
pub(crate) fn sample(asked: &[&str], forbidden: &[&str]) -> Task {
    let regexes = |all: &[&str]| all.iter().map(|text| Regex::new(text).unwrap()).collect();
    Task {
        id: "python/a/b".to_owned(),
        language: Language::Python,
        kind: "rename".to_owned(),
        document: DocumentText {
            path: "a.py".to_owned(),
            language_id: None,
            text: "a = 1\nb = 2\nc = 3\n".to_owned(),
        },
        lines: LineRange { start: 2, end: 2 },
        instruction: Some("Rename b to d.".to_owned()),
        first: None,
        check: Check {
            asked: regexes(asked),
            forbidden: regexes(forbidden),
            tests: "assert d == 2 and c == 3".to_owned(),
        },
        right: "d = 2".to_owned(),
        wrong: Some("d = 3".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_is_whole_lines_and_an_edit_takes_its_place() {
        let task = sample(&[], &[]);
        assert_eq!(task.selection(), "b = 2");
        assert_eq!(task.with("x\ny"), "a = 1\nx\ny\nc = 3\n");
    }

    #[test]
    fn an_answer_is_right_where_it_does_what_was_asked_and_the_program_works() {
        let runner = crate::run::free();
        if !runner.can_run(Language::Python) {
            return;
        }
        let task = sample(&[r"\bd\b"], &[r"\bb\b"]);
        let judge = |selection: &str| task.judge(&runner, selection, &task.with(selection));
        assert!(judge("d = 2").right());
        let wrong = judge("d = 3");
        assert!(wrong.done && !wrong.passes && wrong.why.contains("AssertionError"), "{wrong:?}");
        let both = judge("b = d = 2");
        assert!(!both.done && both.passes && both.why.contains("`b`"), "{both:?}");
        assert_eq!(task.prove(&runner), Ok(()));
        let sloppy = Task { wrong: Some("d = 2 # yes".to_owned()), ..task };
        assert!(sloppy.prove(&runner).unwrap_err().contains("the wrong answer counts"));
    }

    #[test]
    fn tasks_on_one_program_are_in_one_half_and_programs_in_both() {
        let half = |id: &str| Task { id: id.to_owned(), ..sample(&[], &[]) }.half();
        assert_eq!(half("rust/cache/a"), half("rust/cache/b"));
        let halves: Vec<Half> = (0..100).map(|at| half(&format!("python/{at}/fix"))).collect();
        let tuning = halves.iter().filter(|half| **half == Half::Tuning).count();
        assert!((35..=65).contains(&tuning), "{tuning}");
    }
}
