//! Holes to be filled: HumanEval-infilling, if the user has it. Each is a program with one line,
//! several lines or any stretch of characters taken out, and tests that run with what is put there.

use std::path::Path;

use localcoder_protocol::{DocumentText, GhostText, Position};
use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::pack::lines_of;
use crate::run::{Ran, Runner};
use crate::task::Half;

#[derive(Debug, Deserialize)]
struct Row {
    task_id: String,
    prompt: String,
    suffix: String,
    canonical_solution: String,
    test: String,
    entry_point: String,
}

/// One hole: a Python program with a part taken out, and tests that run with whatever is put there.
/// The right text is known, and others may be right as well.
#[derive(Debug, Clone)]
pub struct Hole {
    pub id: String,
    pub kind: &'static str,
    pub(crate) before: String,
    /// The code after it: if whole lines are missing, this begins with the end of an empty line, as
    /// the document looks when someone is about to write there.
    pub(crate) after: String,
    /// What was taken out; without its line end if whole lines were, as that is in `after`.
    pub(crate) right: String,
    tests: String,
}

/// A text that another program has put into a hole, such as another server that was asked with the
/// same file: judged in the same way, so that the two can be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filled {
    pub task: String,
    pub answer: String,
    pub seconds: f64,
}

/// Reads such texts from a file with one JSON object a line.
///
/// # Errors
/// If it can't be read, or is another kind of file.
pub fn read_filled(path: &Path) -> Result<Vec<Filled>, String> {
    let lines = lines_of(path)?.into_iter().map(|line| {
        serde_json::from_str(&line)
            .map_err(|error| format!("`{}` has no answers: {error}", path.display()))
    });
    lines.collect()
}

/// Whether a file is one of these, by its name alone: it decides what kind of rows are expected,
/// and a wrong guess is an error with the file's name.
#[must_use]
pub fn is_infilling(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains("infilling"))
}

/// The holes of a file of HumanEval-infilling.
///
/// # Errors
/// If it can't be read, or is another kind of file.
pub fn read_holes(path: &Path) -> Result<Vec<Hole>, String> {
    let rows = lines_of(path)?.into_iter().map(|line| {
        serde_json::from_str::<Row>(&line)
            .map_err(|error| format!("`{}` is not HumanEval-infilling: {error}", path.display()))
    });
    rows.map(|row| row.map(hole)).collect()
}

fn hole(row: Row) -> Hole {
    let kind = match row.task_id.split('/').next() {
        Some("SingleLineInfilling") => "infill-line",
        Some("MultiLineInfilling") => "infill-lines",
        // The whole set of random stretches and its smaller version.
        _ => "infill-span",
    };
    let whole_lines = row.canonical_solution.ends_with('\n')
        && (row.prompt.is_empty() || row.prompt.ends_with('\n'));
    let after = if whole_lines { format!("\n{}", row.suffix) } else { row.suffix };
    let right = row.canonical_solution;
    Hole {
        id: row.task_id,
        kind,
        before: row.prompt,
        after,
        right: if whole_lines { right.trim_end_matches('\n').to_owned() } else { right },
        tests: format!("{}\n\ncheck({})\n", row.test, row.entry_point),
    }
}

impl Hole {
    /// All holes of a program are in the same one, whose id has the program before the last slash.
    #[must_use]
    pub fn half(&self) -> Half {
        // `SingleLineInfilling/HumanEval/1/L0`: the sort of hole, the program, and the place in it.
        // The halves are those of programs, so that the holes of all sorts in one are together.
        let program = self.id.split_once('/').map_or(self.id.as_str(), |(_, rest)| rest);
        Half::of_program(program.rsplit_once('/').map_or(program, |(program, _)| program))
    }

    #[must_use]
    pub fn parts(&self) -> [&str; 3] {
        [&self.before, &self.after, &self.right]
    }

    #[must_use]
    pub fn document(&self) -> DocumentText {
        document(&self.before, &self.after)
    }

