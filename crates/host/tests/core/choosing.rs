//! Which model and which window a request gets, by profile, settings, options and memory; and what
//! users who choose a model are shown.

use localcoder_protocol::ErrorCode;
use serde_json::{Value, json};

use crate::rig::Rig;

const MB: u64 = 1_000_000;

fn rig(settings: Value, megabytes: u64) -> Rig {
    let mut rig = Rig::with_settings(settings);
    rig.machine_bytes = Some(megabytes * MB);
    rig.connect(1);
    rig
}

fn warm(rig: &mut Rig) -> u64 {
    let id = rig.request(1, "warm", json!({}));
    rig.answer(id).unwrap();
    rig.status(1)["contextTokens"].as_u64().unwrap()
}

fn notes(rig: &mut Rig) -> String {
    rig.status(1)["notes"].to_string()
}

#[test]
fn a_profile_that_leaves_the_window_open_takes_what_memory_allows_and_says_so() {
    let own = |most: u32| {
        let profile = json!({"codeModel": "size-1000-a", "contextWindowMax": most});
        json!({"profile": "mine", "profiles": {"mine": profile}})
    };
    let mut roomy = rig(own(8192), 8_000);
    assert_eq!(warm(&mut roomy), 8192);
    assert_eq!(notes(&mut roomy), "[]");
    // The demo's window of 8,192 tokens takes some 30 MB more than one of 4,096.
    let mut narrow = rig(own(8192), 1_040);
    let window = warm(&mut narrow);
    assert!((4096..8192).contains(&window), "{window}");
    assert!(notes(&mut narrow).contains("of up to 8192 tokens: there was no memory for more"));
    assert_eq!(warm(&mut narrow), window, "it is not loaded again");
    assert_eq!(narrow.calls("loadModel").len(), 1);
}

#[test]
fn a_profile_whose_model_is_not_installed_is_reported() {
    let mut rig = rig(json!({}), 8_000);
    warm(&mut rig);
    let status = rig.status(1);
    assert_eq!(
        (&status["profile"], &status["model"]["reference"]),
        (&json!("balanced"), &json!("demo"))
    );
    let notes = notes(&mut rig);
    assert!(
        notes.contains(
            "`qwen2.5-coder-7b` of the profile `balanced` is not installed, so `demo` is used"
        ),
        "{notes}"
    );
    // A model that the user named is never replaced by another.
    let mut named = self::rig(json!({"codeModel": "missing"}), 8_000);
    let id = named.request(1, "warm", json!({}));
    assert_eq!(named.answer(id).unwrap_err().code, ErrorCode::ModelNotFound);
}

#[test]
fn a_large_model_is_loaded_under_heavy_only_after_its_check() {
    let mut rig = rig(json!({"codeModel": "large-14b"}), 8_000);
    let id = rig.request(1, "warm", json!({}));
    let error = rig.answer(id).unwrap_err();
    assert_eq!(error.code, ErrorCode::ProfileNeeded);
    assert!(error.message.contains("14.7 billion parameters"), "{error}");
    assert!(error.hint.unwrap().contains("`heavy`"));
    let explain = |options: Value| {
        json!({
            "requestId": "a", "settings": options, "selection": {"start": 1, "end": 1},
            "document": {"path": "a.py", "text": "x = 1\n"},
        })
    };
    let id = rig.request(1, "explain", explain(json!({"profile": "heavy"})));
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["model"]["reference"], "large-14b");
    // Memory is checked as for any other model.
    let mut small = self::rig(json!({"codeModel": "large-14b", "profile": "heavy"}), 1);
    let id = small.request(1, "warm", json!({}));
    assert_eq!(small.answer(id).unwrap_err().code, ErrorCode::OutOfMemory);
}

#[test]
fn the_options_of_a_command_count_for_it_alone() {
    let mut rig = rig(json!({"codeModel": "size-1000-a", "contextWindow": 4096}), 8_000);
    let explain = |options: Value| {
        json!({
            "requestId": "a", "settings": options, "selection": {"start": 1, "end": 1},
            "document": {"path": "a.py", "text": "x = 1\n"},
        })
    };
    let id = rig.request(1, "explain", explain(json!({"sampling.temperature": 0.5})));
    assert_eq!(rig.calls("generate")[0]["sampling"]["temperature"], 0.5);
    rig.finish();
    rig.answer(id).unwrap();
    let id = rig.request(1, "explain", explain(json!({"contextWindow": 1024})));
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(rig.calls("loadModel")[1]["profile"]["contextTokens"], 1024);
    let id = rig.request(1, "explain", explain(json!({"profile": "none"})));
    let error = rig.answer(id).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidSetting);
    assert!(error.message.contains("`none` (in the command line)"), "{error}");
    let id = rig.explain(1, "b");
    assert_eq!(rig.calls("generate")[2]["sampling"]["temperature"], 0.0);
    rig.finish();
    rig.answer(id).unwrap();
}

