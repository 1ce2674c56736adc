//! The store with real model files, and with the real program that downloads.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

mod lies;

use std::path::Path;
use std::time::{Duration, SystemTime};

use localcoder_model_store::{
    Bundle, Catalog, Consent, Entry, Fetcher, ImportMode, Installing, Source, Store, StoreError,
};
use localcoder_protocol::{ErrorCode, ErrorInfo, FetchEvent};
use localcoder_settings::{NetworkAllowed, resolve};
use localcoder_test_support::demo;
use localcoder_test_support::disk::Disk;
use localcoder_test_support::downloads::{Content, NO_HOME, limits};
use localcoder_test_support::http::{Asked, Part, Reply, Server};

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("models")).unwrap();
    (dir, store)
}

fn import(store: &Store, path: &Path, id: &str, mode: ImportMode) -> Result<String, ErrorCode> {
    let result = store.import(path, Some(id), mode, &Catalog::shipped(), &mut |_, _| true);
    result.map(|model| model.sha256).map_err(code)
}

fn code(error: StoreError) -> ErrorCode {
    ErrorInfo::from(error).code
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn an_imported_model_is_there_and_goes_again() {
    let (_dir, store) = store();
    let sha256 = import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    let listed = store.list().unwrap();
    assert_eq!(listed.len(), 1);
    let model = &listed[0].model;
    assert_eq!((model.id.as_str(), &listed[0].problem), ("mine", &None));
    assert_eq!(model.source, Source::File { path: std::path::absolute(demo::path()).unwrap() });
    let blob = store.path_of("mine").unwrap();
    assert_eq!(blob.file_name().unwrap().to_string_lossy(), format!("sha256-{sha256}"));
    assert!(std::fs::metadata(&blob).unwrap().permissions().readonly());
    assert!(std::fs::read(&blob).unwrap() == std::fs::read(demo::path()).unwrap());
    store.verify("mine", &mut |_, _| true).unwrap();
    assert_eq!(store.remove("mine").unwrap(), model.bytes);
    assert!(store.list().unwrap().is_empty() && !blob.exists());
    assert_eq!(code(store.remove("mine").unwrap_err()), ErrorCode::ModelNotFound);
}

/// A catalog whose one model has the file of the demo model.
fn pinning(sha256: &str) -> Catalog {
    let mut catalog = Catalog::shipped();
    catalog.models.truncate(1);
    let entry = &mut catalog.models[0];
    entry.id = "pinned".to_owned();
    entry.bytes = std::fs::metadata(demo::path()).unwrap().len();
    entry.sha256 = sha256.to_owned();
    catalog
}

#[test]
fn a_file_of_a_catalog_is_found_by_the_catalogs_name_whatever_it_is_called() {
    let (dir, store) = store();
    let sha256 = import(&store, &demo::path(), "other", ImportMode::Copy).unwrap();
    assert_eq!(code(store.path_of("pinned").unwrap_err()), ErrorCode::ModelNotFound);
    let catalog = pinning(&sha256);
    let _ = store.remove("other").unwrap();
    let import = |id| store.import(&demo::path(), id, ImportMode::Copy, &catalog, &mut |_, _| true);
    let mine = import(Some("mine")).unwrap();
    assert_eq!(mine.catalog_id.as_deref(), Some("pinned"));
    assert_eq!(store.meant("pinned").unwrap().id, "mine");
    assert_eq!(store.path_of("pinned").unwrap(), store.path_of("mine").unwrap());
    let again: ErrorInfo = store.check_missing(&catalog.models[0]).unwrap_err().into();
    assert_eq!(again.code, ErrorCode::Usage, "there is nothing to load");

    // What is carried to another machine has the catalog's name there, whatever the folder says.
    let folder = store.export("mine", dir.path(), &mut |_, _| true).unwrap();
    let bundle = Bundle::read(&folder, &catalog).unwrap();
    assert_eq!(bundle.model.id, "pinned");
    let stranger = Bundle::read(&folder, &Catalog::shipped()).unwrap();
    assert_eq!((stranger.model.id.as_str(), &stranger.model.catalog_id), ("mine", &None));

    let _ = store.remove("mine").unwrap();
    assert_eq!(code(store.meant("pinned").unwrap_err()), ErrorCode::ModelNotFound);
}

#[test]
fn a_file_is_recognized_by_its_digest_and_read_only_where_its_length_is_known() {
    let (_dir, store) = store();
    let sha256 = import(&store, &demo::path(), "a", ImportMode::InPlace).unwrap();
    let path = std::path::absolute(demo::path()).unwrap();
    assert_eq!(store.left_at(&path).unwrap().id, "a");
    assert_eq!(store.left_at(Path::new("/elsewhere.gguf")), None);
    let reads = std::cell::Cell::new(0);
    let recognized = |catalog: &Catalog| {
        let mut progress = |_, _| {
            reads.set(reads.get() + 1);
            true
        };
        Store::recognize(&path, catalog, &mut progress).unwrap().map(|entry| entry.id)
    };
    assert_eq!((recognized(&Catalog::shipped()), reads.get()), (None, 0));
    assert_eq!(recognized(&pinning(&"0".repeat(64))), None);
    assert!(reads.get() > 0);
    assert_eq!(recognized(&pinning(&sha256)).as_deref(), Some("pinned"));
}

#[test]
fn two_models_may_have_one_file() {
    let (_dir, store) = store();
    import(&store, &demo::path(), "one", ImportMode::Copy).unwrap();
    import(&store, &demo::path(), "two", ImportMode::Copy).unwrap();
    assert_eq!(files(&store.folder().join("blobs")).len(), 1);
    assert_eq!(store.remove("one").unwrap(), 0);
    assert!(store.path_of("two").is_ok());
    assert!(store.remove("two").unwrap() > 0);
    assert!(files(&store.folder().join("blobs")).is_empty());
}

#[test]
fn a_file_in_its_place_stays_the_users() {
    let (dir, store) = store();
    let path = dir.path().join("My Model.gguf");
    std::fs::copy(demo::path(), &path).unwrap();
    let model = store
        .import(&path, None, ImportMode::InPlace, &Catalog::shipped(), &mut |_, _| true)
        .unwrap();
    assert_eq!(model.id, "my-model");
    assert_eq!(store.path_of("my-model").unwrap(), path);
    assert!(files(&store.folder().join("blobs")).is_empty());
    // A file that was written to since is another file until it is imported again.
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
    assert_eq!(code(store.path_of("my-model").unwrap_err()), ErrorCode::ModelDamaged);
    assert!(store.list().unwrap()[0].problem.as_ref().unwrap().contains("changed"));
    assert_eq!(store.remove("my-model").unwrap(), 0);
    assert!(path.exists());
}

#[test]
fn what_is_not_a_model_leaves_nothing() {
    let (dir, store) = store();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let demo_bytes = std::fs::read(demo::path()).unwrap();
    for (path, code) in [
        (write("page.gguf", b"<html>"), ErrorCode::ModelNotGguf),
        (write("empty.gguf", b""), ErrorCode::ModelNotGguf),
        (write("half.gguf", &demo_bytes[..demo_bytes.len() / 2]), ErrorCode::ModelDamaged),
        (dir.path().join("missing.gguf"), ErrorCode::ModelNotFound),
        (dir.path().to_owned(), ErrorCode::ModelNotGguf),
    ] {
        assert_eq!(import(&store, &path, "x", ImportMode::Copy), Err(code), "{path:?}");
    }
    for id in ["", "UPPER", "../up", "a/b", "demo"] {
        assert_eq!(
            import(&store, &demo::path(), id, ImportMode::Copy),
            Err(ErrorCode::Usage),
            "{id}"
        );
    }
    let cancelled = store.import(
        &demo::path(),
        Some("x"),
        ImportMode::Copy,
        &Catalog::shipped(),
        &mut |_, _| false,
    );
    assert_eq!(code(cancelled.unwrap_err()), ErrorCode::Cancelled);
    for folder in ["blobs", "downloads", "manifests"] {
        assert_eq!(files(&store.folder().join(folder)), [""; 0], "{folder}");
    }
    import(&store, &demo::path(), "taken", ImportMode::Copy).unwrap();
    assert_eq!(import(&store, &demo::path(), "taken", ImportMode::Copy), Err(ErrorCode::Usage));
}

#[test]
fn an_id_that_another_import_takes_meanwhile_stays_with_that_one() {
    let (dir, store) = store();
    let other = dir.path().join("other.gguf");
    let mut bytes = std::fs::read(demo::path()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&other, bytes).unwrap();
    import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    let folder = store.export("mine", dir.path(), &mut |_, _| true).unwrap();
    let catalog = Catalog::shipped();
    let bundle = Bundle::read(&folder, &catalog).unwrap();
    for way in ["copied", "in place", "carried"] {
        let store = Store::open(&dir.path().join(way)).unwrap();
        let mut first = None;
        let mut progress = |_, _| {
            if first.is_none() {
                first = Some(import(&store, &other, "mine", ImportMode::Copy).unwrap());
            }
            true
        };
        let (path, id) = (demo::path(), Some("mine"));
        let second = match way {
            "copied" => store.import(&path, id, ImportMode::Copy, &catalog, &mut progress),
            "in place" => store.import(&path, id, ImportMode::InPlace, &catalog, &mut progress),
            _ => store.import_bundle(&bundle, None, &mut progress),
        };
        assert!(matches!(second, Err(StoreError::IdTaken(_))), "{way}: {second:?}");
        assert_eq!(Some(store.model("mine").unwrap().sha256), first, "{way}");
        store.verify("mine", &mut |_, _| true).unwrap();
        assert_eq!(files(&store.folder().join("blobs")).len(), 1, "{way}");
        assert_eq!(files(&store.folder().join("downloads")), [""; 0], "{way}");
    }
}

#[test]
fn a_model_that_is_removed_or_replaced_while_it_is_verified_does_not_come_back() {
    let (dir, store) = store();
    let path = dir.path().join("mine.gguf");
    let touched = || {
        std::fs::copy(demo::path(), &path).unwrap();
        import(&store, &path, "mine", ImportMode::InPlace).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(1_000_000)).unwrap();
        assert!(store.is_touched("mine").unwrap());
    };
    touched();
    let verified = store.verify("mine", &mut |_, _| {
        let _ = store.remove("mine");
        true
    });
    assert_eq!(code(verified.unwrap_err()), ErrorCode::ModelNotFound);
    assert!(store.list().unwrap().is_empty());

    touched();
    let mut copied = false;
    let verified = store.verify("mine", &mut |_, _| {
        if !std::mem::replace(&mut copied, true) {
            store.remove("mine").unwrap();
            import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
        }
        true
    });
    verified.unwrap();
    assert_eq!(store.model("mine").unwrap().linked, None);
}

