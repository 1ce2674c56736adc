//! Models from the command line, with a real server, a real file and the real programs.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use localcoder_protocol::ErrorCode;
use localcoder_test_support::downloads::{Content, catalog, sha256};
use localcoder_test_support::http::{Reply, Server};
use localcoder_test_support::{Installation, demo};
use serde_json::{Value, json};

use crate::installation;

/// A user's catalog with one model on a server of the test.
fn offer(installation: &Installation, server: &Server) -> Content {
    let bytes = std::fs::read(demo::path()).unwrap();
    let content = Content { sha256: sha256(&bytes), bytes };
    let catalog = catalog(&content, &server.url("small.gguf"));
    let config = installation.home();
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("catalog.json"), catalog.to_string()).unwrap();
    content
}

fn serve() -> Server {
    let bytes = std::fs::read(demo::path()).unwrap();
    Server::start(move |asked| Reply::file(asked, &bytes, "\"1\""))
}

/// Ids of the models in this state.
fn ids(list: &Value, state: &str) -> Vec<String> {
    let models = list["models"].as_array().unwrap().iter().filter(|row| row["state"] == state);
    models.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_model_is_installed_used_and_removed() {
    let installation = installation();
    let server = serve();
    let content = offer(&installation, &server);
    let list = installation.run(&["models", "list", "--json"]).ok().json();
    assert!(ids(&list, "available").contains(&"small".to_owned()));
    assert!(ids(&list, "available").contains(&"qwen2.5-coder-7b".to_owned()));

    // Without a clear yes nothing is downloaded.
    let refused = installation.run(&["models", "install", "small"]);
    let refused = refused.failed(ErrorCode::LicenseNotAccepted);
    assert!(refused.stdout.contains("Apache License 2.0"), "{}", refused.stdout);
    assert!(server.asked().is_empty());

    let installed = installation.run(&["models", "install", "small", "--accept-license"]).ok();
    assert!(installed.stdout.contains("Built with Small"), "{}", installed.stdout);
    for fact in ["Somebody", &content.sha256, "127.0.0.1", "free", "fits this machine"] {
        assert!(installed.stdout.contains(fact), "no {fact}: {}", installed.stdout);
    }
    let list = installation.run(&["models", "list", "--json"]).ok().json();
    assert_eq!(ids(&list, "installed"), ["small"]);
    let _ = installation.run(&["models", "verify", "small"]).ok();

    // It can be carried to a machine without a network, where its license has to be agreed to
    // again.
    let folder = installation.folder().display().to_string();
    let exported = installation.run(&["models", "export", "small", "--to", &folder, "--json"]);
    let folder = exported.ok().json()["folder"].as_str().unwrap().to_owned();
    let other = self::installation();
    std::fs::create_dir_all(other.home()).unwrap();
    std::fs::write(other.home().join("settings.json"), r#"{"airGapped": true}"#).unwrap();
    let refused = other.run(&["models", "import", &folder]);
    let _ = refused.failed(ErrorCode::LicenseNotAccepted);
    let carried = other.run(&["models", "import", &folder, "--accept-license", "--json"]);
    let carried = carried.ok().json();
    assert_eq!(carried["installed"]["license"]["attribution"][0], "Built with Small");
    assert_eq!(carried["installed"]["agreedTo"], "Apache-2.0");

    // From now on it is the model for code, by its id.
    let _ = installation.run(&["models", "use", "small"]).ok();
    let answer = installation.run(&[
        "generate",
        "--prompt",
        "def f",
        "--raw",
        "--max-tokens",
        "4",
        "--json",
    ]);
    let _ = answer.ok();
    let status = installation.status().unwrap();
    assert_eq!(status["model"]["reference"], "small");
    assert_eq!(status["model"]["name"], "Small Model");
    assert_eq!(status["model"]["demo"], false);

    // A model that is loaded is not removed.
    let _ = installation.run(&["models", "remove", "small"]).failed(ErrorCode::ModelInUse);
    let _ = installation.run(&["host", "stop"]).ok();
    let removed = installation.run(&["models", "remove", "small", "--json"]).ok().json();
    assert_eq!(removed["freedBytes"], content.bytes.len());
    let gone = installation.run(&["generate", "--prompt", "x", "--max-tokens", "1"]);
    let gone = gone.failed(ErrorCode::ModelNotFound);
    assert!(gone.stderr.contains("models list"), "{}", gone.stderr);
}

#[test]
fn a_file_is_imported_and_named() {
    let installation = installation();
    let path = demo::path().display().to_string();
    let imported = installation.run(&["models", "import", &path, "--id", "mine"]).ok();
    assert!(imported.stdout.contains("`mine` is installed"), "{}", imported.stdout);
    let info = installation.run(&["models", "info", "mine", "--json"]).ok().json();
    assert_eq!(info["installed"]["id"], "mine");
    assert_eq!(info.get("problem"), None);
    let answer = installation.run(&[
        "generate",
        "--prompt",
        "def f",
        "--raw",
        "--max-tokens",
        "4",
        "--model",
        "mine",
    ]);
    let _ = answer.ok();
    let _ = installation.run(&["models", "import", &path, "--id", "mine"]).failed(ErrorCode::Usage);
    let text = installation.write("notes.gguf", "no model");
    let refused = installation.run(&["models", "import", &text.display().to_string()]);
    let _ = refused.failed(ErrorCode::ModelNotGguf);
}

#[test]
fn air_gapped_nothing_is_asked_for() {
    let installation = installation();
    let server = serve();
    offer(&installation, &server);
    std::fs::write(installation.home().join("settings.json"), r#"{"airGapped": true}"#).unwrap();
    let refused = installation.run(&["models", "install", "small", "--accept-license"]);
    let refused = refused.failed(ErrorCode::AirGapped);
    assert!(refused.stderr.contains("import it here"), "{}", refused.stderr);
    // The text of a license that is not here would have to be downloaded as well.
    let refused = installation.run(&["models", "license", "llama-3-8b"]);
    let _ = refused.failed(ErrorCode::AirGapped);
    let shipped = installation.run(&["models", "license", "small"]).ok();
    assert!(shipped.stdout.contains("Apache License"));
    assert!(server.asked().is_empty());
}

#[test]
fn a_server_that_is_gone_is_reported_with_what_to_do() {
    let installation = installation();
    let server = Server::start(|_| Reply::status("404 Not Found", &[]));
    offer(&installation, &server);
    let refused = installation.run(&["models", "install", "small", "--accept-license"]);
    let refused = refused.failed(ErrorCode::DownloadFailed);
    assert!(refused.stderr.contains("404"), "{}", refused.stderr);
    let unknown = installation.run(&["models", "install", "no-such-model"]);
    let _ = unknown.failed(ErrorCode::ModelNotFound);
    let _ = installation.run(&["models", "use", "no-such-model"]).failed(ErrorCode::ModelNotFound);
}

#[test]
fn settings_that_can_not_be_read_are_not_written_over() {
    let installation = installation();
    let home = installation.home();
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("settings.json"), "{ // mine").unwrap();
    let _ = installation.run(&["models", "use", "demo"]).failed(ErrorCode::InvalidSetting);
    assert_eq!(std::fs::read_to_string(home.join("settings.json")).unwrap(), "{ // mine");
    std::fs::write(home.join("settings.json"), r#"{"contextWindow": 1024}"#).unwrap();
    let _ = installation.run(&["models", "use", "demo"]).ok();
    let settings = std::fs::read_to_string(home.join("settings.json")).unwrap();
    let settings: Value = serde_json::from_str(&settings).unwrap();
    assert_eq!(settings, json!({"contextWindow": 1024, "localcoder.codeModel": "demo"}));
}

#[test]
fn a_model_is_for_code_or_for_everything_else() {
    let installation = installation();
    let _ = installation
        .run(&["models", "import", demo::path().to_str().unwrap(), "--id", "mine"])
        .ok();
    let used = |id: &str| {
        let list = installation.run(&["models", "list", "--json"]).json();
        let models = list["models"].as_array().unwrap();
        models.iter().find(|row| row["id"] == id).unwrap()["uses"].clone()
    };
    assert_eq!((used("demo"), used("mine")), (json!(["code", "general"]), json!([])));
    let said = installation.run(&["models", "use", "mine", "--for", "general"]).ok().stdout;
    assert_eq!(said, "`mine` is the model for everything but code from now on.\n");
    assert_eq!((used("demo"), used("mine")), (json!(["code"]), json!(["general"])));
    let list = installation.run(&["models", "list"]).ok().stdout;
    assert!(list.contains("\n* demo") && list.contains("\n+ mine"), "{list}");
    // A prompt of the user's own goes to the one model, code to the other.
    let prompt = ["generate", "--prompt", "Hello", "--max-tokens", "1", "--json"];
    assert_eq!(installation.run(&prompt).json()["model"]["reference"], "mine");
    let _ = installation.write("a.py", "def f(x):\n    y = x\n    return y\n");
    let explained = installation.run(&["explain", "a.py", "--lines", "1-3", "--json"]).json();
    assert_eq!(explained["model"]["reference"], "demo");
    // The file does not say under which license it is.
    let unknown =
        installation.run(&["models", "license", "mine"]).failed(ErrorCode::ModelStore).stderr;
    assert!(unknown.contains("license of `mine` is not known"), "{unknown}");
}

#[test]
fn a_path_to_a_file_of_the_catalog_is_that_model() {
    let installation = installation();
    let server = serve();
    offer(&installation, &server);
    let path = demo::path().display().to_string();
    // The user's name for it and the one in profiles mean the same.
    let used = installation.run(&["models", "use", &path]).ok();
    assert!(used.stderr.contains("is the file of `small`, by its digest"), "{}", used.stderr);
    assert!(used.stdout.contains("`small` is the model for code"), "{}", used.stdout);
    let list = installation.run(&["models", "list", "--json"]).ok().json();
    assert_eq!(ids(&list, "installed"), ["small"]);
    let _ = installation.run(&["models", "use", "demo"]).ok();
    let _ = installation.run(&["models", "remove", "small"]).ok();
    let _ = installation.run(&["models", "import", &path, "--id", "mine"]).ok();
    let list = installation.run(&["models", "list", "--json"]).ok().json();
    assert_eq!(ids(&list, "installed"), ["mine"]);
    assert!(!ids(&list, "available").contains(&"small".to_owned()), "it is there");
    let _ = installation.run(&["models", "use", "small"]).ok();
    let list = installation.run(&["models", "list", "--json"]).ok().json();
    let mine = list["models"].as_array().unwrap().iter().find(|row| row["id"] == "mine").unwrap();
    assert_eq!(mine["uses"], json!(["code", "general"]));
    assert!(server.asked().is_empty());
}

#[test]
fn what_is_known_of_a_model_is_in_its_row() {
    let installation = installation();
    let list = installation.run(&["models", "list", "--json"]).ok().json();
    let row = |list: &Value, id: &str| {
        list["models"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone()
    };
    let seven = row(&list, "qwen2.5-coder-7b");
    assert_eq!(seven["roles"], json!(["code"]));
    assert_eq!((&seven["profile"], &seven["tuning"]), (&json!("fast"), &json!("instruct")));
    assert_eq!(seven["license"]["saidBy"], "catalog");
    assert!(seven["memory"]["neededBytes"].as_u64() > seven["bytes"].as_u64());
    assert_eq!(seven["speed"]["measured"], false);
    let text = seven["speed"]["text"].as_str().unwrap();
    assert!(text.contains("estimate") && text.contains("4.68 GB"), "{text}");
    let demo = row(&list, "demo");
    assert_eq!((&demo["license"]["saidBy"], demo.get("speed")), (&json!("file"), None));
    // A measurement says more than any estimate; a host saves it when it ends.
    let prompt = ["generate", "--prompt", "def f(x):", "--raw", "--max-tokens", "40"];
    let _ = installation.run(&prompt).ok();
    let _ = installation.run(&["host", "stop"]).ok();
    let demo = row(&installation.run(&["models", "list", "--json"]).ok().json(), "demo");
    assert_eq!(demo["speed"]["measured"], true, "{demo}");
    assert!(demo["speed"]["tokensPerS"].as_f64().unwrap() > 0.0);
}
