//! The edit statistics, from the request to `localcoder stats`: with the real host, the real worker
//! and the demo model.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::path::PathBuf;

use localcoder_host::connect;
use localcoder_protocol::{ClientKind, Decision, ErrorCode, RecordDecision, RecordDecisionParams};
use localcoder_settings::Places;
use localcoder_test_support::{Installation, Outcome};
use serde_json::{Value, json};

use crate::installation;

/// Names, words and code that the ledger must not contain.
const SOURCE: &str = "\
def secret_total(prices):
    result = 0
    for price in prices:
        result = result + price
    return result
";

fn improve(installation: &Installation, more: &[&str]) -> Outcome {
    let file = installation.write("payroll.py", SOURCE);
    let mut arguments = vec!["improve", file.to_str().unwrap(), "--lines", "1-5"];
    arguments.extend(more);
    installation.run(&arguments)
}

fn ledger(installation: &Installation) -> PathBuf {
    Places::under(&installation.home()).ledger_file()
}

fn stats(installation: &Installation, more: &[&str]) -> Value {
    installation.run(&[&["stats", "--json"], more].concat()).ok().json()
}

/// Counts in a row, in the given order.
fn counts(row: &Value, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| row[*name].as_u64().unwrap()).collect()
}

#[test]
fn what_is_applied_is_kept_and_what_is_only_shown_is_undecided() {
    let installation = installation();
    let before = stats(&installation, &[]);
    assert_eq!(
        (&before["all"]["shown"], &before["bytes"], &before["on"]),
        (&0.into(), &0.into(), &true.into())
    );
    let _ = improve(&installation, &[]).ok();
    let _ = improve(&installation, &["--apply"]).ok();

    let after = stats(&installation, &[]);
    let names = ["shown", "kept", "undecided", "dropped"];
    assert_eq!(counts(&after["all"], &names), [2, 1, 1, 0], "{after:#}");
    assert_eq!(after["all"]["keptOfShown"], 0.5);
    assert_eq!(after["all"]["keptOfDecided"], 1.0);
    let rows: Vec<(&str, &str)> = after["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["by"].as_str().unwrap(), group["rows"][0]["name"].as_str().unwrap()))
        .collect();
    let expected =
        [("command", "improve"), ("model", "demo"), ("language", "python"), ("prompt", "demo/1")];
    assert_eq!(rows, expected);

    let shown = installation.run(&["stats", "--by", "model"]).ok();
    let line = shown.stdout.lines().find(|line| line.starts_with("demo")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(cells[..4], ["demo", "2", "1", "0"], "{}", shown.stdout);
    assert!(!shown.stdout.contains("language"), "{}", shown.stdout);
}

#[test]
fn the_file_is_the_users_alone_and_knows_no_code_no_path_and_no_words() {
    use std::os::unix::fs::PermissionsExt as _;

    let installation = installation();
    let instruction = ["--instruction", "Use the plus-equals of Ada's colleague", "--apply"];
    let _ = improve(&installation, &instruction);
    let _ = improve(&installation, &["--apply"]).ok();
    let path = ledger(&installation);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().count() >= 2, "{text}");
    for word in ["secret", "payroll", "price", "Ada", "colleague", "/", ":\\"] {
        // Two slashes are ours: those in versions of the prompts.
        let text = text.replace("demo/1", "");
        assert!(!text.contains(word), "{word}: {text}");
    }
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let day = line["day"].as_str();
        assert!(
            day.is_none_or(|day| day.len() == "2026-01-31".len()),
            "no time of the day: {line}"
        );
    }
}

#[test]
fn a_client_tells_what_became_of_an_edit_and_can_say_nothing_else() {
    let installation = installation();
    let edit = improve(&installation, &["--json"]).ok().json();
    let edit_id = edit["editId"].as_str().unwrap().to_owned();
    let places = Places::under(&installation.home());
    let mut client = connect::connect(&places, ClientKind::Editor).unwrap().unwrap();
    let mut tell = |edit_id: &str, decision: Decision| {
        let params = RecordDecisionParams { edit_id: edit_id.to_owned(), decision };
        client.call::<RecordDecision>(&params, |_, _| {})
    };
    tell(&edit_id, Decision::Kept).unwrap();
    let kept = stats(&installation, &[]);
    assert_eq!(counts(&kept["all"], &["shown", "kept", "undone"]), [1, 1, 0]);
    tell(&edit_id, Decision::Undone).unwrap();
    tell("00000000deadbeef", Decision::Kept).unwrap();
    let undone = stats(&installation, &[]);
    assert_eq!(counts(&undone["all"], &["shown", "kept", "undone"]), [1, 0, 1]);
    let error = tell("def f(x): return x", Decision::Kept).unwrap_err();
    assert_eq!(error.code, ErrorCode::Protocol);
    let text = std::fs::read_to_string(ledger(&installation)).unwrap();
    assert!(!text.contains("def f"), "{text}");
}