#[test]
fn a_selection_that_does_not_fit_leaves_the_choice() {
    let profiles = json!({
        "narrow": {"codeModel": "size-1000-a", "contextWindow": 1024},
        "wide": {"codeModel": "size-1000-a", "contextWindow": 8192},
    });
    let mut rig = rig(json!({"profile": "narrow", "profiles": profiles}), 8_000);
    let text = "value = value + 1\n".repeat(300);
    let id = rig.request(
        1,
        "improve",
        json!({
            "requestId": "a", "document": {"path": "a.py", "text": text},
            "selection": {"start": 1, "end": 300},
        }),
    );
    let error = rig.answer(id).unwrap_err();
    assert_eq!(error.code, ErrorCode::SelectionTooLarge);
    let hint = error.hint.unwrap();
    assert!(hint.contains("select fewer lines"), "{hint}");
    assert!(hint.contains("`localcoder.contextWindow` to "), "{hint}");
    assert!(hint.contains("leave the profile `narrow` for `balanced`"), "{hint}");
    assert!(rig.calls("generate").is_empty());
}

#[test]
fn every_answer_knows_what_its_tokens_went_to() {
    let mut rig = rig(json!({"codeModel": "size-1000-a"}), 8_000);
    let text = "import os\n\nx = 1\n\ny = 2\n";
    let id = rig.request(
        1,
        "explain",
        json!({
            "requestId": "a", "document": {"path": "a.py", "text": text},
            "selection": {"start": 3, "end": 3},
        }),
    );
    rig.finish();
    let context = rig.answer(id).unwrap()["context"].clone();
    let number = |name: &str| context[name].as_u64().unwrap();
    for part in ["systemTokens", "fileTokens", "selectionTokens", "answerTokensMax"] {
        assert!(number(part) > 0, "{part}: {context}");
    }
    let all = number("systemTokens")
        + number("fileTokens")
        + number("selectionTokens")
        + number("answerTokensMax");
    assert!(all <= number("windowTokens"), "{context}");
}

#[test]
fn a_survey_says_what_each_profile_needs_and_what_would_fit() {
    let profiles = json!({
        "fast": {"codeModel": "size-1000-a"},
        "heavy": {"codeModel": "size-9000-b", "generalModel": "size-1000-a"},
    });
    let mut rig = rig(json!({"profile": "fast", "profiles": profiles}), 4_000);
    let models = json!({"models": ["large-14b", "missing"]});
    let id = rig.request(1, "survey", models.clone());
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["freeBytes"], 4_000 * MB);
    let of = |name: &str| {
        let profiles = answer["profiles"].as_array().unwrap();
        profiles.iter().find(|profile| profile["name"] == name).unwrap().clone()
    };
    let text = |survey: &Value| survey["text"].as_str().unwrap().to_owned();
    let fast = of("fast");
    assert_eq!((&fast["inForce"], &fast["code"]["verdict"]), (&json!(true), &json!("fits")));
    let said = text(&fast["code"]);
    assert!(said.contains("needs 1.1 GB, 4.0 GB free: fits with 4096 tokens"), "{said}");
    assert_eq!(fast["general"], Value::Null);
    let heavy = of("heavy");
    assert_eq!(heavy["code"]["verdict"], "tooLarge");
    let said = text(&heavy["code"]);
    assert!(said.contains("needs 9.1 GB, 4.0 GB free: close other programs"), "{said}");
    assert_eq!(heavy["general"]["verdict"], "fits");
    assert_eq!(of("balanced")["code"]["verdict"], "unusable");
    let models = answer["models"].as_array().unwrap();
    assert_eq!(
        (&models[0]["verdict"], &models[1]["verdict"]),
        (&json!("notAllowed"), &json!("unusable"))
    );
    assert!(text(&models[1]).contains("no model `missing`"));
    let many = json!({"models": vec!["a"; 65]});
    let id = rig.request(1, "survey", many);
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::Protocol);
}

/// A rig whose model has answered once.
fn ready() -> Rig {
    let mut rig = Rig::new();
    rig.connect(1);
    let first = rig.explain(1, "a");
    rig.finish();
    assert!(rig.answer(first).is_ok());
    rig
}

#[test]
fn a_request_to_a_ready_model_does_not_wait_for_its_file() {
    let mut rig = ready();
    rig.slow_disk = true;
    let second = rig.explain(1, "b");
    assert!(rig.is_writing(), "the disk is slow, and the model is there");
    rig.write("text");
    rig.finish();
    assert_eq!(rig.answer(second).unwrap()["text"], "text");
    rig.inspect();
    assert_eq!(rig.calls("loadModel").len(), 1);
}

#[test]
fn a_file_that_turns_out_to_be_another_is_loaded_before_anything_of_the_old_one_is_shown() {
    let mut rig = ready();
    (rig.slow_disk, rig.replaced) = (true, true);
    let second = rig.explain(1, "b");
    assert!(rig.is_writing());
    rig.slow_disk = false;
    rig.inspect();
    assert_eq!(rig.cancelled_calls().len(), 1, "what was begun is stopped");
    rig.end_what_was_cancelled();
    rig.write("text");
    rig.finish();
    assert_eq!(rig.answer(second).unwrap()["text"], "text");
    assert_eq!(rig.calls("loadModel").len(), 2, "it is the other file that answers");
}
