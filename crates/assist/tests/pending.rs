//! An edit before the user has decided on it: while it is written, and when it is changed once
//! more.

use localcoder_assist::{
    Attempt, Command, Finished, Limits, Outcome, Prompts, Task, apply_all, prepare, prepare_follow,
};
use localcoder_protocol::{
    DocumentText, ErrorCode, ErrorInfo, FinishReason, LineRange, PendingEdit,
};

const TEXT: &str = "\
class Basket:
    def total(self):
        result = 0
        # Prices have no tax.
        for item in self.items:
            result = result + item.price
        return result

    def count(self):
        return len(self.items)
";

const FIRST: &str = "def total(self):\n    return sum(item.price for item in self.items)";

fn document() -> DocumentText {
    DocumentText { path: "shop/basket.py".into(), language_id: None, text: TEXT.into() }
}

fn instructed(words: &str) -> Command {
    Command::new("improve", Some(words)).expect("a command")
}

fn task() -> Task {
    let selection = LineRange { start: 2, end: 7 };
    prepare(&document(), selection, instructed("Use a sum.")).expect("a good request")
}

fn done(task: &Task, raw: &str) -> Finished {
    match task.finish(raw, FinishReason::StopString, Attempt::First) {
        Outcome::Done(finished) => finished,
        other => panic!("{other:?}"),
    }
}

fn pending() -> PendingEdit {
    let first = done(&task(), FIRST);
    PendingEdit {
        edit: first.edit,
        imports: first.imports,
        instructions: vec!["Use a sum.".into()],
    }
}

fn follow(words: &str) -> Task {
    prepare_follow(&document(), &pending(), instructed(words)).expect("a good request")
}

#[test]
fn a_rewrite_is_seen_line_by_line_with_what_was_not_come_to_behind_it() {
    let task = task();
    let seen = |raw: &str| task.so_far(raw).map(|it| it.text);
    assert_eq!(seen("def total(self"), None, "no line is whole");
    assert_eq!(seen("def total(self):\n    ret"), None, "nothing is another line so far");
    let text = seen("def total(self):\n    result = 0.0\n    # Prices").unwrap();
    assert!(text.starts_with("    def total(self):\n        result = 0.0\n        result = 0\n"));
    let text = seen("def total(self):\n    result = 0.0\n    # Prices have no tax.\n").unwrap();
    assert_eq!(
        text,
        "    def total(self):\n        result = 0.0\n        # Prices have no tax.\n        \
         for item in self.items:\n            result = result + item.price\n        return result"
    );
    assert_eq!(task.so_far(&format!("{FIRST}\n")).unwrap().range, task.range());
}

#[test]
fn what_is_seen_at_the_end_is_the_edit() {
    let raw =
        TEXT.lines().skip(1).take(6).map(|line| format!("{}\n", &line[4..])).collect::<String>();
    let raw = raw.replace("result + item.price", "result + item.price * 2");
    let task = task();
    assert_eq!(task.so_far(&raw).unwrap().text, done(&task, &raw).edit.replacement);
}

#[test]
fn a_follow_up_is_asked_of_the_text_that_waits_with_what_it_was_before() {
    let task = follow("Keep the comment.");
    let prompts = Prompts::usual();
    let counts: Vec<u32> =
        task.texts_to_count(prompts).iter().map(|text| text.len().div_ceil(4) as u32).collect();
    let limits = Limits { window_tokens: 4096, trained_context_tokens: 32768 };
    let layout = task.layout(prompts, &counts, limits).unwrap();
    let (code, order) = layout.user.split_once("Selected code:").unwrap();
    let (selected, order) = order.split_once("The selected code was made from this").unwrap();
    assert!(!code.contains("# Prices") && selected.contains("return sum("), "{}", layout.user);
    assert!(order.contains("# Prices have no tax.") && order.contains("Use a sum."), "{order}");
    assert!(order.trim_end().ends_with("Keep the comment."), "{order}");
    assert!(layout.draft.contains("return sum("), "{}", layout.draft);
    let other = follow("Add type hints.");
    let words = &other.texts_to_count(prompts)[1];
    assert!(!words.contains("# Prices"), "nothing of what was is asked for: {words}");
}

