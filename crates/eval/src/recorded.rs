//! Recorded answers of a model to edits of whole files, each with the verdict of its hidden tests:
//! which of them the guards would have let through, without running a model.

use std::path::Path;

use localcoder_assist::{Attempt, Command, Outcome, prepare};
use localcoder_protocol::{
    DocumentText, ErrorInfo, EvalFinding, EvalReplayed, FinishReason, LineRange,
};
use serde::Deserialize;

use crate::pack::lines_of;

#[derive(Debug, Deserialize)]
struct Row {
    instruction: String,
    before: String,
    answers: Vec<Answer>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    code: String,
    passed: bool,
}

#[derive(Debug, Clone)]
pub struct Replay {
    document: DocumentText,
    instruction: String,
    answer: String,
    right: bool,
}

/// Reads recorded answers.
///
/// # Errors
/// If the file can't be read or is another kind of file.
pub fn read_recorded(path: &Path) -> Result<Vec<Replay>, String> {
    let rows = lines_of(path)?.into_iter().map(|line| {
        serde_json::from_str::<Row>(&line)
            .map_err(|error| format!("`{}` has no recorded answers: {error}", path.display()))
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().flat_map(replays).collect())
}

fn replays(row: Row) -> impl Iterator<Item = Replay> {
    let document =
        DocumentText { path: "program.py".to_owned(), language_id: None, text: row.before };
    let instruction = row.instruction;
    row.answers.into_iter().map(move |Answer { code, passed }| Replay {
        document: document.clone(),
        instruction: instruction.clone(),
        answer: code,
        right: passed,
    })
}

/// Has each answer judged by the guards, as a first attempt to an edit of the whole document. How
/// many right ones they stop is the price of the wrong ones that they do.
///
/// # Errors
/// If an answer's document can't be worked on at all.
pub fn replay(replays: &[Replay]) -> Result<EvalReplayed, ErrorInfo> {
    let mut all = EvalReplayed {
        answers: 0,
        right: 0,
        shown: 0,
        shown_right: 0,
        flagged_right: 0,
        findings: Vec::new(),
    };
    for replay in replays {
        all.answers += 1;
        all.right += u32::from(replay.right);
        match replay.finding()? {
            None => {
                all.shown += 1;
                all.shown_right += u32::from(replay.right);
            }
            Some(finding) => {
                all.flagged_right += u32::from(replay.right);
                flag(&mut all.findings, kind_of(&finding), replay.right);
            }
        }
    }
    all.findings.sort_by_key(|finding| std::cmp::Reverse(finding.wrong + finding.right));
    Ok(all)
}

fn flag(findings: &mut Vec<EvalFinding>, what: String, right: bool) {
    let at = findings.iter().position(|known| known.what == what).unwrap_or_else(|| {
        findings.push(EvalFinding { what, wrong: 0, right: 0 });
        findings.len() - 1
    });
    let finding = &mut findings[at];
    *(if right { &mut finding.right } else { &mut finding.wrong }) += 1;
}

/// A finding without the names in it, so that findings can be counted: what is between backquotes,
/// every second part, is left out.
fn kind_of(finding: &str) -> String {
    finding.split('`').step_by(2).collect::<Vec<_>>().join("…")
}

impl Replay {
    /// Why the answer would not be shown as it is; `None` if it would. A second attempt, which the
    /// product would make in some of these cases, can't be: there is no model.
    fn finding(&self) -> Result<Option<String>, ErrorInfo> {
        let lines = self.document.text.trim_end().split('\n').count();
        let range = LineRange { start: 1, end: u32::try_from(lines).unwrap_or(u32::MAX) };
        let command = Command::new("improve", Some(&self.instruction))?;
        let task = prepare(&self.document, range, command)?;
        Ok(match task.finish(&self.answer, FinishReason::EndOfTurn, Attempt::First) {
            Outcome::Done(finished) if finished.unchanged => Some("nothing was changed".to_owned()),
            Outcome::Done(_) => None,
            // The product would ask again, and has a reason not to show this one.
            Outcome::Retry { reason } => Some(reason),
            Outcome::Unchanged => Some("nothing was changed".to_owned()),
            Outcome::Refused(error) => Some(ErrorInfo::from(error).to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(answer: &str, right: bool) -> Replay {
        Replay {
            document: DocumentText {
                path: "a.py".to_owned(),
                language_id: None,
                text: "def f(a):\n    return a\n".to_owned(),
            },
            instruction: "Add one.".to_owned(),
            answer: answer.to_owned(),
            right,
        }
    }

    #[test]
    fn what_is_flagged_is_counted_by_its_finding_and_its_verdict() {
        let answers = [
            recorded("def f(a):\n    return a + 1\n", true),
            recorded("def f(a):\n    return a + 2\n", false),
            recorded("def f(a:\n    return a + 1\n", false),
            recorded("def f(a):\n    return a\n", false),
        ];
        let replayed = replay(&answers).unwrap();
        assert_eq!((replayed.answers, replayed.right), (4, 1));
        assert_eq!((replayed.shown, replayed.shown_right), (2, 1));
        assert_eq!(replayed.flagged_right, 0);
        let wrong: u32 = replayed.findings.iter().map(|finding| finding.wrong).sum();
        assert_eq!(wrong, 2, "{:?}", replayed.findings);
    }

    #[test]
    fn a_finding_is_one_whatever_names_are_in_it() {
        assert_eq!(kind_of("it uses `a` and `b`, which"), "it uses … and …, which");
    }
}
