//! A request from selection to edit through the public interface, with the test playing the model:
//! what the user gets for which answer.

use localcoder_assist::{
    Attempt, Command, Finished, Layout, Limits, Outcome, Prompts, Task, apply, locate, prepare,
};
use localcoder_protocol::{
    Diagnostic, DocumentText, ErrorCode, ErrorInfo, FinishReason, LineRange, WorkerPrompt,
};

const METHOD: &str = "\
class Basket:
    def total(self):
        result = 0
        for item in self.items:
            result = result + item.price
        return result

    def count(self):
        return len(self.items)
";

const LIMITS: Limits = Limits { window_tokens: 4096, trained_context_tokens: 32768 };

fn document(path: &str, text: &str) -> DocumentText {
    DocumentText { path: path.into(), language_id: None, text: text.into() }
}

fn improve() -> Command {
    Command::new("improve", None).expect("a command")
}

fn explain() -> Command {
    Command::new("explain", None).expect("a command")
}

fn instructed(text: &str) -> Command {
    Command::new("improve", Some(text)).expect("a command")
}

fn task(text: &str, lines: (u32, u32), command: Command) -> Task {
    let selection = LineRange { start: lines.0, end: lines.1 };
    prepare(&document("shop/basket.py", text), selection, command).expect("a good request")
}

/// One token for four bytes, as a rule of thumb.
fn layout(task: &Task, limits: Limits) -> Result<Layout, ErrorInfo> {
    let counts: Vec<u32> = task
        .texts_to_count(Prompts::usual())
        .iter()
        .map(|text| text.len().div_ceil(4) as u32)
        .collect();
    task.layout(Prompts::usual(), &counts, limits).map_err(ErrorInfo::from)
}

fn answer(task: &Task, raw: &str) -> Outcome {
    task.finish(raw, FinishReason::StopString, Attempt::First)
}

