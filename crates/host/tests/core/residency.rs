//! How long a model stays loaded, and what is done ahead.

use localcoder_host::core::Event;
use serde_json::{Value, json};

use crate::rig::Rig;

const MINUTE_MS: u64 = 60_000;

/// A host whose model is loaded.
fn warmed(settings: Value) -> Rig {
    let mut rig = Rig::with_settings(settings);
    rig.connect(1);
    let id = rig.request(1, "warm", json!({}));
    assert_eq!(rig.answer(id).unwrap(), json!({"loaded": true}));
    rig
}

fn warm_ahead(rig: &mut Rig) -> Value {
    let id = rig.request(1, "warm", json!({"ahead": true}));
    rig.answer(id).unwrap()["loaded"].clone()
}

#[test]
fn in_stability_mode_a_model_that_is_not_used_leaves_and_the_next_request_brings_it_back() {
    let mut rig = warmed(json!({"mode": "stability"}));
    rig.pass(9 * MINUTE_MS);
    let id = rig.explain(1, "a");
    rig.finish();
    rig.answer(id).unwrap();
    rig.pass(9 * MINUTE_MS);
    assert_eq!(rig.residents().len(), 1, "it was used nine minutes ago");
    rig.pass(MINUTE_MS + 1_000);
    assert!(rig.residents().is_empty());
    let status = rig.status(1);
    assert_eq!(status["engine"]["state"], "idle");
    let note = status["notes"][0].as_str().unwrap();
    assert!(note.contains("unloaded after 10 minutes"), "{note}");
    let id = rig.explain(1, "b");
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(rig.started, [1], "its worker had stayed");
}

#[test]
fn what_is_set_counts_more_than_the_mode() {
    let mut rig = warmed(json!({"mode": "stability", "keepModelLoaded": true}));
    rig.pass(90 * MINUTE_MS);
    assert_eq!(rig.residents().len(), 1);
    let mut rig = warmed(json!({"keepModelLoaded": false, "idleUnloadMinutes": 2}));
    rig.pass(2 * MINUTE_MS + 1_000);
    assert!(rig.residents().is_empty());
    let mut rig = warmed(json!({}));
    rig.pass(90 * MINUTE_MS);
    assert_eq!(rig.residents().len(), 1, "performance mode keeps it");
}

#[test]
fn when_memory_runs_short_what_nobody_uses_leaves_at_once() {
    let mut rig = warmed(json!({"keepModelLoaded": true}));
    rig.event(Event::MemoryShort(true));
    assert!(rig.residents().is_empty());
    let note = rig.status(1)["notes"][0].as_str().unwrap().to_owned();
    assert!(note.contains("because memory ran short"), "{note}");
    assert_eq!(warm_ahead(&mut rig), false, "nothing is loaded ahead now");
    assert!(rig.residents().is_empty());
    rig.event(Event::MemoryShort(false));
    assert_eq!(warm_ahead(&mut rig), true);
}

#[test]
fn an_answer_that_is_being_written_is_never_taken_away() {
    let mut rig = warmed(json!({"keepModelLoaded": false, "idleUnloadMinutes": 1}));
    let id = rig.explain(1, "a");
    rig.write("still ");
    rig.event(Event::MemoryShort(true));
    for _ in 0..40 {
        // Its worker answers pings.
        rig.pass(5_000);
    }
    rig.write("here");
    assert_eq!(rig.residents().len(), 1);
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["text"], "still here");
    assert!(rig.residents().is_empty(), "afterwards it leaves");
    assert!(rig.calls("cancel").is_empty() && rig.killed.is_empty());
}

#[test]
fn nothing_is_loaded_ahead_where_nothing_is_done_ahead() {
    let mut careful = Rig::with_settings(json!({"mode": "stability"}));
    careful.connect(1);
    assert_eq!(warm_ahead(&mut careful), false);
    assert!(careful.started.is_empty());
    let mut saving = Rig::new();
    saving.connect(1);
    saving.event(Event::PowerSaving(true));
    assert_eq!(warm_ahead(&mut saving), false);
    saving.event(Event::PowerSaving(false));
    assert_eq!(warm_ahead(&mut saving), true);
}

#[test]
fn a_model_that_somebody_is_about_to_use_is_made_quick_again() {
    let mut rig = warmed(json!({}));
    rig.pass(MINUTE_MS);
    assert_eq!(warm_ahead(&mut rig), true);
    assert!(rig.calls("generate").is_empty(), "it was used a minute ago");
    rig.pass(2 * MINUTE_MS);
    assert_eq!(warm_ahead(&mut rig), true);
    let touch = rig.calls("generate")[0].clone();
    assert_eq!((&touch["maxTokens"], &touch["purpose"]), (&json!(0), &json!("completion")));
    assert_eq!(rig.status(1)["engine"]["state"], "ready", "nobody is told");
    // A client's request comes first.
    let call = rig.open_call("generate");
    let id = rig.explain(1, "a");
    rig.end_cancelled(call);
    rig.write("soon");
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["text"], "soon");
}

#[test]
fn after_sleep_the_model_is_touched() {
    let mut rig = warmed(json!({}));
    rig.event(Event::Woke);
    assert_eq!(rig.calls("generate").len(), 1);
    rig.finish();
    let mut careful = warmed(json!({"mode": "stability"}));
    careful.event(Event::Woke);
    assert!(careful.calls("generate").is_empty());
}

#[test]
fn a_model_that_is_to_be_removed_is_unloaded_unless_it_is_at_work() {
    let mut rig = warmed(json!({"codeModel": "a"}));
    let unload = |rig: &mut Rig, model: &str| {
        let id = rig.request(1, "unload", json!({"model": model}));
        rig.answer(id).unwrap()["unloaded"].clone()
    };
    assert_eq!(unload(&mut rig, "another"), true, "it is not loaded");
    let id = rig.explain(1, "a");
    assert_eq!(unload(&mut rig, "a"), false);
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(unload(&mut rig, "a"), true);
    assert!(rig.residents().is_empty());
}
