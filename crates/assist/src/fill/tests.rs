//! From a document with `|` at the cursor to the prompt, and from what a model wrote to what is
//! shown.

use localcoder_protocol::{DocumentText, InfillPart, Position};
use proptest::prelude::*;

use super::*;

const TOKENS: FillTokens =
    FillTokens { prefix: 1, suffix: 2, middle: 3, repository: Some(4), file: Some(5) };
const WINDOW: u32 = 4096;

fn params(path: &str, marked: &str) -> CompleteParams {
    let (before, after) = marked.split_once('|').expect("a cursor");
    let line = before.matches('\n').count() + 1;
    let units = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count();
    CompleteParams {
        request_id: "a".into(),
        document: DocumentText {
            path: path.into(),
            language_id: None,
            text: format!("{before}{after}"),
        },
        position: Position {
            line: u32::try_from(line).unwrap(),
            character: u32::try_from(units).unwrap(),
        },
        chunks: Vec::new(),
        edits: Vec::new(),
        explicit: false,
        model: None,
        settings: serde_json::Map::new(),
    }
}

fn fill(path: &str, marked: &str) -> Fill {
    Fill::new(&params(path, marked)).unwrap()
}

fn call(fill: &Fill, held: Option<&Held>) -> FillCall {
    fill.call(FillWay::Tokens(TOKENS), WINDOW, held)
}

/// The prompt with its tokens written as `<1>`.
fn shown(call: &FillCall) -> String {
    let WorkerPrompt::Infill { parts } = &call.prompt else { panic!("it is by tokens") };
    let part = |part: &InfillPart| match part {
        InfillPart::Token { token } => format!("<{token}>"),
        InfillPart::Text { text } => text.clone(),
    };
    parts.iter().map(part).collect()
}

/// How much of a prompt differs from the one before, in bytes.
fn new_bytes(before: &FillCall, after: &FillCall) -> usize {
    let (before, after) = (shown(before), shown(after));
    let common = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    after.len() - common
}

#[track_caller]
pub(super) fn finishes(path: &str, marked: &str, written: &str, expected: Result<&str, Silence>) {
    let result = fill(path, marked).finish(written, false, Some(0.0));
    let text = result.as_ref().map(|it| it.text.as_str()).map_err(|it| *it);
    assert_eq!(text, expected, "{marked:?} + {written:?}");
}

#[test]
fn the_prompt_is_what_is_before_what_is_behind_and_what_is_written_of_the_line() {
    let first = call(&fill("a.py", "def f(x):\n    |\n\nf(1)\n"), None);
    assert_eq!(shown(&first), "<1>def f(x):\n    <2>\n\nf(1)\n<3>");
    let second = call(&fill("a.py", "def f(x):\n    retu|\n\nf(1)\n"), Some(&first.held));
    assert_eq!(shown(&second), "<1>def f(x):\n    <2>\n\nf(1)\n<3>retu");
    // Without the previous prompt.
    let alone = call(&fill("a.py", "def f(x):\n    retu|\n\nf(1)\n"), None);
    assert_eq!(shown(&alone), shown(&second));
}

#[test]
fn while_a_line_is_typed_only_what_is_typed_is_new() {
    let lines: String = (0..400).map(|n| format!("value_{n} = compute({n})\n")).collect();
    let typed = "total = sum(values)";
    let mut held: Option<FillCall> = None;
    for length in 0..=typed.len() {
        let text = format!("{lines}{}|\n{lines}", &typed[..length]);
        let next = call(&fill("a.py", &text), held.as_ref().map(|it| &it.held));
        if let Some(before) = &held {
            assert!(new_bytes(before, &next) <= length, "{length}: {}", new_bytes(before, &next));
        }
        held = Some(next);
    }
    // The next line has what follows it again, and little else.
    let text = format!("{lines}{typed}\n|\n{lines}");
    let before = held.unwrap();
    let next = call(&fill("a.py", &text), Some(&before.held));
    let new = new_bytes(&before, &next);
    assert!(new < next.held.suffix.len() + typed.len() + 12, "{new}");
    assert!(next.held.prefix.starts_with(&before.held.prefix), "its beginning stays");
}

