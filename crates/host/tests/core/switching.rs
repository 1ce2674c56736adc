//! Switching from one model to another: the new one is loaded while the old one answers if both
//! fit, and a running answer is never ended for it.

use localcoder_protocol::{ErrorCode, MemoryUse};
use serde_json::json;

use crate::rig::Rig;

const MB: u64 = 1_000_000;

/// A host with this model on a machine with this many megabytes, and a connected window.
fn rig(megabytes: u64, model: &str) -> Rig {
    let mut rig = Rig::with_settings(json!({"codeModel": model, "contextWindow": 4096}));
    rig.machine_bytes = Some(megabytes * MB);
    rig.connect(1);
    rig
}

fn switch(rig: &mut Rig, model: &str) {
    let settings = json!({"codeModel": model, "contextWindow": 4096});
    let id = rig.request(1, "configureFile", json!({"settings": settings}));
    rig.answer(id).unwrap();
}

#[test]
fn where_both_fit_the_new_one_is_loaded_beside_the_answer() {
    let mut rig = rig(10_000, "size-1000-a");
    let old = rig.explain(1, "a");
    rig.write("old ");
    switch(&mut rig, "size-2000-b");
    assert_eq!(rig.started, [1, 2]);
    assert_eq!(rig.residents(), ["size-1000-a", "size-2000-b"]);
    rig.write("answer");
    rig.finish();
    assert_eq!(rig.answer(old).unwrap()["text"], "old answer");
    assert!(rig.calls("cancel").is_empty());
    let new = rig.explain(1, "b");
    rig.write("new");
    rig.finish();
    assert_eq!(rig.answer(new).unwrap()["model"]["reference"], "size-2000-b");
    // Switching back needs no load.
    switch(&mut rig, "size-1000-a");
    assert_eq!(rig.calls("loadModel").len(), 2);
    let status = rig.status(1);
    assert_eq!(status["residents"].as_array().unwrap().len(), 2);
    assert_eq!(status["model"]["reference"], "size-1000-a", "it is the one that is meant now");
}

#[test]
fn where_one_fits_the_answer_ends_first() {
    let mut rig = rig(3_000, "size-1000-a");
    let old = rig.explain(1, "a");
    switch(&mut rig, "size-2000-b");
    let new = rig.explain(1, "b");
    rig.pass(30_000);
    assert_eq!(rig.residents(), ["size-1000-a"], "it is at work");
    rig.write("whole");
    rig.finish();
    assert_eq!(rig.answer(old).unwrap()["text"], "whole");
    assert_eq!(rig.residents(), ["size-2000-b"]);
    assert_eq!(rig.started, [1], "in the same worker");
    rig.finish();
    assert_eq!(rig.answer(new).unwrap()["model"]["reference"], "size-2000-b");
}

#[test]
fn the_least_recently_used_leaves_first() {
    let mut rig = rig(10_000, "size-1000-a");
    let warm = |rig: &mut Rig, model: &str| {
        let id = rig.request(1, "warm", json!({"model": model}));
        rig.answer(id).unwrap();
        rig.pass(1_000);
    };
    warm(&mut rig, "size-1000-a");
    warm(&mut rig, "size-1000-b");
    let used = rig.explain(1, "a");
    rig.finish();
    rig.answer(used).unwrap();
    warm(&mut rig, "size-1000-c");
    assert_eq!(rig.residents(), ["size-1000-a", "size-1000-c"]);
}

#[test]
fn another_window_of_the_same_model_takes_its_place() {
    let mut rig = rig(10_000, "size-1000-a");
    let id = rig.request(1, "warm", json!({}));
    rig.answer(id).unwrap();
    let settings = json!({"codeModel": "size-1000-a", "contextWindow": 2048});
    rig.request(1, "configureFile", json!({"settings": settings}));
    assert_eq!(rig.residents(), ["size-1000-a"]);
    assert_eq!(rig.status(1)["contextTokens"], 2048);
    assert_eq!(rig.started, [1]);
}

