//! The guarantees of the assembly: merges, prunes, stamps, the page's script, texts and licenses.
//!
//! Tested on small trees made here, and on the overlay's own data. The assembled editor itself is
//! checked at the end of each assembly, and again here if it exists.

use std::path::{Path, PathBuf};

use fs_err as fs;
use serde_json::{Value, json};

use super::overlay::{self, merge, replace_once};
use super::removed::Removed;
use super::stage::{Digest, Stage};
use super::strings::Strings;
use super::{licenses, shim, tree};

fn root() -> PathBuf {
    crate::places::root()
}

fn overlay_folder() -> PathBuf {
    root().join("ide/overlay")
}

fn put(root: &Path, file: &str, text: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_merge_goes_into_objects_and_null_takes_away() {
    let mut value = json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "gone": "x"});
    merge(&mut value, &json!({"a": {"b": 3}, "list": [], "gone": null, "new": {"d": 4}}));
    assert_eq!(value, json!({"a": {"b": 3, "c": 2}, "list": [], "new": {"d": 4}}));
}

#[test]
fn an_edit_that_no_longer_matches_fails() {
    assert_eq!(replace_once("a b c", "b", "x").unwrap(), "a x c");
    assert!(replace_once("a c", "b", "x").is_err());
    assert!(replace_once("b b", "b", "x").is_err());
}

#[test]
fn the_overlay_replaces_only_what_the_base_has() {
    let place = tempfile::tempdir().unwrap();
    put(place.path(), "product.json", "{}");
    put(place.path(), "resources/server/manifest.json", "{}");
    let error = overlay::apply(&overlay_folder(), place.path(), "1.2.3").unwrap_err();
    assert!(format!("{error:#}").contains("which the base does not have"), "{error:#}");
}

#[test]
fn an_address_left_in_the_product_fails() {
    let place = tempfile::tempdir().unwrap();
    put(place.path(), "product.json", r#"{"newUrl": "https://example.org/new"}"#);
    put(place.path(), "resources/server/manifest.json", "{}");
    let error = overlay::apply(&overlay_folder(), place.path(), "1.2.3").unwrap_err();
    assert!(format!("{error:#}").contains("https://example.org/new"), "{error:#}");
}

#[test]
fn writing_does_not_reach_through_a_hard_link() {
    let place = tempfile::tempdir().unwrap();
    put(place.path(), "cache/file", "original");
    tree::link(&place.path().join("cache"), &place.path().join("made")).unwrap();
    tree::write(&place.path().join("made/file"), "changed").unwrap();
    assert_eq!(fs::read_to_string(place.path().join("cache/file")).unwrap(), "original");
}

#[test]
fn patterns_match_parts_of_one_name() {
    assert!(tree::name_matches("a*c", "abc") && tree::name_matches("*", ""));
    assert!(!tree::name_matches("a*c", "abd") && !tree::name_matches("a", "ab"));
    let place = tempfile::tempdir().unwrap();
    for name in ["bin/win32-x64/f", "bin/linux-x64/f", "bin/win32-arm64/f"] {
        put(place.path(), name, "");
    }
    let found = tree::matching(place.path(), "bin/win32-*").unwrap();
    assert_eq!(found.len(), 2);
    assert!(tree::matching(place.path(), "bin/none").unwrap().is_empty());
}

#[test]
fn a_removed_path_that_is_not_there_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let list: Removed = serde_json::from_value(json!({
        "remove": [{"path": "here", "reason": "r"}, {"path": "x", "optional": true, "reason": "r"}],
        "keepOnly": [{"folder": "bin", "keep": ["${platform}"], "reason": "r"}],
        "notInstalled": [{"packages": ["unwanted"], "reason": "r"}],
    }))
    .unwrap();
    let platform = super::toolchain::platform();
    put(place.path(), "bin/other/f", "");
    put(place.path(), &format!("bin/{platform}/f"), "");
    assert!(list.apply(place.path()).is_err());
    put(place.path(), "here/f", "");
    list.apply(place.path()).unwrap();
    let left = tree::files(place.path()).unwrap();
    assert_eq!(left, [PathBuf::from(format!("bin/{platform}/f"))]);
    put(place.path(), "here/f", "");
    put(place.path(), "node_modules/unwanted/package.json", "{}");
    assert!(list.apply(place.path()).is_err());
}

#[test]
fn lock_files_name_no_registry_and_pin_every_package() {
    for folder in ["toolchain", "base", "base/vscode", "base/extensions"] {
        let path = root().join("ide").join(folder).join("package-lock.json");
        let lock: Value = overlay::read_json(&path).unwrap();
        for (name, package) in lock["packages"].as_object().unwrap() {
            assert!(package["resolved"].is_null(), "{folder}: {name} has an address");
            assert!(name.is_empty() || package["integrity"].is_string(), "{folder}: {name}");
        }
    }
}