#[test]
fn damage_is_found_and_put_aside() {
    let (_dir, store) = store();
    import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    let blob = store.path_of("mine").unwrap();
    let mut bytes = std::fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, &bytes).unwrap();
    let error: ErrorInfo = store.verify("mine", &mut |_, _| true).unwrap_err().into();
    assert_eq!(error.code, ErrorCode::ChecksumMismatch);
    let sha256 = store.model("mine").unwrap().sha256;
    assert!(error.cause.unwrap().contains(&sha256));
    // Nothing loads it any more, and importing the right file fixes it.
    assert_eq!(code(store.path_of("mine").unwrap_err()), ErrorCode::ModelDamaged);
    store.remove("mine").unwrap();
    import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    store.verify("mine", &mut |_, _| true).unwrap();
}

#[test]
fn torn_and_foreign_manifests_are_passed_over() {
    let (_dir, store) = store();
    import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    let manifests = store.folder().join("manifests");
    let good = std::fs::read_to_string(manifests.join("mine.json")).unwrap();
    std::fs::write(manifests.join("torn.json"), &good[..good.len() / 2]).unwrap();
    std::fs::write(manifests.join("other.json"), &good).unwrap();
    std::fs::write(manifests.join("empty.json"), "").unwrap();
    std::fs::write(manifests.join("notes.txt"), "mine").unwrap();
    let ids: Vec<String> =
        store.list().unwrap().into_iter().map(|listed| listed.model.id).collect();
    assert_eq!(ids, ["mine"]);
    assert_eq!(code(store.model("torn").unwrap_err()), ErrorCode::ModelStore);
    assert_eq!(code(store.model("../mine").unwrap_err()), ErrorCode::ModelNotFound);
}

