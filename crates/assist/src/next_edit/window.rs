//! The lines around a place, as a model is given them and as it writes them again.
//!
//! The answer is begun for the model up to the place, so it writes only the changed lines: once it
//! has reached a line after the place, nothing more is needed.

use std::ops::Range;

use localcoder_protocol::{ChatMessage, FollowsFrom, InfillPart, RecentEdit, Role, WorkerPrompt};

use super::NextEditWay;
use super::places::Place;
use crate::language::{Language, fence_tag, shown_name};

/// Lines before and after a place: about twenty with the place itself, which is what models made
/// for next edits are given.
const LINES_AROUND: usize = 10;
/// The model is not asked about a longer place.
const PLACE_LINES_MAX: usize = 8;
const WRITTEN_LINES_MAX: usize = 12;
/// A longer line is data.
const LINE_BYTES_MAX: usize = 240;
const EDITS_MAX: usize = 3;

/// The marks of Zeta's format, which are text to its tokenizer.
const ZETA_START: &str = "<|editable_region_start|>";
const ZETA_END: &str = "<|editable_region_end|>";
pub(super) const ZETA_CURSOR: &str = "<|user_cursor_is_here|>";
/// The instruction that the format has a place for.
const ZETA_TASK: &str = "Look at what the user has changed, and write the marked part of the \
    excerpt as it should be after the user's next change.";

const SYSTEM: &str =
    "You finish a change that a programmer has begun. You write code and nothing else.";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changed {
    Nothing,
    Lines(Range<usize>, Vec<String>),
}

#[derive(Debug, Clone)]
pub(super) struct Window {
    head: Vec<String>,
    rest: Vec<String>,
    place: usize,
    row: usize,
}

impl Window {
    pub(super) fn new(lines: &[String], rows: &Range<usize>) -> Option<Self> {
        let start = rows.start.saturating_sub(LINES_AROUND);
        let end = (rows.end + LINES_AROUND).min(lines.len());
        let all = lines.get(start..end)?;
        // A fence within the lines would end the one that the model writes in.
        let is_code = rows.len() <= PLACE_LINES_MAX
            && all.iter().all(|line| line.len() <= LINE_BYTES_MAX && !line.contains("```"));
        is_code.then(|| Self {
            head: lines[start..rows.start].to_vec(),
            rest: lines[rows.start..end].to_vec(),
            place: rows.len(),
            row: rows.start,
        })
    }

    pub(super) fn prompt(
        &self,
        (language, path): (&Language, &str),
        edits: &[RecentEdit],
        place: &Place,
    ) -> WorkerPrompt {
        let (tag, name) = (fence_tag(language, None), shown_name(path));
        let mut content = format!("A programmer has just edited `{name}`.\n");
        let own = edits.iter().filter(|edit| edit.path == path);
        let newest: Vec<&RecentEdit> = own.rev().take(EDITS_MAX).collect();
        for RecentEdit { before, after, .. } in newest.into_iter().rev() {
            let block = |text: &str| format!("```{tag}\n{}\n```\n", text.trim_end());
            content.push_str(&format!("Before:\n{}After:\n{}", block(before), block(after)));
        }
        if let Some(message) = &place.message {
            let line = self.rest.first().map_or("", |line| line.trim());
            content.push_str(&format!("Now a tool reports for `{line}`: {message}\n"));
        }
        let line = self.rest.first().map_or("", |line| line.trim());
        let task = match place.because {
            FollowsFrom::Signature => format!("`{line}` has to be adapted to that. "),
            FollowsFrom::Pattern => format!("The same is to be done in `{line}`. "),
            FollowsFrom::Rename | FollowsFrom::Diagnostic => String::new(),
        };
        content.push_str(&task);
        content.push_str(&format!(
            "Make the change that follows from this in the lines below, and no other. Write these lines again.\n```{tag}\n{}\n{}\n```",
            self.head.join("\n"),
            self.rest.join("\n"),
        ));
        let mut prefill = format!("```{tag}\n");
        for line in &self.head {
            prefill.push_str(line);
            prefill.push('\n');
        }
        let message = |role, content| ChatMessage { role, content };
        WorkerPrompt::Chat {
            messages: vec![message(Role::System, SYSTEM.to_owned()), message(Role::User, content)],
            prefill,
            partings: Vec::new(),
        }
    }

