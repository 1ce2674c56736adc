//! What is counted of edits: which edits, with what, and that a client adds a single word and no
//! more.

use localcoder_host::core::Effect;
use localcoder_host::ledger::Shown;
use localcoder_protocol::{Decision, ErrorCode};
use serde_json::{Value, json};

use crate::rig::Rig;

/// Asks for an improvement, for which the model writes an answer.
fn improved(rig: &mut Rig, answer: &str, more: &Value) -> Value {
    rig.connect(1);
    let mut params = json!({
        "requestId": "a",
        "document": {"path": "/home/ada/secret.py", "text": "def f(x):\n    return x\n"},
        "selection": {"start": 1, "end": 2},
        "instruction": "Negate it for Ada.",
    });
    for (key, value) in more.as_object().unwrap() {
        params[key] = value.clone();
    }
    let id = rig.request(1, "improve", params);
    for _ in 0..5 {
        if !rig.answers(id).is_empty() {
            break;
        }
        rig.write(answer);
        rig.finish();
    }
    rig.answer(id).unwrap()
}

fn shown(rig: &Rig) -> Vec<&Shown> {
    let shown = rig.counted.iter().filter_map(|effect| match effect {
        Effect::CountShown(shown) => Some(&**shown),
        _ => None,
    });
    shown.collect()
}

fn decisions(rig: &Rig) -> Vec<(&str, Decision)> {
    let decisions = rig.counted.iter().filter_map(|effect| match effect {
        Effect::CountDecision { edit_id, decision } => Some((edit_id.as_str(), *decision)),
        _ => None,
    });
    decisions.collect()
}

const EDITED: &str = "def f(x):\n    return -x";

#[test]
fn an_edit_that_is_shown_is_counted_with_what_the_host_knows() {
    let mut rig = Rig::new();
    let answer = improved(&mut rig, EDITED, &json!({}));
    let [shown] = shown(&rig)[..] else { panic!("{:?}", rig.counted) };
    assert_eq!(answer["editId"], shown.edit_id.as_str());
    let about = &shown.about;
    assert_eq!((about.command.as_str(), about.instructed), ("improve", true));
    assert_eq!((about.language.as_str(), about.profile.as_str()), ("python", "balanced"));
    assert_eq!((shown.attempts, shown.unsure), (1, false));
    assert!(about.prompt.contains('/'), "a set and its version: {}", about.prompt);
    let all = format!("{shown:?}");
    for word in ["ada", "secret", "Negate", "return"] {
        assert!(!all.contains(word), "{word}: {all}");
    }
}

#[test]
fn words_of_the_user_stand_for_nothing_in_it() {
    let mut rig = Rig::with_settings(json!({
        "profile": "adas",
        "profiles": {"adas": {"codeModel": "demo"}},
    }));
    let document = json!({"path": "notes.ada", "languageId": "adas-language", "text": "def f(x):\n    return x\n"});
    improved(&mut rig, EDITED, &json!({"document": document}));
    let about = &shown(&rig)[0].about;
    assert_eq!((about.language.as_str(), about.profile.as_str()), ("other", "own"));
}

#[test]
fn every_edit_has_a_name_of_its_own() {
    let mut rig = Rig::new();
    let first = improved(&mut rig, EDITED, &json!({}));
    let second = improved(&mut rig, EDITED, &json!({"requestId": "b"}));
    assert_ne!(first["editId"], second["editId"]);
}

#[test]
fn what_shows_nobody_an_edit_is_not_counted() {
    let mut rig = Rig::new();
    let unchanged = improved(&mut rig, "def f(x):\n    return x", &json!({}));
    assert_eq!(unchanged["unchanged"], true);
    assert_eq!(shown(&rig), Vec::<&Shown>::new(), "there is nothing to see");
    let id = rig.explain(1, "text");
    rig.write("It returns x.");
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(shown(&rig), Vec::<&Shown>::new(), "a text is none");
}

#[test]
fn where_the_setting_is_off_nothing_is_counted() {
    let mut rig = Rig::with_settings(json!({"ledger": false}));
    let answer = improved(&mut rig, EDITED, &json!({}));
    let params = json!({"editId": answer["editId"], "decision": {"kind": "kept"}});
    let id = rig.request(1, "recordDecision", params);
    rig.answer(id).unwrap();
    assert!(rig.counted.is_empty(), "{:?}", rig.counted);
    // It can also be off for a single request.
    let mut rig = Rig::new();
    improved(&mut rig, EDITED, &json!({"settings": {"ledger": false}}));
    assert!(rig.counted.is_empty(), "{:?}", rig.counted);
}

#[test]
fn a_client_can_say_what_became_of_an_edit_and_nothing_else() {
    let mut rig = Rig::new();
    let answer = improved(&mut rig, EDITED, &json!({}));
    let edit_id = answer["editId"].as_str().unwrap().to_owned();
    let in_part = json!({"kind": "keptInPart", "hunksKept": 1, "hunksShown": 3});
    for decision in [in_part, json!({"kind": "undone", "note": "def f(x)"})] {
        let id = rig.request(1, "recordDecision", json!({"editId": edit_id, "decision": decision}));
        rig.answer(id).unwrap();
    }
    let part = Decision::KeptInPart { hunks_kept: 1, hunks_shown: 3 };
    assert_eq!(decisions(&rig), [(edit_id.as_str(), part), (&edit_id, Decision::Undone)]);
    let kept = json!({"kind": "kept"});
    for (edit_id, decision) in [
        ("def f(x):", &kept),
        ("", &kept),
        ("0123456789ABCDEF", &kept),
        (&edit_id, &json!({"kind": "loved"})),
        (&edit_id, &json!("kept")),
    ] {
        let params = json!({"editId": edit_id, "decision": decision});
        let id = rig.request(1, "recordDecision", params);
        assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::Protocol, "{edit_id} {decision}");
    }
    assert_eq!(decisions(&rig).len(), 2);
}
