//! The user's own test on an edit, before it is shown: which edit is being tried, and what the
//! test's result means. The client runs it; the host does not start programs of the user's.

use localcoder_assist::Finished;
use localcoder_protocol::{TestKind, TestOutcome, TestRun};

use super::step::Step;

/// What a one-line notification can hold; an assertion can print a whole file.
const GIST_CHARS_MAX: usize = 160;

#[derive(Debug)]
pub(super) struct Trial {
    before: TestRun,
    /// Whether the edit is to make it pass, since it fails now.
    wants_fix: bool,
    /// How many trials were begun; also the number of the last one.
    number: u32,
    candidate: Option<Finished>,
    spent_ms: u32,
}

#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// It does what the test wants.
    Right,
    /// It does not: what is wrong, as a clause, and the same with the test's output.
    Wrong { why: String, told: String },
    /// It says nothing about the edit: why, as a sentence, if that is worth a note.
    Nothing(Option<String>),
}

impl Trial {
    pub(super) fn new(before: TestRun, wants_fix: bool) -> Self {
        Self { before, wants_fix, number: 0, candidate: None, spent_ms: 0 }
    }

    pub(super) fn is_of_use(&self, edit: &Finished) -> bool {
        let is_known = match self.before.kind {
            // Code that gives something else each time can't be compared.
            TestKind::Calls => self.before.outcome == TestOutcome::Passed,
            TestKind::Test | TestKind::Build => self.before.outcome != TestOutcome::NotRun,
        };
        !edit.unchanged && is_known
    }

    /// Why there are no trials; `None` if there are. Worth a note, since the user has asked for the
    /// test.
    pub(super) fn why_not(&self) -> Option<String> {
        let TestRun { name, said, outcome, .. } = &self.before;
        // Nobody has asked for calls.
        let is_told = *outcome == TestOutcome::NotRun && self.before.kind != TestKind::Calls;
        is_told.then(|| format!("`{name}` could not be run: {said}."))
    }

    pub(super) fn spent_ms(&self) -> u32 {
        self.spent_ms
    }

    pub(super) fn decides(&self) -> bool {
        self.wants_fix && self.before.outcome == TestOutcome::Failed
    }

    pub(super) fn begin(&mut self, edit: Finished) -> Step {
        self.number += 1;
        let edits = std::iter::once(&edit.edit).chain(&edit.imports).cloned().collect();
        self.candidate = Some(edit);
        let TestRun { name, kind, .. } = &self.before;
        Step::Try { trial: self.number, edits, name: name.clone(), kind: *kind }
    }

    /// The edit that was tried and what the trial says of it; `None` if the result belongs to
    /// another trial, or none is under way.
    pub(super) fn tried(&mut self, number: u32, run: &TestRun) -> Option<(Finished, Said)> {
        // A late result of an earlier trial says nothing about this edit.
        if number != self.number {
            return None;
        }
        let edit = self.candidate.take()?;
        self.spent_ms = self.spent_ms.saturating_add(run.ms);
        Some((edit, self.said(run)))
    }

    fn said(&self, run: &TestRun) -> Said {
        let name = &run.name;
        match run.outcome {
            TestOutcome::Passed => Said::Right,
            TestOutcome::NotRun if run.kind == TestKind::Calls => Said::Nothing(None),
            TestOutcome::NotRun => {
                Said::Nothing(Some(format!("`{name}` could not be run on it: {}.", run.said)))
            }
            TestOutcome::Failed
                if self.before.outcome == TestOutcome::Failed && !self.wants_fix =>
            {
                // A compiler that is called without the project's options fails on anything.
                let note = format!("`{name}` fails, as it did before.");
                Said::Nothing((run.kind == TestKind::Test).then_some(note))
            }
            TestOutcome::Failed if run.kind == TestKind::Calls => {
                let said = gist(run.said.trim());
                let told = format!("The code is to do what it did before, and with it {said}.\n");
                Said::Wrong { why: said, told }
            }
            TestOutcome::Failed => {
                let said = run.said.trim();
                let why = match gist(said).as_str() {
                    "" => format!("`{name}` fails"),
                    gist => format!("`{name}` fails: {gist}"),
                };
                Said::Wrong { told: format!("`{name}` fails with it:\n{said}\n"), why }
            }
        }
    }

    /// The trial for a job that starts over; a result of an earlier trial will not be accepted.
    pub(super) fn again(self) -> Self {
        Self { candidate: None, number: self.number + 1, spent_ms: 0, ..self }
    }
}

fn gist(said: &str) -> String {
    let mut lines = said.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let is_error = |line: &&str| line.contains("Error") || line.contains("panicked");
    let line = lines.clone().find(is_error).or_else(|| lines.next()).unwrap_or_default();
    line.chars().take(GIST_CHARS_MAX).collect()
}
