//! Next edits: what is known without a model, what a model is asked about, and which request goes
//! first.

use serde_json::{Value, json};

use crate::rig::Rig;

fn loaded(settings: &Value) -> Rig {
    let mut all = json!({"codeModel": "fim-a"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let mut rig = Rig::with_settings(all);
    rig.connect(1);
    let id = rig.request(1, "warm", json!({}));
    assert_eq!(rig.answer(id).unwrap(), json!({"loaded": true}));
    rig
}

/// Sends a request after the first line was changed from `before` to its present text.
fn ask(rig: &mut Rig, request_id: &str, before: &str, text: &str) -> i64 {
    let after = text.split('\n').next().unwrap_or_default();
    rig.request(
        1,
        "predictEdit",
        json!({
            "requestId": request_id,
            "document": {"path": "a.py", "text": text},
            "position": {"line": 1, "character": 0},
            "edits": [{"path": "a.py", "before": before, "after": after, "line": 1}],
        }),
    )
}

/// Asks about a call that has an argument too few.
fn ask_a_model(rig: &mut Rig, request_id: &str) -> i64 {
    let text = "def f(a, b):\n    return a\n\n\nx = f(1)\nprint(x)\n";
    ask(rig, request_id, "def f(a):", text)
}

fn reason(rig: &Rig, id: i64) -> String {
    let answer = rig.answer(id).unwrap();
    assert!(answer.get("edit").is_none(), "{answer}");
    answer["nothing"]["reason"].as_str().unwrap().to_owned()
}

fn generations(rig: &Rig) -> usize {
    rig.calls("generate").len()
}

#[test]
fn what_leaves_no_choice_needs_no_model() {
    // No model is loaded for it, either.
    let mut rig = Rig::with_settings(json!({"codeModel": "fim-a"}));
    rig.connect(1);
    let id = ask(&mut rig, "a", "n = 1", "count = 1\nprint(n)\n");
    let answer = rig.answer(id).unwrap();
    assert_eq!(
        answer["edit"],
        json!({
            "range": {"start": 2, "end": 2},
            "original": "print(n)",
            "replacement": "print(count)",
            "because": "rename",
        })
    );
    assert_eq!((&answer["infill"], generations(&rig)), (&json!("kept"), 0));
    let id = ask(&mut rig, "b", "n = 1", "n = 2\nprint(n)\n");
    assert_eq!((reason(&rig, id).as_str(), generations(&rig)), ("nothingFollows", 0));
}

#[test]
fn a_model_is_asked_about_a_place_that_follows_and_the_line_after_it_ends_the_answer() {
    let mut rig = loaded(&json!({}));
    let id = ask_a_model(&mut rig, "a");
    let call = rig.calls("generate")[0].clone();
    assert_eq!(
        (&call["purpose"], &call["sampling"]["temperature"]),
        (&json!("completion"), &json!(0.0))
    );
    assert_eq!(call["stop"], json!(["\nprint(x)\n", "```"]));
    assert!(call["draft"].as_str().unwrap().starts_with("x = f(1)\nprint(x)\n"), "{call}");
    rig.write("x = f(1, 2)");
    rig.finish();
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["edit"]["replacement"], "x = f(1, 2)", "{answer}");
    assert_eq!(answer["edit"]["because"], "signature");
}

#[test]
fn a_place_that_a_model_had_nothing_to_say_to_is_not_asked_about_with_each_key() {
    let mut rig = loaded(&json!({}));
    let id = ask_a_model(&mut rig, "a");
    rig.write("x = f(1)");
    rig.finish();
    assert_eq!((reason(&rig, id).as_str(), generations(&rig)), ("nothingFollows", 1));
    let id = ask_a_model(&mut rig, "b");
    assert_eq!((reason(&rig, id).as_str(), generations(&rig)), ("nothingFollows", 1));
    // Another change has to be asked about again.
    let text = "def f(a, b, c):\n    return a\n\n\nx = f(1)\nprint(x)\n";
    ask(&mut rig, "c", "def f(a):", text);
    assert_eq!(generations(&rig), 2);
}

#[test]
fn it_gives_way_to_what_somebody_waits_for_and_to_the_next_one() {
    let mut rig = loaded(&json!({}));
    let first = ask_a_model(&mut rig, "a");
    let second = ask_a_model(&mut rig, "b");
    assert_eq!(reason(&rig, first), "superseded");
    rig.request(1, "generate", json!({"requestId": "g", "prompt": "hello"}));
    assert_eq!(reason(&rig, second), "busy");
}

#[test]
fn where_suggestions_are_off_there_are_none_of_these_either() {
    let mut rig = loaded(&json!({"ghostText.enabled": false}));
    let id = ask(&mut rig, "a", "n = 1", "count = 1\nprint(n)\n");
    assert_eq!(reason(&rig, id), "off");
    let mut rig = loaded(&json!({"ghostText.languagesOff": ["python"]}));
    let id = ask(&mut rig, "a", "n = 1", "count = 1\nprint(n)\n");
    assert_eq!(reason(&rig, id), "languageOff");
}