/// A catalog's entry for some bytes on a server.
fn entry(content: &Content, server: &Server) -> Entry {
    let mut entry = Catalog::shipped().entry("qwen2.5-coder-0.5b").unwrap().clone();
    entry.id = "test-model".to_owned();
    entry.bytes = content.bytes.len() as u64;
    entry.sha256.clone_from(&content.sha256);
    entry.url = Some(server.url("model.gguf"));
    entry
}

fn real() -> Content {
    let bytes = std::fs::read(demo::path()).unwrap();
    let sha256 = localcoder_test_support::downloads::sha256(&bytes);
    Content { bytes, sha256 }
}

/// The permission from settings in which nothing is set.
fn allowed() -> NetworkAllowed {
    resolve(&[]).air_gap.permission("nothing is loaded").unwrap()
}

/// The program is next to the tests' own programs, where all are built.
fn fetcher() -> Fetcher {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("localcoder-fetch");
    assert!(program.is_file(), "{} is missing: run `cargo xtask build`", program.display());
    Fetcher::new(&program, allowed()).with_limits(limits()).with_home(Path::new(NO_HOME))
}

fn consent(store: &Store, entry: &Entry) -> Consent {
    Consent::to(&entry.license, &store.license_text(entry).unwrap()).unwrap()
}

