//! One thing that a model is asked to do with selected code, and what must be true of its answer.

use localcoder_protocol::{DocumentText, LineRange, PendingEdit};
use regex::Regex;

use crate::language::Language;
use crate::run::{Ran, Runner};

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Unique among all: language, program and name.
    pub id: String,
    /// What it is written in.
    pub language: Language,
    /// Sort of task, such as `rename`; `flaw` and `keep` are asked without an instruction.
    pub kind: String,
    /// The document that the model is shown a part of.
    pub document: DocumentText,
    /// The selection.
    pub lines: LineRange,
    /// What is to be done, where that is said in words.
    pub instruction: Option<String>,
    /// The edit that waits and is to be changed; none where the code is to be.
    pub first: Option<First>,
    /// What the answer must be like.
    pub check: Check,
    /// An answer that is right; an edit of the selection.
    pub right: String,
    /// An answer that is not, where one is known.
    pub wrong: Option<String>,
}

/// An edit that the user has and wants otherwise.
#[derive(Debug, Clone)]
pub struct First {
    /// What led to it.
    pub instruction: String,
    /// The selection after it.
    pub selection: String,
}

/// What an answer must be like.
#[derive(Debug, Clone, Default)]
pub struct Check {
    /// Each is found in the new selection.
    pub asked: Vec<Regex>,
    /// None is.
    pub forbidden: Vec<Regex>,
    /// The program that the document with this behind it is ends with 0.
    pub tests: String,
}

/// What was found out of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Whether it has what was asked and nothing that was not.
    pub done: bool,
    /// Whether the program still works.
    pub passes: bool,
    /// What is missing, or what the program said.
    pub why: String,
}

impl Judged {
    /// Whether it is right.
    #[must_use]
    pub fn right(&self) -> bool {
        self.done && self.passes
    }
}

impl Task {
    /// Whether it is to be told what to do.
    #[must_use]
    pub fn is_instructed(&self) -> bool {
        self.instruction.is_some()
    }

    /// The selected code.
    #[must_use]
    pub fn selection(&self) -> String {
        let lines: Vec<&str> = self.document.text.split('\n').collect();
        lines[self.range()].join("\n")
    }

    /// The code that the user sees before anything is asked for.
    #[must_use]
    pub fn shown(&self) -> String {
        self.first.as_ref().map_or_else(|| self.selection(), |first| first.selection.clone())
    }

    /// The edit that waits, as a client sends it.
    #[must_use]
    pub fn pending(&self) -> Option<PendingEdit> {
        let First { instruction, selection } = self.first.as_ref()?;
        let edit = localcoder_assist::edit_of(&self.document, self.lines, selection).ok()?;
        Some(PendingEdit { edit, imports: None, instructions: vec![instruction.clone()] })
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.lines.start as usize - 1..self.lines.end as usize
    }

    /// The document with another text in place of the selection.
    #[must_use]
    pub fn with(&self, selection: &str) -> String {
        let lines: Vec<&str> = self.document.text.split('\n').collect();
        let range = self.range();
        let mut all = lines[..range.start].to_vec();
        all.push(selection);
        all.extend(&lines[range.end..]);
        all.join("\n")
    }

    /// Finds out what an answer is worth. `edited` is the document with the edit.
    #[must_use]
    pub fn judge(&self, runner: &Runner, selection: &str, edited: &str) -> Judged {
        let missing = self.check.asked.iter().find(|wanted| !wanted.is_match(selection));
        let left = self.check.forbidden.iter().find_map(|unwanted| unwanted.find(selection));
        let text = match (missing, left) {
            (Some(wanted), _) => format!("`{wanted}` is not in it"),
            (None, Some(found)) => format!("`{}` is in it", found.as_str().trim()),
            (None, None) => String::new(),
        };
        let done = missing.is_none() && left.is_none();
        match runner.run(self.language, edited, &self.check.tests) {
            Ran::Passed => Judged { done, passes: true, why: text },
            Ran::Failed(said) if done => Judged { done, passes: false, why: said },
            Ran::Failed(_) => Judged { done, passes: false, why: text },
        }
    }

    /// Whether its own references say what they must: the right answer counts, the wrong one and
    /// none at all do not. An error says which does not.
    ///
    /// # Errors
    /// What is wrong with the task.
    pub fn prove(&self, runner: &Runner) -> Result<(), String> {
        let judge = |selection: &str| self.judge(runner, selection, &self.with(selection));
        let right = judge(&self.right);
        if !right.right() {
            return Err(format!("{}: the right answer does not count: {}", self.id, right.why));
        }
        let unchanged = judge(&self.shown());
        if self.kind != "keep" && unchanged.right() {
            return Err(format!("{}: what is shown counts as it is", self.id));
        }
        match self.wrong.as_deref().map(judge) {
            Some(wrong) if wrong.right() => Err(format!("{}: the wrong answer counts", self.id)),
            _ => Ok(()),
        }
    }

    /// In which half it is.
    #[must_use]
    pub fn half(&self) -> Half {
        Half::of(&self.id)
    }
}

/// Words and rules are chosen on the one half and reported on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// To choose on.
    Tuning,
    /// To report on.
    HeldOut,
}

impl Half {
    /// That of a task with this id. Tasks on one program are in the same one: what was chosen on some
    /// tells too much of the others.
    pub(crate) fn of(id: &str) -> Self {
        Self::of_program(id.rsplit_once('/').map_or(id, |(program, _)| program))
    }

    /// That of a program, by its name.
    pub(crate) fn of_program(program: &str) -> Self {
        // FNV-1a, as it is described everywhere: stable, and without a pattern in names.
        let hash = program.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // Its upper bits are far from even for names that differ at their ends alone: mixed once more,
        // by the finalizer of MurmurHash3.
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
