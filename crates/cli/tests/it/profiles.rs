//! Profiles on the command line: what each needs, choosing one, and using one for a single command.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use localcoder_protocol::ErrorCode;
use localcoder_test_support::Installation;
use serde_json::{Value, json};

/// An installation with profiles whose model is installed.
fn installation() -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let profiles = json!({"profiles": {
        "fast": {"codeModel": "demo", "contextWindow": 1024, "summary": "Quick"},
        "wide": {"codeModel": "demo", "contextWindow": 2048},
    }});
    std::fs::create_dir_all(installation.home()).unwrap();
    std::fs::write(installation.home().join("settings.json"), profiles.to_string()).unwrap();
    installation
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let profiles = list["profiles"].as_array().unwrap();
    profiles.iter().find(|profile| profile["name"] == name).unwrap()
}

#[test]
fn the_list_has_numbers_for_every_profile() {
    let installation = installation();
    let list = installation.run(&["profiles", "--json"]).json();
    assert!(list["freeBytes"].as_u64().unwrap() > 1_000_000, "{list}");
    let fast = &named(&list, "fast")["code"];
    assert_eq!((&fast["verdict"], &fast["contextTokens"]), (&json!("fits"), &json!(1024)));
    assert!(fast["neededBytes"].as_u64().unwrap() > 4_000_000, "{fast}");
    assert_eq!(named(&list, "balanced")["inForce"], true);
    assert_eq!(named(&list, "heavy")["code"]["verdict"], "unusable");
    let text = installation.run(&["profiles"]).ok().stdout;
    assert!(text.contains("* balanced"), "{text}");
    assert!(text.contains("is not installed (8.99 GB to download); needs "), "{text}");
    assert!(text.contains("free: fits with 1024 tokens"), "{text}");
}

#[test]
fn whoever_says_whether_a_model_fits_says_the_same() {
    let installation = installation();
    let profiles = installation.run(&["profiles"]).ok().stdout;
    let free = installation.run(&["profiles", "--json"]).json()["freeBytes"].as_u64().unwrap();
    let list = installation.run(&["models", "list", "--json"]).json();
    let mut compared = 0;
    for id in ["qwen2.5-coder-7b", "llama-3-8b", "qwen2.5-coder-14b"] {
        let rows = list["models"].as_array().unwrap();
        let row = rows.iter().find(|row| row["id"] == id).unwrap();
        let needed = row["memory"]["neededBytes"].as_u64().unwrap();
        // Its memory is reported for the window that it would get, a profile's for the profile's
        // own.
        let name = row["name"].as_str().unwrap();
        let lines = profiles.lines().filter(|line| line.contains(name)).collect::<Vec<_>>();
        assert!(!lines.is_empty(), "{id}: no `{name}` in {profiles}");
        // What is free changes from one command to the next.
        if needed.abs_diff(free) < needed / 5 {
            continue;
        }
        let description = row["description"].as_str().unwrap();
        let (_, words) = [
            ("fits this machine", "would fit"),
            ("fits if other programs are closed", "would fit if other programs were closed"),
            ("does not fit", "is too large for this machine's memory"),
        ]
        .into_iter()
        .find(|(said, _)| description.contains(said))
        .unwrap();
        assert!(lines.iter().all(|line| line.ends_with(words)), "{id}: {lines:?}: {description}");
        compared += 1;
    }
    assert!(compared > 0 || free > 3_000_000_000, "nothing was compared with {free} free");
}

#[test]
fn what_was_measured_takes_the_place_of_the_estimate() {
    let installation = installation();
    let _ = installation.run(&["profiles", "use", "fast"]).ok();
    let _ = installation.run(&["generate", "--prompt", "x", "--max-tokens", "1"]).ok();
    let list = installation.run(&["profiles", "--json"]).json();
    let fast = &named(&list, "fast")["code"];
    assert_eq!((&fast["verdict"], &fast["measured"]), (&json!("loaded"), &json!(true)), "{fast}");
    let memory = installation.status().unwrap()["memory"].clone();
    let number = |name: &str| memory[name].as_u64().unwrap();
    let measured = number("weightsBytes") + number("kvBytes") + number("computeBytes");
    // The vocabulary is added to that.
    let needed = fast["neededBytes"].as_u64().unwrap();
    assert!((measured..measured + 2_000_000).contains(&needed), "{needed} for {measured}");
}

#[test]
fn a_profile_is_chosen_and_a_running_host_hears_of_it() {
    let installation = installation();
    let generate = ["generate", "--prompt", "x", "--max-tokens", "1", "--json"];
    let _ = installation.run(&generate).json();
    let chosen = installation.run(&["profiles", "use", "fast"]).ok().stdout;
    assert_eq!(chosen, "The profile is `fast` from now on: quick.\n");
    installation.wait_for_status("the profile's window is in use", |status| {
        status.is_some_and(|it| it["profile"] == "fast" && it["contextTokens"] == 1024)
    });
    let json = installation.run(&["profiles", "use", "wide", "--json"]).json();
    assert_eq!(json, json!({"profile": "wide", "overrides": []}));
    let explained = installation.run(&["config", "list", "--explain"]).ok().stdout;
    let window = explained.lines().find(|line| line.starts_with("contextWindow")).unwrap();
    assert!(window.contains("2048") && window.ends_with("the profile wide"), "{window}");
    let other = installation.run(&["config", "list", "--explain", "--profile", "fast"]).ok().stdout;
    let window = other.lines().find(|line| line.starts_with("contextWindow")).unwrap();
    assert!(window.contains("1024"), "{window}");
}

#[test]
fn settings_of_ones_own_count_more_and_are_reported() {
    let installation = installation();
    let _ = installation.run(&["config", "set", "contextWindow", "512"]).ok();
    let chosen = installation.run(&["profiles", "use", "wide"]).ok();
    assert!(
        chosen.stderr.contains("Your setting `contextWindow` counts more"),
        "{}",
        chosen.stderr
    );
    let json = installation.run(&["profiles", "use", "wide", "--json"]).json();
    assert_eq!(json["overrides"], json!(["contextWindow"]));
    let missing = installation.run(&["profiles", "use", "heavy"]).ok().stderr;
    assert!(missing.contains("`qwen2.5-coder-14b` is not installed"), "{missing}");
    assert!(missing.contains("until it is, `demo` is used"), "{missing}");
    let none = installation.run(&["profiles", "use", "none"]).failed(ErrorCode::InvalidSetting);
    assert!(none.stderr.contains("`balanced`"), "{}", none.stderr);
}

#[test]
fn a_command_may_have_a_profile_of_its_own() {
    let installation = installation();
    let file = installation.write("a.py", "def f(x):\n    return x == None\n");
    let file = file.to_str().unwrap();
    let improve = |profile: &str| {
        let arguments = ["improve", file, "--lines", "1-2", "--profile", profile, "--json"];
        installation.run(&arguments)
    };
    assert_eq!(improve("fast").json()["context"]["windowTokens"], 1024);
    assert_eq!(improve("wide").json()["context"]["windowTokens"], 2048);
    let unknown = installation.run(&["improve", file, "--lines", "1-2", "--profile", "none"]);
    let unknown = unknown.failed(ErrorCode::InvalidSetting);
    assert!(unknown.stderr.contains("there is no profile `none`"), "{}", unknown.stderr);
}
