//! Which model suggests at the cursor: a smaller one beside the model for code, where that is slow
//! and there is room for both.

use localcoder_host::core::{Event, Help};
use localcoder_protocol::Usage;
use serde_json::{Value, json};

use crate::rig::Rig;

const MODEL: &str = "size-5000-fim";
const SMALL: &str = "size-1000-fim";
const GB: u64 = 1_000_000_000;

/// A host whose model for code is loaded, on a machine with this much memory, where a smaller model
/// is installed.
fn loaded(settings: &Value, machine_bytes: u64) -> Rig {
    let mut all = json!({"codeModel": MODEL, "draftModel": "off"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let mut rig = Rig::with_settings(all);
    rig.machine_bytes = Some(machine_bytes);
    rig.suggester = Some(SMALL);
    rig.connect(1);
    let id = rig.request(1, "warm", json!({}));
    assert_eq!(rig.answer(id).unwrap(), json!({"loaded": true}));
    rig
}

fn ask(rig: &mut Rig, number: usize) -> i64 {
    let text = format!("name_{number} = ");
    let position = json!({"line": 1, "character": text.len()});
    let document = json!({"path": "a.py", "text": text});
    let request_id = format!("r{number}");
    let params = json!({"requestId": request_id, "document": document, "position": position});
    rig.request(1, "complete", params)
}

/// Suggestions that take this long, each at another place; returns the model of the last.
fn suggestions(rig: &mut Rig, numbers: std::ops::Range<usize>, ms: f64) -> Value {
    let mut model = Value::Null;
    for number in numbers {
        let id = ask(rig, number);
        rig.write("1\n");
        rig.finish_with(Usage { prefill_ms: ms / 2.0, decode_ms: ms / 2.0, ..Usage::default() });
        model = rig.answer(id).unwrap()["model"]["reference"].clone();
        rig.pass(100);
    }
    model
}

#[test]
fn where_the_model_for_code_is_slow_a_smaller_one_beside_it_suggests() {
    let mut rig = loaded(&json!({}), 16 * GB);
    assert_eq!(suggestions(&mut rig, 0..3, 600.0), MODEL);
    assert_eq!(rig.helpers_sought, [], "the first ones read all of their prompt");
    suggestions(&mut rig, 3..5, 600.0);
    // Half the time is wanted, so at most half the size.
    assert_eq!(rig.helpers_sought, [Help::Suggests { bytes_most: 2_500_000_000 }]);
    assert_eq!(rig.residents(), [MODEL, SMALL]);
    assert_eq!(suggestions(&mut rig, 5..6, 100.0), SMALL);
    // Edits stay with the model for code, and both stay loaded.
    let id = rig.explain(1, "e");
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(suggestions(&mut rig, 6..7, 100.0), SMALL);
    assert_eq!((rig.residents().len(), rig.calls("loadModel").len()), (2, 2));
    assert_eq!(rig.status(1)["model"]["reference"], MODEL);
}

#[test]
fn none_is_loaded_where_the_model_for_code_is_fast_or_told_or_there_is_no_room() {
    for (settings, machine_bytes, ms) in [
        (json!({}), 16 * GB, 250.0),
        (json!({"ghostText.model": "code"}), 16 * GB, 600.0),
        (json!({"mode": "stability"}), 16 * GB, 600.0),
        (json!({}), 6 * GB, 600.0),
    ] {
        let mut rig = loaded(&settings, machine_bytes);
        assert_eq!(suggestions(&mut rig, 0..9, ms), MODEL, "{settings}");
        assert_eq!(rig.residents(), [MODEL], "{settings}");
        assert_eq!(rig.calls("unloadModel").len(), 0);
    }
}

#[test]
fn one_that_is_named_is_loaded_at_once_or_the_status_says_why_not() {
    let mut rig = loaded(&json!({"ghostText.model": SMALL}), 16 * GB);
    assert_eq!(rig.residents(), [MODEL, SMALL]);
    assert_eq!(suggestions(&mut rig, 0..1, 600.0), SMALL);
    let notes = |rig: &mut Rig| rig.status(1)["notes"].to_string();
    let mut rig = loaded(&json!({"ghostText.model": SMALL}), 6 * GB);
    assert_eq!(suggestions(&mut rig, 0..1, 600.0), MODEL);
    assert!(notes(&mut rig).contains("the model for code suggests at the cursor: it needs 1."));
    let mut rig = loaded(&json!({"ghostText.model": "missing"}), 16 * GB);
    assert_eq!(suggestions(&mut rig, 0..1, 600.0), MODEL);
    assert!(notes(&mut rig).contains("the model for code suggests at the cursor: "));
}

#[test]
fn when_the_setting_changes_it_leaves_and_the_model_for_code_suggests_again() {
    let mut rig = loaded(&json!({"ghostText.model": SMALL}), 16 * GB);
    let changed = json!({"settings": {"codeModel": MODEL, "draftModel": "off",
        "ghostText.model": "code"}});
    rig.request(1, "configure", changed);
    assert_eq!(rig.residents(), [MODEL]);
    assert_eq!(suggestions(&mut rig, 0..1, 600.0), MODEL);
}

#[test]
fn where_memory_runs_short_it_leaves_and_no_request_fails() {
    let mut rig = loaded(&json!({"ghostText.model": SMALL}), 16 * GB);
    rig.event(Event::MemoryShort(true));
    assert_eq!(rig.residents().len(), 0);
    rig.event(Event::MemoryShort(false));
    let id = ask(&mut rig, 0);
    assert_eq!(rig.answer(id).unwrap()["nothing"]["reason"], "loading");
    assert_eq!(rig.residents(), [MODEL, SMALL]);
    assert_eq!(suggestions(&mut rig, 1..2, 600.0), SMALL);
}