#[test]
fn who_waits_for_a_load_lets_others_pass() {
    let mut rig = rig(10_000, "size-1000-a");
    let warm = rig.request(1, "warm", json!({}));
    rig.answer(warm).unwrap();
    rig.unanswered = "loadModel";
    let mut other = json!({
        "requestId": "b", "document": {"path": "a.py", "text": "x = 1\n"},
        "selection": {"start": 1, "end": 1},
    });
    other["model"] = "size-2000-b".into();
    let waits = rig.request(1, "explain", other);
    let passes = rig.explain(1, "a");
    rig.write("soon");
    rig.finish();
    assert_eq!(rig.answer(passes).unwrap()["text"], "soon");
    assert!(rig.answers(waits).is_empty());
}

#[test]
fn a_request_stays_with_the_model_that_it_was_made_for() {
    let mut rig = rig(10_000, "size-1000-a");
    let running = rig.explain(1, "a");
    let waiting = rig.explain(1, "b");
    switch(&mut rig, "size-2000-b");
    rig.finish();
    rig.answer(running).unwrap();
    rig.finish();
    assert_eq!(rig.answer(waiting).unwrap()["model"]["reference"], "size-1000-a");
}

#[test]
fn a_switch_with_nothing_loaded_loads_nothing() {
    let mut rig = rig(10_000, "size-1000-a");
    switch(&mut rig, "size-2000-b");
    assert!(rig.started.is_empty());
}

#[test]
fn a_crash_of_one_model_leaves_the_other_alone() {
    let mut rig = rig(10_000, "size-1000-a");
    let warm = rig.request(1, "warm", json!({"model": "size-2000-b"}));
    rig.answer(warm).unwrap();
    let id = rig.explain(1, "a");
    rig.kill_generation(1);
    rig.write("unhurt");
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["text"], "unhurt");
    assert_eq!(rig.residents(), ["size-1000-a"]);
}

#[test]
fn what_a_dead_worker_had_loaded_does_not_push_out_what_was_switched_to() {
    let mut rig = rig(3_000, "size-1000-a");
    let old = rig.explain(1, "a");
    rig.write("begun");
    switch(&mut rig, "size-2000-b");
    let new = rig.explain(1, "b");
    rig.kill_generation(1);
    assert_eq!(rig.answer(old).unwrap_err().code, ErrorCode::WorkerCrashed);
    rig.pass(1_000);
    rig.finish();
    assert_eq!(rig.answer(new).unwrap()["model"]["reference"], "size-2000-b");
    rig.pass(1_000);
    let loaded: Vec<_> =
        rig.calls("loadModel").iter().map(|params| params["modelRef"].clone()).collect();
    assert_eq!(loaded, ["size-1000-a", "size-2000-b"]);
    assert_eq!(rig.residents(), ["size-2000-b"]);
}

#[test]
fn what_a_load_has_taken_counts_the_next_time() {
    let mut rig = rig(3_000, "size-1000-a");
    let id = rig.request(1, "warm", json!({}));
    rig.answer(id).unwrap();
    let measured = |rig: &mut Rig| {
        let id = rig.request(1, "survey", json!({"models": ["size-1000-a"]}));
        rig.answer(id).unwrap()["models"][0].clone()
    };
    let told = measured(&mut rig);
    assert_eq!((&told["verdict"], &told["measured"]), (&json!("loaded"), &json!(true)));
    rig.pass(40_000);
    // The next host knows this, and that the model took more than its header says.
    let kept = rig.kept.clone().unwrap();
    let mut kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    for (_, memory) in kept["memories"].as_object_mut().unwrap() {
        let more = MemoryUse { weights_bytes: 5_000 * MB, ..MemoryUse::NONE };
        *memory = serde_json::to_value(more).unwrap();
    }
    let mut next = Rig::with_measurements(Some(kept.to_string()));
    next.machine_bytes = Some(3_000 * MB);
    next.connect(1);
    let settings = json!({"codeModel": "size-1000-a", "contextWindow": 4096});
    next.request(1, "configureFile", json!({"settings": settings}));
    let id = next.request(1, "warm", json!({}));
    let error = next.answer(id).unwrap_err();
    assert_eq!(error.code, ErrorCode::OutOfMemory);
    assert!(error.message.contains("needs 5."), "{error}");
}
