//! `localcoder eval` with the demo model: what it asks, what it saves, and what it prints.

use localcoder_protocol::ErrorCode;

use crate::installation;

/// A small selection of tasks.
const FEW: [&str; 7] = ["eval", "--kind", "rename", "--language", "python", "--every", "2"];

#[test]
fn a_run_judges_each_task_and_another_one_goes_on_where_it_ended() {
    let installation = installation();
    let out = installation.folder().join("out.jsonl").display().to_string();
    let arguments = [&FEW[..], &["--out", &out, "--json"]].concat();
    let first = installation.run(&arguments).ok();
    let kept = std::fs::read_to_string(&out).unwrap();
    let tasks = kept.lines().count();
    let report = first.json();
    assert_eq!(report["rows"][0]["name"], "rename");
    assert_eq!(report["rows"][0]["tasks"], tasks);
    assert!(tasks > 0 && first.stderr.contains("python/"), "{}", first.stderr);
    for line in kept.lines() {
        let outcome: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(outcome["seconds"].as_f64().unwrap() > 0.0, "{outcome}");
    }

    // Known outcomes are not computed again; one whose line was cut off is.
    let cut = kept.trim_end().rsplit_once('\n').map_or("", |(head, _)| head);
    std::fs::write(&out, format!("{cut}\n{{\"task\": \"pyth")).unwrap();
    let second = installation.run(&arguments).ok();
    assert_eq!(second.stderr.matches("python/").count(), 1, "{}", second.stderr);
    assert_eq!(second.json()["rows"][0]["tasks"], tasks);
    let third = installation.run(&arguments).ok();
    assert_eq!(third.stderr.matches("python/").count(), 0, "{}", third.stderr);
    // What another profile answers is not the same.
    let other = [&arguments[..], &["--profile", "heavy"]].concat();
    let other = installation.run(&other).ok();
    assert_eq!(other.stderr.matches("python/").count(), tasks, "{}", other.stderr);
    let table = installation.run(&arguments[..arguments.len() - 1]).ok().stdout;
    assert!(table.contains(&format!("| rename | {tasks} |")), "{table}");
}

#[test]
fn tasks_that_are_not_there_are_refused_in_words() {
    let installation = installation();
    let refused = |arguments: &[&str]| installation.run(arguments).failed(ErrorCode::Usage).stderr;
    assert!(refused(&["eval", "--language", "cobol"]).contains("python, javascript"));
    assert!(refused(&["eval", "--kind", "magic"]).contains("no task is of that kind"));
    let other = installation.write("a.jsonl", "{}\n").display().to_string();
    assert!(refused(&["eval", "--tasks", &other]).contains("is not HumanEvalPack"));
    assert!(refused(&["eval", "--replay", &other]).contains("has no recorded answers"));
    let notes = installation.write("notes.txt", "a\nb\n").display().to_string();
    let said = refused(&[&FEW[..], &["--out", &notes]].concat());
    assert!(said.contains("is not a file of outcomes"), "{said}");
}

#[test]
fn recorded_answers_are_judged_without_a_model() {
    let installation = installation();
    let row = r#"{"instruction": "Add one.", "before": "def f(a):\n    return a\n", "answers": [
        {"code": "def f(a):\n    return a + 1\n", "passed": true},
        {"code": "def f(a):\n    return b + 1\n", "passed": false}]}"#;
    let path = installation.write("recorded.jsonl", row.replace('\n', " ")).display().to_string();
    let report = installation.run(&["eval", "--replay", &path, "--json"]).ok().json();
    assert_eq!(report["replayed"]["shown"], 1, "{report}");
    assert_eq!(report["replayed"]["shownRight"], 1);
    let finding = report["replayed"]["findings"][0]["what"].as_str().unwrap();
    assert_eq!(finding, "it uses …, which is defined nowhere in the file");
    let said = installation.run(&["eval", "--replay", &path]).ok().stdout;
    assert!(said.contains("Shown as they are: 1, of which 100.0 % are right."), "{said}");
    assert!(installation.status().is_none(), "no host was needed");
}
