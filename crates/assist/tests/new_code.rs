//! Code where there is none yet: an empty line is selected, and the instruction says what is to be
//! there.

use localcoder_assist::{Attempt, Command, Limits, Outcome, Prompts, Task, apply, prepare};
use localcoder_protocol::{DocumentText, ErrorCode, ErrorInfo, FinishReason, LineRange};

fn document(text: &str) -> DocumentText {
    DocumentText { path: "shop/basket.py".into(), language_id: None, text: text.into() }
}

fn task(text: &str, line: u32, words: &str) -> Task {
    let command = Command::new("improve", Some(words)).expect("a command");
    prepare(&document(text), LineRange { start: line, end: line }, command).expect("a good request")
}

/// The document with the model's code in it.
#[track_caller]
fn written(text: &str, line: u32, code: &str) -> String {
    let task = task(text, line, "Write it.");
    let answer = format!("{code}\n");
    match task.finish(&answer, FinishReason::StopString, Attempt::First) {
        Outcome::Done(done) => apply(text, done.edit.range, &done.edit).expect("its own document"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn new_code_stands_where_the_line_was_and_as_deep_as_the_code_round_it() {
    let functions = "def one():\n    return 1\n\n\n\ndef three():\n    return 3\n";
    let two = "def two():\n    return 2";
    let apart = functions.replacen("\n\n\n\n", &format!("\n\n\n{two}\n\n\n"), 1);
    assert_eq!(written(functions, 4, two), apart);
    let near = "def one():\n    return 1\n\n\ndef three():\n    return 3\n";
    assert_eq!(written(near, 4, two), apart);

    let last = "def one():\n    return 1\n\n\n\n\n";
    assert_eq!(written(last, 5, two), format!("def one():\n    return 1\n\n\n{two}\n\n"));

    let class = "class Basket:\n    def total(self):\n        return 0\n\n    def count(self):\n        return 0\n";
    let name = "def name(self):\n    return \"\"";
    let deeper = "    def name(self):\n        return \"\"";
    assert_eq!(written(class, 4, name), class.replacen("0\n\n", &format!("0\n\n{deeper}\n\n"), 1));
    assert_eq!(
        written(class, 4, deeper),
        class.replacen("0\n\n", &format!("0\n\n{deeper}\n\n"), 1)
    );

    let open = "def total(items):\n\n\nprint(total([]))\n";
    assert_eq!(
        written(open, 2, "return sum(items)"),
        open.replacen(":\n\n", ":\n    return sum(items)\n", 1)
    );
    let typed = "def total(items):\n        \n";
    assert_eq!(
        written(typed, 2, "return sum(items)"),
        "def total(items):\n        return sum(items)\n"
    );
    assert_eq!(written("\n", 1, two), format!("{two}\n"));
    assert_eq!(written("", 1, two), two);
    assert_eq!(
        written("a = 1\r\n\r\nb = 2\r\n", 2, "c = 3\nd = 4"),
        "a = 1\r\nc = 3\r\nd = 4\r\nb = 2\r\n"
    );
}

#[test]
fn what_stands_round_it_is_not_written_again() {
    let text = "def one():\n    return 1\n\n\n\ndef three():\n    return 3\n";
    let answer =
        "def one():\n    return 1\n\n\ndef two():\n    return 2\n\n\ndef three():\n    return 3";
    let after = written(text, 4, answer);
    assert_eq!(after.matches("def one").count(), 1, "{after}");
    assert_eq!(after.matches("def three").count(), 1, "{after}");
    assert!(after.contains("def two"), "{after}");
}

#[test]
fn the_prompt_has_no_selected_code_and_no_draft_of_it() {
    let task = task("a = 1\n\nb = 2\n", 2, "Write c.");
    let counts = vec![4; task.texts_to_count(Prompts::usual()).len()];
    let limits = Limits { window_tokens: 4096, trained_context_tokens: 32768 };
    let layout = task.layout(Prompts::usual(), &counts, limits).unwrap();
    assert!(!layout.user.contains("Selected code"), "{}", layout.user);
    assert!(layout.user.contains("a = 1") && layout.user.contains("b = 2"), "{}", layout.user);
    assert!(layout.user.ends_with("Write c.\nAnswer with the new code alone."), "{}", layout.user);
    assert_eq!(layout.draft, "");
    assert!(layout.max_tokens >= 400, "{}", layout.max_tokens);
}

#[test]
fn without_words_there_is_nothing_to_be_done_with_an_empty_line() {
    for id in ["improve", "explain", "document"] {
        let command = Command::new(id, None).unwrap();
        let error = prepare(&document("a = 1\n\n"), LineRange { start: 2, end: 2 }, command);
        assert_eq!(ErrorInfo::from(error.unwrap_err()).code, ErrorCode::SelectionEmpty, "{id}");
    }
}
