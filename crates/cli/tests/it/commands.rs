//! The command line against the real host, the real worker and the demo model.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use localcoder_protocol::ErrorCode;
use localcoder_test_support::{Installation, Outcome};

use crate::installation;

const SOURCE: &str = "\
import os


def is_ready(job):
    if job.state == None:
        return False
    else:
        return True


def total(prices):
    result = 0
    for price in prices:
        result = result + price
    return result
";

fn improve(installation: &Installation, more: &[&str]) -> Outcome {
    let file = installation.write("jobs.py", SOURCE);
    let mut arguments = vec!["improve", file.to_str().unwrap(), "--lines", "11-15"];
    arguments.extend(more);
    installation.run(&arguments)
}

#[test]
fn improve_prints_a_diff_and_leaves_the_file_alone() {
    let installation = installation();
    let outcome = improve(&installation, &[]).ok();
    assert!(outcome.stdout.contains("+        result += price"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("-        result = result + price"), "{}", outcome.stdout);
    let now = std::fs::read_to_string(installation.folder().join("jobs.py")).unwrap();
    assert_eq!(now, SOURCE);
}

#[test]
fn improve_apply_changes_these_lines_only() {
    let installation = installation();
    let _ = improve(&installation, &["--apply"]).ok();
    let now = std::fs::read_to_string(installation.folder().join("jobs.py")).unwrap();
    assert_eq!(now, SOURCE.replace("result = result + price", "result += price"));
}

/// A build server runs such files with the rights of the project.
#[test]
fn a_file_that_programs_act_on_is_changed_only_where_the_user_says_so() {
    let installation = installation();
    let folder = installation.folder().join(".github/actions");
    std::fs::create_dir_all(&folder).unwrap();
    let file = installation.write(".github/actions/jobs.py", SOURCE);
    let arguments = ["improve", file.to_str().unwrap(), "--lines", "11-15", "--apply"];
    let refused = installation.run(&arguments).failed(ErrorCode::Usage);
    assert!(refused.stderr.contains("a build server runs it"), "{}", refused.stderr);
    assert!(refused.stderr.contains("`--yes`"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
    let _ = installation.run(&[&arguments[..], &["--yes"]].concat()).ok();
    let now = std::fs::read_to_string(&file).unwrap();
    assert_eq!(now, SOURCE.replace("result = result + price", "result += price"));
}

#[test]
fn improve_json_has_the_edit_and_what_it_cost() {
    let installation = installation();
    let answer = improve(&installation, &["--json"]).ok().json();
    assert_eq!(answer["edit"]["range"]["start"], 11);
    assert_eq!(answer["edit"]["range"]["end"], 15);
    assert_eq!(answer["unchanged"], false);
    assert_eq!(answer["model"]["demo"], true);
    assert!(answer["usage"]["promptTokens"].as_u64().unwrap() > 20);
    assert!(answer["usage"]["generatedTokens"].as_u64().unwrap() > 5);
    assert!(answer["context"]["beforeLines"].as_u64().unwrap() > 0);
}

#[test]
fn explain_streams_markdown() {
    let installation = installation();
    let file = installation.write("jobs.py", SOURCE);
    let arguments = ["explain", file.to_str().unwrap(), "--lines", "11-15"];
    let outcome = installation.run(&arguments).ok();
    assert!(outcome.stdout.contains("total"), "{}", outcome.stdout);
    // What improve has read of this selection need not be read again.
    let json = installation.run(&[&arguments[..], &["--json"]].concat()).ok().json();
    assert!(json["usage"]["cachedTokens"].as_u64().unwrap() > 20, "{json}");
    let references = json["references"].as_array().unwrap();
    let words = |it: &serde_json::Value| it["words"].as_str().unwrap().to_owned();
    assert!(
        !references.is_empty() && references.iter().all(|it| outcome.stdout.contains(&words(it)))
    );
}

#[test]
fn an_explanation_is_as_long_as_is_said_and_a_question_is_answered() {
    let installation = installation();
    let file = installation.write("jobs.py", SOURCE);
    let arguments = ["explain", file.to_str().unwrap(), "--lines", "11-15", "--json"];
    let most = |more: &[&str]| {
        let json = installation.run(&[&arguments[..], more].concat()).ok().json();
        (json["context"]["answerTokensMax"].as_u64().unwrap(), json)
    };
    assert_eq!(most(&[]).0, 400);
    assert_eq!(most(&["--length", "short"]).0, 200);
    let _ = installation.run(&["config", "set", "explanation.length", "long"]).ok();
    assert_eq!(most(&[]).0, 800);
    let (_, json) = most(&["--question", "What does it give back?"]);
    assert!(!json["text"].as_str().unwrap().is_empty(), "{json}");
    let wrong = installation.run(&[&arguments[..], &["--length", "endless"]].concat());
    assert!(wrong.stderr.contains("medium"), "{}", wrong.stderr);
}

#[test]
fn every_command_of_the_table_is_a_subcommand_that_says_what_it_does() {
    let installation = installation();
    let list = installation.run(&["--help"]).ok().stdout;
    for spec in localcoder_protocol::COMMANDS {
        assert!(list.contains(spec.about), "{}: {list}", spec.id);
        let help = installation.run(&[spec.id, "--help"]).ok().stdout;
        assert!(help.contains(spec.about), "{}: {help}", spec.id);
        for example in spec.examples {
            assert!(help.contains(&format!("localcoder {example}")), "{}: {help}", spec.id);
        }
    }
}

#[test]
fn generate_takes_a_prompt_from_stdin_and_a_seed_repeats_itself() {
    let installation = installation();
    let arguments =
        ["generate", "--temperature", "1", "--seed", "7", "--max-tokens", "12", "--json"];
    let texts: Vec<String> = (0..2)
        .map(|_| {
            let answer = installation.run_with_input(&arguments, "Who are you?").ok().json();
            answer["text"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(texts[0], texts[1]);
}

#[test]
fn commands_share_one_host_and_stop_ends_it() {
    let installation = installation();
    assert!(installation.status().is_none());
    let first = installation.run(&["host", "start", "--json"]).ok().json();
    let second = installation.run(&["host", "start", "--json"]).ok().json();
    assert_eq!(first["pid"], second["pid"]);
    let _ = improve(&installation, &[]).ok();
    assert_eq!(installation.status().unwrap()["pid"], first["pid"]);
    assert_eq!(installation.status().unwrap()["engine"]["state"], "ready");
    assert!(installation.run(&["status"]).ok().stdout.contains("demo model"));
    assert_eq!(installation.run(&["host", "stop", "--json"]).ok().json()["stopped"], true);
    assert!(installation.status().is_none());
    assert_eq!(installation.run(&["host", "stop", "--json"]).ok().json()["stopped"], false);
}

#[test]
fn help_teaches_by_example() {
    let installation = installation();
    for command in [&["--help"][..], &["improve", "--help"], &["explain", "--help"]] {
        let help = installation.run(command).ok().stdout;
        assert!(help.contains("Example"), "{help}");
    }
}

#[test]
fn an_error_as_json_is_on_stdout_with_the_same_exit_code() {
    let installation = installation();
    let outcome = installation.run(&["improve", "gone.py", "--lines", "1-2", "--json"]);
    assert_eq!(outcome.code, Some(i32::from(ErrorCode::FileNotFound.exit_code())));
    let error = &outcome.json()["error"];
    assert_eq!(error["code"], "fileNotFound");
    assert!(error["hint"].is_string());
}
