//! A model that is carried here is what it claims, or its claims are only shown as claims: by the
//! real program, with its output. Each lie has a test of its own in
//! `crates/model-store/tests/it/lies.rs`.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use localcoder_protocol::ErrorCode;
use localcoder_test_support::downloads::{Content, catalog, sha256};
use localcoder_test_support::http::{Reply, Server};
use localcoder_test_support::{Installation, demo};
use serde_json::{Value, json};

use crate::installation_with_home as installation;

const CODER: &str = "qwen2.5-coder-7b";

/// A folder that a stranger has made from the demo model.
fn folder(installation: &Installation, name: &str, manifest: &Value) -> String {
    let folder = installation.folder().join(name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(demo::path(), folder.join("model.gguf")).unwrap();
    std::fs::write(folder.join("model.json"), manifest.to_string()).unwrap();
    std::fs::write(folder.join("LICENSE.txt"), "Do as you like.\n").unwrap();
    folder.display().to_string()
}

fn manifest(id: &str) -> Value {
    let bytes = std::fs::read(demo::path()).unwrap();
    json!({
        "version": 1, "id": id, "name": "Qwen2.5 Coder 7B", "file": "x.gguf", "bytes": bytes.len(),
        "sha256": sha256(&bytes), "installedAtS": 1, "architecture": "qwen2", "parameters": 1,
        "quantization": "Q4_K_M", "contextTokens": 32768,
        "source": {"kind": "catalog", "repository": "Qwen/X", "revision": "main", "url": "https://x.org/x"},
        "license": {
            "id": "Apache-2.0", "name": "Apache License 2.0", "commercial": true,
            "url": "https://example.org/LICENSE",
        },
    })
}

#[test]
fn a_folder_that_calls_itself_the_models_of_a_profile_is_called_claimed_and_not_used() {
    let installation = installation();
    let folder = folder(&installation, "carried", &manifest(CODER));
    let said = installation.run(&["models", "import", &folder, "--accept-license"]).ok().stdout;
    assert!(said.contains("`imported-qwen2.5-coder-7b` is installed: "), "{said}");
    assert!(said.contains("It came as `qwen2.5-coder-7b`"), "{said}");
    assert!(said.contains("claimed, not verified"), "{said}");
    assert!(!said.contains("installed and verified"), "{said}");
    let info = installation.run(&["models", "info", "imported-qwen2.5-coder-7b"]).ok().stdout;
    for part in ["Verified:", "no: it came as `qwen2.5-coder-7b`", "license `Apache License 2.0`"] {
        assert!(info.contains(part), "no {part}: {info}");
    }
    assert!(info.contains("from Qwen/X at main") && info.contains("not checked"), "{info}");
    let json = ["models", "info", "imported-qwen2.5-coder-7b", "--json"];
    let json = installation.run(&json).ok().json();
    assert_eq!(json["installed"]["verified"], false);
    assert_eq!(json["installed"]["claimedId"], CODER);
    // The profile means another file, which is not installed: the demo model stands in for it.
    let list = installation.run(&["models", "list", "--json"]).ok().json();
    let row = |id: &str| {
        let models = list["models"].as_array().unwrap();
        models.iter().find(|row| row["id"] == id).unwrap().clone()
    };
    assert_eq!(
        (&row(CODER)["state"], &row("demo")["uses"][0]),
        (&json!("available"), &json!("code"))
    );
    assert_eq!(row("imported-qwen2.5-coder-7b")["uses"], json!([]));
    let _ = installation.run(&["models", "use", CODER]).failed(ErrorCode::ModelNotFound);
    // Its license is shown as it came.
    let text = installation.run(&["models", "license", "imported-qwen2.5-coder-7b"]).ok().stdout;
    assert_eq!(text, "Do as you like.\n");
}

#[test]
fn a_file_that_a_catalog_pins_is_verified_and_any_other_is_not() {
    let installation = installation();
    let bytes = std::fs::read(demo::path()).unwrap();
    let content = Content { sha256: sha256(&bytes), bytes };
    let offered = catalog(&content, "https://example.org/small.gguf");
    let other = installation.folder().join("llama-3-8b.gguf");
    std::fs::copy(demo::path(), &other).unwrap();
    let other = other.display().to_string();
    let said = installation.run(&["models", "import", &other]).ok().stdout;
    assert!(
        said.contains("`imported-llama-3-8b` is installed") && said.contains("claimed"),
        "{said}"
    );
    let refused = ["models", "import", &other, "--id", "llama-3-8b"];
    let refused = installation.run(&refused).failed(ErrorCode::Usage).stderr;
    assert!(refused.contains("the name of a model of the catalog"), "{refused}");
    let _ = installation.run(&["models", "remove", "imported-llama-3-8b"]).ok();

    std::fs::write(installation.home().join("catalog.json"), offered.to_string()).unwrap();
    let said = installation.run(&["models", "import", &other]).ok().stdout;
    assert!(said.contains("`small` is installed and verified: Small Model"), "{said}");
    // In air-gapped mode, no hint says to bring a model that is here already.
    std::fs::write(installation.home().join("settings.json"), r#"{"airGapped": true}"#).unwrap();
    let there = installation.run(&["models", "install", "small"]).failed(ErrorCode::Usage).stderr;
    assert!(there.contains("installed already"), "{there}");
    let again = installation.run(&["models", "import", &other]).failed(ErrorCode::Usage).stderr;
    assert!(again.contains("`small`, which is installed already"), "{again}");
    // A folder with the file is also described by the catalog.
    let folder = folder(&installation, "carried", &manifest(CODER));
    let shown = installation.run(&["models", "license", &folder]).ok().stdout;
    assert!(shown.contains("Apache License"), "{shown}");
    let _ = installation.run(&["models", "remove", "small"]).ok();
    let said = installation.run(&["models", "import", &folder, "--accept-license"]).ok().stdout;
    assert!(said.contains("`small` is installed and verified: Small Model"), "{said}");
}

#[test]
fn a_base_model_is_reported_as_one_and_not_recommended() {
    let installation = installation();
    let mut bytes = std::fs::read(demo::path()).unwrap();
    let key = b"tokenizer.chat_template";
    let at = bytes.windows(key.len()).position(|window| window == key).unwrap();
    bytes[at + key.len() - 1] = b'X';
    let path = installation.write("base.gguf", &bytes).display().to_string();
    let said = installation.run(&["models", "import", &path]).ok().stdout;
    assert!(said.contains("It has no chat template") && !said.contains("models use"), "{said}");
    let used = installation.run(&["models", "use", "base"]).ok();
    assert!(used.stderr.contains("It has no chat template"), "{}", used.stderr);
}

#[test]
fn what_calls_itself_a_base_model_is_reported_and_refused_for_edits() {
    let installation = installation();
    let path = installation.write("small-base.gguf", std::fs::read(demo::path()).unwrap());
    let said = installation.run(&["models", "import", path.to_str().unwrap()]).ok().stdout;
    assert!(said.contains("calls itself a base model") && !said.contains("models use"), "{said}");
    let _ = installation.run(&["models", "remove", "small-base"]).ok();
    let json = ["models", "import", path.to_str().unwrap(), "--json"];
    let said: Value = serde_json::from_str(&installation.run(&json).ok().stdout).unwrap();
    let words = said["installed"]["notForEdits"].as_str().unwrap();
    assert!(words.contains("calls itself a base model"), "{words}");
    let used = installation.run(&["models", "use", "small-base"]).ok();
    assert!(used.stderr.contains("calls itself a base model"), "{}", used.stderr);
    let code = installation.write("a.py", "def f(x):\n    return x\n");
    let improve = ["improve", code.to_str().unwrap(), "--lines", "1-2"];
    let refused = installation.run(&improve).failed(ErrorCode::ModelUnsupported).stderr;
    assert!(refused.contains("is a base model") && refused.contains("`instruct`"), "{refused}");
    // Continuing a text is what it is for.
    let generate = ["generate", "--prompt", "x", "--raw", "--max-tokens", "1"];
    let _ = installation.run(&generate).ok();
}

#[test]
fn a_file_that_was_touched_where_it_lies_is_read_and_used() {
    let installation = installation();
    let path = installation.write("mine.gguf", std::fs::read(demo::path()).unwrap());
    let import = ["models", "import", path.to_str().unwrap(), "--in-place"];
    let _ = installation.run(&import).ok();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000)).unwrap();
    let list = installation.run(&["models", "list"]).ok().stdout;
    assert!(list.contains("or its time alone, was changed"), "{list}");
    let generate = ["generate", "--prompt", "x", "--raw", "--max-tokens", "1", "--model", "mine"];
    let refused = installation.run(&generate).failed(ErrorCode::ModelDamaged).stderr;
    assert!(refused.contains("models verify mine"), "{refused}");
    let _ = installation.run(&["models", "use", "mine"]).ok();
    let _ = installation.run(&generate).ok();
}