#[test]
fn a_file_that_is_too_large_is_cut_at_lines_and_what_it_declares_is_reported_first() {
    let filler: String = (0..300).map(|n| format!("x_{n} = {n}\n")).collect();
    let marked = format!("import os\n\n\ndef helper(path):\n    return path\n\n\n{filler}y = |\n");
    let mut wish = params("src/a.py", &marked);
    wish.chunks = vec![
        CodeChunk { path: ".env".into(), text: "A=1".into() },
        CodeChunk {
            path: "b.py".into(),
            text: "def g():\n    password = \"hunter2hunter2\"\n    return 1".into(),
        },
    ];
    wish.edits =
        vec![RecentEdit { path: "b.py".into(), before: "a".into(), after: "b".into(), line: None }];
    let shown = shown(&call(&Fill::new(&wish).unwrap(), None));
    let order = [
        "<4>project\n<5>b.py\ndef g():\n    return 1\n",
        "<5>src/a.py\nimport os\ndef helper(path):\n",
        "<5>recent.diff\n--- b.py\n-a\n+b\n",
        "<5>src/a.py\n<1>x_",
        "x_299 = 299\n<2>\n<3>y =",
    ];
    let mut at = 0;
    for part in order {
        let found = shown[at..].find(part).unwrap_or_else(|| panic!("{part:?} in {shown}"));
        at += found;
    }
    assert!(!shown.contains("hunter2") && !shown.contains(".env"), "{shown}");
    assert!(prompt::estimate(&shown) < 1100, "{}", prompt::estimate(&shown));
}

#[test]
fn what_is_declared_in_the_given_part_is_not_reported_again() {
    let marked = "def f(x):\n    return x\n\n\ny = |\n\n\ndef g(x):\n    return x\n";
    let shown = shown(&call(&fill("a.py", marked), None));
    assert_eq!(shown.matches("def g").count(), 1, "{shown}");
}

#[test]
fn a_place_far_below_the_last_one_is_given_no_more_than_fits() {
    let lines: String = (0..400).map(|n| format!("value_{n} = compute({n})\n")).collect();
    let first = call(&fill("a.py", &format!("x = |\n{lines}")), None);
    let far = call(&fill("a.py", &format!("x = 1\n{lines}y = |\n")), Some(&first.held));
    assert_eq!(shown(&far), shown(&call(&fill("a.py", &format!("x = 1\n{lines}y = |\n")), None)));
    assert!(prompt::estimate(&shown(&far)) < 1100, "{}", prompt::estimate(&shown(&far)));
}

#[test]
fn a_model_without_such_tokens_is_asked_in_words_and_its_answer_is_begun() {
    let fill = fill("a.py", "def f(x):\n    ret|\n\nf(1)\n");
    let call = fill.call(FillWay::Words, WINDOW, None);
    let WorkerPrompt::Chat { messages, prefill, .. } = &call.prompt else { panic!() };
    assert_eq!(prefill, "```python\n    ret");
    assert!(messages[1].content.contains("```python\ndef f(x):\n\n```\nAfter it:\n```python\n"));
    assert_eq!(call.stop, ["\n", "```"]);
}

#[test]
fn several_lines_are_written_only_where_a_block_begins_or_in_an_empty_line_of_one() {
    let lines = |path: &str, marked: &str| fill(path, marked).lines;
    let block = |indent_chars, closes| Lines::Block(BlockEnd { indent_chars, closes });
    assert_eq!(lines("a.py", "def f():\n    |\n"), block(4, false));
    assert_eq!(lines("a.py", "def f():|\n"), block(1, false));
    assert_eq!(lines("a.py", "def f():\n    a = |\n"), Lines::One);
    assert_eq!(lines("a.py", "def f():\n    a = 1\n    |\n    b = 2\n"), block(4, false));
    assert_eq!(lines("a.py", "a = 1\n|\n"), Lines::One);
    assert_eq!(lines("a.ts", "function f() {|\n"), block(1, true));
    assert_eq!(lines("a.ts", "f(|)\n"), Lines::One);
    assert_eq!(lines("a.ts", "const a = {|}\n"), Lines::One);
    assert_eq!(lines("a.rb", "list.each do\n  |\nend\n"), block(2, true));
    // It ends with `do` and opens nothing.
    assert_eq!(lines("a.ts", "undo\n|\n"), Lines::One);
}

