//! A slow model: the fast profile is suggested once, with the numbers.

use localcoder_host::core::Event;
use localcoder_protocol::{PROTOCOL_VERSION, Usage};
use serde_json::{Value, json};

use crate::rig::Rig;

/// Connects an editor, with a profile whose model is smaller.
fn rig(mut rig: Rig) -> Rig {
    rig.event(Event::ClientConnected(1));
    let hello = json!({"protocolVersion": PROTOCOL_VERSION, "buildId": "x", "pid": 1,
        "client": "editor", "wantsStatus": true});
    rig.request(1, "hello", hello);
    rig
}

fn settings(fast: &str) -> Value {
    json!({"codeModel": "size-4000-slow", "profiles": {"fast": {"codeModel": fast}}})
}

/// Answers of 40 tokens at this speed.
fn answer(rig: &mut Rig, times: usize, tokens_per_s: f64) {
    for _ in 0..times {
        let id = rig.explain(1, "a");
        let usage = Usage {
            generated_tokens: 40,
            decode_ms: 40_000.0 / tokens_per_s,
            prompt_tokens: 100,
            prefill_ms: 1_000.0,
            ..Usage::default()
        };
        rig.finish_with(usage);
        rig.answers(id);
        rig.pass(100);
    }
}

fn suggestions(rig: &Rig) -> Vec<(String, Value)> {
    let told = rig.notifications("suggestion");
    told.map(|(_, it)| (it["message"].as_str().unwrap().to_owned(), it["action"].clone())).collect()
}

#[test]
fn five_slow_answers_in_a_row_suggest_the_fast_profile_once() {
    let mut rig = rig(Rig::with_settings(settings("size-1000-fast")));
    answer(&mut rig, 4, 6.0);
    answer(&mut rig, 1, 12.0);
    answer(&mut rig, 4, 6.2);
    assert_eq!(suggestions(&rig), []);
    answer(&mut rig, 1, 6.2);
    let told = suggestions(&rig);
    assert_eq!(told.len(), 1);
    let (message, action) = &told[0];
    assert_eq!(action, "useFastProfile");
    assert!(message.contains("size-4000-slow writes 6.2 tokens a second"), "{message}");
    assert!(message.contains("below 10 "), "{message}");
    assert!(message.contains("size-1000-fast, which should write about 25"), "{message}");
    answer(&mut rig, 20, 5.0);
    assert_eq!(suggestions(&rig).len(), 1, "it does not nag");
    let speed = rig.status(1)["speed"].clone();
    assert_eq!(speed, json!({"readTokensPerS": 100.0, "writtenTokensPerS": 5.0}));
    // Nor is it suggested after a restart.
    rig.pass(40_000);
    let mut next = self::rig(Rig::with_measurements(rig.kept.clone()));
    next.request(1, "configure", json!({"settings": settings("size-1000-fast")}));
    answer(&mut next, 6, 5.0);
    assert_eq!(suggestions(&next), []);
}

#[test]
fn a_fast_profile_that_is_not_installed_leads_to_the_models() {
    let mut rig = rig(Rig::with_settings(settings("qwen-not-there")));
    answer(&mut rig, 5, 3.0);
    let (message, action) = suggestions(&rig).remove(0);
    assert_eq!(action, "switchModel");
    assert!(message.contains("`qwen-not-there`, which is not installed"), "{message}");
}

#[test]
fn nothing_is_suggested_that_would_not_help_or_is_not_wanted() {
    for settings in [
        settings("size-9000-larger"),
        settings("size-4000-slow"),
        json!({"profile": "fast", "profiles": {"fast": {"codeModel": "size-4000-slow"}}}),
        json!({
            "codeModel": "size-4000-slow", "slowTokensPerSecond": 0,
            "profiles": {"fast": {"codeModel": "size-1000-fast"}},
        }),
    ] {
        let mut rig = rig(Rig::with_settings(settings.clone()));
        answer(&mut rig, 8, 3.0);
        assert_eq!(suggestions(&rig), [], "{settings}");
    }
    // No client is connected: the report waits until one is.
    let mut rig = Rig::with_settings(settings("size-1000-fast"));
    rig.connect(1);
    answer(&mut rig, 8, 3.0);
    assert_eq!(suggestions(&rig), []);
}
