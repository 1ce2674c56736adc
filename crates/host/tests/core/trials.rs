//! The user's own test on an edit: who runs it, what its result changes, and that no one waits for
//! it forever.

use localcoder_protocol::ErrorCode;
use localcoder_protocol::limits::TRIED_WITHIN_MS;
use serde_json::{Value, json};

use crate::rig::Rig;

const TEXT: &str = "def f(x):\n    return x\n";
const EDITED: &str = "def f(x):\n    return -x";

fn run(outcome: &str, said: &str) -> Value {
    json!({"name": "test_a.py", "outcome": outcome, "said": said, "ms": 10})
}

/// A client whose test gives this result before the edit asks for a fix, and the model writes an
/// answer.
fn asked(rig: &mut Rig, instruction: &str, before: &Value) -> i64 {
    rig.connect(1);
    let id = rig.request(
        1,
        "improve",
        json!({
            "requestId": "a",
            "document": {"path": "a.py", "text": TEXT},
            "selection": {"start": 1, "end": 2},
            "instruction": instruction,
            "test": before,
        }),
    );
    rig.write(EDITED);
    rig.finish();
    id
}

fn trials(rig: &Rig) -> Vec<Value> {
    rig.notifications("tryEdit").map(|(_, params)| params.clone()).collect()
}

fn tried(rig: &mut Rig, trial: &Value, run: &Value) {
    let params = json!({"requestId": "a", "trial": trial["trial"], "run": run});
    rig.request(1, "tried", params);
}

#[test]
fn an_edit_is_tried_before_it_is_shown() {
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Negate it.", &run("passed", ""));
    assert!(rig.answers(id).is_empty(), "the test has not told yet");
    let trials = trials(&rig);
    assert_eq!(trials[0]["edits"][0]["replacement"], EDITED);
    tried(&mut rig, &trials[0], &run("passed", ""));
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["test"]["outcome"], "passed");
    assert_eq!(answer["attempts"], 1);
}

#[test]
fn a_test_that_fails_is_reported_to_the_model_which_is_asked_once_more() {
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Fix the bug.", &run("failed", "expected -1, got 1"));
    let trial = trials(&rig)[0].clone();
    tried(&mut rig, &trial, &run("failed", "expected 3, got 5"));
    assert!(rig.calls("generate")[1].to_string().contains("expected 3, got 5"));
    rig.write("def f(x):\n    return 2 - x");
    rig.finish();
    let trial = trials(&rig)[1].clone();
    assert_eq!(trial["trial"], 2);
    tried(&mut rig, &trial, &run("passed", ""));
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["edit"]["replacement"], "def f(x):\n    return 2 - x");
    assert!(answer["unsure"].is_null(), "{answer}");
}

#[test]
fn what_failed_before_is_no_reason_against_an_edit_that_was_to_do_something_else() {
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Negate it.", &run("failed", "expected 3, got 5"));
    let told = rig.calls("generate")[0].to_string();
    assert!(!told.contains("expected 3"), "it is not to be fixed: {told}");
    let trial = trials(&rig)[0].clone();
    tried(&mut rig, &trial, &run("failed", "expected 3, got 5"));
    let answer = rig.answer(id).unwrap();
    assert!(answer["unsure"].is_null());
    assert!(answer["notes"][0].as_str().unwrap().contains("as it did before"), "{answer}");
}

#[test]
fn calls_that_give_something_else_are_a_finding_and_those_that_say_nothing_are_silent() {
    let calls = |outcome: &str, said: &str| json!({"name": "calls of f", "kind": "calls", "outcome": outcome, "said": said, "ms": 10});
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Negate it.", &calls("passed", ""));
    let trial = trials(&rig)[0].clone();
    let said = "`f(1)` gives -1, and gave 1 before";
    tried(&mut rig, &trial, &calls("failed", said));
    let told = rig.calls("generate")[1].to_string();
    assert!(told.contains("The code is to do what it did before, and with it `f(1)` gives -1"));
    rig.write("def f(x):\n    return 0 - x");
    rig.finish();
    while rig.answers(id).is_empty() {
        let trial = trials(&rig).last().cloned().unwrap();
        tried(&mut rig, &trial, &calls("failed", said));
        if rig.is_writing() {
            rig.write(EDITED);
            rig.finish();
        }
    }
    assert_eq!(rig.answer(id).unwrap()["unsure"], said);
    // Code that can't be called, or gives something else each time, is not tried at all.
    for before in [calls("notRun", "nothing can be called"), calls("failed", said)] {
        let mut rig = Rig::new();
        let id = asked(&mut rig, "Negate it.", &before);
        let answer = rig.answer(id).unwrap();
        assert!(trials(&rig).is_empty() && answer["unsure"].is_null(), "{answer}");
        assert!(answer["notes"].as_array().is_none_or(Vec::is_empty), "{answer}");
    }
}

#[test]
fn a_client_that_never_tells_holds_up_nothing() {
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Negate it.", &run("passed", ""));
    rig.pass(TRIED_WITHIN_MS - 1_000);
    assert!(rig.answers(id).is_empty());
    rig.pass(1_100);
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["test"]["outcome"], "notRun");
    let trial = trials(&rig)[0].clone();
    tried(&mut rig, &trial, &run("failed", "too late"));
    assert_eq!(rig.answers(id).len(), 1);
    // Nobody has asked for calls.
    let mut rig = Rig::new();
    let calls = json!({"name": "calls of f", "kind": "calls", "outcome": "passed", "ms": 10});
    let id = asked(&mut rig, "Negate it.", &calls);
    rig.pass(TRIED_WITHIN_MS + 100);
    let answer = rig.answer(id).unwrap();
    assert_eq!(
        (&answer["test"]["outcome"], &answer["test"]["kind"]),
        (&"notRun".into(), &"calls".into())
    );
    assert!(answer["notes"].as_array().is_none_or(Vec::is_empty), "{answer}");
}

#[test]
fn a_trial_of_another_edit_or_another_client_counts_for_nothing() {
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Negate it.", &run("passed", ""));
    tried(&mut rig, &json!({"trial": 7}), &run("passed", ""));
    rig.connect(2);
    let params = json!({"requestId": "a", "trial": 1, "run": run("passed", "")});
    rig.request(2, "tried", params);
    assert!(rig.answers(id).is_empty());
    rig.request(1, "cancel", json!({"requestId": "a"}));
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::Cancelled);
}

#[test]
fn a_worker_that_dies_meanwhile_costs_the_trial_only() {
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Negate it.", &run("passed", ""));
    let trial = trials(&rig)[0].clone();
    rig.kill();
    tried(&mut rig, &trial, &run("passed", ""));
    rig.pass(1_000);
    assert!(rig.answers(id).is_empty(), "it has begun again");
    rig.write(EDITED);
    rig.finish();
    let trial = trials(&rig)[1].clone();
    tried(&mut rig, &trial, &run("passed", ""));
    assert_eq!(rig.answer(id).unwrap()["test"]["outcome"], "passed");
}

#[test]
fn a_test_that_could_not_be_run_is_reported_and_not_tried() {
    let mut rig = Rig::new();
    let id = asked(&mut rig, "Negate it.", &run("notRun", "pytest is not there"));
    assert!(trials(&rig).is_empty());
    let answer = rig.answer(id).unwrap();
    assert!(answer["notes"][0].as_str().unwrap().contains("pytest is not there"), "{answer}");
}
