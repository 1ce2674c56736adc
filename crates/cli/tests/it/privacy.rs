//! `localcoder doctor --privacy`: what it reports is true.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use localcoder_protocol::ErrorCode;
use localcoder_test_support::Installation;
use serde_json::{Value, json};

use crate::installation_with_home as installation;

fn privacy(installation: &Installation) -> Value {
    installation.run(&["doctor", "--privacy", "--json"]).ok().json()
}

fn program(report: &Value, what: &str) -> Value {
    let programs = report["programs"].as_array().unwrap();
    programs.iter().find(|row| row["what"] == what).unwrap().clone()
}

#[test]
fn the_air_gap_is_reported_with_where_it_comes_from_and_what_it_has_refused() {
    let installation = installation();
    let report = privacy(&installation);
    assert_eq!((&report["airGapped"], &report["refused"]), (&json!(false), &json!(0)));
    assert!(report["airGap"].as_str().unwrap().starts_with("off, by the defaults"), "{report}");
    assert_eq!(program(&report, "localcoder-fetch")["network"], "whenAsked");
    assert_eq!(program(&report, "editor and terminals")["network"], "open");

    let settings = installation.home().join("settings.json");
    std::fs::write(&settings, "{\"airGapped\": true}").unwrap();
    let install = ["models", "install", "llama-3-8b", "--accept-license"];
    let _ = installation.run(&install).failed(ErrorCode::AirGapped);
    let _ = installation.run(&["models", "license", "llama-3-8b"]).failed(ErrorCode::AirGapped);
    // Listing what exists requires no download.
    let _ = installation.run(&["models", "list"]).ok();
    let report = privacy(&installation);
    assert_eq!((&report["airGapped"], &report["refused"]), (&json!(true), &json!(2)));
    assert!(report["airGap"].as_str().unwrap().contains("is on (in settings.json)"), "{report}");
    assert_eq!(program(&report, "localcoder-fetch")["network"], "none");

    // A file that can't be read counts as on as well, and the report says so.
    std::fs::write(&settings, "{ half").unwrap();
    let said = installation.run(&["doctor", "--privacy"]).ok().stdout;
    assert!(said.contains("counts as on") && said.contains("settings.json` is not JSON"), "{said}");
    assert!(said.contains("2 downloads were refused"), "{said}");
}

#[test]
fn what_runs_is_looked_at_and_what_does_not_is_not_guessed() {
    let installation = installation();
    let report = privacy(&installation);
    for what in ["localcoder-worker", "localcoder-host"] {
        assert_eq!(program(&report, what)["network"], "notRunning", "{report}");
        assert_eq!(program(&report, what)["word"], "not running", "{report}");
    }
    assert!(installation.status().is_none(), "nothing is started for it");
    let generate = ["generate", "--prompt", "x", "--raw", "--max-tokens", "1"];
    let _ = installation.run(&generate).ok();
    let report = privacy(&installation);
    let (host, worker) =
        (program(&report, "localcoder-host"), program(&report, "localcoder-worker"));
    let status = installation.status().unwrap();
    // That the system denies the host connections is stronger than that it has none at the moment.
    let confined = status["confined"]["calls"] == true;
    assert_eq!(host["network"], if confined { "none" } else { "unused" }, "{host}");
    assert_eq!(host["text"].as_str().unwrap().contains("has no network"), confined, "{host}");
    let confined = status["worker"]["confined"]["calls"] == true;
    assert_eq!(worker["network"], if confined { "none" } else { "open" }, "{worker}");
    if cfg!(target_os = "linux") {
        let seen = |pid: &Value| format!("process {pid} has no socket of the network open now");
        assert!(host["text"].as_str().unwrap().contains(&seen(&status["pid"])), "{host}");
        let text = worker["text"].as_str().unwrap().to_owned();
        // A sandboxed worker can't be inspected either, so its descriptors may not be reported.
        assert!(
            text.contains(&seen(&status["worker"]["pid"])) || text.contains("not told"),
            "{text}"
        );
    }
    let said = installation.run(&["doctor", "--privacy"]).ok().stdout;
    for part in ["Air gap:", "localcoder-worker", "How to check it yourself:"] {
        assert!(said.contains(part), "no {part}: {said}");
    }
    let commands: &[&str] = if cfg!(target_os = "macos") {
        &["lsof -nP -i", "dtruss"]
    } else {
        &["ss -tunap", "strace -f -e trace=network", "unshare -rn"]
    };
    for command in commands {
        assert!(said.contains(command), "no {command}: {said}");
    }
}

/// Takes the place of an IDE's launcher and gives this answer.
fn launcher(installation: &Installation, answer: &'static str) -> std::thread::JoinHandle<String> {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = installation.home().join("runtime");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(folder.join("ide.sock")).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = String::new();
        let _ = BufReader::new(&stream).read_line(&mut asked).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        asked
    })
}

#[test]
fn the_ide_that_runs_is_asked_what_it_has_refused_and_one_that_does_not_say_is_not_guessed() {
    let installation = installation();
    let report = privacy(&installation);
    assert_eq!(report["refusals"], json!([]));
    assert!(report["refusalsText"].as_str().unwrap().contains("no IDE runs"), "{report}");
    for what in ["localcoder (front)", "window"] {
        assert_eq!(program(&report, what)["network"], "notRunning", "{report}");
    }

    let told = concat!(
        r#"{"pid":1,"opened":{"port":4711,"confinement":"filter"},"#,
        r#""refused":[{"kind":"host","text":"requests for another host","count":3}]}"#,
        "\n"
    );
    let ide = launcher(&installation, told);
    let report = privacy(&installation);
    assert_eq!(ide.join().unwrap(), "{\"tell\":\"running\"}\n", "nothing is opened for it");
    let row = json!({"kind": "host", "count": 3, "text": "requests for another host"});
    assert_eq!(report["refusals"], json!([row]));
    let front = program(&report, "localcoder (front)");
    assert!(front["text"].as_str().unwrap().contains("port 4711 of 127.0.0.1"), "{front}");
    // What the editor was started with counts, not what the settings say by now.
    assert_eq!(program(&report, "editor and terminals")["network"], "none");
    assert!(report["checks"].to_string().contains("http://127.0.0.1:4711/"), "{report}");

    std::fs::remove_file(installation.home().join("runtime/ide.sock")).unwrap();
    let ide = launcher(&installation, "");
    let report = privacy(&installation);
    let _ = ide.join().unwrap();
    assert_eq!(report["refusals"], json!([]));
    assert!(report["refusalsText"].as_str().unwrap().contains("another version"), "{report}");
    assert_eq!(program(&report, "editor and terminals")["network"], "unknown", "{report}");
}