#[test]
fn a_stage_runs_once_per_key_and_leaves_nothing_half_done() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("out");
    let runs = std::cell::Cell::new(0);
    let run = |key: &str, fail: bool| {
        let stage = Stage { name: "test-step", folder: folder.clone(), key: key.to_owned() };
        stage.run(place.path(), |to| {
            runs.set(runs.get() + 1);
            put(to, &format!("made-for-{key}"), "");
            if fail { anyhow::bail!("broken") } else { Ok(()) }
        })
    };
    assert!(run("one", true).is_err());
    assert!(!folder.exists());
    run("one", false).unwrap();
    run("one", false).unwrap();
    assert_eq!(runs.get(), 2);
    // A failing step leaves the last good result alone.
    assert!(run("two", true).is_err());
    assert!(folder.join("made-for-one").exists());
    run("two", false).unwrap();
    assert!(!folder.join("made-for-one").exists() && folder.join("made-for-two").exists());
}

#[test]
fn a_digest_sees_names_contents_and_borders() {
    let digest = |parts: &[&str]| {
        let mut digest = Digest::new("test");
        parts.iter().for_each(|part| digest.text(part));
        digest.finish()
    };
    assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
    assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
}

#[test]
fn the_page_script_is_filled_in_and_safe_in_a_template() {
    let template = fs::read_to_string(overlay_folder().join("shim.js")).unwrap();
    let product = json!({"version": "1.0.0", "text": "<!--<script></script>{{x}}{"});
    let script = shim::script(&template, &product, &json!({"a.b": true})).unwrap();
    assert!(script.contains(r#"{"a.b":true}"#) && script.contains(r#"version: "1.0.0""#));
    assert!(!script.contains("{{") && !script.contains("</") && !script.contains("\"@"));
    assert!(script.contains(r#""\u003c!--\u003cscript>\u003c/script>{\u007bx}}{""#), "{script}");
    assert!(!script.contains("<!--") && !script.contains("<script"));
    assert!(shim::script(&template, &json!({"id": "x"}), &json!({})).is_err(), "no version");
}

#[test]
fn texts_are_changed_and_a_rule_without_a_match_fails() {
    let rules = json!({
        "files": [],
        "whole": [{"from": "code-server: {0}", "to": "LocalCoder IDE: {0}", "reason": "r"}],
        "parts": [{"from": "Copilot", "to": "Assistant", "reason": "r"}],
        "forbidden": ["copilot"],
    });
    let rules: Strings = serde_json::from_value(rules).unwrap();
    let mut texts = json!(["code-server: {0}", "Ask Copilot"]);
    rules.change(&mut texts).unwrap();
    assert_eq!(texts, json!(["LocalCoder IDE: {0}", "Ask Assistant"]));
    assert!(rules.change(&mut json!(["Ask Copilot"])).is_err());
    let left = rules.change(&mut json!(["code-server: {0}", "Copilot", "copilot"]));
    assert!(format!("{:#}", left.unwrap_err()).contains("forbidden"));
}

#[test]
fn license_expressions_are_judged() {
    let rules = licenses::rules();
    for good in ["MIT", "MIT OR GPL-3.0", "(MIT AND BSD-3-Clause)", "MIT/Apache-2.0"] {
        assert!(rules.allows(good), "{good}");
    }
    assert!(rules.allows("Apache-2.0 WITH LLVM-exception"));
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "SEE LICENSE IN LICENSE.txt", "", "MIT OR", "(MIT"] {
        assert!(!rules.allows(bad), "{bad}");
    }
}

#[test]
fn proprietary_and_unlicensed_modules_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let modules = "vscode/node_modules";
    put(
        place.path(),
        &format!("{modules}/good/package.json"),
        r#"{"name":"good","license":"MIT"}"#,
    );
    assert_eq!(licenses::check(place.path()), Vec::<String>::new());
    let package = r#"{"name":"@vscode/copilot-api","license":"SEE LICENSE IN LICENSE"}"#;
    put(place.path(), &format!("{modules}/@vscode/other/package.json"), package);
    put(place.path(), &format!("{modules}/bare/package.json"), r#"{"name":"bare"}"#);
    put(place.path(), "vscode/extensions/a/dist/msal-node-runtime.node", "");
    put(place.path(), &format!("{modules}/vsda/rust/web/vsda.js"), "");
    let problems = licenses::check(place.path()).join("\n");
    for part in
        ["msal-node-runtime", "vsda", "Copilot is not part", "SEE LICENSE", "`bare` names no"]
    {
        assert!(problems.contains(part), "{part} in {problems}");
    }
}

#[test]
fn the_assembled_editor_may_be_shipped() {
    let ide = root().join("target/ide");
    if ide.join("ide.json").is_file() {
        assert_eq!(licenses::check(&ide), Vec::<String>::new());
    }
}

#[test]
fn the_overlay_names_only_files_that_exist() {
    let list: Value = overlay::read_json(&overlay_folder().join("overlay.json")).unwrap();
    for kind in ["merge", "replace", "add"] {
        for entry in list[kind].as_array().unwrap() {
            assert!(overlay_folder().join(entry["with"].as_str().unwrap()).is_file(), "{entry}");
        }
    }
    for component in licenses::rules().components {
        assert!(overlay_folder().join(&component.text).is_file(), "{}", component.text);
    }
}
