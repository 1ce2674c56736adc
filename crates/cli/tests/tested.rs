//! The user's own test from the command line: which one it is, its result, and trying an edit with
//! it before that is shown.

use std::process::Command;

use localcoder_protocol::ErrorCode;
use localcoder_test_support::Installation;

const CODE: &str = "def total(items):\n    result = 0\n    for item in items:\n        \
     result = result + item\n    return result\n";

const TEST: &str = "import pathlib\nimport unittest\n\nimport sums\n\n\nclass Sums(unittest.TestCase):\n    \
     def test_total(self):\n        self.assertEqual(sums.total([1, 2]), 3)\n";

fn has_python() -> bool {
    Command::new("python3").arg("--version").output().is_ok_and(|it| it.status.success())
}

fn installation(test: &str) -> (Installation, String) {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let file = installation.write("sums.py", CODE).display().to_string();
    let _ = installation.write("test_sums.py", test);
    (installation, file)
}

#[test]
fn a_test_is_found_and_run_and_its_end_is_reported() {
    if !has_python() {
        return;
    }
    let (installation, file) = installation(TEST);
    let told = installation.run(&["test", &file, "--lines", "1-5"]).ok().stdout;
    assert!(told.starts_with("test_sums.py passes ("), "{told}");
    let _ = installation.write("test_sums.py", TEST.replace("3)", "4)"));
    let report = installation.run(&["test", &file, "--lines", "1-5", "--json"]).ok().json();
    assert_eq!(report["run"]["outcome"], "failed");
    assert!(report["run"]["said"].as_str().is_some_and(|said| said.contains("3 != 4")), "{report}");

    let other = installation.write("notes.txt", "a\n").display().to_string();
    let told = installation.run(&["test", &other, "--lines", "1"]).ok().stdout;
    assert!(told.contains("No test of"), "{told}");
    let wrong = installation.run(&["test", &file, "--lines", "1-5", "--stdin"]);
    assert!(wrong.failed(ErrorCode::Usage).stderr.contains("JSON object"));
}

#[test]
fn an_edit_is_tried_before_it_is_shown() {
    if !has_python() {
        return;
    }
    let (installation, file) = installation(TEST);
    let arguments = ["improve", &file, "--lines", "1-5", "--test"];
    let answer = installation.run(&arguments).ok();
    assert!(answer.stdout.contains("+        result += item"), "{}", answer.stdout);
    assert!(answer.stderr.contains("Tested: test_sums.py passes with it."), "{}", answer.stderr);

    let bound = "self.assertIn('result = result', pathlib.Path('sums.py').read_text())";
    let _ = installation
        .write("test_sums.py", TEST.replace("self.assertEqual(sums.total([1, 2]), 3)", bound));
    let answer = installation.run(&arguments).ok();
    assert!(answer.stderr.contains("Not sure: `test_sums.py` fails"), "{}", answer.stderr);
}

#[test]
fn the_setting_does_it_always() {
    if !has_python() {
        return;
    }
    let (installation, file) = installation(TEST);
    let silent = installation.run(&["improve", &file, "--lines", "1-5"]).ok();
    assert!(!silent.stderr.contains("passes with it"), "{}", silent.stderr);
    let _ = installation.run(&["config", "set", "testEdits", "true"]).ok();
    let told = installation.run(&["improve", &file, "--lines", "1-5"]).ok();
    assert!(told.stderr.contains("passes with it"), "{}", told.stderr);
}