    /// The prompt that models of the family Sweep Next-Edit were trained on: each edit in a file of
    /// its own, then the lines before the newest edit, as they are, and as they are to be. `file`
    /// is the token that begins a file.
    pub(super) fn sweep_prompt(&self, file: u32, path: &str, edits: &[RecentEdit]) -> WorkerPrompt {
        let mut parts = Vec::new();
        let mut add = |text: String| {
            parts.push(InfillPart::Token { token: file });
            parts.push(InfillPart::Text { text });
        };
        let newest: Vec<&RecentEdit> = edits.iter().rev().take(EDITS_MAX).collect();
        for RecentEdit { path, before, after, .. } in newest.iter().rev() {
            add(format!("{path}.diff\noriginal:\n{before}\nupdated:\n{after}\n"));
        }
        let all: Vec<&str> = self.head.iter().chain(&self.rest).map(String::as_str).collect();
        // The lines "before" are not kept anywhere: they are the lines now with the newest edit
        // undone.
        let now = all.join("\n");
        let own = newest.iter().find(|edit| edit.path == path && !edit.after.is_empty());
        let then =
            own.map_or_else(|| now.clone(), |edit| now.replacen(&edit.after, &edit.before, 1));
        add(format!("original/{path}\n{then}\n"));
        add(format!("current/{path}\n{now}\n"));
        let head: String = self.head.iter().map(|line| format!("{line}\n")).collect();
        add(format!("updated/{path}\n{head}"));
        WorkerPrompt::Infill { parts }
    }

    /// The prompt that Zeta was trained on: the edits as diffs, then the lines with marks round those
    /// that it may change, which it writes again between the same marks. The words of the
    /// instruction are our own.
    pub(super) fn zeta_prompt(&self, path: &str, edits: &[RecentEdit]) -> WorkerPrompt {
        let newest: Vec<&RecentEdit> = edits.iter().rev().take(EDITS_MAX).collect();
        let diffs: String = newest.into_iter().rev().map(zeta_diff).collect();
        let lines = |lines: &[String]| lines.iter().map(|it| format!("{it}\n")).collect::<String>();
        let (head, rest) = (lines(&self.head), lines(&self.rest));
        let first = if self.row == self.head.len() { "<|start_of_file|>\n" } else { "" };
        let text = format!(
            "### Instruction:\n{ZETA_TASK}\n\n### User Edits:\n\n{diffs}\n### User Excerpt:\n\n\
             ```{path}\n{first}{ZETA_START}\n{head}{ZETA_CURSOR}{rest}{ZETA_END}\n```\n\n\
             ### Response:\n\n```{path}\n{ZETA_START}\n{head}"
        );
        WorkerPrompt::Infill { parts: vec![InfillPart::Text { text }] }
    }

    /// What the model most likely writes: the guess, or else the place as it is, and then the lines
    /// after it. The worker checks it instead of writing token by token, so what is copied costs
    /// little.
    pub(super) fn draft(&self, guess: Option<&[String]>) -> String {
        let place = guess.unwrap_or(&self.rest[..self.place]);
        let lines = place.iter().chain(&self.rest[self.place..]);
        lines.map(|line| format!("{line}\n")).collect()
    }

    pub(super) fn max_tokens(&self) -> u32 {
        let lines = self.rest.iter().take(self.place + 2);
        let bytes: usize = lines.map(String::len).sum();
        u32::try_from(bytes / 2 + 64).unwrap_or(u32::MAX)
    }

