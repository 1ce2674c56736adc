//! What is printed with `--json` conforms to the published schemas.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::collections::BTreeSet;
use std::path::Path;

use localcoder_protocol::PRINTED;
use localcoder_test_support::Installation;
use localcoder_test_support::downloads::{Content, catalog, sha256};
use localcoder_test_support::http::{Reply, Server};
use serde_json::Value;

/// The published schemas, and for which of them something was printed.
#[derive(Default)]
struct Published {
    seen: BTreeSet<&'static str>,
}

impl Published {
    fn check(&mut self, command: &'static str, printed: &Value) {
        self.seen.insert(command);
        let name = format!("{}.schema.json", command.replace(" --", "-").replace(' ', "-"));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/output");
        let mut schema: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        // What the variants of one type share gets its name and form from each of them.
        if schema.get("oneOf").is_none() {
            close(&mut schema);
        }
        let validator = jsonschema::validator_for(&schema).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(printed)
            .map(|fault| format!("{}: {fault}", fault.instance_path))
            .collect();
        assert!(faults.is_empty(), "`{command}` prints {printed:#}\nbut {}", faults.join("\n"));
    }

    /// Checks each line that was printed as an event.
    fn check_events(&mut self, command: &'static str, printed: &str) {
        assert!(printed.lines().count() > 1, "{printed}");
        for line in printed.lines() {
            self.check(command, &serde_json::from_str(line).unwrap());
        }
    }
}

/// Published types may grow, so readers have to accept unknown fields; but here nothing may be
/// printed that is not published.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") && !map.contains_key("oneOf") {
                map.entry("additionalProperties").or_insert(false.into());
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[test]
fn whatever_is_printed_is_as_its_published_schema_says() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf");
    let bytes = std::fs::read(&demo).unwrap();
    let served = bytes.clone();
    let server = Server::start(move |asked| Reply::file(asked, &served, "\"1\""));
    let content = Content { sha256: sha256(&bytes), bytes };
    std::fs::create_dir_all(installation.home()).unwrap();
    let offered = catalog(&content, &server.url("small.gguf")).to_string();
    std::fs::write(installation.home().join("catalog.json"), offered).unwrap();
    let _ = installation.write("a.py", "def f(x):\n    x = x + 1\n    return x\n");
    let folder = installation.folder().display().to_string();
    let bundle = format!("{folder}/small.localcoder-model");

    let mut published = Published::default();
    let mut check = |command: &'static str, more: &[&str]| {
        let words: Vec<&str> = command.split(' ').collect();
        let printed = installation.run(&[&words[..], &["--json"], more].concat()).ok().json();
        published.check(command, &printed);
    };
    check("status", &[]);
    check("models list", &[]);
    check("models info", &["small"]);
    check("models license", &["small"]);
    check("models discard", &["small"]);
    check("models install", &["small", "--accept-license"]);
    check("models list", &[]);
    check("models info", &["small"]);
    check("models verify", &["small"]);
    check("models export", &["small", "--to", &folder]);
    check("models license", &[&bundle]);
    check("models use", &["small"]);
    check("models use", &["demo"]);
    check("models remove", &["small"]);
    check("models import", &[&bundle, "--accept-license"]);
    check("models remove", &["small"]);
    check("config list", &[]);
    check("config get", &["airGapped"]);
    check("profiles use", &["fast"]);
    check("host start", &[]);
    ["profiles", "profiles list"].into_iter().for_each(|it| check(it, &[]));
    check("generate", &["--prompt", "x", "--max-tokens", "4"]);
    check("complete", &["a.py", "--at", "2:9"]);
    check("status", &[]);
    check("eval", &["--kind", "rename", "--language", "python", "--every", "9"]);
    check("setup", &[]);
    check("self-test", &["--model", "demo"]);
    check("doctor", &["--bundle", &format!("{folder}/report.txt")]);
    check("doctor --privacy", &[]);
    check("host stop", &[]);
    check("test", &["a.py", "--lines", "1-3"]);
    check("reset", &["--dry-run"]);
    check("uninstall", &["--dry-run"]);
    let _ = installation.write("test_a.py", "assert True\n");
    check("test", &["a.py", "--lines", "1-3"]);
    for command in ["improve", "explain"] {
        let asked = [command, "a.py", "--lines", "1-3", "--json"];
        published.check("assist", &installation.run(&asked).ok().json());
    }
    let shown = installation.run(&["stats", "--json"]).ok().json();
    published.check("stats", &shown);
    // What our own tasks and tests requested was not shown to a user.
    assert_eq!(shown["all"]["shown"], 1, "{shown:#}");
    let deleted = installation.run(&["stats", "--delete", "--yes", "--json"]).ok().json();
    published.check("stats --delete", &deleted);
    let gone = ["improve", "gone.py", "--lines", "1-2", "--json"];
    published.check("failure", &installation.run(&gone).json());
    let install = ["models", "install", "small", "--accept-license", "--events"];
    published.check_events("models install --events", &installation.run(&install).ok().stdout);
    let tested = installation.run(&["self-test", "--events"]).ok().stdout;
    published.check_events("self-test --events", &tested);

    let all: BTreeSet<&str> = PRINTED.iter().map(|row| row.command).collect();
    assert_eq!(published.seen, all);
}
