//! Which model drafts for a loaded one, and that it is the first to be unloaded.

use localcoder_host::core::Event;
use localcoder_protocol::{ErrorCode, Usage};
use serde_json::{Value, json};

use crate::rig::Rig;

const MODEL: &str = "size-5000";
const DRAFT: &str = "size-500";
const GB: u64 = 1_000_000_000;

/// A host whose model is loaded, on a machine with this much memory, where a draft model is
/// available.
fn warmed(settings: &Value, machine_bytes: u64) -> Rig {
    warmed_with(settings, machine_bytes, DRAFT)
}

fn warmed_with(settings: &Value, machine_bytes: u64, draft: &'static str) -> Rig {
    let mut all = json!({"codeModel": MODEL});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let mut rig = Rig::with_settings(all);
    rig.machine_bytes = Some(machine_bytes);
    rig.draft = Some(draft);
    rig.connect(1);
    let id = rig.request(1, "warm", json!({}));
    assert_eq!(rig.answer(id).unwrap(), json!({"loaded": true}));
    rig
}

fn draft(rig: &mut Rig) -> Value {
    rig.status(1)["residents"][0]["draft"]["model"]["reference"].clone()
}

#[test]
fn one_that_fits_beside_a_loaded_model_drafts_for_it_and_is_reported() {
    let mut rig = warmed(&json!({}), 16 * GB);
    assert_eq!(draft(&mut rig), DRAFT);
    assert_eq!(rig.calls("loadDraft").len(), 1);
    let asked = rig.calls("loadDraft")[0].clone();
    assert_eq!((&asked["modelRef"], &asked["when"]), (&json!(DRAFT), &json!("pays")));
    // It stays while others answer, and is not loaded again.
    for _ in 0..3 {
        let id = rig.explain(1, "a");
        rig.finish();
        rig.answer(id).unwrap();
    }
    assert_eq!((draft(&mut rig), rig.calls("loadDraft").len()), (json!(DRAFT), 1));
}

#[test]
fn none_is_loaded_where_it_is_off_where_nothing_is_done_ahead_and_where_there_is_no_room() {
    for (settings, machine_bytes) in [
        (json!({"draftModel": "off"}), 16 * GB),
        (json!({"mode": "stability"}), 16 * GB),
        (json!({}), 5_500_000_000),
    ] {
        let mut rig = warmed(&settings, machine_bytes);
        assert_eq!(draft(&mut rig), Value::Null, "{settings}");
        assert_eq!(rig.calls("loadDraft").len(), 0);
        assert_eq!(rig.residents().len(), 1);
    }
    // If the user named one that can't be used, that is reported with the reason.
    let mut rig = warmed(&json!({"draftModel": DRAFT}), 5_500_000_000);
    let note = rig.status(1)["notes"].to_string();
    assert!(note.contains("no model drafts for it: it needs"), "{note}");
    // In stability mode a named one is loaded, too.
    let mut rig = warmed(&json!({"draftModel": DRAFT, "mode": "stability"}), 16 * GB);
    assert_eq!(draft(&mut rig), DRAFT);
}

#[test]
fn it_goes_before_the_model_does_when_memory_runs_short() {
    let mut rig = warmed(&json!({}), 16 * GB);
    rig.event(Event::MemoryShort(true));
    assert_eq!(draft(&mut rig), Value::Null);
    assert_eq!((rig.calls("unloadDraft").len(), rig.residents().len()), (1, 1));
    rig.pass(5_000);
    assert_eq!(rig.residents().len(), 1, "it may have been enough");
    rig.pass(11_000);
    assert_eq!(rig.residents().len(), 0, "it was not");

    let mut rig = warmed(&json!({}), 16 * GB);
    rig.event(Event::MemoryShort(true));
    rig.pass(5_000);
    rig.event(Event::MemoryShort(false));
    rig.pass(60_000);
    assert_eq!(rig.residents().len(), 1, "it was enough");
    assert_eq!(rig.calls("loadDraft").len(), 1, "it does not come and go");
}

#[test]
fn it_goes_before_a_model_makes_way_for_another() {
    let settings = json!({"generalModel": "size-4000"});
    let mut rig = warmed(&settings, 9 * GB);
    assert_eq!(draft(&mut rig), DRAFT);
    let id = rig.request(1, "generate", json!({"requestId": "g", "prompt": "a"}));
    rig.finish();
    rig.answer(id).unwrap();
    assert!(rig.order_of("unloadDraft") < rig.order_of("unloadModel"));
    assert!(rig.order_of("unloadDraft").is_some());
}

#[test]
fn an_answer_without_memory_is_tried_again_without_it() {
    let mut rig = warmed(&json!({}), 16 * GB);
    let id = rig.explain(1, "a");
    rig.fail(ErrorCode::OutOfMemory);
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(draft(&mut rig), Value::Null);
    let note = rig.status(1)["notes"].to_string();
    assert!(note.contains("no model drafts for it: memory ran short"), "{note}");
    assert!(!note.contains("8 bits"), "nothing else was lowered: {note}");
}

#[test]
fn one_whose_tokens_are_never_used_goes_unless_it_was_named() {
    for (settings, stays) in [(json!({}), false), (json!({"draftModel": DRAFT}), true)] {
        let mut rig = warmed(&settings, 16 * GB);
        for count in 1..=12 {
            assert_eq!(draft(&mut rig), DRAFT, "{settings}, answer {count}");
            let id = rig.explain(1, "a");
            rig.finish_with(Usage { generated_tokens: 16, ..Usage::default() });
            rig.answer(id).unwrap();
        }
        assert_eq!(draft(&mut rig) == DRAFT, stays, "{settings}");
    }
}

#[test]
fn whoever_wants_its_file_gets_it() {
    let mut rig = warmed(&json!({}), 16 * GB);
    let id = rig.request(1, "unload", json!({"model": DRAFT}));
    assert_eq!(rig.answer(id).unwrap(), json!({"unloaded": true}));
    assert_eq!((draft(&mut rig), rig.residents().len()), (Value::Null, 1));
}

#[test]
fn a_model_does_not_draft_for_itself() {
    let mut rig = warmed_with(&json!({"draftModel": MODEL}), 16 * GB, MODEL);
    assert_eq!(draft(&mut rig), Value::Null);
    assert!(rig.calls("loadDraft").is_empty());
    let note = rig.status(1)["notes"].to_string();
    assert!(note.contains("it is the same model"), "{note}");
}

#[test]
fn what_is_set_counts_at_once() {
    let mut rig = warmed(&json!({}), 16 * GB);
    let configure = |rig: &mut Rig, draft: &str| {
        let settings = json!({"draftModel": draft, "codeModel": MODEL});
        let id = rig.request(1, "configure", json!({"settings": settings}));
        rig.answer(id).unwrap();
    };
    configure(&mut rig, "off");
    assert_eq!(draft(&mut rig), Value::Null);
    assert_eq!(rig.residents().len(), 1);
    configure(&mut rig, "size-400");
    assert_eq!(rig.calls("loadDraft").len(), 2);
}
