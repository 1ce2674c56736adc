//! Folders, files and catalogs from elsewhere that lie in every way. Each lie is either reported in
//! a sentence of its own or has no effect; none of them counts as verified, and none gets a name
//! that a profile means.

use std::path::{Path, PathBuf};

use localcoder_model_store::{Bundle, Catalog, ImportMode, Installed, Source, Store};
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};
use localcoder_settings::resolve;
use serde_json::{Value, json};

use localcoder_test_support::demo;

use crate::{files, store};

const CODER: &str = "qwen2.5-coder-7b";

/// The outcome of a lie.
type Came = Result<Installed, ErrorInfo>;

/// The models that a user gets who has not set anything.
fn of_default_profiles() -> Vec<String> {
    let settings = resolve(&[]).settings;
    settings.code_models().into_iter().chain(settings.general_models()).collect()
}

/// The catalog's model does not count as installed, and nothing has its file.
#[track_caller]
fn is_not_believed(store: &Store, what: &str) {
    let catalog = Catalog::shipped();
    for entry in &catalog.models {
        let gone: ErrorInfo = store.path_of(&entry.id).unwrap_err().into();
        assert_eq!(gone.code, ErrorCode::ModelNotFound, "{what}: {gone}");
    }
    let defaults = of_default_profiles();
    assert!(defaults.contains(&CODER.to_owned()), "{defaults:?}");
    for listed in store.list().unwrap() {
        let model = listed.model;
        assert!(catalog.by_digest(&model.sha256).is_none(), "{what}");
        assert!(!defaults.contains(&model.id) && model.id != "demo", "{what}: {}", model.id);
        assert!(!model.name.chars().any(char::is_control), "{what}: {:?}", model.name);
    }
}

/// An exported folder of the demo model.
fn carried() -> (tempfile::TempDir, PathBuf) {
    let (dir, store) = store();
    store
        .import(&demo::path(), Some("mine"), ImportMode::Copy, &Catalog::shipped(), &mut |_, _| {
            true
        })
        .unwrap();
    let folder = store.export("mine", dir.path(), &mut |_, _| true).unwrap();
    (dir, folder)
}

fn changed(folder: &Path, change: &dyn Fn(&mut Value)) {
    let path = folder.join("model.json");
    let mut manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(path, manifest.to_string()).unwrap();
}

fn take(store: &Store, folder: &Path, catalog: &Catalog) -> Came {
    Ok(store.import_bundle(&Bundle::read(folder, catalog)?, None, &mut |_, _| true)?)
}

fn license() -> Value {
    json!({
        "id": "Apache-2.0", "name": "Apache License 2.0", "commercial": true,
        "url": "https://example.org/LICENSE",
    })
}

/// What the error is called, and how a folder is made to lie.
type Lie<'a> = (&'a str, &'a dyn Fn(&Path));

