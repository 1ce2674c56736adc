//! Settings from the command line, that a running host is notified of them, and the doctor's
//! checks.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use localcoder_protocol::ErrorCode;
use serde_json::{Value, json};

use crate::installation;

fn row(list: &Value, key: &str) -> Value {
    let rows = list["settings"].as_array().unwrap();
    rows.iter().find(|row| row["key"] == key).unwrap().clone()
}

#[test]
fn a_setting_is_shown_changed_and_taken_back() {
    let installation = installation();
    assert_eq!(installation.run(&["config", "get", "contextWindow"]).ok().stdout, "4096\n");
    let changed = installation.run(&["config", "set", "contextWindow", "2048"]).ok().stdout;
    assert_eq!(changed, "contextWindow is 2048 (settings.json).\n");
    let set = installation.run(&["config", "set", "codeModel", "123"]).ok().stdout;
    assert_eq!(set, "codeModel is 123 (settings.json).\n");
    let _ = installation.run(&["config", "set", "sampling.temperature", "0.5"]).ok();
    let list = installation.run(&["config", "list", "--json"]).json();
    assert_eq!(
        row(&list, "contextWindow"),
        json!({"key": "contextWindow", "value": 2048, "from": "settings.json"})
    );
    assert_eq!(row(&list, "codeModel")["value"], "123");
    assert_eq!(row(&list, "mode")["from"], "the defaults");
    let explained = installation.run(&["config", "list", "--explain"]).ok().stdout;
    let line = explained.lines().find(|line| line.starts_with("sampling.temperature")).unwrap();
    assert!(line.contains("0.5") && line.ends_with("settings.json"), "{line}");
    // The full name means the same setting.
    assert_eq!(
        installation.run(&["config", "get", "localcoder.contextWindow"]).ok().stdout,
        "2048\n"
    );
    let full = installation.run(&["config", "set", "localcoder.codeModel", "456"]).ok().stdout;
    assert_eq!(full, "codeModel is 456 (settings.json).\n");
    let text = std::fs::read_to_string(installation.home().join("settings.json")).unwrap();
    assert!(text.contains(r#""localcoder.codeModel": "456""#), "{text}");
    let back = installation.run(&["config", "unset", "contextWindow"]).ok().stdout;
    assert_eq!(back, "contextWindow is 4096 (the profile balanced).\n");
}

#[test]
fn what_is_malformed_is_refused_and_changes_nothing() {
    let installation = installation();
    let _ = installation.run(&["config", "set", "contextWindow", "1024"]).ok();
    let path = installation.home().join("settings.json");
    let before = std::fs::read_to_string(&path).unwrap();
    for (key, value) in
        [("contextWindow", "9000"), ("contextWindow", "many"), ("mode", "fast"), ("color", "red")]
    {
        let arguments = ["config", "set", key, value];
        let _ = installation.run(&arguments).failed(ErrorCode::InvalidSetting);
    }
    let _ = installation.run(&["config", "get", "color"]).failed(ErrorCode::InvalidSetting);
    let _ = installation.run(&["config", "unset", "color"]).failed(ErrorCode::InvalidSetting);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    // A bad value that was written by hand is reported, and the value of the layer below counts.
    std::fs::write(&path, r#"{"contextWindow": 9000}"#).unwrap();
    let list = installation.run(&["config", "list", "--json"]).json();
    assert_eq!(row(&list, "contextWindow")["value"], 4096);
    assert_eq!(list["errors"][0]["code"], "invalidSetting");
}

#[test]
fn a_running_host_hears_of_it() {
    let installation = installation();
    let generate = ["generate", "--prompt", "x = ", "--raw", "--max-tokens", "1", "--json"];
    let _ = installation.run(&generate).json();
    let window = |wanted: u64| {
        installation.wait_for_status("the context window is the one that was set", |status| {
            status.is_some_and(|status| status["contextTokens"] == wanted)
        });
    };
    window(2048);
    let _ = installation.run(&["config", "set", "contextWindow", "1024"]).ok();
    let _ = installation.run(&generate).json();
    window(1024);
}

#[test]
fn the_schema_names_every_setting() {
    let schema = installation().run(&["config", "schema"]).json();
    assert_eq!(schema["properties"]["contextWindow"]["maximum"], 8192);
    assert_eq!(schema["properties"]["generalModel"]["type"], "string");
    // The IDE's own settings are in the same file.
    assert_eq!(schema["additionalProperties"], true);
}

#[test]
fn the_doctor_finds_a_sound_installation_sound_and_measures_it() {
    let installation = installation();
    let found = installation.run(&["doctor"]).ok().stdout;
    assert_eq!(found.lines().filter(|line| line.starts_with("ok ")).count(), 9, "{found}");
    assert!(found.contains("LocalCoder demo on CPU reads"), "{found}");
    for sandbox in [
        "Sandbox:   the host has no network and writes in its own folders alone; the worker opens no \
         files",
        "; a download starts nothing and writes in the store's folders alone",
    ] {
        assert!(!cfg!(target_os = "linux") || found.contains(sandbox), "no {sandbox}: {found}");
    }
    let found = installation.run(&["doctor", "--json"]).json();
    assert_eq!(found["healthy"], true, "{found}");
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let installation = installation();
    let _ = installation.run(&["config", "set", "codeModel", "no-such-model"]).ok();
    let failed = installation.run(&["doctor"]).failed(ErrorCode::ModelNotFound);
    assert!(
        failed.stdout.contains("BAD  Self-test: no model `no-such-model`"),
        "{}",
        failed.stdout
    );
    assert!(failed.stdout.contains("localcoder models list"), "{}", failed.stdout);
    std::fs::write(installation.home().join("settings.json"), "{ // mine").unwrap();
    let found = installation.run(&["doctor", "--json"]).json();
    let bad = |row: &&Value| row["ok"] == false;
    let bad: Vec<&Value> = found["findings"].as_array().unwrap().iter().filter(bad).collect();
    assert_eq!((found["healthy"].as_bool(), bad.len()), (Some(false), 1), "{found}");
    assert_eq!(bad[0]["error"]["code"], "invalidSetting");
}