#[test]
fn a_model_of_a_catalog_is_installed_with_its_license() {
    let (_dir, store) = store();
    let content = real();
    let bytes = content.bytes.clone();
    let server = Server::start(move |asked| Reply::file(asked, &bytes, "\"1\""));
    let entry = entry(&content, &server);
    let consent = consent(&store, &entry);
    let mut progress = Vec::new();
    let mut told = |event| {
        if let FetchEvent::Progress { bytes, .. } = event {
            progress.push(bytes);
        }
    };
    let running = Installing::default();
    let model = store.install(&entry, consent.clone(), &fetcher(), &running, &mut told).unwrap();
    assert_eq!(progress.last(), Some(&entry.bytes));
    assert_eq!((model.name.as_str(), model.consent), (entry.name.as_str(), Some(consent)));
    assert_eq!(model.license.unwrap().id, "Apache-2.0");
    store.verify("test-model", &mut |_, _| true).unwrap();
    let list = std::fs::read_to_string(store.folder().join("consents.jsonl")).unwrap();
    assert_eq!(list.lines().count(), 1);
    assert!(list.contains("\"model\":\"test-model\"") && list.contains("textSha256"), "{list}");
    assert_eq!(files(&store.folder().join("downloads")), [""; 0]);
    // What is there is not downloaded again.
    let again =
        store.install(&entry, self::consent(&store, &entry), &fetcher(), &running, &mut |_| {});
    assert_eq!(code(again.unwrap_err()), ErrorCode::Usage);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_stopped_install_goes_on_where_it_ended() {
    let (_dir, store) = store();
    let content = real();
    let bytes = content.bytes.clone();
    let half = bytes.len() / 2;
    let server = Server::start(move |asked: &Asked| {
        let honest = Reply::file(asked, &bytes, "\"1\"");
        match asked.number {
            0 => honest.until(half, Part::Silence(Duration::from_secs(60))),
            _ => honest,
        }
    });
    let entry = entry(&content, &server);
    let running = Installing::default();
    let stop = running.clone();
    let patient =
        fetcher().with_limits(localcoder_protocol::FetchLimits { stall_ms: 60_000, ..limits() });
    let stopped = std::thread::scope(|scope| {
        scope.spawn(|| {
            let partial = || store.loaded_bytes(&entry.sha256) >= half as u64;
            localcoder_test_support::wait_until("half of it is there", partial);
            stop.stop();
        });
        store.install(&entry, consent(&store, &entry), &patient, &running, &mut |_| {})
    });
    assert_eq!(code(stopped.unwrap_err()), ErrorCode::Cancelled);
    assert!(store.list().unwrap().is_empty());
    let running = Installing::default();
    store.install(&entry, consent(&store, &entry), &fetcher(), &running, &mut |_| {}).unwrap();
    let again = server.sent() - entry.bytes;
    assert!(again < entry.bytes / 4, "{again} bytes were loaded again");
    // Discarding a download removes everything of it.
    store.discard_download(&entry.sha256).unwrap();
    assert_eq!(store.loaded_bytes(&entry.sha256), 0);
}

#[test]
fn what_is_not_the_file_of_the_catalog_is_not_installed() {
    let (_dir, store) = store();
    let content = real();
    let mut wrong = content.bytes.clone();
    *wrong.last_mut().unwrap() ^= 1;
    let server = Server::start(move |asked| Reply::file(asked, &wrong, "\"1\""));
    let pinned = entry(&content, &server);
    let install = |entry: &Entry| {
        let consent = consent(&store, entry);
        let result = store.install(entry, consent, &fetcher(), &Installing::default(), &mut |_| {});
        ErrorInfo::from(result.unwrap_err())
    };
    let error = install(&pinned);
    assert_eq!(error.code, ErrorCode::ChecksumMismatch);
    assert!(error.cause.unwrap().contains(&content.sha256));

    // The right digest, but still not a model.
    let random = Content::random(1, 100_000);
    let bytes = random.bytes.clone();
    let server = Server::start(move |asked| Reply::file(asked, &bytes, "\"1\""));
    let error = install(&entry(&random, &server));
    assert!(matches!(error.code, ErrorCode::ModelDamaged | ErrorCode::ModelUnsupported), "{error}");
    assert!(store.list().unwrap().is_empty());
    assert_eq!(files(&store.folder().join("blobs")), [""; 0]);
}

#[test]
fn a_model_is_carried_to_another_machine_and_checked_there() {
    let (dir, store) = store();
    import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    let folder = store.export("mine", dir.path(), &mut |_, _| true).unwrap();
    assert_eq!(folder, dir.path().join("mine.localcoder-model"));
    assert!(Bundle::is_at(&folder) && !Bundle::is_at(dir.path()));
    let again: ErrorInfo = store.export("mine", dir.path(), &mut |_, _| true).unwrap_err().into();
    assert_eq!(again.code, ErrorCode::FileAccess);
    let into = |folder: &str| {
        let error: ErrorInfo =
            store.export("mine", &dir.path().join(folder), &mut |_, _| true).unwrap_err().into();
        (error.message, error.hint.unwrap_or_default())
    };
    let (message, hint) = into("nowhere");
    assert!(message.contains("there is no folder") && hint.contains("make it first"), "{message}");
    std::fs::write(dir.path().join("file"), "").unwrap();
    let (message, hint) = into("file");
    assert!(message.contains("is not a folder") && hint == "export to a folder", "{message}");

    let elsewhere = Store::open(&dir.path().join("elsewhere")).unwrap();
    let bundle = Bundle::read(&folder, &Catalog::shipped()).unwrap();
    let model = elsewhere.import_bundle(&bundle, None, &mut |_, _| true).unwrap();
    assert_eq!((model.id.as_str(), &model.sha256), ("mine", &bundle.model.sha256));
    elsewhere.verify("mine", &mut |_, _| true).unwrap();
    elsewhere.remove("mine").unwrap();

    // A file that was changed on the way is refused.
    let file = folder.join("model.gguf");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let error: ErrorInfo =
        elsewhere.import_bundle(&bundle, None, &mut |_, _| true).unwrap_err().into();
    assert_eq!(error.code, ErrorCode::ChecksumMismatch);
    assert!(elsewhere.list().unwrap().is_empty());
    assert_eq!(files(&elsewhere.folder().join("blobs")), [""; 0]);
    // A folder from elsewhere can't name a file on this machine.
    let manifest = folder.join("model.json");
    let mut said: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
    said["linked"] = serde_json::json!({"path": "/etc/passwd", "modifiedNs": 0});
    std::fs::write(&manifest, said.to_string()).unwrap();
    assert_eq!(Bundle::read(&folder, &Catalog::shipped()).unwrap().model.linked, None);
    std::fs::write(&manifest, "{}").unwrap();
    assert_eq!(
        code(Bundle::read(&folder, &Catalog::shipped()).unwrap_err()),
        ErrorCode::ModelDamaged
    );
}

#[test]
fn a_license_that_is_not_shipped_is_loaded_first_and_kept() {
    let (_dir, store) = store();
    let server = Server::start(|asked| match asked.path.as_str() {
        "/LICENSE" => Reply::status("200 OK", &["Content-Length: 10", "Content-Type: text/plain"])
            .with(Part::Bytes(b"Be\nkind.\n\n".to_vec())),
        _ => Reply::status("404 Not Found", &[]),
    });
    let mut entry = entry(&real(), &server);
    entry.license.id = "kindness".to_owned();
    entry.license.url = server.url("missing");
    assert_eq!(store.license_text(&entry), None);
    let running = Installing::default();
    let error: ErrorInfo = store.load_license(&entry, &fetcher(), &running).unwrap_err().into();
    assert_eq!(error.code, ErrorCode::DownloadFailed);
    entry.license.url = server.url("LICENSE");
    let text = store.load_license(&entry, &fetcher(), &Installing::default()).unwrap();
    assert_eq!(text, "Be\nkind.\n\n");
    assert_eq!(store.license_text(&entry), Some(text));
    // A text other than the pinned one can't be agreed to.
    entry.license.sha256 = Some("0".repeat(64));
    let error: ErrorInfo = Consent::to(&entry.license, "Be\nkind.\n\n").unwrap_err().into();
    assert_eq!(error.code, ErrorCode::LicenseNotAccepted);
}

#[test]
fn a_disk_that_can_only_be_read_loses_nothing() {
    let Some(mut disk) = Disk::new("size=2g") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let folder = disk.path().join("models");
    let store = Store::open(&folder).unwrap();
    import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    disk.set_read_only(true);
    let store = Store::open(&folder).unwrap();
    assert_eq!(
        import(&store, &demo::path(), "other", ImportMode::Copy),
        Err(ErrorCode::ModelStore)
    );
    let refused: ErrorInfo = store.remove("mine").unwrap_err().into();
    assert_eq!(refused.code, ErrorCode::ModelStore);
    assert!(refused.to_string().to_lowercase().contains("read-only"), "{refused}");
    let listed = store.list().unwrap();
    assert_eq!((listed.len(), &listed[0].problem), (1, &None));
    store.verify("mine", &mut |_, _| true).unwrap();
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    // Room for bytes, but not for another file.
    let Some(disk) = Disk::new("size=2g,nr_inodes=24") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let store = Store::open(&disk.path().join("models")).unwrap();
    import(&store, &demo::path(), "mine", ImportMode::Copy).unwrap();
    let mut fillers = Vec::new();
    let full = (0..24).find(|number| {
        let path = disk.path().join(format!("filler-{number}"));
        let made = std::fs::write(&path, "");
        fillers.extend(made.is_ok().then_some(path));
        made.is_err()
    });
    assert!(full.is_some());
    assert_eq!(import(&store, &demo::path(), "other", ImportMode::Copy), Err(ErrorCode::DiskFull));
    // Only the manifest finds no room.
    std::fs::remove_file(fillers.pop().unwrap()).unwrap();
    let taken = import(&store, &demo::path(), "other", ImportMode::Copy);
    assert!(matches!(taken, Ok(_) | Err(ErrorCode::DiskFull)), "{taken:?}");
    for listed in store.list().unwrap() {
        assert_eq!(listed.problem, None, "{}", listed.model.id);
        store.verify(&listed.model.id, &mut |_, _| true).unwrap();
    }
    fillers.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    assert!(store.remove("mine").is_ok());
}
