//! Edits that wait while their document changes: whatever the user does meanwhile, an edit goes to
//! the lines it was made from or nowhere, and undoing it restores every byte.

use std::cell::Cell;
use std::ops::Range;

use localcoder_assist::{Attempt, Command, Outcome, apply, apply_all, locate, locate_all, prepare};
use localcoder_protocol::{Anchor, DocumentText, Edit, FinishReason, LineRange};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Lines that occur in files more than once, and some that do not.
const LINES: &[&str] = &[
    "def total(items):",
    "def count(items):",
    "    result = 0",
    "    for item in items:",
    "        result += item",
    "        result += 1",
    "    return result",
    "    items = sorted(items)",
    "    if not items:",
    "        return None",
    "    log(items)",
    "    first = items[0]",
    "    while items:",
    "        items.pop()",
    "    assert items",
    "    result = []",
    "",
    "import os",
    "x = 1",
];

/// A line and its origin; a copy has the origin of what it was copied from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    origin: usize,
}

/// What a user does to a document. Places are fractions of its length, in thousandths.
#[derive(Debug, Clone)]
enum Act {
    Type(u16, usize),
    Delete(u16, usize),
    Change(u16, usize),
    /// Lines are copied to another place, or moved there.
    Copy(u16, usize, u16),
    Move(u16, usize, u16),
    Undo,
    /// The editor or another program rewrites all line ends.
    LineEnds,
    /// A formatter that runs on save: other indentation, and several blank lines reduced to one.
    Format,
    /// Another window writes the file, and the editor reloads it: nothing before that can be
    /// undone.
    OtherWindow(u16, usize),
}

fn act() -> impl Strategy<Value = Act> {
    let (at, lines, line) = (0_u16..1000, 1_usize..6, 0..LINES.len());
    prop_oneof![
        3 => (at.clone(), line.clone()).prop_map(|(at, line)| Act::Type(at, line)),
        2 => (at.clone(), lines.clone()).prop_map(|(at, lines)| Act::Delete(at, lines)),
        2 => (at.clone(), line).prop_map(|(at, line)| Act::Change(at, line)),
        2 => (at.clone(), lines.clone(), at.clone()).prop_map(|(at, n, to)| Act::Copy(at, n, to)),
        2 => (at.clone(), lines, at).prop_map(|(at, n, to)| Act::Move(at, n, to)),
        2 => Just(Act::Undo),
        1 => Just(Act::LineEnds),
        1 => Just(Act::Format),
        1 => (0_u16..1000, 0..LINES.len()).prop_map(|(at, line)| Act::OtherWindow(at, line)),
    ]
}

#[derive(Debug, Clone)]
struct Document {
    lines: Vec<Line>,
    end: &'static str,
    next_origin: usize,
}

impl Document {
    fn new(lines: &[usize]) -> Self {
        let mut document = Self { lines: Vec::new(), end: "\n", next_origin: 0 };
        for line in lines {
            let line = document.line(*line);
            document.lines.push(line);
        }
        document
    }

    fn line(&mut self, index: usize) -> Line {
        self.next_origin += 1;
        Line { text: LINES[index].to_owned(), origin: self.next_origin }
    }

    fn text(&self) -> DocumentText {
        let text: String = self.lines.iter().map(|line| [&line.text, self.end].concat()).collect();
        DocumentText { path: "basket.py".to_owned(), language_id: None, text }
    }

    fn place(&self, at: u16, lines: usize) -> std::ops::Range<usize> {
        let start = usize::from(at) * self.lines.len() / 1000;
        start..(start + lines).min(self.lines.len())
    }

    fn act(&mut self, act: &Act, past: &mut Vec<Self>) {
        if let Act::Undo = act {
            if let Some(before) = past.pop() {
                *self = before;
            }
            return;
        }
        past.push(self.clone());
        match *act {
            Act::Type(at, line) => {
                let (line, at) = (self.line(line), self.place(at, 0).start);
                self.lines.insert(at, line);
            }
            Act::Delete(at, lines) => {
                self.lines.drain(self.place(at, lines));
            }
            Act::Change(at, line) => {
                let place = self.place(at, 1);
                if let Some(at) = place.into_iter().next() {
                    self.lines[at] = self.line(line);
                }
            }
            Act::Copy(at, lines, to) => {
                let copied = self.lines[self.place(at, lines)].to_vec();
                let to = self.place(to, 0).start;
                self.lines.splice(to..to, copied);
            }
            Act::Move(at, lines, to) => {
                let moved: Vec<Line> = self.lines.drain(self.place(at, lines)).collect();
                let to = self.place(to, 0).start;
                self.lines.splice(to..to, moved);
            }
            Act::LineEnds => self.end = if self.end == "\n" { "\r\n" } else { "\n" },
            Act::Format => {
                let (wide, narrow) = ("    ", "  ");
                let is_wide = self.lines.iter().any(|line| line.text.starts_with(wide));
                let (from, to) = if is_wide { (wide, narrow) } else { (narrow, wide) };
                for line in &mut self.lines {
                    let code = line.text.trim_start().to_owned();
                    let depth = (line.text.len() - code.len()) / from.len();
                    line.text = to.repeat(depth) + &code;
                }
                self.lines.dedup_by(|one, other| one.text.is_empty() && other.text.is_empty());
            }
            Act::OtherWindow(at, line) => {
                let (line, at) = (self.line(line), self.place(at, 0).start);
                self.lines.insert(at, line);
                past.clear();
            }
            Act::Undo => {}
        }
    }
}

