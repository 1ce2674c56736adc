//! Memory that does not suffice: what is tried, in which order, how often, and what is reported.

use localcoder_host::core::Event;
use localcoder_protocol::{ErrorCode, ErrorInfo, WorkerId};
use localcoder_transport::Message;
use serde_json::{Value, json};

use crate::rig::Rig;

/// A host whose profile chooses the model, with a window that may be smaller.
fn by_profile(more: &Value) -> Rig {
    let mut settings = json!({
        "profile": "own",
        "profiles": {"own": {
            "codeModel": "size-400-a", "contextWindow": 4096, "contextWindowMax": 8192,
        }},
    });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let mut rig = Rig::with_settings(settings);
    rig.connect(1);
    rig
}

fn profiles(rig: &Rig) -> Vec<Value> {
    let loads = rig.calls("loadModel");
    loads.into_iter().map(|params| params["profile"].clone()).collect()
}

fn notes(rig: &mut Rig) -> String {
    rig.status(1)["notes"].to_string()
}

fn warm(rig: &mut Rig) -> Result<Value, ErrorInfo> {
    let id = rig.request(1, "warm", json!({}));
    rig.answer(id)
}

#[test]
fn who_waits_for_a_model_sees_how_much_of_it_is_loaded() {
    let mut rig = by_profile(&json!({}));
    rig.unanswered = "loadModel";
    rig.explain(1, "a");
    let generation = *rig.started.last().unwrap();
    for fraction in [0.25, 0.75] {
        // It is not told more often than anyone can read it.
        rig.pass(1_000);
        let worker = WorkerId { slot: 0, generation };
        let params = json!({"worker": worker, "fraction": fraction});
        let message = Message::Notification { method: "loadProgress".to_owned(), params };
        rig.event(Event::WorkerMessage { generation, message });
        let told = rig.notifications("progress").last().unwrap().1;
        assert_eq!((&told["stage"], &told["fraction"]), (&json!("loading"), &json!(fraction)));
    }
}

#[test]
fn each_step_is_tried_once_in_its_order_and_reported() {
    let mut rig = by_profile(&json!({}));
    rig.fits = |params| params["profile"]["contextTokens"].as_u64() < Some(8192);
    let id = rig.explain(1, "a");
    let tried = profiles(&rig);
    assert_eq!(tried.len(), 4, "{tried:?}");
    assert_eq!((&tried[0]["batchTokens"], &tried[0]["kv"]), (&json!(256), &json!("f16")));
    assert_eq!((&tried[1]["batchTokens"], &tried[1]["kv"]), (&json!(64), &json!("f16")));
    assert_eq!((&tried[2]["batchTokens"], &tried[2]["kv"]), (&json!(64), &json!("q8_0")));
    assert_eq!(tried[3]["contextTokens"], 4096);
    let told: Vec<&Value> = rig.notifications("progress").map(|(_, it)| &it["message"]).collect();
    let told = format!("{told:?}");
    for step in ["64 tokens at a time", "8 bits a value", "window is the smallest"] {
        assert!(told.contains(step), "{step}: {told}");
    }
    rig.finish();
    rig.answer(id).unwrap();
    let noted = notes(&mut rig);
    assert!(noted.contains("memory did not suffice for `size-400-a`"), "{noted}");
    assert!(noted.contains("8 bits") && noted.contains("in full again"), "{noted}");

    // The next load is lowered, too; after a change of the settings it is tried in full again.
    rig.request(1, "unload", json!({"model": "size-400-a"}));
    warm(&mut rig).unwrap();
    assert_eq!(profiles(&rig).last(), tried.last());
    rig.fits = |_| true;
    rig.request(1, "configure", json!({"settings": {"codeModel": "size-400-a"}}));
    warm(&mut rig).unwrap();
    assert_eq!(profiles(&rig).last(), Some(&tried[0]));
    assert!(!notes(&mut rig).contains("did not suffice"));
}

#[test]
fn what_the_user_has_set_is_never_lowered_and_the_end_is_a_clear_choice() {
    let settings = json!({"codeModel": "size-400-a", "contextWindow": 8192});
    let mut rig = by_profile(&settings);
    rig.fits = |_| false;
    rig.smaller = Some("size-100-small");
    for round in 1..=3 {
        let error = warm(&mut rig).unwrap_err();
        assert_eq!(error.code, ErrorCode::OutOfMemory);
        let hint = error.hint.unwrap();
        assert!(hint.contains("8 bits") && hint.contains("lighter profile"), "{hint}");
        assert_eq!(serde_json::to_value(error.action).unwrap(), "switchProfile");
        let tried = profiles(&rig);
        assert_eq!(tried.len(), 2 + round, "one more for each who asks: {tried:?}");
        assert!(tried.iter().all(|profile| profile["contextTokens"] == 8192));
    }
    assert!(rig.calls("loadModel").iter().all(|params| params["modelRef"] == "size-400-a"));
}

