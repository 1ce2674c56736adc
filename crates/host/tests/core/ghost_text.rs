//! Suggestions at the cursor: what is computed for them and what is not, and which request goes
//! first.

use localcoder_host::core::Event;
use localcoder_protocol::{ErrorCode, Usage};
use serde_json::{Value, json};

use crate::rig::Rig;

/// A host whose loaded model has tokens for filling gaps.
fn loaded(settings: &Value) -> Rig {
    let mut all = json!({"codeModel": "fim-a"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let mut rig = Rig::with_settings(all);
    rig.connect(1);
    let id = rig.request(1, "warm", json!({}));
    assert_eq!(rig.answer(id).unwrap(), json!({"loaded": true}));
    rig
}

fn params(request_id: &str, marked: &str) -> Value {
    let (before, after) = marked.split_once('|').unwrap();
    json!({
        "requestId": request_id,
        "document": {"path": "a.py", "text": format!("{before}{after}")},
        "position": {
            "line": before.matches('\n').count() + 1,
            "character": before.rsplit('\n').next().unwrap_or("").len(),
        },
    })
}

fn ask(rig: &mut Rig, request_id: &str, marked: &str) -> i64 {
    rig.request(1, "complete", params(request_id, marked))
}

fn explicitly(rig: &mut Rig, request_id: &str, marked: &str) -> i64 {
    let mut params = params(request_id, marked);
    params["explicit"] = true.into();
    rig.request(1, "complete", params)
}

fn reason(rig: &Rig, id: i64) -> String {
    let answer = rig.answer(id).unwrap();
    assert!(answer.get("suggestion").is_none(), "{answer}");
    answer["nothing"]["reason"].as_str().unwrap().to_owned()
}

fn suggestion(rig: &Rig, id: i64) -> String {
    let answer = rig.answer(id).unwrap();
    answer["suggestion"]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// The model writes a suggestion, and nothing for the place that follows from accepting it.
fn writes(rig: &mut Rig, text: &str) {
    rig.write(text);
    rig.finish();
}

fn generations(rig: &Rig) -> usize {
    rig.calls("generate").len()
}

const HOLE: &str = "def f(total):\n    |\n\nf(1)\n";

#[test]
fn a_gap_is_filled_by_the_models_own_tokens_in_a_sequence_of_its_own() {
    let mut rig = loaded(&json!({}));
    let id = ask(&mut rig, "a", HOLE);
    let call = rig.calls("generate")[0].clone();
    assert_eq!(call["purpose"], "completion");
    let parts = &call["prompt"]["parts"];
    assert_eq!(parts[0], json!({"kind": "token", "token": 1}));
    assert_eq!(parts[1], json!({"kind": "text", "text": "def f(total):\n    "}));
    assert_eq!(parts[3], json!({"kind": "text", "text": "\n\nf(1)\n"}));
    assert_eq!(parts[4], json!({"kind": "token", "token": 3}));
    assert_eq!((&call["sampling"]["temperature"], &call["maxTokens"]), (&json!(0.0), &json!(64)));
    assert_eq!(call["blockEnd"], json!({"indentChars": 4, "closes": false}));
    rig.write("return total");
    rig.finish_with(Usage { prefill_ms: 100.0, decode_ms: 300.0, ..Usage::default() });
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["suggestion"], json!({"text": "return total", "replaces": 0}));
    assert_eq!((&answer["infill"], &answer["debounceMs"]), (&json!("tokens"), &json!(100)));
}

#[test]
fn what_is_typed_along_costs_nothing_and_the_next_place_is_computed_ahead() {
    let mut rig = loaded(&json!({}));
    let id = ask(&mut rig, "a", HOLE);
    writes(&mut rig, "x = total");
    assert_eq!(suggestion(&rig, id), "x = total");
    let id = ask(&mut rig, "b", "def f(total):\n    x =|\n\nf(1)\n");
    assert_eq!(suggestion(&rig, id), " total");
    assert_eq!(rig.answer(id).unwrap()["infill"], "kept");
    assert_eq!(generations(&rig), 1, "nothing was computed");
    // It was accepted, and the model had ended there, so the next line is suggested.
    let id = ask(&mut rig, "c", "def f(total):\n    x = total|\n\nf(1)\n");
    assert_eq!(reason(&rig, id), "nothingToAdd");
    assert_eq!(generations(&rig), 2);
    let parts = rig.calls("generate")[1]["prompt"]["parts"].clone();
    assert_eq!(parts[1], json!({"kind": "text", "text": "def f(total):\n    x = total\n    "}));
    writes(&mut rig, "return x");
    assert_eq!(generations(&rig), 2, "and no further");
    let id = ask(&mut rig, "d", "def f(total):\n    x = total\n    |\n\nf(1)\n");
    assert_eq!(suggestion(&rig, id), "return x");
    assert_eq!(generations(&rig), 2, "nothing was computed");
    // What was typed differs from the suggestion.
    let id = ask(&mut rig, "e", "def f(total):\n    x = total\n    z|\n\nf(1)\n");
    assert_eq!((rig.answers(id).len(), generations(&rig)), (0, 3));
    let prompt = &rig.calls("generate")[2]["prompt"]["parts"];
    assert_eq!(prompt[5], json!({"kind": "text", "text": "z"}), "and the rest is as it was");
    assert_eq!(prompt[3], parts[3]);
}

#[test]
fn a_suggestion_that_was_cut_is_gone_on_with_before_it_is_taken() {
    let mut rig = loaded(&json!({}));
    let id = ask(&mut rig, "a", HOLE);
    rig.write("x = [\n        total,\n        1,");
    rig.finish_cut();
    let shown = suggestion(&rig, id);
    assert_eq!(generations(&rig), 2);
    let parts = rig.calls("generate")[1]["prompt"]["parts"].clone();
    let before = parts.as_array().unwrap().last().unwrap()["text"].as_str().unwrap();
    assert_eq!(before, shown, "as if it had been accepted");
}

#[test]
fn the_next_request_of_a_client_takes_the_place_of_its_last() {
    let mut rig = loaded(&json!({}));
    let first = ask(&mut rig, "a", HOLE);
    let second = ask(&mut rig, "b", "def f(total):\n    r|\n\nf(1)\n");
    assert_eq!(reason(&rig, first), "superseded");
    assert_eq!(rig.cancelled_calls().len(), 1);
    rig.end_what_was_cancelled();
    assert!(rig.is_writing());
    rig.request(1, "cancel", json!({"requestId": "b"}));
    assert_eq!(rig.answer(second).unwrap_err().code, ErrorCode::Cancelled);
    // The request of another client waits.
    rig.end_what_was_cancelled();
    rig.connect(2);
    let first = ask(&mut rig, "c", HOLE);
    let other = rig.request(2, "complete", params("c", HOLE));
    writes(&mut rig, "a");
    assert_eq!(suggestion(&rig, first), "a");
    writes(&mut rig, "b");
    assert_eq!(suggestion(&rig, other), "b");
}

#[test]
fn everything_that_is_asked_for_goes_before_it() {
    let mut rig = loaded(&json!({}));
    let ghost = ask(&mut rig, "a", HOLE);
    let edit = rig.explain(1, "b");
    assert_eq!(reason(&rig, ghost), "busy");
    assert_eq!(rig.cancelled_calls().len(), 1, "at once, without a word of it being waited for");
    rig.end_what_was_cancelled();
    assert_eq!(rig.calls("generate").last().unwrap()["purpose"], "answer");
    // Nor is a suggestion begun while the edit is being written.
    let ghost = ask(&mut rig, "c", HOLE);
    assert_eq!(reason(&rig, ghost), "busy");
    let ghost = explicitly(&mut rig, "d", HOLE);
    assert_eq!(reason(&rig, ghost), "busy");
    assert!(rig.is_writing());
    writes(&mut rig, "It returns.");
    rig.answer(edit).unwrap();
    // What is computed ahead gives way as well.
    ask(&mut rig, "e", HOLE);
    rig.write("a = 1\n    b = 2\n    c");
    rig.finish_cut();
    assert!(rig.is_writing());
    rig.explain(1, "f");
    rig.end_what_was_cancelled();
    assert_eq!(rig.calls("generate").last().unwrap()["purpose"], "answer");
}

#[test]
fn an_edit_waits_for_what_is_computed_just_then_and_for_nothing_else() {
    for ahead in [false, true] {
        let mut rig = loaded(&json!({}));
        ask(&mut rig, "a", HOLE);
        if ahead {
            rig.write("a = 1\n    b = 2\n    c");
            rig.finish_cut();
        }
        let edit = json!({
            "requestId": "b",
            "document": {"path": "a.py", "text": "def f(x):\n    return x\n"},
            "selection": {"start": 1, "end": 2},
        });
        rig.request(1, "improve", edit);
        assert_eq!(rig.cancelled_calls().len(), 1, "at once");
        // The worker checks for a cancel only between two tokens and between two chunks of a
        // prompt.
        rig.end_what_was_cancelled();
        let last = rig.calls("generate").last().unwrap()["purpose"].clone();
        assert_eq!(last, "edit", "and nothing is between");
    }
}

#[test]
fn each_reason_for_silence_is_reported_with_the_status_where_it_is_so_everywhere() {
    let mut rig = loaded(&json!({"ghostText.languagesOff": ["python"]}));
    let id = ask(&mut rig, "a", HOLE);
    assert_eq!(reason(&rig, id), "languageOff");
    assert_eq!(rig.status(1).get("noGhostText"), None);
    let mut rig = loaded(&json!({"ghostText.enabled": false}));
    let id = ask(&mut rig, "a", HOLE);
    assert_eq!(reason(&rig, id), "off");
    assert_eq!(rig.status(1)["noGhostText"]["reason"], "off");
    let id = explicitly(&mut rig, "b", HOLE);
    assert!(rig.is_writing(), "it was asked for");
    writes(&mut rig, "a");
    rig.answer(id).unwrap();

    let mut rig = loaded(&json!({}));
    rig.request(1, "snooze", json!({"minutes": 5}));
    let id = ask(&mut rig, "a", HOLE);
    assert_eq!(reason(&rig, id), "snoozed");
    assert_eq!(rig.status(1)["noGhostText"]["reason"], "snoozed");
    rig.pass(5 * 60_000);
    assert_eq!(rig.status(1).get("noGhostText"), None);
    let id = ask(&mut rig, "b", "pri|nt()\n");
    assert_eq!(reason(&rig, id), "midWord");
    rig.event(Event::PowerSaving(true));
    let id = ask(&mut rig, "c", HOLE);
    assert_eq!(reason(&rig, id), "savingPower");
    assert_eq!(rig.status(1)["noGhostText"]["reason"], "savingPower");
    rig.event(Event::PowerSaving(false));
    rig.event(Event::MemoryShort(true));
    let id = ask(&mut rig, "d", HOLE);
    assert_eq!(reason(&rig, id), "memoryShort");
    assert_eq!(generations(&rig), 0);

    let mut rig = loaded(&json!({"ghostText.whileSavingPower": true}));
    rig.event(Event::PowerSaving(true));
    let id = ask(&mut rig, "a", HOLE);
    writes(&mut rig, "a = 1");
    assert_eq!(suggestion(&rig, id), "a = 1");
    assert_eq!(generations(&rig), 1, "nothing is done ahead then");
}

#[test]
fn a_model_that_is_not_loaded_is_loaded_for_the_next_one_or_for_who_has_asked() {
    let mut rig = Rig::with_settings(json!({"codeModel": "fim-a"}));
    rig.connect(1);
    let id = ask(&mut rig, "a", HOLE);
    assert_eq!(reason(&rig, id), "loading");
    assert_eq!(rig.residents(), ["fim-a"]);
    let id = ask(&mut rig, "b", HOLE);
    writes(&mut rig, "a = 1");
    assert_eq!(suggestion(&rig, id), "a = 1");

    let mut rig = Rig::with_settings(json!({"codeModel": "fim-a", "mode": "stability"}));
    rig.connect(1);
    let id = ask(&mut rig, "a", HOLE);
    assert_eq!(reason(&rig, id), "loading");
    assert!(rig.residents().is_empty(), "nothing is done ahead");
    let id = explicitly(&mut rig, "b", HOLE);
    writes(&mut rig, "a = 1");
    assert_eq!(suggestion(&rig, id), "a = 1");

    let mut rig = Rig::with_settings(json!({"codeModel": "missing"}));
    rig.connect(1);
    let id = ask(&mut rig, "a", HOLE);
    assert_eq!(reason(&rig, id), "noModel");
    let id = explicitly(&mut rig, "b", HOLE);
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::ModelNotFound);
}

#[test]
fn a_model_without_the_tokens_is_asked_in_words_and_that_is_said() {
    let mut rig = loaded(&json!({"codeModel": "plain"}));
    let id = ask(&mut rig, "a", HOLE);
    let call = rig.calls("generate")[0].clone();
    assert_eq!(call["prompt"]["prefill"], "```python\n    ");
    writes(&mut rig, "return total");
    assert_eq!(rig.answer(id).unwrap()["infill"], "words");
    let mut rig = loaded(&json!({"codeModel": "plain-base"}));
    let id = ask(&mut rig, "a", HOLE);
    assert_eq!(reason(&rig, id), "noInfill");
    assert_eq!(rig.status(1)["noGhostText"]["reason"], "noInfill");
}

#[test]
fn a_model_that_goes_round_in_circles_is_stopped() {
    let mut rig = loaded(&json!({}));
    let id = ask(&mut rig, "a", HOLE);
    for _ in 0..4 {
        rig.write("print(total)\n    ");
    }
    assert_eq!(suggestion(&rig, id), "print(total)\n    print(total)");
    assert_eq!(rig.cancelled_calls().len(), 1);
}

#[test]
fn a_worker_that_dies_or_has_no_room_is_not_an_error_to_who_has_not_asked() {
    let mut rig = loaded(&json!({}));
    let id = ask(&mut rig, "a", HOLE);
    rig.fail(ErrorCode::Busy);
    assert_eq!(reason(&rig, id), "noRoom");
    let id = ask(&mut rig, "b", HOLE);
    rig.kill();
    assert_eq!(reason(&rig, id), "failed");
}