#[test]
fn a_place_where_nothing_is_to_be_suggested_says_why() {
    let silence = |marked: &str| fill("a.py", marked).silence();
    assert_eq!(silence("|"), Some(Silence::NoText));
    assert_eq!(silence(" \n|\n"), Some(Silence::NoText));
    assert_eq!(silence("pri|nt(1)\n"), Some(Silence::MidWord));
    assert_eq!(silence("a = | + 1\n"), Some(Silence::InLine));
    assert_eq!(silence("print(|)\n"), None);
    assert_eq!(silence("f(\"|\");\n"), None);
    let mut wish = params("a.py", "a = | + 1\n");
    wish.explicit = true;
    assert_eq!(Fill::new(&wish).unwrap().silence(), None);
    wish.position.line = 9;
    assert!(Fill::new(&wish).unwrap_err().to_string().contains("line 9 is not in `a.py`"));
}

#[test]
fn what_stands_behind_the_cursor_is_not_repeated() {
    finishes("a.py", "print(|)\n", "a, b)", Ok("a, b"));
    // The call's own bracket and the editor's: only the second is taken off.
    finishes("a.py", "print(|)\n", "f(a))", Ok("f(a)"));
    finishes("a.py", "print(|)\n", "f(a)", Ok("f(a)"));
    finishes("a.ts", "print(|)\n", "a);", Ok("a);"));
    finishes("a.py", "a = \"|\"\n", "b\"", Ok("b"));
    finishes("a.py", "def f():\n    |\n    return 1\n", "a = 2\n    return 1", Ok("a = 2"));
    finishes("a.py", "def f():\n    |\n    return 1\n", "return 1", Err(Silence::NothingToAdd));
    finishes("a.ts", "function f() {\n  |\n}\n", "return 1;\n}", Ok("return 1;"));
    finishes("a.py", "x = 1\n|\ny = 2\n", "y = 2\n", Err(Silence::NothingToAdd));
    let text = fill("a.ts", "print(|)\n").finish("a);", false, None).unwrap();
    assert_eq!(text.replaces, 1, "the bracket is taken over");
}

#[test]
fn brackets_are_closed_where_that_is_what_is_missing() {
    finishes("a.py", "x = |\n", "f(a, [1, 2", Ok("f(a, [1, 2])"));
    finishes("a.py", "x = |\n", "f(", Ok("f("));
    finishes("a.py", "x = |\n", "\"(\"", Ok("\"(\""));
    finishes(
        "a.ts",
        "function f() {\n  |",
        "if (a) {\n    b();\n  }\n  return 1;",
        Ok("if (a) {\n    b();\n  }\n  return 1;\n}"),
    );
    finishes("a.ts", "function f() {\n  |\n}\n", "a();\n  b();", Ok("a();\n  b();"));
}

#[test]
fn indentation_and_line_ends_stay_those_of_the_document() {
    finishes("a.py", "def f():\n    |\n", "    return 1", Ok("return 1"));
    finishes("a.py", "def f():\n|\n", "    return 1", Ok("    return 1"));
    finishes("a.py", "def f():|\n", "\n    return 1", Ok("\n    return 1"));
    finishes("a.py", "def f():\r\n    |\r\n", "a = 1\n    return a", Ok("a = 1\r\n    return a"));
}

