//! `localcoder reset` and `uninstall`: exactly what was announced goes, and whatever a link leads
//! to stays.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use localcoder_protocol::ErrorCode;
use localcoder_test_support::{Installation, Outcome, wait_for_end};
use serde_json::Value;

fn installation() -> Installation {
    let installation = Installation::with_home(env!("CARGO_BIN_EXE_localcoder"));
    let home = installation.home();
    for file in [
        "settings.json",
        "catalog.json",
        "editor/user/User/settings.json",
        "editor/extensions/someones/package.json",
        "editor/launcher.json",
        "cache/measurements.json",
        "cache/prefixes/a",
        "logs/host.log",
        "logs/host.log.1",
        "models/blobs/sha256-0",
        "models/manifests/x.json",
        "runtime/workers.json",
        "statistics/edits.jsonl",
    ] {
        put(&home.join(file), "{}");
    }
    put(&home.join("catalog.json"), r#"{"version": 1, "models": []}"#);
    // Files that others have left there.
    for file in
        ["mine.txt", "models/mine.gguf", "logs/mine.log", "cache/mine/a", "sample/report.py"]
    {
        put(&home.join(file), "mine");
    }
    installation
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// All files below a folder; links are listed, not followed.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

fn paths(printed: &Value, list: &str) -> Vec<String> {
    let parts = printed[list].as_array().unwrap().iter();
    let paths = parts.flat_map(|part| part["paths"].as_array().unwrap());
    paths.map(|path| path.as_str().unwrap().to_owned()).collect()
}

const OTHERS: [&str; 5] =
    ["cache/mine/a", "logs/mine.log", "mine.txt", "models/mine.gguf", "sample/report.py"];

#[test]
fn a_dry_run_tells_all_that_goes_and_removes_nothing() {
    let installation = installation();
    let before = files(&installation.home());
    let told = installation.run(&["reset", "--dry-run"]).ok().stdout;
    for part in ["Goes:", "Stays:", "settings.json", "editor/user", "host.log.1", "models/blobs"] {
        assert!(told.contains(part), "{part} in: {told}");
    }
    assert_eq!(files(&installation.home()), before);
}

#[test]
fn a_reset_leaves_models_and_what_is_not_ours() {
    let installation = installation();
    let printed = installation.run(&["reset", "--yes", "--json"]).ok().json();
    assert_eq!(printed["done"], true);
    assert!(printed["bytes"].as_u64().unwrap() > 0);
    assert!(paths(&printed, "stays").iter().any(|path| path.ends_with("models/blobs")));
    let mut left: Vec<&str> = OTHERS.to_vec();
    left.extend(["models/blobs/sha256-0", "models/manifests/x.json"]);
    left.sort_unstable();
    assert_eq!(files(&installation.home()), left);
    for path in paths(&printed, "goes") {
        assert!(!Path::new(&path).exists(), "{path}");
    }
    let again = installation.run(&["reset", "--yes"]).ok();
    assert!(again.stdout.starts_with("There is nothing to remove."), "{}", again.stdout);
}

#[test]
fn an_uninstall_leaves_what_is_not_ours_and_says_where_the_programs_are() {
    let installation = installation();
    let told = installation.run(&["uninstall", "--yes"]).ok().stdout;
    assert!(told.contains("The programs themselves"), "{told}");
    assert_eq!(files(&installation.home()), OTHERS);
    let empty = Installation::with_home(env!("CARGO_BIN_EXE_localcoder"));
    put(&empty.home().join("settings.json"), "{}");
    let _: Outcome = empty.run(&["uninstall", "--keep-models", "--yes"]).ok();
    assert!(!empty.home().exists(), "a folder that holds nothing any more goes");
}

#[test]
fn without_an_answer_nothing_is_removed() {
    let installation = installation();
    let before = files(&installation.home());
    for command in [&["reset"][..], &["uninstall", "--keep-models"], &["reset", "--models"]] {
        let _: Outcome = installation.run(command).failed(ErrorCode::Usage);
    }
    let json = installation.run(&["uninstall", "--json"]);
    assert_eq!(json.json()["error"]["code"], "usage");
    assert_eq!(files(&installation.home()), before);
}

#[test]
fn no_link_is_followed_wherever_it_stands() {
    let installation = installation();
    let (home, outside) = (installation.home(), installation.folder().join("outside"));
    for file in
        ["host.log", "blobs/sha256-0", "measurements.json", "prefixes/a", "User/settings.json"]
    {
        put(&outside.join(file), "mine");
    }
    let theirs = files(&outside);
    // A link in place of a folder of ours, of a name of ours, and of names inside what goes.
    fs::remove_dir_all(home.join("logs")).unwrap();
    symlink(&outside, home.join("logs")).unwrap();
    fs::remove_dir_all(home.join("models/blobs")).unwrap();
    symlink(outside.join("blobs"), home.join("models/blobs")).unwrap();
    fs::remove_file(home.join("settings.json")).unwrap();
    symlink(outside.join("measurements.json"), home.join("settings.json")).unwrap();
    symlink(&outside, home.join("editor/user/User/snippets")).unwrap();
    symlink("/", home.join("cache/prefixes/root")).unwrap();

    let printed = installation.run(&["uninstall", "--yes", "--json"]).ok().json();
    assert_eq!(files(&outside), theirs);
    assert!(home.join("logs").is_symlink(), "what lies behind it was not looked at, so it stays");
    let stays = printed["stays"].to_string();
    assert!(stays.contains("is a link to") && stays.contains("logs"), "{stays}");
    let goes = printed["goes"].to_string();
    assert!(goes.contains("blobs` is a link; `"), "{goes}");
    let mut left: Vec<&str> = OTHERS.iter().copied().filter(|it| *it != "logs/mine.log").collect();
    left.push("logs");
    left.sort_unstable();
    assert_eq!(files(&home), left);
}

#[test]
fn a_home_that_is_a_link_is_left_alone() {
    let installation = installation();
    let link = installation.folder().join("link");
    symlink(installation.home(), &link).unwrap();
    let before = files(&installation.home());
    let mut command = installation.command(&["uninstall", "--yes", "--json"]);
    let output = command.env("LOCALCODER_HOME", &link).output().unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&printed["done"], paths(&printed, "goes").len()), (&Value::Bool(false), 0));
    assert_eq!(files(&installation.home()), before);
}