    /// What ends the text: the line after the place, or the end of the code. The model is asked for
    /// all lines of the window, and nothing after the place is of use.
    pub(super) fn stop(&self, way: NextEditWay) -> Vec<String> {
        let behind = self.rest.get(self.place).map(|line| format!("\n{line}\n"));
        let end = if way == NextEditWay::Zeta { ZETA_END } else { "```" };
        behind.into_iter().chain([end.to_owned()]).collect()
    }

    /// What becomes of the place; `None` if the text so far does not decide it, or if it has too
    /// many lines. `ended`: no more text will come. The written lines are held against those of the
    /// window. What both begin with is as it was; the change ends where a written line is one that
    /// is behind the place.
    pub(super) fn changed(&self, written: &str, ended: bool) -> Option<Changed> {
        let same = |one: &str, other: &str| one.trim_end() == other.trim_end();
        let mut lines: Vec<&str> = written.split('\n').collect();
        // A line without an end may still continue.
        if !ended || lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let head = lines.iter().zip(&self.rest).take_while(|(one, other)| same(one, other)).count();
        let is_over = ended && head == lines.len();
        if head > self.place || (is_over && head >= self.place) {
            return Some(Changed::Nothing);
        }
        let (last, before) = lines.get(head..)?.split_last()?;
        let tells = |line: &str| line.chars().any(char::is_alphanumeric);
        let behind = self.place..self.rest.len().min(self.place + PLACE_LINES_MAX);
        // A line without words, such as a closing bracket, may be a new one, unless it is the very
        // next.
        let meets = |at: &usize| same(&self.rest[*at], last) && (tells(last) || *at == self.place);
        let met = behind.into_iter().find(meets).map(|at| (at, before));
        let wrote_place = || (self.place.max(head), &lines[head..]);
        let (end, new) = met.or_else(|| ended.then(wrote_place))?;
        if new.len() > WRITTEN_LINES_MAX {
            return None;
        }
        // A common end is not part of the change.
        let ends = self.rest[head..end].iter().rev().zip(new.iter().rev());
        let tail = ends.take_while(|(one, other)| same(one, other)).count();
        let new = new[..new.len() - tail].iter().map(|line| (*line).to_owned()).collect();
        Some(Changed::Lines(self.row + head..self.row + end - tail, new))
    }
}