    #[must_use]
    pub fn position(&self) -> Position {
        position(&self.before)
    }

    /// Whether its own text passes its tests here; if not, no answer can be judged by them.
    #[must_use]
    pub fn is_provable(&self, runner: &Runner) -> bool {
        self.judge(runner, &GhostText { text: self.right.clone(), replaces: 0 }) == Ran::Passed
    }

    #[must_use]
    pub fn judge(&self, runner: &Runner, suggestion: &GhostText) -> Ran {
        self.judge_behind(runner, &self.before, suggestion)
    }

    /// What the program does with a suggestion if more of it is written already: `before` is all
    /// that precedes the cursor.
    pub(crate) fn judge_behind(
        &self,
        runner: &Runner,
        before: &str,
        suggestion: &GhostText,
    ) -> Ran {
        // `replaces` counts UTF-16 units, as editors do, and the text is UTF-8.
        let mut left = usize::try_from(suggestion.replaces).unwrap_or(usize::MAX);
        let behind = self.after.char_indices().find_map(|(at, c)| {
            let ends = left < c.len_utf16();
            left = left.saturating_sub(c.len_utf16());
            ends.then_some(at)
        });
        let after = &self.after[behind.unwrap_or(self.after.len())..];
        let program = format!("{before}{}{after}", suggestion.text);
        runner.run(Language::Python, &program, &self.tests)
    }

    /// Whether a suggestion is what was taken out, but for white space at its end. The opposite
    /// says little: another text may pass the tests as well.
    #[must_use]
    pub fn is_same(&self, suggestion: &GhostText) -> bool {
        suggestion.replaces == 0 && suggestion.text.trim_end() == self.right.trim_end()
    }
}

pub(crate) fn document(before: &str, after: &str) -> DocumentText {
    DocumentText {
        path: "program.py".to_owned(),
        language_id: Some("python".to_owned()),
        text: format!("{before}{after}"),
    }
}

/// The place after a text: lines from 1, characters in UTF-16 units from 0.
pub(crate) fn position(before: &str) -> Position {
    let line = before.rsplit('\n').next().unwrap_or_default();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position {
        line: number(before.matches('\n').count() + 1),
        character: number(line.encode_utf16().count()),
    }
}

#[cfg(test)]
pub(crate) fn sample(id: &str, prompt: &str, suffix: &str, right: &str) -> Hole {
    hole(Row {
        task_id: id.to_owned(),
        prompt: prompt.to_owned(),
        suffix: suffix.to_owned(),
        canonical_solution: right.to_owned(),
        test: "def check(f):\n    assert f(1) == 2\n".to_owned(),
        entry_point: "f".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::sample as row;
    use super::*;

    #[test]
    fn a_line_that_is_missing_is_an_empty_one_and_a_stretch_is_none() {
        let line = row("SingleLineInfilling/1", "def f(x):\n", "    return y\n", "    y = x + 1\n");
        assert_eq!(line.document().text, "def f(x):\n\n    return y\n");
        assert_eq!(line.position(), Position { line: 2, character: 0 });
        assert!(line.is_same(&GhostText { text: "    y = x + 1".into(), replaces: 0 }));
        let span = row("RandomSpanInfilling/1", "def f(x):\n    ret", " x + 1\n", "urn");
        assert_eq!((span.kind, span.position().character), ("infill-span", 7));
        assert_eq!(span.document().text, "def f(x):\n    ret x + 1\n");
    }

    #[test]
    fn what_is_put_there_is_run() {
        let runner = crate::run::free();
        if !runner.can_run(Language::Python) {
            return;
        }
        let hole = row("SingleLineInfilling/1", "def f(x):\n", "    return y\n", "    y = x + 1\n");
        assert!(hole.is_provable(&runner));
        let wrong = GhostText { text: "    y = x".into(), replaces: 0 };
        assert!(matches!(hole.judge(&runner, &wrong), Ran::Failed(_)));
    }
}
