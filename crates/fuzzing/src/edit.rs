//! Edits: applying one gives what its hunks and diff say, every byte outside of it stays, its
//! reverse undoes it, and in another document it applies to its own lines or not at all.

use localcoder_assist::{Command, Finished, apply, apply_all, locate, prepare, scopes};
use localcoder_protocol::limits::DOCUMENT_BYTES_MAX;
use localcoder_protocol::{DocumentText, Edit, FinishReason, LineRange, ScopesParams};

use crate::answer::finished;
use crate::input::Input;

/// One path for each kind of language: own parser, grammar, prose, none.
const PATHS: &[&str] = &["a.py", "a.js", "a.rs", "a.md", "a.xyz", "a.java", "a.html", "a.json"];

const COMMANDS: &[(&str, Option<&str>)] = &[
    ("improve", None),
    ("improve", Some("Use pathlib.")),
    ("improve", Some("Delete the last line.")),
    ("document", None),
];

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let path = input.choice(PATHS);
    let (id, instruction) = input.choice(COMMANDS);
    let (start, height) = (input.number(), input.number());
    let (text, answer, later) = (input.text(), input.text(), input.text());
    if text.len() > DOCUMENT_BYTES_MAX {
        return;
    }
    let document =
        DocumentText { path: path.to_owned(), language_id: None, text: text.into_owned() };
    let lines = document.text.split('\n').count();
    let start = start % lines + 1;
    let end = (start + height % 8).min(lines);
    let range = LineRange { start: line(start), end: line(end) };
    check_scopes(&document, range);
    let command = Command::new(id, instruction).expect("there is such a command");
    let Ok(task) = prepare(&document, range, command) else { return };
    let Some(finished) = finished(&task, &answer, FinishReason::EndOfTurn) else { return };
    check_finished(&document, &finished);
    let later = DocumentText { text: later.into_owned(), ..document.clone() };
    for edit in std::iter::once(&finished.edit).chain(&finished.imports) {
        check_edit(&document, edit);
        check_later(&later, edit);
        let moved = DocumentText { text: format!("# new\n{}", document.text), ..document.clone() };
        check_later(&moved, edit);
    }
}

fn line(number: usize) -> u32 {
    u32::try_from(number).expect("a short document")
}

fn check_scopes(document: &DocumentText, selection: LineRange) {
    let lines = line(document.text.split('\n').count());
    let params = |empty| ScopesParams { document: document.clone(), selection, empty };
    let answers = [true, false].map(|empty| scopes(&params(empty)));
    for scope in answers.into_iter().flatten().flat_map(|answer| answer.scopes) {
        let LineRange { start, end } = scope.range;
        assert!(1 <= start && start <= end && end <= lines, "{start}-{end} of {lines} lines");
    }
}

fn check_finished(document: &DocumentText, finished: &Finished) {
    let edits: Vec<&Edit> = std::iter::once(&finished.edit).chain(&finished.imports).collect();
    let (after, _) = apply_all(document, &edits).expect("it was made from this document");
    let hunks: Vec<&Edit> = finished.hunks.iter().chain(&finished.imports).collect();
    let by_hunks = apply_all(document, &hunks).expect("they were made from this document").0;
    assert_eq!(by_hunks, after, "the hunks give another text");
    assert_eq!(patched(&document.text, &finished.diff), after, "the diff gives another text");
    assert_eq!(finished.unchanged, document.text == after);
}

fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn patched(old: &str, diff: &str) -> String {
    // As `patch` does, but without any tolerance: lines that `patch` would search for nearby are a
    // fault of the diff here.
    let old = split(old);
    let mut new = String::new();
    let mut at = 0;
    let mut lines = split(diff).into_iter().skip(2).peekable();
    while let Some(line) = lines.next() {
        let (sign, text) = line.split_at(1);
        // `\ No newline at end of file` is a line of its own and says it of the line before.
        let ends = lines.next_if(|next| next.starts_with('\\')).is_none();
        let text = if ends { text } else { text.strip_suffix('\n').expect("a line of a diff") };
        match sign {
            "@" => {
                let from = from_line(text);
                new.extend(old[at..from].iter().copied());
                at = from;
            }
            "+" => new.push_str(text),
            sign => {
                assert_eq!(old[at], text, "a line of the diff is not the document's");
                at += 1;
                new.push_str(if sign == " " { text } else { "" });
            }
        }
    }
    new.extend(old[at..].iter().copied());
    new
}

fn from_line(head: &str) -> usize {
    let old = head.split(['-', ' ']).nth(2).expect("the head of a hunk");
    let (start, count) = old.split_once(',').unwrap_or((old, "1"));
    let start: usize = start.parse().expect("a number");
    // An empty side is given by the line before it.
    if count == "0" { start } else { start - 1 }
}

fn check_edit(document: &DocumentText, edit: &Edit) {
    let (range, moved) = locate(document, edit).expect("it was made from this document");
    assert!(range == edit.range && !moved);
    let text = &document.text;
    let after = apply(text, range, edit).expect("its original is there");
    let head: usize = text.split_inclusive('\n').take(range.start as usize - 1).map(str::len).sum();
    assert!(text[head..].starts_with(&edit.original));
    assert_eq!(after[..head], text[..head]);
    assert!(after[head..].starts_with(&edit.replacement));
    assert_eq!(after[head + edit.replacement.len()..], text[head + edit.original.len()..]);
    let lines = line(edit.replacement.split('\n').count());
    let back = Edit {
        range: LineRange { start: range.start, end: range.start + lines - 1 },
        original: edit.replacement.clone(),
        replacement: edit.original.clone(),
        anchor: edit.anchor.clone(),
    };
    let undone = apply(&after, back.range, &back).expect("what was put there is there");
    assert_eq!(undone, *text, "it is not undone");
}

fn check_later(later: &DocumentText, edit: &Edit) {
    let Ok((range, _)) = locate(later, edit) else { return };
    let head: usize =
        later.text.split_inclusive('\n').take(range.start as usize - 1).map(str::len).sum();
    assert!(later.text[head..].starts_with(&edit.original), "other lines would be replaced");
    let after = apply(&later.text, range, edit).expect("it was found there");
    assert_eq!(
        after.len() + edit.original.len(),
        later.text.len() + edit.replacement.len(),
        "something else was changed"
    );
}
