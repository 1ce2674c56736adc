//! What the prompt says about the user's own test.

use localcoder_assist::{Command, Prompts, prepare};
use localcoder_protocol::{Diagnostic, DocumentText, LineRange, TestKind, TestOutcome, TestRun};

fn words(instruction: &str, run: &TestRun) -> String {
    words_with(&[], instruction, run)
}

fn words_with(diagnostics: &[Diagnostic], instruction: &str, run: &TestRun) -> String {
    let document = DocumentText {
        path: "a.py".to_owned(),
        language_id: None,
        text: "def f(x):\n    return x\n".to_owned(),
    };
    let command = Command::new("improve", Some(instruction)).expect("a command");
    let task = prepare(&document, LineRange { start: 1, end: 2 }, command);
    let task = task.expect("a good request").with_diagnostics(diagnostics).with_test(run);
    task.texts_to_count(Prompts::usual())[1].clone()
}

fn failed() -> TestRun {
    TestRun {
        name: "test_a.py".to_owned(),
        outcome: TestOutcome::Failed,
        said: "expected 3, got 5\n".to_owned(),
        kind: TestKind::Test,
        ms: 1,
    }
}

#[test]
fn what_fails_is_reported_where_it_is_to_be_fixed_and_only_there() {
    let run = failed();
    let fix = words("Fix the bug.", &run);
    assert!(fix.contains("- `test_a.py` fails:\nexpected 3, got 5"), "{fix}");
    assert!(words("It returns the WRONG sum", &run).contains("fails:"));
    assert!(!words("Rename `f` to `g`.", &run).contains("fails:"));
    let passed = TestRun { outcome: TestOutcome::Passed, ..run.clone() };
    assert!(!words("Fix the bug.", &passed).contains("fails:"));
    let long = TestRun { said: "é".repeat(5_000), ..run };
    assert!(words("Fix the bug.", &long).len() < 2_000, "the end of it is enough");
}

#[test]
fn what_a_test_says_has_lines_of_its_own_below_what_tools_say() {
    let diagnostic = Diagnostic { line: 2, source: None, message: "wrong sum".to_owned() };
    let fix = words_with(&[diagnostic], "Fix the bug.", &failed());
    assert!(fix.contains("- `return x`: wrong sum\n- `test_a.py` fails:\n"), "{fix}");
}