#[test]
fn a_smaller_model_takes_the_place_of_one_that_the_profile_has_chosen() {
    let mut rig = by_profile(&json!({"contextWindow": 4096}));
    rig.fits = |params| params["modelRef"] != "size-400-a";
    rig.smaller = Some("size-100-small");
    let id = rig.explain(1, "a");
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["model"]["reference"], "size-100-small");
    let noted = notes(&mut rig);
    assert!(noted.contains("`size-100-small` takes its place"), "{noted}");
    // The next request uses the smaller model at once.
    let loads = rig.calls("loadModel").len();
    let id = rig.explain(1, "b");
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(rig.calls("loadModel").len(), loads);
    // If not even that fits, it ends after three steps.
    let mut none = by_profile(&json!({"contextWindow": 4096}));
    none.fits = |_| false;
    none.smaller = Some("size-100-small");
    assert_eq!(warm(&mut none).unwrap_err().code, ErrorCode::OutOfMemory);
    assert_eq!(none.calls("loadModel").len(), 4);
    // If there is no smaller model, it ends after two.
    let mut alone = by_profile(&json!({"contextWindow": 4096}));
    alone.fits = |_| false;
    assert_eq!(warm(&mut alone).unwrap_err().code, ErrorCode::OutOfMemory);
    assert_eq!(alone.calls("loadModel").len(), 3);
}

#[test]
fn a_model_is_used_again_once_the_smaller_one_in_its_place_is_gone() {
    let mut rig = by_profile(&json!({"contextWindow": 4096}));
    rig.fits = |params| params["modelRef"] != "size-400-a";
    rig.smaller = Some("size-100-small");
    warm(&mut rig).unwrap();
    assert!(notes(&mut rig).contains("`size-100-small` takes its place"));
    rig.request(1, "unload", json!({"model": "size-100-small"}));
    rig.gone = Some("size-100-small");
    rig.fits = |_| true;
    let id = rig.explain(1, "a");
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["model"]["reference"], "size-400-a");
    let noted = notes(&mut rig);
    assert!(!noted.contains("takes its place"), "{noted}");
}

#[test]
fn the_cpu_is_the_last_step_and_only_where_the_gpu_was_not_asked_for() {
    for (acceleration, loads) in [("auto", true), ("gpu", false)] {
        let mut rig = Rig::with_settings(json!({
            "codeModel": "size-400-a", "contextWindow": 4096, "acceleration": acceleration,
        }));
        rig.devices = json!([
            {"name": "Metal", "description": "Fast GPU", "gpu": true, "memoryBytes": 1},
            {"name": "CPU", "description": "a processor", "gpu": false, "memoryBytes": 0},
        ]);
        rig.connect(1);
        rig.fits = |params| params["profile"]["gpuLayers"] == 0;
        assert_eq!(warm(&mut rig).is_ok(), loads, "{acceleration}");
        assert_eq!(notes(&mut rig).contains("the CPU computes"), loads);
    }
}

#[test]
fn an_answer_that_had_no_memory_is_tried_with_less_where_nothing_was_shown() {
    let mut rig = by_profile(&json!({"contextWindow": 4096}));
    let id = rig.explain(1, "a");
    rig.fail(ErrorCode::OutOfMemory);
    assert_eq!(profiles(&rig).last().unwrap()["batchTokens"], 64);
    rig.finish();
    rig.answer(id).unwrap();
    let id = rig.explain(1, "b");
    rig.write("begun");
    rig.fail(ErrorCode::OutOfMemory);
    let error = rig.answer(id).unwrap_err();
    assert_eq!(serde_json::to_value(error.action).unwrap(), "retry");
    warm(&mut rig).unwrap();
    assert_eq!(profiles(&rig).last().unwrap()["kv"], "q8_0", "the next one has less");
}

#[test]
fn a_worker_that_the_system_ends_for_memory_is_followed_by_one_that_takes_less() {
    let mut rig = by_profile(&json!({"contextWindow": 4096}));
    rig.unanswered = "loadModel";
    let id = rig.request(1, "warm", json!({}));
    rig.kill_for_memory();
    rig.unanswered = "";
    rig.pass(1_000);
    rig.answer(id).unwrap();
    let tried = profiles(&rig);
    assert_eq!((tried.len(), &tried[1]["batchTokens"]), (2, &json!(64)));
    // The same while answering.
    let id = rig.explain(1, "a");
    rig.kill_for_memory();
    rig.pass(2_000);
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(profiles(&rig).last().unwrap()["kv"], "q8_0");
}

#[test]
fn a_cache_that_a_model_cannot_have_is_not_tried_twice() {
    let mut rig = by_profile(&json!({"contextWindow": 4096}));
    rig.fits = |params| params["profile"]["kv"] == "q8_0";
    rig.load_error = None;
    rig.unanswered = "";
    let id = rig.explain(1, "a");
    rig.finish();
    rig.answer(id).unwrap();
    // It worked with a quantized cache; now a model that can't have one.
    let mut refused = by_profile(&json!({"contextWindow": 4096}));
    refused.fits = |_| false;
    refused.refuses_kv = true;
    let error = warm(&mut refused).unwrap_err();
    assert_eq!(error.code, ErrorCode::OutOfMemory);
    let with_kv = profiles(&refused).iter().filter(|profile| profile["kv"] == "q8_0").count();
    assert_eq!(with_kv, 1);
}

#[test]
fn where_little_is_free_it_is_loaded_with_less_and_reported() {
    let mut rig = Rig::with_settings(json!({"codeModel": "measured", "contextWindow": 2048}));
    rig.connect(1);
    rig.free_bytes = Some(crate::rig::demo_header().tensor_bytes + 9_000_000);
    warm(&mut rig).unwrap();
    let profile = profiles(&rig).pop().unwrap();
    assert_eq!((&profile["contextTokens"], &profile["batchTokens"]), (&json!(2048), &json!(64)));
    let noted = notes(&mut rig);
    assert!(
        noted.contains("there was not enough memory for all of it, so prompts are read 64 tokens"),
        "{noted}"
    );
    rig.free_bytes = Some(1_000_000_000);
    warm(&mut rig).unwrap();
    assert_eq!(profiles(&rig).len(), 1, "one that is loaded is used");
}