#[test]
fn a_model_that_was_imported_in_place_stays_even_within_our_folders() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf");
    for (name, is_inside) in [("mine.gguf", false), ("home/editor/user/mine.gguf", true)] {
        let installation = installation();
        let path = installation.folder().join(name);
        fs::copy(&demo, &path).unwrap();
        let named = path.display().to_string();
        let import = ["models", "import", &named, "--id", "mine", "--in-place"];
        let _: Outcome = installation.run(&import).ok();
        let printed = installation.run(&["uninstall", "--yes", "--json"]).ok().json();
        assert!(path.is_file(), "{name}");
        let told = printed["stays"].to_string().contains("imported in place");
        assert_eq!(told, is_inside, "{printed:#}");
        assert!(!installation.home().join("models/manifests").exists());
    }
}

#[test]
fn a_running_host_is_ended_first() {
    let installation = installation();
    let _: Outcome = installation.run(&["host", "start"]).ok();
    assert!(installation.status().is_some());
    let _: Outcome = installation.run(&["reset", "--yes"]).ok();
    assert!(!installation.home().join("runtime").exists());
    assert!(installation.status().is_none());
}

#[test]
fn a_yes_that_comes_from_a_file_is_not_an_answer() {
    let installation = installation();
    let before = files(&installation.home());
    let yes = installation.write("yes.txt", "y\n");
    let mut command = installation.command(&["reset"]);
    let output = command.stdin(fs::File::open(yes).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(ErrorCode::Usage.exit_code())));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("--dry-run"), "{told}");
    assert_eq!(files(&installation.home()), before);
    let mut child = installation.command(&["reset", "--yes"]).spawn().unwrap();
    assert!(wait_for_end(&mut child).success());
    assert_ne!(files(&installation.home()), before);
}