#[test]
fn what_is_not_code_or_goes_round_in_circles_is_cut() {
    finishes("a.py", "x = |\n", "1<|endoftext|>y", Ok("1"));
    finishes("a.py", "x = |\n", "<|file_sep|>a.py", Err(Silence::NothingToAdd));
    finishes("a.py", "x = |\n", "  \n", Err(Silence::NothingToAdd));
    let round = "a()\n    ".repeat(9);
    finishes("a.py", "def f():\n    |\n", &round, Ok("a()\n    a()"));
    assert!(
        !fill("a.py", "x|").is_enough("a()\na()\na()") && circles::goes_round("a()\na()\na()\n")
    );
    let turns = "left = right\n    right = left\n    ".repeat(5);
    let shown = ["left = right"; 3].join("\n    right = left\n    ");
    finishes("a.py", "def f():\n    |\n", &turns, Ok(&format!("{shown}\n    right = left")));
    // An open bracket was taken for the beginning of a block here, and the arguments of a call came
    // in several lines.
    finishes("a.py", "print(f(|\n", "a", Ok("a"));
    // The last line of a text that was cut off is incomplete in an unknown way.
    let fill = fill("a.py", "def f():\n    |\n");
    assert_eq!(fill.finish("a = 1\n    retu", true, None).unwrap().text, "a = 1");
}

#[test]
fn what_was_cut_off_and_is_the_next_line_once_it_is_closed_is_not_shown() {
    let fill = fill("a.py", "def f(a):\n    p|\n    print(a, b)\n");
    assert_eq!(fill.finish("rint(a, b", true, None), Err(Silence::NothingToAdd));
    assert_eq!(fill.finish("rint(a, c", true, None).unwrap().text, "rint(a, c)");
}

#[test]
fn of_a_block_is_kept_what_the_code_around_it_can_be_read_with() {
    finishes("a.py", "x = 1\n|\ny = 2\nz = 3\n", "y = 2\ny = 2\nz = 3", Err(Silence::NothingToAdd));
    let twice = "b()\n    b()\n    return c";
    let marked = "def f():\n    |\n    b()\n    return c\n";
    finishes("a.py", marked, twice, Err(Silence::NothingToAdd));
    // What follows the cursor comes again with a comment.
    let marked = "for c in s:\n    |\n        out += d[c]\n    else:\n        out += c\n";
    let written = "if c in d:\n        out += d[c]  # The other one.\n    else:\n        out += c";
    finishes("a.py", marked, written, Ok("if c in d:"));
    finishes("a.py", "x = (|\ny = 1\n", "1)", Ok("1)"));
    finishes("a.py", "a = 1\n|\n    b = 2\n", "if a:", Ok("if a:"));
    finishes("a.ts", "f();\n|\ng();\n", "} else {}", Err(Silence::Broken));
    let mut wish = params("a.ts", "f();\n|\ng();\n");
    wish.explicit = true;
    let text = Fill::new(&wish).unwrap().finish("} else {}", false, None).unwrap().text;
    assert_eq!(text, "} else {}", "it was asked for");
}

#[test]
fn secrets_reversals_and_guesses_are_not_shown() {
    let secret = "\"s3cr3t-s3cr3t\"";
    finishes("a.py", "password = |\n", secret, Ok(secret));
    finishes("a.py", "x = |\n", &format!("1; token = {secret}"), Err(Silence::Secret));
    let mut wish = params("a.py", "    return |\n");
    wish.edits = vec![RecentEdit {
        path: "a.py".into(),
        before: "    return total + 1\n".into(),
        after: "    return \n".into(),
        line: None,
    }];
    let finish = |wish: &CompleteParams, text: &str, mean| {
        Fill::new(wish).unwrap().finish(text, false, Some(mean)).map(|it| it.text)
    };
    assert_eq!(finish(&wish, " total + 1", 0.0), Err(Silence::Reversal));
    assert_eq!(finish(&wish, " total", 0.0), Ok("total".into()));
    assert_eq!(finish(&wish, " total", -2.0), Err(Silence::Unsure));
    wish.explicit = true;
    assert_eq!(finish(&wish, " total", -2.0), Ok("total".into()), "it was asked for");
}

#[test]
fn what_is_typed_along_needs_no_model_and_neither_does_what_was_accepted() {
    let at = |marked: &str| fill("a.py", marked).spot();
    let whole = GhostText { text: "return total".into(), replaces: 0 };
    let begin = at("def f():\n    |\n");
    let rest = |marked: &str| begin.rest_at(&whole, &at(marked)).map(|it| it.text);
    assert_eq!(rest("def f():\n    |\n").as_deref(), Some("return total"));
    assert_eq!(rest("def f():\n    ret|\n").as_deref(), Some("urn total"));
    assert_eq!(rest("def f():\n    return total|\n"), None, "nothing is left");
    assert_eq!(rest("def f():\n    rex|\n"), None, "something else was typed");
    assert_eq!(rest("def g():\n    ret|\n"), None);
    assert_eq!(rest("def f():\n    ret|\na\n"), None);
    assert_eq!(rest("def f():\n  |\n"), None);
    let accepted = fill("a.py", "def f():\n    |\n").accepting(&whole);
    assert_eq!(accepted.spot(), at("def f():\n    return total|\n"));
}