#[test]
fn an_edit_goes_to_its_own_lines_or_nowhere_and_is_taken_back_whole() {
    // Functions that differ in one line or in none, as in real files. No two adjacent lines read
    // the same: it would not matter which of the two is meant.
    let body =
        proptest::sample::subsequence((2..16_usize).collect::<Vec<_>>(), 2..7).prop_shuffle();
    let function =
        (0..2_usize, body).prop_map(|(head, body)| [vec![head], body, vec![16]].concat());
    let document = proptest::collection::vec(function, 2..9).prop_map(|all| all.concat());
    let strategy = (document, 0_u16..1000, 1_usize..6, proptest::collection::vec(act(), 0..12));
    let applied = Cell::new(0);
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&strategy, |(lines, at, height, acts)| {
            let mut document = Document::new(&lines);
            let place = document.place(at, height);
            let start = u32::try_from(place.start).unwrap() + 1;
            let selection = LineRange { start, end: u32::try_from(place.end).unwrap() };
            let command = Command::new("improve", Some("Call it with one.")).unwrap();
            // A selection of blank lines is not accepted.
            let Ok(task) = prepare(&document.text(), selection, command) else { return Ok(()) };
            let answer = "    result = one(items)\n";
            let Outcome::Done(done) = task.finish(answer, FinishReason::StopString, Attempt::Last)
            else {
                return Ok(());
            };
            let wanted = rows(done.edit.range);
            let texts = |lines: &[Line]| -> Vec<String> {
                lines.iter().map(|line| line.text.clone()).collect()
            };
            let replaced = texts(&document.lines[wanted.clone()]);
            let at_first = document.clone();

            let mut past = Vec::new();
            for act in &acts {
                document.act(act, &mut past);
            }
            let now = document.text();
            let Ok((range, _)) = locate(&now, &done.edit) else {
                prop_assert!(!acts.is_empty(), "nothing has changed");
                return Ok(());
            };
            let found = rows(range);
            // A line that was typed or copied to the place of another counts as that one. But the
            // place must be the edit's: the lines that it replaces, or those that tell its place,
            // are the original ones, and not others that read the same.
            let wanted = origins_near(&at_first.lines, &wanted, &done.edit);
            let near = origins_near(&document.lines, &found, &done.edit);
            let is_own = |origin: &usize| wanted.contains(origin) || *origin > lines.len();
            prop_assert!(near.iter().any(is_own), "stale: {:?}", acts);
            prop_assert_eq!(texts(&document.lines[found.clone()]), replaced, "stale: {:?}", acts);

            let (edited, _) = apply_all(&now, &[&done.edit]).unwrap();
            let head: String = now.text.split_inclusive('\n').take(found.start).collect();
            let tail: String = now.text.split_inclusive('\n').skip(found.end).collect();
            prop_assert!(edited.starts_with(&head) && edited.ends_with(&tail));
            let Edit { original, replacement, .. } = done.edit;
            let height = u32::try_from(replacement.split('\n').count()).unwrap();
            let back = LineRange { start: range.start, end: range.start + height - 1 };
            let anchor = Anchor::default();
            let undo = Edit { range: back, original: replacement, replacement: original, anchor };
            prop_assert_eq!(apply(&edited, back, &undo).unwrap(), now.text);
            applied.set(applied.get() + 1);
            Ok(())
        })
        .unwrap();
    let applied = applied.get();
    assert!(applied > 200, "only {applied} of 1000 were applied: the test proves little");
}

/// What an answer does to a line.
#[derive(Debug, Clone, Copy)]
enum Rewritten {
    Same,
    Other,
    Gone,
    WithOneBehind,
}

fn rewritten() -> impl Strategy<Value = Rewritten> {
    prop_oneof![
        4 => Just(Rewritten::Same),
        2 => Just(Rewritten::Other),
        1 => Just(Rewritten::Gone),
        1 => Just(Rewritten::WithOneBehind),
    ]
}

fn rewrite(lines: &[Line], how: &[Rewritten]) -> String {
    let mut answer = String::new();
    for (at, (line, how)) in lines.iter().zip(how.iter().cycle()).enumerate() {
        let indent: String = line.text.chars().take_while(|c| *c == ' ').collect();
        let new = format!("{indent}total_{at} = one(items)\n");
        match how {
            Rewritten::Same => answer.push_str(&format!("{}\n", line.text)),
            Rewritten::Other => answer.push_str(&new),
            Rewritten::Gone => {}
            Rewritten::WithOneBehind => answer.push_str(&format!("{}\n{new}", line.text)),
        }
    }
    answer
}

