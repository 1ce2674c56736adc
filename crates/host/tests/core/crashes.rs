//! What happens by itself after a worker, a host or the machine went down: a request is repeated if
//! nothing of it was shown, and a load that took everything down is not repeated.

use localcoder_protocol::{ErrorCode, ErrorInfo, WORKER_VERSION};
use serde_json::json;

use crate::rig::Rig;

fn notes(rig: &mut Rig) -> String {
    rig.status(1)["notes"].to_string()
}

#[test]
fn what_was_not_shown_yet_is_asked_again_once() {
    let mut rig = Rig::new();
    rig.connect(1);
    let id = rig.explain(1, "a");
    rig.kill();
    assert!(rig.answers(id).is_empty());
    let told = rig.notifications("progress").last().unwrap().1.clone();
    assert_eq!(told["stage"], "retrying");
    rig.pass(1_000);
    assert_eq!(rig.started, [1, 2]);
    rig.write("whole");
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["text"], "whole");

    let id = rig.explain(1, "b");
    rig.kill();
    rig.pass(2_000);
    rig.kill();
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::WorkerCrashed, "once");
}

#[test]
fn an_answer_that_was_begun_is_never_written_twice() {
    let mut rig = Rig::new();
    rig.connect(1);
    let id = rig.explain(1, "a");
    rig.write("half");
    rig.kill();
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::WorkerCrashed);
    // Nothing of a rewrite is shown before its end.
    let params = json!({
        "requestId": "b", "document": {"path": "a.py", "text": "x = x + 1\n"},
        "selection": {"start": 1, "end": 1},
    });
    let id = rig.request(1, "improve", params);
    rig.pass(1_000);
    rig.write("x +=");
    rig.kill();
    rig.pass(2_000);
    rig.write("x += 1");
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["edit"]["replacement"], "x += 1");
}

#[test]
fn a_request_that_is_asked_again_can_be_cancelled() {
    let mut rig = Rig::new();
    rig.connect(1);
    let id = rig.explain(1, "a");
    rig.kill();
    let cancel = rig.request(1, "cancel", json!({"requestId": "a"}));
    assert_eq!(rig.answer(cancel).unwrap()["found"], true);
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::Cancelled);
}

#[test]
fn after_many_crashes_a_lighter_profile_is_offered() {
    let mut rig = Rig::new();
    rig.connect(1);
    let mut last = None;
    for round in 0..5 {
        let id = rig.explain(1, &format!("r{round}"));
        rig.pass(5_000);
        rig.write("begun");
        rig.kill();
        last = rig.answers(id).pop();
    }
    let error = last.unwrap().unwrap_err();
    assert_eq!(serde_json::to_value(error.action).unwrap(), "switchProfile");
    assert!(error.hint.unwrap().contains("lighter profile"));
}

#[test]
fn a_load_that_took_everything_down_is_not_repeated_ahead() {
    let settings = || json!({"codeModel": "size-100-a"});
    let mut rig = Rig::with_settings(settings());
    rig.connect(1);
    rig.unanswered = "loadModel";
    rig.request(1, "warm", json!({"ahead": true}));
    let noted = rig.unfinished_load.clone();
    assert!(noted.is_some(), "it is noted before the worker is told");

    let mut next = Rig::after_unfinished_load(settings(), noted.clone());
    next.connect(1);
    let id = next.request(1, "warm", json!({"ahead": true}));
    assert_eq!(next.answer(id).unwrap(), json!({"loaded": false}));
    assert!(next.started.is_empty());
    let told = notes(&mut next);
    assert!(told.contains("the last load of size-100-a never ended"), "{told}");
    // Another model is not affected, and a user who asks for this one gets it.
    let id = next.request(1, "warm", json!({"ahead": true, "model": "size-100-b"}));
    assert_eq!(next.answer(id).unwrap()["loaded"], true);
    let id = next.explain(1, "a");
    next.finish();
    next.answer(id).unwrap();
    assert!(!notes(&mut next).contains("never ended"));
    assert_eq!(next.unfinished_load, None);

    // A text that can't be read is ignored.
    let mut other = Rig::after_unfinished_load(settings(), Some("{".to_owned()));
    other.connect(1);
    let id = other.request(1, "warm", json!({"ahead": true}));
    assert_eq!(other.answer(id).unwrap()["loaded"], true);
}

#[test]
fn a_load_that_ends_badly_or_with_the_host_is_not_held_against_the_model() {
    let mut crashed = Rig::new();
    crashed.connect(1);
    crashed.unanswered = "loadModel";
    crashed.request(1, "warm", json!({}));
    assert!(crashed.unfinished_load.is_some());
    crashed.kill();
    assert_eq!(crashed.unfinished_load, None, "the host has seen it");

    let mut stopped = Rig::new();
    stopped.connect(1);
    stopped.unanswered = "loadModel";
    stopped.request(1, "warm", json!({}));
    stopped.request(1, "stop", json!({}));
    assert_eq!(stopped.killed, [1], "a load can't be asked to end");
    assert!(!stopped.exited, "the host ends after its workers");
    stopped.kill();
    assert!(stopped.exited);
    assert_eq!(stopped.unfinished_load, None);
}

#[test]
fn what_cannot_get_better_is_not_tried_again() {
    for code in [ErrorCode::ModelDamaged, ErrorCode::ModelUnsupported, ErrorCode::ModelLoadFailed] {
        let mut rig = Rig::new();
        rig.connect(1);
        rig.load_error = Some(ErrorInfo::new(code, "it is of no use"));
        let id = rig.explain(1, "a");
        assert_eq!(rig.answer(id).unwrap_err().code, code);
        rig.pass(3_600_000);
        assert_eq!((rig.calls("loadModel").len(), rig.started.len()), (1, 1), "{code:?}");
    }
    let mut rig = Rig::new();
    rig.connect(1);
    rig.worker_version = WORKER_VERSION + 1;
    let id = rig.explain(1, "a");
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::VersionMismatch);
    assert_eq!(rig.stopped, [1], "it is asked to end");
    rig.pass(3_600_000);
    assert_eq!(rig.started, [1]);
}

#[test]
fn a_worker_that_is_to_end_is_asked_then_told_then_killed_then_given_up() {
    let mut rig = Rig::new();
    rig.connect(1);
    let id = rig.request(1, "warm", json!({}));
    rig.answer(id).unwrap();
    rig.cooperative = false;
    rig.request(1, "stop", json!({}));
    assert_eq!((rig.stopped.len(), rig.killed.len()), (1, 0));
    rig.pass(3_100);
    assert_eq!((rig.stopped.len(), rig.killed.len()), (2, 0));
    rig.pass(2_000);
    assert_eq!((rig.stopped.len(), rig.killed.len(), rig.exited), (2, 1, false));
    rig.pass(30_000);
    assert!(rig.exited, "what can't be killed does not keep the host");
}
