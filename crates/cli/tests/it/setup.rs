//! The set-up and the self-test on the command line: what they do without a terminal, what they
//! leave on disk, and what they say about a useless model.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use localcoder_test_support::Installation;
use localcoder_test_support::downloads::{Content, catalog, sha256};
use localcoder_test_support::http::{Reply, Server};
use serde_json::{Value, json};

use crate::installation_with_home as installation;

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf")
}

fn noted(installation: &Installation) -> Value {
    let text = std::fs::read(installation.home().join("setup.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn report(installation: &Installation) -> Value {
    installation.run(&["setup", "--json"]).ok().json()
}

#[test]
fn without_a_terminal_the_facts_are_reported_and_nothing_is_asked_or_changed() {
    let installation = installation();
    let told = installation.run(&["setup"]).ok().stdout;
    for fact in ["Memory:", "Disk:", "Recommended: `", "Nothing goes over the network", "--demo"] {
        assert!(told.contains(fact), "{fact} in {told}");
    }
    assert!(!installation.home().join("setup.json").exists());
    let report = report(&installation);
    assert_eq!((&report["needed"], &report["step"]), (&json!(true), &json!("choose")));
    assert_eq!(report["airGap"]["on"], json!(false));
}

#[test]
fn it_is_offered_until_it_was_finished_and_not_where_a_model_was_chosen_without_it() {
    let installation = installation();
    let _ = installation.run(&["setup", "--demo"]).ok();
    assert_eq!(report(&installation)["needed"], json!(false));
    assert_eq!(noted(&installation)["finished"], json!(true));
    let _ = installation.run(&["setup", "--again"]).ok();
    assert_eq!(report(&installation)["needed"], json!(true));
    std::fs::remove_file(installation.home().join("setup.json")).unwrap();
    assert_eq!(report(&installation)["needed"], json!(true));
    let _ = installation.run(&["config", "set", "codeModel", "demo"]).ok();
    assert_eq!(report(&installation)["needed"], json!(false));
}

#[test]
fn air_gapped_mode_is_switched_and_told_with_its_reason() {
    let installation = installation();
    let _ = installation.run(&["setup", "--air-gapped", "on"]).ok();
    let on = report(&installation);
    assert_eq!(on["airGap"]["on"], json!(true));
    assert!(on["airGap"]["reason"].is_string() && on["list"]["refusal"].is_object(), "{on:#}");
    let _ = installation.run(&["setup", "--air-gapped", "off"]).ok();
    assert_eq!(report(&installation)["airGap"]["on"], json!(false));
}

#[test]
fn a_file_is_taken_in_used_and_tested_in_one_command() {
    let installation = installation();
    let file = installation.write("tiny.gguf", std::fs::read(demo()).unwrap());
    let told =
        installation.run(&["setup", "--model", file.to_str().unwrap(), "--in-place"]).ok().stdout;
    for part in ["`tiny` is installed", "`tiny` is in use", "First token, cold:", "Ready:"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let used = installation.run(&["config", "get", "codeModel"]).ok().stdout;
    assert_eq!(used.trim(), "tiny");
    assert_eq!(noted(&installation)["step"], json!("done"));
}

#[test]
fn a_download_waits_for_the_license_and_its_step_is_resumed() {
    let installation = installation();
    let bytes = std::fs::read(demo()).unwrap();
    let served = bytes.clone();
    let server = Server::start(move |asked| Reply::file(asked, &served, "\"1\""));
    let content = Content { sha256: sha256(&bytes), bytes };
    let offered = catalog(&content, &server.url("small.gguf")).to_string();
    std::fs::write(installation.home().join("catalog.json"), offered).unwrap();
    let refused = installation.run(&["setup", "--model", "small"]);
    assert_eq!(refused.code, Some(54), "{refused:?}");
    assert!(refused.stderr.contains("there was no one to agree"), "{}", refused.stderr);
    let unknown = ["setup", "--step", "download", "--download", "unknown"];
    assert_eq!(installation.run(&unknown).code, Some(21));
    let _ = installation.run(&["setup", "--step", "download", "--download", "small"]).ok();
    assert_eq!(report(&installation)["downloads"], json!(["small"]));
    let all = ["setup", "--model", "small", "--accept-license", "--no-test"];
    let _ = installation.run(&all).ok();
    let after = report(&installation);
    assert_eq!((&after["step"], &after["downloads"]), (&json!("done"), &json!([])));
    assert_eq!(installation.run(&["config", "get", "codeModel"]).ok().stdout.trim(), "small");
}

#[test]
fn a_model_that_is_not_there_fails_the_test_with_what_to_do() {
    let installation = installation();
    let failed = installation.run(&["self-test", "--model", "gone", "--json"]).ok().json();
    assert_eq!(failed["verdict"], json!("failed"));
    assert_eq!(failed["checks"].as_array().unwrap().len(), 1, "{failed:#}");
    assert!(failed["checks"][0]["error"]["code"].is_string(), "{failed:#}");
    let told = installation.run(&["self-test", "--model", "gone"]);
    assert_ne!(told.code, Some(0));
    assert!(told.stdout.contains("BAD  Load:"), "{}", told.stdout);
}

#[test]
fn a_test_measures_everything_and_shows_an_edit() {
    let installation = installation();
    let report = installation.run(&["self-test", "--model", "demo", "--json"]).ok().json();
    assert_ne!(report["verdict"], json!("failed"), "{report:#}");
    for number in [
        "loadMs",
        "coldFirstTokenMs",
        "warmFirstTokenMs",
        "prefillTokensPerS",
        "decodeTokensPerS",
        "improveMs",
    ] {
        assert!(report["measured"][number].as_f64().is_some_and(|it| it > 0.0), "{report:#}");
    }
    assert!(report["diff"].as_str().unwrap().contains("+    if item is None:"), "{report:#}");
    // Repeating the test loads the model again.
    let again = installation.run(&["self-test", "--model", "demo", "--json"]).ok().json();
    assert!(again["measured"]["loadMs"].as_f64().is_some(), "{again:#}");
}