/// An edit as Zeta was shown them.
fn zeta_diff(edit: &RecentEdit) -> String {
    let RecentEdit { path, before, after, line } = edit;
    let (old, new) = (before.lines().count(), after.lines().count());
    let at = line.unwrap_or(1);
    let signed = |sign: char, text: &str| -> String {
        text.lines().map(|line| format!("{sign}{line}\n")).collect()
    };
    format!(
        "User edited \"{path}\":\n```diff\n@@ -{at},{old} +{at},{new} @@\n{}{}```\n\n",
        signed('-', before),
        signed('+', after)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call that lacks what its function was just given.
    fn call_after_its_function() -> (Window, RecentEdit) {
        let lines = ["def f(a, b):", "    return a", "x = f(1)", "print(x)"].map(str::to_owned);
        let edit = RecentEdit {
            path: "a.py".to_owned(),
            before: "def f(a):".to_owned(),
            after: "def f(a, b):".to_owned(),
            line: Some(1),
        };
        (Window::new(&lines, &(2..3)).unwrap(), edit)
    }

    #[test]
    fn zeta_is_asked_as_it_was_trained() {
        let (window, edit) = call_after_its_function();
        let WorkerPrompt::Infill { parts } = window.zeta_prompt("a.py", &[edit]) else {
            panic!("it has no chat template")
        };
        let [InfillPart::Text { text }] = &parts[..] else { panic!("it has no tokens of its own") };
        let (_, asked) = text.split_once("### User Edits:\n\n").unwrap();
        assert_eq!(
            asked,
            "User edited \"a.py\":\n```diff\n@@ -1,1 +1,1 @@\n-def f(a):\n+def f(a, b):\n```\n\n\n\
             ### User Excerpt:\n\n```a.py\n<|start_of_file|>\n<|editable_region_start|>\ndef f(a, b):\n    return a\n\
             <|user_cursor_is_here|>x = f(1)\nprint(x)\n<|editable_region_end|>\n```\n\n\
             ### Response:\n\n```a.py\n<|editable_region_start|>\ndef f(a, b):\n    return a\n"
        );
        assert_eq!(window.stop(NextEditWay::Zeta)[1..], ["<|editable_region_end|>"]);
    }

    #[test]
    fn a_model_of_the_family_is_asked_as_it_was_trained() {
        let (window, edit) = call_after_its_function();
        let WorkerPrompt::Infill { parts } = window.sweep_prompt(7, "a.py", &[edit]) else {
            panic!("it is written with tokens of its own")
        };
        let text = |part: &InfillPart| match part {
            InfillPart::Token { token } => format!("<{token}>"),
            InfillPart::Text { text } => text.clone(),
        };
        assert_eq!(
            parts.iter().map(text).collect::<String>(),
            "<7>a.py.diff\noriginal:\ndef f(a):\nupdated:\ndef f(a, b):\n\
             <7>original/a.py\ndef f(a):\n    return a\nx = f(1)\nprint(x)\n\
             <7>current/a.py\ndef f(a, b):\n    return a\nx = f(1)\nprint(x)\n\
             <7>updated/a.py\ndef f(a, b):\n    return a\n"
        );
    }

    const LINES: &str = "def f(a, b):\n    return a\n\nx = f(1)\ny = 2\n\nprint(x)\nprint(y)";

    fn changed(rows: Range<usize>, written: &str, ended: bool) -> Option<Changed> {
        let lines: Vec<String> = LINES.lines().map(str::to_owned).collect();
        Window::new(&lines, &rows).unwrap().changed(written, ended)
    }

    fn lines(rows: Range<usize>, new: &[&str]) -> Option<Changed> {
        Some(Changed::Lines(rows, new.iter().map(|it| (*it).to_owned()).collect()))
    }

    #[test]
    fn a_place_is_done_once_the_line_behind_it_is_written() {
        assert_eq!(changed(3..4, "x = f(1, 2)", false), None, "it may go on");
        assert_eq!(changed(3..4, "x = f(1, 2)\ny =", false), None);
        assert_eq!(changed(3..4, "x = f(1, 2)\ny = 2\n", false), lines(3..4, &["x = f(1, 2)"]));
        assert_eq!(changed(3..4, "x = f(1, 2)", true), lines(3..4, &["x = f(1, 2)"]));
    }

    #[test]
    fn what_is_written_as_it_was_is_no_change() {
        assert_eq!(changed(3..4, "x = f(1)\n", false), None, "a line may be put in");
        assert_eq!(changed(3..4, "x = f(1)\ny = 2\n", false), Some(Changed::Nothing));
        assert_eq!(changed(3..4, "x = f(1)", true), Some(Changed::Nothing));
    }

    #[test]
    fn lines_are_put_in_and_taken_out() {
        assert_eq!(changed(3..4, "x = f(1)\nz = 3\ny = 2\n", false), lines(4..4, &["z = 3"]));
        assert_eq!(changed(3..4, "y = 2\n", false), lines(3..4, &[]));
        // A blank line counts if it is the very next one, and says nothing further down.
        assert_eq!(changed(4..5, "y = 3\n\n", false), lines(4..5, &["y = 3"]));
        assert_eq!(changed(3..4, "a = 1\n\n", false), None);
    }

    #[test]
    fn too_much_is_no_next_edit() {
        let many: String = (0..40).map(|at| format!("a{at} = 1\n")).collect();
        assert_eq!(changed(3..4, &many, true), None);
        let long = vec!["x".repeat(300)];
        assert!(Window::new(&long, &(0..1)).is_none(), "it is data");
        assert!(Window::new(&vec![String::new(); 30], &(2..20)).is_none());
    }
}