#[test]
fn what_follows_a_line_is_the_next_one_where_the_line_is_at_its_end() {
    let next = |marked: &str| fill("a.py", marked).next_line().map(|next| next.spot());
    let at = |marked: &str| Some(fill("a.py", marked).spot());
    assert_eq!(next("def f():\n    a = 1|\nb\n"), at("def f():\n    a = 1\n    |\nb\n"));
    assert_eq!(next("a = f(|)\n"), None, "the line goes on");
    assert_eq!(next("if a:|\n"), None, "its block comes in the same breath");
    assert_eq!(next("    |\n"), None);
}

#[test]
fn blanks_at_the_end_of_the_line_are_written_by_the_model_and_not_twice() {
    let asked = call(&fill("a.py", "def f():\n    for |\n"), None);
    assert_eq!(shown(&asked), "<1>def f():\n    <2>\n<3>for");
    finishes("a.py", "    for |\n", " i in x:", Ok("i in x:"));
    // The model completed the word that it was given, `for` to `format`, where the user has ended
    // it.
    finishes("a.py", "    for |\n", "mat(x)", Err(Silence::NothingToAdd));
    // What is written of a long line comes before the gap, without its blanks as well.
    let long = format!("x = \"{}\" + |\n", "a".repeat(300));
    let asked = call(&fill("a.py", &long), None);
    assert!(shown(&asked).ends_with("\" +<2>\n<3>"), "{}", shown(&asked));
}

proptest! {
    /// Nothing that is shown repeats the line after it, has a control token, or breaks a character.
    #[test]
    fn whatever_is_written_what_is_shown_can_be_put_in(
        before in "[ a-c(\\[{:\n\"é]{0,30}",
        after in "[ a-c)\\]}\n\"]{0,20}",
        written in "[ a-c(){}\\[\\]\n\"'é:]{0,40}",
    ) {
        let wish = params("a.py", &format!("{before}|{after}"));
        let fill = Fill::new(&wish).unwrap();
        let rest = after.split('\n').next().unwrap_or_default();
        if let Ok(text) = fill.finish(&written, false, None) {
            prop_assert!(!text.text.trim().is_empty());
            prop_assert!(usize::try_from(text.replaces).unwrap() <= rest.encode_utf16().count());
            let next = after.split('\n').skip(1).find(|line| !line.trim().is_empty());
            let last = text.text.lines().next_back().unwrap_or_default();
            if let Some(next) = next.filter(|it| it.chars().any(char::is_alphanumeric)) {
                let line = if text.text.contains('\n') { last.to_owned() } else {
                    format!("{}{last}", before.rsplit('\n').next().unwrap_or_default())
                };
                prop_assert!(line.trim() != next.trim(), "{text:?}");
            }
            prop_assert_eq!(fill.accepting(&text).spot(), fill.accepting(&text).spot());
        }
    }

    #[test]
    fn what_is_held_is_never_another_text(
        a in "[ab\n ]{0,40}", b in "[ab\n ]{0,40}", after in "[ab\n ]{0,20}",
    ) {
        let first = call(&fill("a.py", &format!("{a}|{after}")), None);
        let second = call(&fill("a.py", &format!("{b}|{after}")), Some(&first.held));
        let (text, typed) = (shown(&second), second.held.typed(&b).to_owned());
        prop_assert_eq!(format!("{}{typed}", second.held.prefix), b);
        let ending = format!("<3>{}", typed.trim_end_matches(gap::BLANKS));
        prop_assert!(text.ends_with(&ending));
        prop_assert_eq!(&second.held.suffix, &after);
    }
}