#[test]
fn hints_of_a_users_own_catalog_are_about_that_file() {
    let installation = installation();
    let bytes = std::fs::read(demo::path()).unwrap();
    let served = bytes.clone();
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/moved" => Reply::status("302 Found", &["Location: https://elsewhere.example/x.gguf"]),
        "/gone" => Reply::status("404 Not Found", &[]),
        _ => Reply::file(asked, &served, "\"1\""),
    });
    let content = Content { sha256: sha256(&bytes), bytes };
    let install = |change: &dyn Fn(&mut Value)| {
        let mut offered = catalog(&content, &server.url("file"));
        change(&mut offered["models"][0]);
        std::fs::write(installation.home().join("catalog.json"), offered.to_string()).unwrap();
        let install = ["models", "install", "small", "--accept-license"];
        installation.run(&install).failed(ErrorCode::DownloadFailed).stderr
    };
    let redirect = install(&|entry| entry["url"] = server.url("moved").into());
    assert!(redirect.contains("elsewhere.example"), "{redirect}");
    assert!(redirect.contains("`mirrors` of the entry in your `catalog.json`"), "{redirect}");
    let length = install(&|entry| entry["bytes"] = 5_000.into());
    assert!(length.contains("compare `bytes` and `sha256`"), "{length}");
    let gone = install(&|entry| entry["url"] = server.url("gone").into());
    assert!(gone.contains("check `url` and `mirrors`"), "{gone}");
    for hint in [redirect, length, gone] {
        assert!(!hint.contains("update LocalCoder"), "{hint}");
    }
    // And if the target folder of an export is missing, the error says just that.
    let _ = installation
        .run(&["models", "import", demo::path().to_str().unwrap(), "--id", "mine"])
        .ok();
    let export = ["models", "export", "mine", "--to", "no/such/folder"];
    let refused = installation.run(&export).failed(ErrorCode::FileNotFound).stderr;
    assert!(refused.contains("there is no folder `") && refused.contains("make it"), "{refused}");
}
