//! Explanations: how long they are, which parts link to a line, and the questions that follow.

use serde_json::{Value, json};

use crate::rig::Rig;

fn question(request_id: &str, more: &Value) -> Value {
    let mut params = json!({
        "requestId": request_id,
        "document": {"path": "a.py", "text": "def f(x):\n    return x\n"},
        "selection": {"start": 1, "end": 2},
    });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn tokens_max(rig: &Rig) -> u64 {
    rig.calls("generate").last().unwrap()["maxTokens"].as_u64().unwrap()
}

#[test]
fn names_that_are_there_lead_to_their_line() {
    let mut rig = Rig::new();
    rig.connect(1);
    let id = rig.explain(1, "a");
    rig.write("`f` returns `x`, not `y`. [f](command:evil)");
    rig.finish();
    let answer = rig.answer(id).unwrap();
    let references = answer["references"].as_array().unwrap();
    let found: Vec<_> =
        references.iter().map(|it| (&it["words"], &it["place"]["range"]["start"])).collect();
    assert_eq!(found, [(&json!("f"), &json!(1)), (&json!("x"), &json!(1))]);
    assert_eq!(references[0]["place"]["original"], "def f(x):");
}

#[test]
fn a_question_goes_with_what_was_said_before() {
    let mut rig = Rig::new();
    rig.connect(1);
    let conversation = json!([{"answer": "It returns x."}, {"question": "Why?", "answer": "So."}]);
    let more = json!({"instruction": "And now?", "conversation": conversation});
    let id = rig.request(1, "explain", question("a", &more));
    let messages = &rig.calls("generate")[0]["prompt"]["messages"];
    let roles: Vec<_> =
        messages.as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "user", "assistant", "user"]);
    assert!(messages[1]["content"].as_str().unwrap().contains("def f(x):"));
    assert_eq!(messages[2]["content"], "It returns x.");
    rig.write("Now it is done.");
    rig.finish();
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["text"], "Now it is done.");
    assert!(answer["context"]["conversationTokens"].as_u64().unwrap() > 0, "{answer}");
}

#[test]
fn an_explanation_is_as_long_as_is_set_or_asked_for() {
    let mut rig = Rig::with_settings(json!({"explanation.length": "short"}));
    rig.connect(1);
    rig.explain(1, "a");
    let short = tokens_max(&rig);
    rig.finish();
    let long = json!({"settings": {"explanation.length": "long"}});
    let id = rig.request(1, "explain", question("b", &long));
    assert!(tokens_max(&rig) > short);
    rig.finish();
    assert!(rig.answer(id).is_ok());
    let wrong = json!({"settings": {"explanation.length": "endless"}});
    let refused = rig.request(1, "explain", question("c", &wrong));
    assert!(rig.answer(refused).is_err());
}