/// The origins of the lines that an edit replaces, and of those beside them that tell its place.
fn origins_near(lines: &[Line], rows: &Range<usize>, edit: &Edit) -> Vec<usize> {
    let (before, after) = (edit.anchor.before.len().max(2), edit.anchor.after.len().max(2));
    let near = rows.start.saturating_sub(before)..(rows.end + after).min(lines.len());
    lines[near].iter().map(|line| line.origin).collect()
}

fn rows(range: LineRange) -> Range<usize> {
    range.start as usize - 1..range.end as usize
}

/// The text with those changes, in the order of their places.
fn written_by_hand(text: &str, kept: &[(&Edit, LineRange)]) -> String {
    let old: Vec<&str> = text.split('\n').collect();
    let mut lines: Vec<String> = Vec::new();
    let mut at = 0;
    for (hunk, range) in kept {
        lines.extend(old[at..range.start as usize - 1].iter().map(|it| (*it).to_owned()));
        let end = if old[range.end as usize - 1].ends_with('\r') { "\r" } else { "" };
        lines.push([hunk.replacement.as_str(), end].concat());
        at = range.end as usize;
    }
    lines.extend(old[at..].iter().map(|it| (*it).to_owned()));
    lines.join("\n")
}

#[test]
fn each_change_of_an_edit_goes_to_its_own_lines_or_nowhere_whichever_are_kept() {
    let body =
        proptest::sample::subsequence((2..16_usize).collect::<Vec<_>>(), 2..7).prop_shuffle();
    let function =
        (0..2_usize, body).prop_map(|(head, body)| [vec![head], body, vec![16]].concat());
    let document = proptest::collection::vec(function, 2..7).prop_map(|all| all.concat());
    let how = proptest::collection::vec(rewritten(), 3..9);
    let acts = proptest::collection::vec(act(), 0..8);
    let strategy = (document, 0_u16..1000, 3_usize..12, how, acts, 0_u32..);
    let (several, written) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&strategy, |(lines, at, height, how, acts, kept)| {
            let mut document = Document::new(&lines);
            let place = document.place(at, height);
            let start = u32::try_from(place.start).unwrap() + 1;
            let selection = LineRange { start, end: u32::try_from(place.end).unwrap() };
            let command = Command::new("improve", Some("Call it with one.")).unwrap();
            let Ok(task) = prepare(&document.text(), selection, command) else { return Ok(()) };
            let answer = rewrite(&document.lines[rows(task.range())], &how);
            let Outcome::Done(done) = task.finish(&answer, FinishReason::StopString, Attempt::Last)
            else {
                return Ok(());
            };
            if done.hunks.len() > 1 {
                several.set(several.get() + 1);
            }
            let all: Vec<&Edit> = done.hunks.iter().collect();
            prop_assert_eq!(
                apply_all(&document.text(), &all).unwrap().0,
                apply_all(&document.text(), &[&done.edit]).unwrap().0
            );
            let first = document.clone();
            let mut past = Vec::new();
            for act in &acts {
                document.act(act, &mut past);
            }
            let now = document.text();
            let places = locate_all(&now, &done.hunks);
            let mut ranges: Vec<LineRange> = places.iter().flatten().copied().collect();
            ranges.sort_by_key(|range| range.start);
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            let mut kept_hunks = Vec::new();
            for (at, (hunk, place)) in done.hunks.iter().zip(&places).enumerate() {
                let Ok(range) = place else { continue };
                let wanted = origins_near(&first.lines, &rows(hunk.range), hunk);
                let found = origins_near(&document.lines, &rows(*range), hunk);
                let is_own = |origin: &usize| wanted.contains(origin) || *origin > lines.len();
                prop_assert!(found.iter().any(is_own), "stale: {:?} {:?}", hunk, acts);
                if kept >> (at % 32) & 1 == 1 {
                    kept_hunks.push((hunk, *range));
                }
            }
            // Lines that were moved may be in another order.
            kept_hunks.sort_by_key(|(_, range)| range.start);
            let edits: Vec<&Edit> = kept_hunks.iter().map(|(hunk, _)| *hunk).collect();
            let (after, _) = apply_all(&now, &edits).unwrap();
            // What no kept change replaces is there, byte for byte, and so is what the kept changes
            // insert.
            prop_assert_eq!(after, written_by_hand(&now.text, &kept_hunks));
            written.set(written.get() + kept_hunks.len());
            Ok(())
        })
        .unwrap();
    assert!(several.get() > 100, "{} of 1000 had several changes", several.get());
    assert!(written.get() > 300, "{} changes were written", written.get());
}