#[test]
fn what_comes_of_a_follow_up_takes_the_edits_place_in_the_document_as_it_is() {
    let task = follow("Keep the comment.");
    let raw = "def total(self):\n    # Prices have no tax.\n    return sum(item.price for item in self.items)";
    let finished = done(&task, raw);
    assert_eq!(finished.edit.range, LineRange { start: 2, end: 7 });
    assert_eq!(finished.edit.original, pending().edit.original);
    let all: Vec<_> = std::iter::once(&finished.edit).chain(&finished.imports).collect();
    let after = apply_all(&document(), &all).unwrap().0;
    assert!(after.contains("        # Prices have no tax.\n        return sum("), "{after}");
    assert!(finished.diff.contains(" # Prices have no tax.\n") && finished.hunks.len() == 2);
    // Its changes, too, are changes of the document as it is, not of the text that waits.
    let hunks: Vec<_> = finished.hunks.iter().collect();
    assert_eq!(apply_all(&document(), &hunks).unwrap().0, after);
    let so_far = task.so_far("def total(self):\n    # Prices have no tax.\n").unwrap();
    assert_eq!(so_far.range, finished.edit.range, "{so_far:?}");
}

#[test]
fn imports_of_the_edit_that_waits_stay_with_what_comes_of_the_follow_up() {
    let text = "import os\n\n\ndef f(p):\n    return os.path.join(p, 'a')\n";
    let document = DocumentText { path: "a.py".into(), language_id: None, text: text.into() };
    let selection = LineRange { start: 4, end: 5 };
    let task = prepare(&document, selection, instructed("Use pathlib.")).unwrap();
    let raw = "from pathlib import Path\n\ndef f(p):\n    return Path(p) / 'a'";
    let first = done(&task, raw);
    assert!(first.imports.is_some(), "{first:?}");
    let pending = PendingEdit {
        edit: first.edit,
        imports: first.imports,
        instructions: vec!["Use pathlib.".into()],
    };
    let task = prepare_follow(&document, &pending, instructed("Add a docstring.")).unwrap();
    let raw = "def f(p):\n    \"\"\"The file of `p`.\"\"\"\n    return Path(p) / 'a'";
    let finished = done(&task, raw);
    let all: Vec<_> = std::iter::once(&finished.edit).chain(&finished.imports).collect();
    let after = apply_all(&document, &all).unwrap().0;
    assert!(after.contains("from pathlib import Path\n"), "{after}");
    assert!(after.ends_with(&format!("\n\n\n{raw}\n")), "{after}");
    assert!(finished.diff.contains("+from pathlib import Path\n"), "{}", finished.diff);
}

#[test]
fn what_a_follow_up_calls_it_is_the_name_that_the_edit_that_waits_gave() {
    let renamed = "\
def total(self):
    worth = 0
    # Prices have no tax.
    for item in self.items:
        worth = worth + item.price
    return worth";
    let selection = LineRange { start: 2, end: 7 };
    let words = "Rename `result` to `worth`.";
    let task = prepare(&document(), selection, instructed(words)).unwrap();
    let first = done(&task, renamed);
    let pending =
        PendingEdit { edit: first.edit, imports: first.imports, instructions: vec![words.into()] };
    let follow = prepare_follow(&document(), &pending, instructed("Call it `price`.")).unwrap();
    let asked = &follow.texts_to_count(Prompts::usual())[1];
    assert!(asked.contains("Rename `worth` to `price`."), "{asked}");
    assert!(!asked.contains("Call it"), "{asked}");
}

#[test]
fn a_follow_up_that_changes_nothing_is_one_though_the_edit_that_waits_does() {
    let task = follow("Keep the comment.");
    let outcome = task.finish(FIRST, FinishReason::StopString, Attempt::First);
    assert!(matches!(outcome, Outcome::Unchanged), "{outcome:?}");
    let last = task.finish(FIRST, FinishReason::StopString, Attempt::Last);
    let Outcome::Done(finished) = last else { panic!("{last:?}") };
    assert!(finished.unchanged && finished.edit.replacement == pending().edit.replacement);
}

#[test]
fn a_follow_up_of_an_edit_whose_lines_were_changed_is_refused() {
    let mut changed = document();
    changed.text = TEXT.replace("result = 0", "result = 1");
    let refused = prepare_follow(&changed, &pending(), instructed("Shorter.")).unwrap_err();
    assert_eq!(ErrorInfo::from(refused).code, ErrorCode::DocumentChanged);
}
