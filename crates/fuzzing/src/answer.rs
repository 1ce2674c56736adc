//! The code in a model's answer, for languages without a grammar, so that it is fast: no control
//! token gets into the document, and an answer that repeats the code changes no byte.

use localcoder_assist::{Attempt, CONTROL_TOKENS, Command, Finished, Outcome, Task, prepare};
use localcoder_protocol::{DocumentText, FinishReason, LineRange};

use crate::input::Input;

/// Files whose language has no grammar here or is only prose, and one whose parser is written in
/// Rust.
const PATHS: &[&str] = &["a.xyz", "a.txt", "a.md", "Makefile", "a.py"];

const INSTRUCTIONS: &[Option<&str>] =
    &[None, Some("Handle an empty list."), Some("Rename total to sum."), Some("Delete this.")];

const REASONS: &[FinishReason] =
    &[FinishReason::EndOfTurn, FinishReason::StopString, FinishReason::TokenLimit];

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let path = input.choice(PATHS);
    let instruction = input.choice(INSTRUCTIONS);
    let reason = input.choice(REASONS);
    let (text, answer) = (input.text().into_owned(), input.text());
    let lines = u32::try_from(text.split('\n').count()).expect("a short text");
    let document = DocumentText { path: path.to_owned(), language_id: None, text };
    let command = Command::new("improve", instruction).expect("there is such a command");
    let Ok(task) = prepare(&document, LineRange { start: 1, end: lines }, command) else { return };
    if let Some(finished) = finished(&task, &answer, reason) {
        check(&document, &finished);
    }
}

/// The result of an answer when the model may not be asked again.
pub(crate) fn finished(task: &Task, answer: &str, reason: FinishReason) -> Option<Finished> {
    let last = task.finish(answer, reason, Attempt::Last);
    // Both attempts read the same answer: whether the model may be asked again must decide what
    // is done about a flaw, never which code is found.
    let first = task.finish(answer, reason, Attempt::First);
    match (first, last) {
        (Outcome::Done(first), Outcome::Done(last)) => {
            assert_eq!(first.edit, last.edit, "an answer is read in two ways");
            Some(last)
        }
        // Only the first attempt may ask for another; the last one has to come to something.
        (Outcome::Retry { reason }, last) => {
            assert!(!reason.is_empty());
            match last {
                Outcome::Done(finished) => Some(finished),
                Outcome::Refused(error) => {
                    assert!(!error.to_string().is_empty());
                    None
                }
                other => panic!("the last attempt came to {other:?}"),
            }
        }
        (Outcome::Unchanged, Outcome::Done(finished)) => {
            assert!(finished.unchanged);
            Some(finished)
        }
        (Outcome::Refused(first), Outcome::Refused(last)) => {
            assert_eq!(first.to_string(), last.to_string());
            None
        }
        (first, last) => panic!("first {first:?}, then {last:?}"),
    }
}

fn check(document: &DocumentText, finished: &Finished) {
    let edit = &finished.edit;
    assert!(document.text.contains(&edit.original));
    assert_eq!(finished.unchanged, edit.replacement == edit.original);
    assert_eq!(finished.diff.is_empty(), finished.hunks.is_empty());
    // A token that the code had before, in a text of the user's own, may stay.
    for token in CONTROL_TOKENS.iter().filter(|token| !edit.original.contains(**token)) {
        assert!(!edit.replacement.contains(token), "`{token}` gets into {:?}", edit.replacement);
    }
    if !document.text.contains('\r') {
        assert!(!edit.replacement.contains("\r\n"), "{:?}", edit.replacement);
    }
}
