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
    let wrong = installation.run(&["test", &file, "--lines", "1-5", "--command", "improved"]);
    assert_eq!(wrong.code, Some(ErrorCode::Usage.exit_code().into()));
    for id in localcoder_protocol::COMMANDS.iter().map(|spec| spec.id) {
        assert!(wrong.stderr.contains(id), "{id} is one: {}", wrong.stderr);
    }
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
#[cfg(target_os = "linux")]
fn without_a_test_functions_are_called_before_and_after_an_edit() {
    if !has_python() {
        return;
    }
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let file = installation.write("sums.py", CODE).display().to_string();
    let arguments = ["improve", &file, "--lines", "1-5", "--test"];
    let answer = installation.run(&arguments).ok();
    assert!(answer.stderr.contains("Same results as before in "), "{}", answer.stderr);
    assert!(answer.stderr.contains("calls of total."), "{}", answer.stderr);
    let test = |more: &[&str]| {
        let arguments = [&["test", file.as_str(), "--lines", "1-5"], more].concat();
        installation.run(&arguments).ok().stdout
    };
    assert!(test(&["--command", "improve"]).starts_with("Same results as before in "));
    let faster = ["--command", "improve", "--instruction", "Make this faster."];
    assert!(test(&faster).starts_with("Same results as before in "));
    let fix = ["--command", "improve", "--instruction", "Fix the bug."];
    for more in [&fix[..], &[]] {
        assert!(test(more).starts_with("No test of "), "it may change what the code does");
    }
    let input = serde_json::json!({"text": CODE, "edits": [{
        "range": {"start": 1, "end": 1}, "original": "def sum(items):", "replacement": "",
        "anchor": {"documentSha256": "", "before": [], "after": [], "alone": false, "unique": true},
    }]});
    let arguments = ["test", &file, "--lines", "1-5", "--command", "improve", "--stdin", "--json"];
    let run = &installation.run_with_input(&arguments, &input.to_string()).ok().json()["run"];
    assert_eq!((&run["outcome"], &run["kind"]), (&"notRun".into(), &"calls".into()), "{run}");
}

/// What functions that are called with made-up values may do: nothing but compute, and write in
/// their copy of the project.
#[test]
#[cfg(target_os = "linux")]
fn what_is_called_is_kept_from_files_programs_and_the_network() {
    if !has_python() {
        return;
    }
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let kept = installation.write("kept.txt", "mine");
    let code = format!(
        "import os, socket, subprocess\n\n\ndef tried(n: int):\n    ends = []\n    for act in (\n        \
         lambda: open({kept:?}, 'w'),\n        lambda: os.remove({kept:?}),\n        \
         lambda: os.chmod({kept:?}, 0o777),\n        lambda: os.rename({kept:?}, 'a'),\n        \
         lambda: socket.socket(socket.AF_UNIX),\n        lambda: socket.socket(socket.AF_INET),\n        \
         lambda: subprocess.run(['true']),\n        lambda: os.fork(),\n        \
         lambda: os.kill(os.getppid(), 0),\n        lambda: open('own.txt', 'w').close(),\n    ):\n        \
         try:\n            act()\n            ends.append('done')\n        except OSError as error:\n            \
         ends.append(type(error).__name__)\n    return ends\n"
    );
    let file = installation.write("tried.py", &code).display().to_string();
    let refused = "'PermissionError', ".repeat(9);
    let changed =
        code.replace("return ends", &format!("return 0 if ends == [{refused}'done'] else ends"));
    let input = serde_json::json!({"text": code, "edits": [{
        "range": {"start": 1, "end": code.matches('\n').count()},
        "original": code.trim_end(), "replacement": changed.trim_end(),
        "anchor": {"documentSha256": "", "before": [], "after": [], "alone": true, "unique": true},
    }]});
    let arguments = ["test", &file, "--lines", "1-30", "--command", "improve", "--stdin", "--json"];
    let report = installation.run_with_input(&arguments, &input.to_string()).ok().json();
    let said = report["run"]["said"].as_str().unwrap_or_default();
    assert!(said.contains(" gives 0, and gave ["), "{report}");
    assert_eq!(std::fs::read_to_string(&kept).ok().as_deref(), Some("mine"));
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