fn done(outcome: Outcome) -> Finished {
    match outcome {
        Outcome::Done(finished) => finished,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_import_that_the_edit_needs_stands_off_from_the_code_as_the_language_has_it() {
    let shown = |path: &str, text: &str, line: u32, raw: &str| {
        let document = document(path, text);
        let selection = LineRange { start: line, end: line };
        let task = prepare(&document, selection, improve()).expect("a good request");
        let finished = done(answer(&task, raw));
        let edits: Vec<_> = std::iter::once(&finished.edit).chain(&finished.imports).collect();
        edits
            .into_iter()
            .fold(text.to_owned(), |text, edit| apply(&text, edit.range, edit).unwrap())
    };
    let first = "def f():\n    return 1\n\n\n";
    let python = shown("a.py", &format!("{first}x = 1.5\n"), 5, "x = math.floor(1.5)\n```");
    assert_eq!(python, format!("import math\n\n\n{first}x = math.floor(1.5)\n"));
    let plain = shown("a.py", "y = 1\n\nx = 1.5\n", 3, "x = math.floor(1.5)\n```");
    assert_eq!(plain, "import math\n\ny = 1\n\nx = math.floor(1.5)\n");
}

#[test]
fn a_name_that_is_reported_as_unknown_is_imported_where_the_code_is_right_as_it_is() {
    let text = "import sys\n\n\ndef size(path):\n    return os.path.getsize(path)\n";
    let command = || instructed("Fix the reported problem.");
    let raw = "def size(path):\n    return os.path.getsize(path)\n```";
    let reported = Diagnostic {
        line: 5,
        source: Some("Pyright".into()),
        message: "\"os\" is not defined".into(),
    };
    let task = task(text, (4, 5), command()).with_diagnostics(&[reported]);
    let finished = done(answer(&task, raw));
    assert!(!finished.unchanged && finished.imports.is_none(), "{finished:?}");
    assert_eq!(finished.notes, ["Added: import os."]);
    let edit = &finished.edit;
    assert_eq!(edit.range, LineRange { start: 1, end: 1 });
    let fixed = text.replace("import sys\n", "import sys\nimport os\n");
    assert_eq!(apply(text, edit.range, edit).unwrap(), fixed);
    assert!(finished.diff.contains("+import os"), "{}", finished.diff);

    // If nothing was reported, an answer that changes nothing does not count.
    let unreported = prepare(&document("a.py", text), task.range(), command()).unwrap();
    assert!(matches!(answer(&unreported, raw), Outcome::Unchanged));
}

#[test]
fn a_method_is_shown_without_indentation_and_its_answer_becomes_an_edit() {
    let task = task(METHOD, (2, 7), improve());
    assert_eq!(task.range(), LineRange { start: 2, end: 6 });
    let layout = layout(&task, LIMITS).unwrap();
    assert_eq!(
        layout.user,
        "File: basket.py\n\nBefore the selection:\n```python\nclass Basket:\n```\n\n\
         After the selection:\n```python\n    def count(self):\n        return len(self.items)\n```\n\n\
         Selected code:\n```python\ndef total(self):\n    result = 0\n    for item in self.items:\n        \
         result = result + item.price\n    return result\n```\n\n\
         Rewrite the selected code without changing what it does. Look for branches that are never \
         taken, variables that are never used, loops over indices, a bare `except`, files that are \
         not closed, and work that is done again and again. If there is nothing of that kind, repeat \
         it unchanged."
    );
    assert_eq!(
        (layout.prefill.as_str(), layout.stop.as_slice()),
        ("```python\n", &["\n```".to_owned()][..])
    );
    let context = layout.context;
    assert_eq!((context.before_lines, context.before_lines_omitted), (1, 0));
    assert_eq!((context.after_lines, context.after_lines_omitted), (3, 0));
    let WorkerPrompt::Chat { messages, prefill, partings } = layout.worker_prompt() else {
        panic!()
    };
    assert_eq!((messages.len(), prefill.as_str()), (2, "```python\n"));
    let user = &messages[1].content;
    let after = |parting: &u32| user[*parting as usize..].lines().next().unwrap_or_default();
    let after: Vec<&str> = partings.iter().map(after).collect();
    assert_eq!(after.len(), 3, "{after:?}");
    assert!(user.starts_with("File: ") && after[0] == "basket.py", "{after:?}");

    let raw = "def total(self):\n    return sum(item.price for item in self.items)";
    let finished = done(answer(&task, raw));
    assert_eq!(
        finished.edit.replacement,
        "    def total(self):\n        return sum(item.price for item in self.items)"
    );
    assert!(!finished.unchanged && finished.warnings.is_empty());
    let [hunk] = finished.hunks.as_slice() else { panic!("{:?}", finished.hunks) };
    assert_eq!(hunk.range, LineRange { start: 3, end: 6 });
    assert_eq!(hunk.replacement, "        return sum(item.price for item in self.items)");
    assert_eq!(
        finished.diff,
        "--- a/shop/basket.py\n+++ b/shop/basket.py\n@@ -1,9 +1,6 @@\n class Basket:\n     def total(self):\n\
         -        result = 0\n-        for item in self.items:\n-            result = result + item.price\n\
         -        return result\n+        return sum(item.price for item in self.items)\n \n     def count(self):\n\
         \u{20}        return len(self.items)\n"
    );

    let now = document("shop/basket.py", &format!("import os\n{METHOD}"));
    let (range, moved) = locate(&now, &finished.edit).unwrap();
    assert!(moved);
    let text = apply(&now.text, range, &finished.edit).unwrap();
    assert!(
        text.starts_with("import os\nclass Basket:\n    def total(self):\n        return sum(")
    );
    assert!(text.ends_with("items)\n\n    def count(self):\n        return len(self.items)\n"));
}

#[test]
fn repeating_the_selection_is_not_a_change_whatever_the_white_space() {
    let text = "  def f():\r\n    \r\n    return 1\r\n";
    let task = task(text, (1, 3), improve());
    let finished = done(answer(&task, "def f():\n\n  return 1\n"));
    assert!(finished.unchanged && finished.hunks.is_empty() && finished.diff.is_empty());
    assert_eq!(finished.edit.replacement, finished.edit.original);
    assert_eq!(finished.edit.original, "  def f():\r\n    \r\n    return 1");
}

#[test]
fn commands_on_one_selection_share_their_prompt_up_to_the_command() {
    let long = (0..300).map(|n| format!("value_{n} = {n}\n")).collect::<String>();
    let layout_of = |command| layout(&task(&long, (150, 160), command), LIMITS).unwrap();
    let improved = layout_of(improve()).user;
    let explained = layout_of(explain()).user;
    let at = improved.find("Rewrite the selected").unwrap();
    assert_eq!(improved[..at], explained[..explained.find("Explain the selected").unwrap()]);
    let retry = task(&long, (150, 160), improve());
    let first = layout(&retry, LIMITS).unwrap();
    let second = retry.retry_layout(Prompts::usual(), &first, "it was empty");
    assert!(second.user.starts_with(&first.user));
    assert!(second.max_tokens > first.max_tokens && second.max_tokens <= first.free_tokens);
}

#[test]
fn a_method_that_comes_with_its_class_and_imports_of_all_there_is_comes_alone() {
    let text = "class Item:\n    def f(self, a):\n        self.a = a\n";
    let method = task(text, (2, 3), instructed("Add type hints."));
    for answer in [
        "from typing import *\n\nclass Item:\n    def f(self, a: int):\n        self.a = a\n",
        "class Item:\n    def f(self, a: int):\n        self.a = a\n",
    ] {
        let finished = done(self::answer(&method, answer));
        assert_eq!(finished.edit.replacement, "    def f(self, a: int):\n        self.a = a");
        assert_eq!(finished.imports, None);
    }
}

#[test]
fn a_model_that_writes_the_file_from_its_first_line_is_asked_with_the_selection_begun() {
    let text = "import os\nimport sys\n\n\nclass A:\n    def f(self):\n        return 1\n";
    let cut = task(text, (6, 7), instructed("Return 3."));
    let first = layout(&cut, LIMITS).unwrap();
    let (next, begun) = cut.begun_layout(&first, "import os\nimport sys\n\nclass").unwrap();
    assert_eq!((begun.as_str(), next.user), ("def", first.user.clone()));
    assert_eq!(next.prefill, first.prefill.clone() + "def");
    assert_eq!(format!("def{}", next.draft), first.draft);
    // An import that the edit needs is not the whole file.
    let imports = "import os\n\ndef f(self):\n    return os.sep\n";
    assert_eq!(cut.begun_layout(&first, imports), None);
    let whole = task(text, (1, 7), instructed("Return 3."));
    let first = layout(&whole, LIMITS).unwrap();
    assert_eq!(whole.begun_layout(&first, text), None);
}

#[test]
fn where_an_instruction_changed_nothing_the_model_says_what_to_change_and_does_it() {
    let text = "def f(total):\n    return total\n";
    let task = task(text, (1, 2), instructed("Remove the parameter."));
    assert_eq!(answer(&task, text), Outcome::Unchanged);
    assert!(done(task.finish(text, FinishReason::EndOfTurn, Attempt::Last)).unchanged);
    let first = layout(&task, LIMITS).unwrap();
    let shared = first.user.find("Rewrite the selected code.").unwrap();
    let plan = task.plan_layout(Prompts::usual(), &first).unwrap();
    assert_eq!(plan.user[..shared], first.user[..shared]);
    assert!(plan.user[shared..].starts_with("Remove the parameter.\nSay in one"), "{}", plan.user);
    assert!(plan.prefill.is_empty() && plan.draft.is_empty());
    // It is words that are asked for: code is none of them, and two sentences are enough.
    assert_eq!(plan.stop, ["```"]);
    assert!(plan.max_tokens < first.max_tokens && plan.max_tokens >= 80, "{}", plan.max_tokens);
    let said = "The parameter `total` goes.";
    let second = task.planned_layout(Prompts::usual(), &first, said).unwrap();
    assert_eq!(second.user[..shared], first.user[..shared]);
    assert!(second.user[shared..].contains(said), "{}", second.user);
    assert_eq!((&second.prefill, &second.draft), (&first.prefill, &first.draft));
    assert_eq!((&second.stop, second.max_tokens), (&first.stop, first.max_tokens * 2));
    // Where the window has less left than that, it is what is left.
    let tight = Layout { free_tokens: 40, ..first.clone() };
    assert_eq!(task.plan_layout(Prompts::usual(), &tight).unwrap().max_tokens, 40);
    assert_eq!(task.planned_layout(Prompts::usual(), &tight, said).unwrap().max_tokens, 40);
    // There was no instruction: then leaving the code as it is is an answer.
    let improved = self::task(text, (1, 2), improve());
    assert!(done(answer(&improved, text)).unchanged);
    assert_eq!(improved.plan_layout(Prompts::usual(), &first), None);
}

#[test]
fn a_selection_that_cuts_through_code_is_worked_on_as_a_whole_and_that_is_reported() {
    let text = "def f(a):\n    if a:\n        return 1\n    return 2\n";
    let cut = task(text, (1, 2), improve());
    assert_eq!(cut.range(), LineRange { start: 1, end: 4 });
    let finished = done(answer(&cut, "def f(a):\n    return 1 if a else 2\n"));
    assert_eq!(finished.notes, ["Lines 1-4 were worked on, since lines 1-2 cut through code."]);
    let whole =
        done(answer(&task(text, (1, 4), improve()), "def f(a):\n    return 1 if a else 2\n"));
    assert!(whole.notes.is_empty());
    // What is explained is what was selected.
    assert_eq!(task(text, (1, 2), explain()).range(), LineRange { start: 1, end: 2 });
}

#[test]
fn what_only_shuffles_is_not_an_improvement_but_may_be_asked_for() {
    let (text, shuffled) = ("def f(a, b):\n    return a*b\n", "def f(a, b):\n    return b * a\n");
    let finished = done(answer(&task(text, (1, 2), improve()), shuffled));
    assert!(finished.unchanged && finished.edit.replacement == finished.edit.original);
    let command = instructed("Swap the factors.");
    assert!(!done(answer(&task(text, (1, 2), command), shuffled)).unchanged);
}

#[test]
fn surroundings_that_do_not_fit_are_counted_as_left_out() {
    let long = (0..300).map(|n| format!("value_{n} = {n}\n")).collect::<String>();
    let small = Limits { window_tokens: 2048, trained_context_tokens: 2048 };
    let context = layout(&task(&long, (150, 160), improve()), small).unwrap().context;
    assert_eq!(context.before_lines + context.before_lines_omitted, 149);
    assert_eq!(context.after_lines + context.after_lines_omitted, 140);
    assert!(context.before_lines > context.after_lines && context.after_lines > 0);
    assert!(context.before_lines < 50);
}

#[test]
fn a_selection_that_does_not_fit_is_refused_with_the_way_out() {
    let long = (0..900).map(|n| format!("value_{n} = {n}\n")).collect::<String>();
    let error = layout(&task(&long, (1, 900), improve()), LIMITS).unwrap_err();
    assert_eq!(error.code, ErrorCode::SelectionTooLarge);
    assert!(error.message.contains("lines 1-900 of `basket.py`"), "{error}");
    assert!(error.message.contains("4096"), "{error}");
    let hint = error.hint.unwrap();
    assert!(
        hint.contains("select fewer lines (about ") && hint.contains("`localcoder.contextWindow`")
    );
    let full = Limits { window_tokens: 2048, trained_context_tokens: 2048 };
    let hint = layout(&task(&long, (1, 900), explain()), full).unwrap_err().hint.unwrap();
    assert!(hint.ends_with("or use a model with a longer context"), "{hint}");
}

#[track_caller]
fn check_fault(raw: &str, finish: FinishReason, reason: &str, code: Option<ErrorCode>) {
    let task = task(METHOD, (2, 6), improve());
    match task.finish(raw, finish, Attempt::First) {
        Outcome::Retry { reason: found } => assert!(found.contains(reason), "{found}"),
        other => panic!("first attempt: {other:?}"),
    }
    match (task.finish(raw, finish, Attempt::Last), code) {
        (Outcome::Refused(error), Some(code)) => {
            let error = ErrorInfo::from(error);
            assert_eq!(error.code, code);
            assert!(error.to_string().contains(reason), "{error}");
            assert!(error.hint.is_some());
        }
        (Outcome::Done(finished), None) => {
            let unsure = finished.unsure.expect("a doubt");
            assert!(unsure.contains(reason), "{unsure}");
        }
        (other, _) => panic!("last attempt: {other:?}"),
    }
}

#[test]
fn a_faulty_answer_is_asked_for_again_and_then_refused_or_shown_as_unsure() {
    let unusable = Some(ErrorCode::AnswerUnusable);
    let stop = FinishReason::StopString;
    check_fault("", stop, "it was empty", unusable);
    check_fault("The method adds the prices of all items.", stop, "no code", unusable);
    check_fault("def total(self):\n    return sum(", stop, "does not parse", unusable);
    check_fault("def total(self):\n    # ... rest of the code", stop, "leaves code out", unusable);
    check_fault("def total(self):\n    return 1", FinishReason::TokenLimit, "cut off", unusable);
    check_fault("def total(self):\n    return '\u{202e}'", stop, "invisible", unusable);
    check_fault(
        "def sum(self):\n    return sum(item.price for item in self.items)",
        stop,
        "`total`",
        None,
    );
    check_fault("def total(self):\n    return 0", stop, "much is missing", None);
    let resultless =
        "def total(self):\n    for item in self.items:\n        self.sum += item.price";
    check_fault(resultless, stop, "no longer returns", None);
}

#[test]
fn an_answer_that_can_never_fit_is_refused_at_once() {
    let task = task(METHOD, (2, 6), improve());
    match task.finish("def total(self):", FinishReason::ContextFull, Attempt::First) {
        Outcome::Refused(error) => {
            assert!(ErrorInfo::from(error).hint.unwrap().contains("select fewer lines"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn repeated_surroundings_are_taken_off() {
    let task = task(METHOD, (3, 6), improve());
    let raw = "result = sum(item.price for item in self.items)\nreturn result\n\n    def count(self):\n        \
               return len(self.items)";
    let finished = done(answer(&task, raw));
    assert_eq!(
        finished.edit.replacement,
        "        result = sum(item.price for item in self.items)\n        return result"
    );
}

#[test]
fn an_instruction_to_delete_may_leave_nothing() {
    let command = instructed("  Delete this method. ");
    assert_eq!(command, instructed("Delete this method."));
    let task = task(METHOD, (8, 9), command);
    let finished = done(task.finish("", FinishReason::StopString, Attempt::Last));
    assert_eq!(finished.edit.replacement, "");
    assert_eq!(instructed(" \n"), improve());
}

#[test]
fn a_command_that_is_not_there_and_words_for_one_that_takes_none_are_refused() {
    let refused = |id, words| ErrorInfo::from(Command::new(id, words).unwrap_err()).code;
    assert_eq!(refused("unheard", None), ErrorCode::Protocol);
    assert_eq!(refused("document", Some("Shorter.")), ErrorCode::Usage);
    assert_eq!(Command::new("explain", Some(" ")).unwrap(), explain());
}

#[test]
fn documents_that_are_not_text_and_selections_that_are_none_are_refused() {
    let refused = |text: &str, start, end| {
        let document = document("a.py", text);
        let range = LineRange { start, end };
        ErrorInfo::from(prepare(&document, range, improve()).unwrap_err()).code
    };
    assert_eq!(refused("a\0b", 1, 1), ErrorCode::NotText);
    assert_eq!(refused("a\n", 5, 9), ErrorCode::LinesOutOfRange);
    assert_eq!(refused("a\n\n \nb", 2, 3), ErrorCode::SelectionEmpty);
    assert_eq!(refused(&"a".repeat(300_000), 1, 1), ErrorCode::SelectionTooLarge);
    let wordy = instructed(&"x".repeat(20_000));
    let error = prepare(&document("a.py", "a"), LineRange { start: 1, end: 1 }, wordy);
    let error = ErrorInfo::from(error.unwrap_err());
    assert_eq!(error.code, ErrorCode::Usage);
}

#[test]
fn the_prompt_names_the_file_on_one_line_and_the_language_by_a_plain_word() {
    let mut document = document("C:\\work\\we\nird.zig", "const a = 1;");
    document.language_id = Some("zig".into());
    let selection = LineRange { start: 1, end: 1 };
    let task = prepare(&document, selection, explain()).unwrap();
    let layout = layout(&task, LIMITS).unwrap();
    assert!(
        layout.user.starts_with("File: weird.zig\n\nSelected code:\n```zig\nconst a = 1;\n```\n")
    );
    assert!(layout.prefill.is_empty() && layout.stop.is_empty());
}

#[test]
fn an_answer_that_was_cut_off_in_what_stands_behind_the_selection_is_whole() {
    let text = "def f(a):\n    return a\n\n\ndef other(items):\n    for item in items:\n        print(item)\n";
    let task = task(text, (1, 2), instructed("Add one."));
    let whole = "def f(a):\n    return a + 1\n";
    let more = "\n\ndef other(items):\n    for item in items:\n        pri";
    let cut = FinishReason::TokenLimit;
    let Outcome::Done(done) = task.finish(&format!("{whole}{more}"), cut, Attempt::First) else {
        panic!("it is whole")
    };
    assert_eq!(done.edit.replacement, whole.trim_end());
    let outcome = task.finish(&format!("{whole}\n\ndef g(b):\n    ret"), cut, Attempt::First);
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
}
