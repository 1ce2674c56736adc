//! What the programs do about the network when the settings that decide about it are not clear:
//! with a real server that must not be contacted, and with the real programs.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::path::{Path, PathBuf};

use localcoder_protocol::ErrorCode;
use localcoder_settings::Places;
use localcoder_test_support::Installation;
use localcoder_test_support::disk::Disk;
use localcoder_test_support::downloads::{Content, catalog, sha256};
use localcoder_test_support::http::{Reply, Server};
use localcoder_test_support::settings::TEXTS;
use serde_json::{Value, json};

const INSTALL: [&str; 4] = ["models", "install", "small", "--accept-license"];

/// An installation that could download one model from the server.
fn offered() -> (Installation, Server) {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf");
    let bytes = std::fs::read(demo).unwrap();
    let content = Content { sha256: sha256(&bytes), bytes: bytes.clone() };
    let server = Server::start(move |asked| Reply::file(asked, &bytes, "\"1\""));
    let installation = installation();
    let catalog = catalog(&content, &server.url("small.gguf"));
    std::fs::write(installation.home().join("catalog.json"), catalog.to_string()).unwrap();
    (installation, server)
}

fn installation() -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    std::fs::create_dir_all(installation.home().join("cache")).unwrap();
    installation
}

fn settings(installation: &Installation) -> PathBuf {
    installation.home().join("settings.json")
}

/// Nothing was downloaded, the error says why, and the settings say the same.
fn is_closed(installation: &Installation, server: &Server, named: &str, from: &str) {
    let refused = installation.run(&INSTALL).failed(ErrorCode::AirGapped);
    assert!(refused.stderr.contains(named), "no {named}: {}", refused.stderr);
    assert!(refused.stderr.contains("hint:"), "{}", refused.stderr);
    let _ = installation.run(&["models", "license", "llama-3-8b"]).failed(ErrorCode::AirGapped);
    assert_eq!(server.connections(), 0, "{named}");
    let got = installation.run(&["config", "get", "airGapped"]).ok();
    assert_eq!(got.stdout, "true\n", "{named}");
    assert!(got.stderr.contains(named), "no {named}: {}", got.stderr);
    let got = installation.run(&["config", "get", "airGapped", "--json"]).ok().json();
    assert_eq!((&got["value"], &got["from"]), (&json!(true), &json!(from)), "{named}");
    assert!(got["reason"].as_str().unwrap().contains(named), "{got}");
}

#[test]
fn settings_as_the_editor_writes_them_close_the_air_gap() {
    let (installation, server) = offered();
    for text in [
        "{\n  // no network here\n  \"airGapped\": true\n}\n",
        "{ \"airGapped\": true, }",
        "\u{feff}{ \"airGapped\": true }",
        "{ \"localcoder.airGapped\": true }",
    ] {
        std::fs::write(settings(&installation), text).unwrap();
        is_closed(&installation, &server, "`localcoder.airGapped` is on", "settings.json");
    }
}

#[test]
fn settings_as_the_editor_writes_them_open_it() {
    let (installation, server) = offered();
    let text = "\u{feff}{\n  // the network is good\n  \"localcoder.airGapped\": false,\n}\n";
    std::fs::write(settings(&installation), text).unwrap();
    let got = installation.run(&["config", "get", "airGapped"]).ok();
    assert_eq!((got.stdout.as_str(), got.stderr.as_str()), ("false\n", ""));
    let _ = installation.run(&INSTALL).ok();
    assert!(!server.asked().is_empty());
}

#[test]
fn a_value_that_is_neither_yes_nor_no_closes_it() {
    let (installation, server) = offered();
    for value in ["\"true\"", "\"false\"", "1", "{}"] {
        std::fs::write(settings(&installation), format!("{{\"airGapped\": {value}}}")).unwrap();
        let named = format!("`localcoder.airGapped` can't be {value} (in `");
        is_closed(&installation, &server, &named, "settings.json");
        let listed = installation.run(&["config", "list", "--explain"]).ok();
        let row = listed.stdout.lines().find(|line| line.starts_with("airGapped")).unwrap();
        assert!(row.contains("true") && row.ends_with("settings.json"), "{row}");
        assert!(listed.stderr.contains(&named), "{}", listed.stderr);
        assert!(listed.stderr.contains("counts as on"), "{}", listed.stderr);
    }
    // The suggested fix works.
    let _ = installation.run(&["config", "set", "airGapped", "false"]).ok();
    let _ = installation.run(&INSTALL).ok();
}