#[test]
fn it_is_deleted_when_the_user_says_so_and_counts_again() {
    let installation = installation();
    let _ = improve(&installation, &[]).ok();
    let unsure = installation.run(&["stats", "--delete"]);
    assert_eq!(unsure.code, Some(i32::from(ErrorCode::Usage.exit_code())), "{}", unsure.stderr);
    assert!(ledger(&installation).exists(), "nobody was there to be asked");
    let deleted = installation.run(&["stats", "--delete", "--yes"]).ok();
    assert!(deleted.stderr.contains("Deleted") && !ledger(&installation).exists());
    let again = installation.run(&["stats", "--delete", "--yes"]).ok();
    assert!(again.stderr.contains("nothing to delete"), "{}", again.stderr);
    assert_eq!(stats(&installation, &[])["all"]["shown"], 0);
    let _ = improve(&installation, &[]).ok();
    assert_eq!(stats(&installation, &[])["all"]["shown"], 1);
}

#[test]
fn where_the_setting_is_off_nothing_is_counted_and_that_is_said() {
    let installation = installation();
    let _ = installation.run(&["config", "set", "ledger", "false"]).ok();
    let _ = improve(&installation, &["--apply"]).ok();
    assert!(!ledger(&installation).exists());
    let shown = installation.run(&["stats"]).ok();
    assert!(shown.stdout.contains("No edits"), "{}", shown.stdout);
    assert!(shown.stderr.contains("config set ledger true"), "{}", shown.stderr);
    let privacy = installation.run(&["doctor", "--privacy"]).ok();
    let path = ledger(&installation).display().to_string();
    assert!(privacy.stdout.contains(&path), "{}", privacy.stdout);
    assert!(privacy.stdout.contains("nothing is counted"), "{}", privacy.stdout);
}

#[test]
fn a_damaged_file_costs_the_damaged_lines_alone() {
    let installation = installation();
    let _ = improve(&installation, &["--apply"]).ok();
    let path = ledger(&installation);
    let mut text = std::fs::read(&path).unwrap();
    text.extend(b"{\"shown\":\"\xff\xfe");
    std::fs::write(&path, text).unwrap();
    let _ = improve(&installation, &["--apply"]).ok();
    let after = stats(&installation, &[]);
    assert_eq!(counts(&after["all"], &["shown", "kept"]), [2, 2]);
    assert_eq!(after["unreadLines"], 1);
}

/// Outcomes as `localcoder eval --out` writes them.
#[test]
fn what_tasks_say_stands_beside_what_people_did() {
    let installation = installation();
    let _ = improve(&installation, &["--apply"]).ok();
    let outcome = |task: u32, kind: &str, verdict: &str| {
        json!({
            "task": format!("t{task}"), "kind": kind, "language": "python",
            "asked": "demo, build 0.1.0", "verdict": verdict, "done": true, "passes": true,
            "warned": false, "attempts": 1, "tokens": 1, "seconds": 1.0,
        })
    };
    let outcomes = [
        outcome(1, "rename", "right"),
        outcome(2, "rename", "wrong"),
        outcome(3, "rename", "refused"),
        outcome(4, "flaw:x", "right"),
        outcome(5, "keep", "wrong"),
    ];
    let text: String = outcomes.iter().map(|line| format!("{line}\n")).collect();
    let file = installation.write("results.jsonl", &text);
    let file = file.to_str().unwrap();
    for by in ["model", "language"] {
        let after = stats(&installation, &["--by", by, "--eval", file]);
        let eval = &after["groups"][0]["rows"][0]["eval"];
        let expected = json!([
            {"what": "instructed", "tasks": 3, "rightOfShown": 0.5},
            {"what": "planted flaws", "tasks": 1, "rightOfShown": 1.0},
        ]);
        assert_eq!(*eval, expected, "{after:#}");
    }
    let missing = installation.run(&["stats", "--eval", "gone.jsonl"]);
    assert_eq!(missing.code, Some(i32::from(ErrorCode::Usage.exit_code())));
}