/// Lies about the model in a folder, and the error for each.
#[test]
fn folders_that_lie_are_named_or_come_to_nothing() {
    let refused: &[Lie<'_>] = &[
        ("its digest is", &|folder| changed(folder, &|it| it["sha256"] = "0".repeat(64).into())),
        ("and the folder says 5", &|folder| changed(folder, &|it| it["bytes"] = 5.into())),
        ("its id or digest is malformed", &|folder| {
            changed(folder, &|it| it["id"] = "../../settings".into());
        }),
        ("its id or digest is malformed", &|folder| {
            changed(folder, &|it| it["sha256"] = "../../blobs".into());
        }),
        ("version 9", &|folder| changed(folder, &|it| it["version"] = 9.into())),
        // The digest of the catalog's file, with another file.
        ("and the one with this digest has 4683073536", &|folder| {
            let sha256 = Catalog::shipped().entry(CODER).unwrap().sha256.clone();
            changed(folder, &|it| it["sha256"] = sha256.clone().into());
        }),
        ("and the folder says 4683073536", &|folder| {
            let entry = Catalog::shipped().entry(CODER).unwrap().clone();
            changed(folder, &|it| {
                it["sha256"] = entry.sha256.clone().into();
                it["bytes"] = entry.bytes.into();
            });
        }),
        ("`sampling` has a number that is out of bounds", &|folder| {
            changed(folder, &|it| it["sampling"] = json!({"temperature": 1e9}));
        }),
        ("`chatTemplate` has more than", &|folder| {
            changed(folder, &|it| it["chatTemplate"] = "x".repeat(2 << 20).into());
        }),
        ("the text of its license, `LICENSE.txt`, is not there", &|folder| {
            changed(folder, &|it| it["license"] = license());
        }),
        ("is damaged", &|folder| {
            let bytes = std::fs::read(folder.join("model.gguf")).unwrap();
            std::fs::write(folder.join("model.gguf"), &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("is not a GGUF file", &|folder| {
            std::fs::write(folder.join("model.gguf"), "<html>").unwrap();
        }),
        ("`frob2`, which this version does not know", &|folder| {
            let bytes = called(&std::fs::read(folder.join("model.gguf")).unwrap(), b"frob2");
            std::fs::write(folder.join("model.gguf"), bytes).unwrap();
        }),
    ];
    for (said, lie) in refused {
        let (dir, folder) = carried();
        lie(&folder);
        let store = Store::open(&dir.path().join("other")).unwrap();
        let error = take(&store, &folder, &Catalog::shipped()).expect_err(said);
        let all = format!("{error} {:?}", error.hint);
        assert!(all.contains(said) && error.hint.is_some(), "no {said}: {all}");
        assert_eq!(files(&store.folder().join("manifests")), [""; 0], "{said}");
        assert_eq!(files(&store.folder().join("blobs")), [""; 0], "{said}");
        is_not_believed(&store, said);
    }
}

/// What a folder claims, and the name that its model gets.
fn claims() -> Vec<(&'static str, Value, &'static str)> {
    let url = "https://huggingface.co/Qwen/x.gguf";
    vec![
        ("the name of a model of the catalog", json!({"id": CODER}), "imported-qwen2.5-coder-7b"),
        ("the name of the bundled model", json!({"id": "demo"}), "imported-demo"),
        (
            "where it comes from",
            json!({"id": CODER, "source": {
                "kind": "catalog", "repository": "Qwen/Qwen2.5-Coder-7B", "revision": "main", "url": url,
            }}),
            "imported-qwen2.5-coder-7b",
        ),
        (
            "what it is",
            json!({
                "architecture": "llama", "parameters": 7_000_000_000_u64, "quantization": "Q9_K",
                "contextTokens": 1_000_000, "roles": ["code", "general"],
            }),
            "mine",
        ),
        ("its license", json!({"license": license(), "claimedLicense": "public domain"}), "mine"),
        (
            "what its user agreed to",
            json!({"consent": {
                "licenseId": "Apache-2.0", "textSha256": "0".repeat(64), "atS": 1, "productVersion": "1",
            }}),
            "mine",
        ),
        (
            "a file of this machine",
            json!({"linked": {"path": "/etc/passwd", "modifiedNs": 0}}),
            "mine",
        ),
        (
            "a name that plays with a terminal",
            json!({
                "name": "\u{1b}[2J\u{1b}]0;Qwen2.5 Coder\u{7}", "file": "\u{1b}[31mx.gguf",
            }),
            "mine",
        ),
        ("a name without end", json!({"name": "x".repeat(1 << 20)}), "mine"),
        ("that it was verified", json!({"verified": true, "claimedId": "none"}), "mine"),
    ]
}

#[test]
fn folders_that_claim_to_be_somebody_else_get_a_name_of_their_own() {
    for (lie, manifest, id) in claims() {
        let (dir, folder) = carried();
        std::fs::write(folder.join("LICENSE.txt"), "Do as you like.\n").unwrap();
        changed(&folder, &|it| {
            for (key, value) in manifest.as_object().unwrap() {
                it[key] = value.clone();
            }
        });
        let store = Store::open(&dir.path().join("other")).unwrap();
        let model = take(&store, &folder, &Catalog::shipped()).unwrap();
        assert_eq!(model.id, id, "{lie}");
        assert_eq!(store.model(id).unwrap(), model, "{lie}");
        let claimed = manifest.get("id").and_then(Value::as_str);
        assert_eq!(model.claimed_id.as_deref(), claimed, "{lie}");
        // What counts is what the file itself says, and what this machine knows.
        assert_eq!(
            (model.architecture.as_str(), model.context_tokens < 1_000_000),
            ("qwen2", true)
        );
        assert!(model.parameters < 10_000_000 && model.quantization != "Q9_K", "{lie}");
        assert_eq!(model.source, Source::File { path: folder.clone() }, "{lie}");
        assert!(model.claimed_source.is_some(), "{lie}");
        assert!(model.roles.is_empty() && model.linked.is_none() && model.consent.is_none());
        assert!(model.name.chars().count() <= 120 && !model.file.contains('\u{1b}'), "{lie}");
        assert_ne!(model.claimed_license.as_deref(), Some("public domain"), "{lie}");
        if model.license.is_some() {
            // The folder's own text, whatever license it claims to be.
            assert_eq!(store.kept_license(&model).unwrap(), "Do as you like.\n", "{lie}");
        }
        is_not_believed(&store, lie);
        // Importing it again gives it a name of its own.
        if claimed.is_some() {
            let again = take(&store, &folder, &Catalog::shipped()).unwrap();
            assert_eq!(again.id, format!("{id}-2"));
            is_not_believed(&store, lie);
        }
    }
}

/// The bytes with another architecture in place of the demo model's.
fn called(bytes: &[u8], architecture: &[u8]) -> Vec<u8> {
    let key = b"general.architecture";
    let at = find(bytes, key) + key.len() + 4;
    let old = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut file = bytes[..at].to_vec();
    file.extend((architecture.len() as u64).to_le_bytes());
    file.extend(architecture);
    file.extend(&bytes[at + 8 + usize::try_from(old).unwrap()..]);
    // The data may begin later now, and is not looked at.
    file.extend([0; 64]);
    file
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap()
}

/// The bytes with one name in place of another of the same length.
fn renamed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = find(bytes, from.as_bytes());
    [&bytes[..at], to.as_bytes(), &bytes[at + to.len()..]].concat()
}

#[test]
fn files_of_models_that_do_not_write_are_refused_with_what_they_are() {
    let bytes = std::fs::read(demo::path()).unwrap();
    for (said, file) in [
        ("an embedding model", called(&bytes, b"bert")),
        ("an embedding model", called(&bytes, b"nomic-bert")),
        ("guesses ahead", called(&bytes, b"eagle3")),
        ("`frobnicate`, which this version does not know", called(&bytes, b"frobnicate")),
        ("the tensor `blk.0.attn_q.weight` is missing", {
            renamed(&bytes, "blk.0.attn_q.weight", "blk.0.attn_z.weight")
        }),
        ("the tensor `blk.1.ffn_down.weight` is missing", {
            renamed(&bytes, "blk.1.ffn_down.weight", "blk.1.ffn_DOWN.weight")
        }),
        ("the tensor `output_norm.weight` is missing", {
            renamed(&bytes, "output_norm.weight", "output_nurm.weight")
        }),
        ("the tensor `token_embd.weight` is missing", {
            renamed(&bytes, "token_embd.weight", "token_embt.weight")
        }),
    ] {
        let (dir, store) = store();
        let path = dir.path().join(format!("{CODER}.gguf"));
        std::fs::write(&path, file).unwrap();
        for mode in [ImportMode::Copy, ImportMode::InPlace] {
            let came = store.import(&path, None, mode, &Catalog::shipped(), &mut |_, _| true);
            let error = ErrorInfo::from(came.expect_err(said));
            assert!(error.to_string().contains(said) && error.hint.is_some(), "{said}: {error}");
        }
        assert_eq!(files(&store.folder().join("blobs")), [""; 0], "{said}");
        is_not_believed(&store, said);
    }
}

#[test]
fn files_with_the_name_of_a_model_of_the_catalog_get_a_name_of_their_own() {
    let (dir, store) = store();
    let catalog = Catalog::shipped();
    let import = |name: &str, id: Option<&str>, mode| {
        let path = dir.path().join(name);
        std::fs::copy(demo::path(), &path).unwrap();
        store.import(&path, id, mode, &catalog, &mut |_, _| true)
    };
    for (name, claimed, id) in [
        ("qwen2.5-coder-7b.gguf", CODER, "imported-qwen2.5-coder-7b"),
        ("Llama-3-8B.GGUF", "llama-3-8b", "imported-llama-3-8b"),
        ("demo.gguf", "demo", "imported-demo"),
    ] {
        let model = import(name, None, ImportMode::Copy).unwrap();
        assert_eq!((model.id.as_str(), model.claimed_id.as_deref()), (id, Some(claimed)));
        is_not_believed(&store, name);
    }
    // An import under such a name is refused: it belongs to another model.
    for id in [CODER, "llama-3-8b"] {
        let error: ErrorInfo = import("x.gguf", Some(id), ImportMode::InPlace).unwrap_err().into();
        assert_eq!(error.code, ErrorCode::Usage);
        assert!(error.message.contains("the name of a model of the catalog"), "{error}");
        is_not_believed(&store, id);
    }
    // The model name inside a file of the same length is not a reserved name either.
    let model = import("模型.gguf", None, ImportMode::Copy).unwrap();
    assert!(model.id.starts_with("localcoder-demo"), "{}", model.id);
    is_not_believed(&store, "no Latin letter");
}

#[test]
fn a_file_without_any_name_is_called_by_its_digest() {
    let (dir, store) = store();
    let bytes = std::fs::read(demo::path()).unwrap();
    let path = dir.path().join("模型.gguf");
    std::fs::write(&path, renamed(&bytes, "general.name", "general.nume")).unwrap();
    let model =
        store.import(&path, None, ImportMode::Copy, &Catalog::shipped(), &mut |_, _| true).unwrap();
    assert_eq!(model.id, format!("qwen2-{}", &model.sha256[..8]));
    assert!(!model.name.is_empty());
}

/// A store as left by an earlier version, which did not check the digest.
#[test]
fn one_that_has_such_a_name_already_is_not_used() {
    let (_dir, store) = store();
    let import = |id: &str| {
        store.import(&demo::path(), Some(id), ImportMode::Copy, &Catalog::shipped(), &mut |_, _| {
            true
        })
    };
    let _ = import("mine").unwrap();
    let manifests = store.folder().join("manifests");
    let text = std::fs::read_to_string(manifests.join("mine.json")).unwrap();
    let text = text.replace("\"id\": \"mine\"", &format!("\"id\": \"{CODER}\""));
    std::fs::write(manifests.join(format!("{CODER}.json")), text).unwrap();
    let error: ErrorInfo = store.path_of(CODER).unwrap_err().into();
    assert_eq!(error.code, ErrorCode::ModelDamaged);
    assert!(error.to_string().contains("under the name of a model of the catalog"), "{error}");
    assert_eq!(error.action, Some(ErrorAction::RemoveModel));
    assert!(store.verify(CODER, &mut |_, _| true).is_err());
    store.remove(CODER).unwrap();
    assert!(store.path_of("mine").is_ok());
}

/// A user's catalog that pins the demo model's file.
fn pinning(dir: &Path, change: &dyn Fn(&mut Value)) -> Result<Catalog, ErrorInfo> {
    let bytes = std::fs::read(demo::path()).unwrap();
    let content = localcoder_test_support::downloads::Content {
        sha256: localcoder_test_support::downloads::sha256(&bytes),
        bytes,
    };
    let url = "https://example.org/small.gguf";
    let mut catalog = localcoder_test_support::downloads::catalog(&content, url);
    change(&mut catalog["models"][0]);
    let path = dir.join("catalog.json");
    std::fs::write(&path, catalog.to_string()).unwrap();
    Ok(Catalog::with_file(&path)?)
}

#[test]
fn the_catalogs_own_file_is_known_by_its_digest_whatever_it_is_called() {
    let (dir, store) = store();
    let catalog = pinning(dir.path(), &|_| {}).unwrap();
    let path = dir.path().join("something else.gguf");
    std::fs::copy(demo::path(), &path).unwrap();
    let import =
        |id: Option<&str>| store.import(&path, id, ImportMode::Copy, &catalog, &mut |_, _| true);
    let model = import(None).unwrap();
    assert_eq!((model.id.as_str(), model.name.as_str()), ("small", "Small Model"));
    assert_eq!(model.license.as_ref().unwrap().attribution, ["Built with Small"]);
    // It does not become a second model.
    let again: ErrorInfo = import(None).unwrap_err().into();
    assert!(again.message.contains("`small`, which is installed already"), "{again}");
    assert!(store.path_of("small").is_ok());
    assert_eq!(import(Some("mine")).unwrap().name, "Small Model");
    // A model whose file is gone is fixed by importing it.
    std::fs::remove_file(store.path_of("small").unwrap()).unwrap();
    assert!(store.path_of("small").is_err());
    assert_eq!(import(None).unwrap().id, "small");
    store.verify("small", &mut |_, _| true).unwrap();
}

#[test]
fn a_folder_with_the_catalogs_file_is_what_the_catalog_says() {
    let (dir, folder) = carried();
    let catalog = pinning(dir.path(), &|_| {}).unwrap();
    changed(&folder, &|it| {
        it["name"] = "Something Else".into();
        it["chatTemplate"] = "{{ evil }}".into();
        it["license"] = json!({
            "id": "none", "name": "No license", "commercial": true, "url": "https://example.org/x",
        });
    });
    std::fs::write(folder.join("LICENSE.txt"), "Do as you like.\n").unwrap();
    let store = Store::open(&dir.path().join("other")).unwrap();
    let bundle = Bundle::read(&folder, &catalog).unwrap();
    assert!(bundle.license_text.as_ref().unwrap().contains("Apache License"));
    let model = take(&store, &folder, &catalog).unwrap();
    assert_eq!((model.id.as_str(), model.name.as_str()), ("small", "Small Model"));
    assert_eq!((model.chat_template, model.license.unwrap().id), (None, "Apache-2.0".to_owned()));
    assert!(matches!(model.source, Source::Catalog { .. }));
    let again = take(&store, &folder, &catalog).unwrap_err();
    assert!(again.message.contains("installed already"), "{again}");
}

#[test]
fn catalogs_that_lead_elsewhere_are_refused_when_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let lies: &[(&str, &str, Value)] = &[
        ("`repository` has `..` in it", "repository", "../../etc".into()),
        ("`repository` is not `owner/name`", "repository", "owner/name/more".into()),
        ("`repository` is not a path", "repository", "owner/na me".into()),
        ("`revision` has `..` in it", "revision", "main/../../x".into()),
        ("`file` has `..` in it", "file", "../small.gguf".into()),
        ("`file` is not a path", "file", "small?.gguf".into()),
        ("`url` has no host", "url", "file:///etc/passwd".into()),
        ("`url` is of a kind", "url", "ftp://example.org/small.gguf".into()),
        ("`url` is not encrypted", "url", "http://example.org/small.gguf".into()),
        ("`url` has a user name", "url", "https://me:secret@example.org/x.gguf".into()),
        ("`url` has `..` in it", "url", "https://example.org/a/%2e%2e/x.gguf".into()),
        ("`mirrors` is not an address", "mirrors", json!(["/etc/passwd"])),
    ];
    for (said, field, value) in lies {
        let refused = pinning(dir.path(), &|entry| entry[*field] = value.clone());
        let error = refused.expect_err(said);
        assert_eq!(error.code, ErrorCode::InvalidSetting);
        assert!(error.to_string().contains(said), "no {said}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    for (said, url) in [
        ("`license.url` has no host", "file:///etc/passwd"),
        ("`license.url` is not encrypted", "http://example.org/LICENSE"),
    ] {
        let refused = pinning(dir.path(), &|entry| entry["license"]["url"] = url.into());
        assert!(refused.unwrap_err().to_string().contains(said));
    }
    assert!(pinning(dir.path(), &|_| {}).is_ok());
}

/// After `touch`, restoring a backup or `rsync`, the file is the same.
#[test]
fn a_file_in_its_place_whose_time_alone_changed_is_kept_once_it_was_read() {
    use std::time::{Duration, SystemTime};
    let (dir, store) = store();
    let path = dir.path().join("mine.gguf");
    std::fs::copy(demo::path(), &path).unwrap();
    store.import(&path, None, ImportMode::InPlace, &Catalog::shipped(), &mut |_, _| true).unwrap();
    let touch = |seconds| {
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    };
    assert!(!store.is_touched("mine").unwrap());
    touch(1_000_000);
    assert!(store.is_touched("mine").unwrap());
    let error: ErrorInfo = store.path_of("mine").unwrap_err().into();
    assert_eq!(
        (error.action, error.subject.as_deref()),
        (Some(ErrorAction::VerifyModel), Some("mine"))
    );
    store.verify("mine", &mut |_, _| true).unwrap();
    assert_eq!(store.path_of("mine").unwrap(), path);
    // A file of the same length, with any time, is still another file.
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    touch(500_000);
    let error: ErrorInfo = store.verify("mine", &mut |_, _| true).unwrap_err().into();
    assert_eq!(error.code, ErrorCode::ChecksumMismatch);
    assert!(store.path_of("mine").is_err() && path.exists());
}

#[test]
fn a_model_without_a_template_is_known_as_one() {
    let (dir, store) = store();
    let bytes = std::fs::read(demo::path()).unwrap();
    let path = dir.path().join("base.gguf");
    std::fs::write(&path, renamed(&bytes, "tokenizer.chat_template", "tokenizer.chat_templatX"))
        .unwrap();
    for (path, has) in [(path, false), (demo::path(), true)] {
        let model = store
            .import(&path, None, ImportMode::Copy, &Catalog::shipped(), &mut |_, _| true)
            .unwrap();
        assert_eq!(store.has_template(&model.id).unwrap(), has);
    }
}