#[test]
fn a_file_that_can_not_be_read_closes_it() {
    let (installation, server) = offered();
    let path = settings(&installation);
    for text in ["{ \"airGapped\": false", "", "not JSON"] {
        std::fs::write(&path, text).unwrap();
        is_closed(&installation, &server, "settings.json` is not JSON", "settings.json");
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    is_closed(&installation, &server, "settings.json` can't be read", "settings.json");
    std::fs::remove_dir(&path).unwrap();
    // The kept copy of the editor's settings, cut off by a power cut.
    let kept = Places::under(&installation.home()).editor_settings_file();
    std::fs::write(&kept, "{\"airGapped\":").unwrap();
    let from = "the editor's settings";
    is_closed(&installation, &server, "editor-settings.json` is not JSON", from);
    // A good value elsewhere does not say what was there either.
    std::fs::write(&path, "{\"airGapped\": false}").unwrap();
    is_closed(&installation, &server, "editor-settings.json` is not JSON", from);
    std::fs::remove_file(kept).unwrap();
    let _ = installation.run(&INSTALL).ok();
}

#[test]
fn whatever_a_settings_file_looks_like_nothing_is_contacted_unless_it_is_plain() {
    let (installation, server) = offered();
    for text in TEXTS {
        std::fs::write(settings(&installation), text.bytes).unwrap();
        let got = installation.run(&["config", "get", "airGapped"]).ok();
        assert_eq!(got.stdout, format!("{}\n", text.closes), "{}", text.name);
        for part in text.reported {
            assert_eq!(
                got.stderr.matches(part).count(),
                1,
                "{}: {part}: {}",
                text.name,
                got.stderr
            );
        }
        if text.closes {
            let refused = installation.run(&INSTALL).failed(ErrorCode::AirGapped);
            for part in text.reported {
                assert!(refused.stderr.contains(part), "{}: {}", text.name, refused.stderr);
            }
        } else {
            assert_eq!(got.stderr.is_empty(), text.reported.is_empty(), "{}", text.name);
        }
    }
    assert_eq!(server.connections(), 0, "the server was contacted");
    // The same server and the same command, with settings that allow it.
    std::fs::write(settings(&installation), TEXTS[0].bytes).unwrap();
    let _ = installation.run(&INSTALL).ok();
    assert!(server.connections() > 0);
}

#[test]
fn every_command_tells_of_a_value_that_is_not_used_and_on_which_line_it_stands() {
    let installation = installation();
    let text = "{\n  \"mode\": \"swift\",\n  \"color\": \"red\"\n}\n";
    std::fs::write(settings(&installation), text).unwrap();
    let _ = installation.write("a.py", "def f(x):\n    return x\n");
    let said = ["`localcoder.mode` can't be \"swift\"", "there is no setting `localcoder.color`"];
    let lines = ["settings.json`, line 2", "settings.json`, line 3"];
    for command in [
        &["generate", "--prompt", "x", "--raw", "--max-tokens", "1"][..],
        &["improve", "a.py", "--lines", "1-2"],
        &["explain", "a.py", "--lines", "1-2"],
        &["models", "list"],
        &["models", "list", "--json"],
        &["models", "info", "llama-3-8b"],
        &["profiles"],
        &["profiles", "use", "fast"],
        &["config", "list"],
        &["config", "get", "contextWindow"],
        &["config", "get", "airGapped"],
        &["config", "set", "contextWindow", "1024"],
        &["config", "unset", "contextWindow"],
        &["config", "schema"],
        &["status"],
        &["status", "--json"],
        &["host", "start"],
        &["host", "stop"],
    ] {
        let outcome = installation.run(command);
        let noted = said.iter().any(|part| outcome.stdout.contains(&format!("Note:    {part}")));
        assert!(!noted, "{command:?}: {}", outcome.stdout);
        let stderr = outcome.stderr;
        for part in said.iter().chain(&lines) {
            assert_eq!(stderr.matches(part).count(), 1, "{command:?}: {part}: {stderr}");
        }
    }
    // In the window it is one of the host's notes.
    let _ = installation.run(&["host", "start"]);
    let notes = installation.status().unwrap()["notes"].to_string();
    for part in said {
        assert!(notes.contains(&part.replace('"', "\\\"")), "{part}: {notes}");
    }
    let doctor = installation.run(&["doctor"]).failed(ErrorCode::InvalidSetting);
    let all = format!("{}{}", doctor.stdout, doctor.stderr);
    for part in said.iter().chain(&lines) {
        assert_eq!(all.matches(part).count(), 1, "{part}: {all}");
    }
    let errors = installation.run(&["status", "--json"]).json()["settingsErrors"].take();
    assert_eq!(errors.as_array().map(Vec::len), Some(2), "{errors}");
    assert!(errors.to_string().contains("line 2"), "{errors}");
}

#[test]
fn every_command_tells_of_a_file_that_can_not_be_read() {
    let installation = installation();
    std::fs::write(settings(&installation), "{ \"contextWindow\": 1024 ").unwrap();
    let said = "settings.json` is not JSON";
    let generate = ["generate", "--prompt", "x", "--raw", "--max-tokens", "1"];
    let get = ["config", "get", "contextWindow"];
    for command in [&generate[..], &get, &["models", "list"], &["profiles"], &["status"]] {
        let stderr = installation.run(command).ok().stderr;
        assert_eq!(stderr.matches(said).count(), 1, "{command:?}: {stderr}");
        assert!(stderr.contains("fix the file"), "{command:?}: {stderr}");
    }
    let _ = installation.write("a.py", "x = 1\n");
    for command in ["improve", "explain"] {
        let stderr = installation.run(&[command, "a.py", "--lines", "1-1"]).stderr;
        assert_eq!(stderr.matches(said).count(), 1, "{command}: {stderr}");
    }
    let listed = installation.run(&["config", "list"]).ok().stderr;
    assert_eq!(listed.matches(said).count(), 1, "{listed}");
    let doctor = installation.run(&["doctor"]).failed(ErrorCode::InvalidSetting);
    assert!(doctor.stdout.contains(&format!("{said}: Unterminated object")), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("`localcoder.airGapped` counts as on"), "{}", doctor.stdout);
    // The host says so as well, until the file is good again.
    let notes = || installation.status().unwrap()["notes"].to_string();
    assert!(notes().contains(said) && notes().contains("airGapped"), "{}", notes());
    std::fs::write(settings(&installation), "{}").unwrap();
    let _ = installation.run(&["config", "set", "contextWindow", "1024"]).ok();
    assert!(!notes().contains("settings.json"), "{}", notes());
}

#[test]
fn a_change_keeps_what_else_is_written_there() {
    let installation = installation();
    let path = settings(&installation);
    let before = "\u{feff}// mine\n{\n  \"mode\": \"stability\", // slow is fine\n  \
                  \"localcoder.contextWindow\": 1024,\n}\n";
    std::fs::write(&path, before).unwrap();
    let set = installation.run(&["config", "set", "contextWindow", "2048"]).ok().stdout;
    assert_eq!(set, "contextWindow is 2048 (settings.json).\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before.replace("1024", "2048"));
    let _ = installation.run(&["config", "unset", "contextWindow"]).ok();
    let after = std::fs::read_to_string(&path).unwrap();
    assert!(after.contains("// mine") && after.contains("// slow is fine"), "{after}");
    assert!(!after.contains("contextWindow"), "{after}");
    // A file that can't be parsed is not overwritten.
    for text in ["", "{ // half", "[]"] {
        std::fs::write(&path, text).unwrap();
        let set = ["config", "set", "contextWindow", "2048"];
        let refused = installation.run(&set).failed(ErrorCode::InvalidSetting);
        assert!(refused.stderr.contains("nothing in it was changed"), "{}", refused.stderr);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_link_stays_one_and_the_file_behind_it_changes() {
    let installation = installation();
    let path = settings(&installation);
    let folder = installation.home().join("dotfiles");
    std::fs::create_dir(&folder).unwrap();
    let real = folder.join("localcoder.json");
    std::fs::write(&real, "{} // in a repository\n").unwrap();
    std::os::unix::fs::symlink("dotfiles/localcoder.json", &path).unwrap();
    let _ = installation.run(&["config", "set", "contextWindow", "2048"]).ok();
    assert!(path.is_symlink());
    let text = std::fs::read_to_string(&real).unwrap();
    assert!(text.contains("2048") && text.contains("// in a repository"), "{text}");
    // A dangling link is not mistaken for a missing file.
    std::fs::remove_file(&real).unwrap();
    let set = installation.run(&["config", "set", "contextWindow", "1024"]);
    let _ = set.failed(ErrorCode::InvalidSetting);
    assert!(path.is_symlink() && !real.exists());
}

#[test]
fn a_full_disk_is_reported_as_one() {
    let Some(disk) = Disk::new("size=1m") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let installation = installation();
    let real = disk.path().join("settings.json");
    let before = json!({"contextWindow": 1024, "codeModel": "x".repeat(8_000)}).to_string();
    std::fs::write(&real, &before).unwrap();
    std::os::unix::fs::symlink(&real, settings(&installation)).unwrap();
    let _filler: PathBuf = Disk::fill(disk.path(), 0);
    let refused = installation.run(&["config", "set", "contextWindow", "2048"]);
    let refused = refused.failed(ErrorCode::DiskFull);
    assert!(refused.stderr.contains("make room"), "{}", refused.stderr);
    let after: Value = serde_json::from_str(&std::fs::read_to_string(&real).unwrap()).unwrap();
    assert_eq!(after["contextWindow"], 1024);
}
