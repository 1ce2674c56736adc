//! The files that a user names: what is read from them, what they are after a change, and what is
//! reported if that fails. With the real programs.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown, symlink};
use std::process::{Command, Stdio};

use localcoder_protocol::ErrorCode;
use localcoder_test_support::demo;
use localcoder_test_support::disk::Disk;
use rustix::fs::{CWD, Mode, XattrFlags, getxattr, mkfifoat, setxattr};
use rustix::process::geteuid;

use crate::installation_with_home as installation;

const SOURCE: &str = "def f(x):\n    x = x + 1\n    return x\n";
/// Some other user.
const STRANGER: u32 = 65534;

fn apply(file: &str) -> [&str; 5] {
    ["improve", file, "--lines", "1-3", "--apply"]
}

#[test]
fn a_file_that_is_improved_stays_what_it_was() {
    let installation = installation();
    let file = installation.write("a.py", SOURCE);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    let is_root = geteuid().is_root();
    if is_root {
        chown(&file, Some(STRANGER), Some(STRANGER)).unwrap();
    }
    let has_attributes = setxattr(&file, "user.note", b"mine", XattrFlags::empty()).is_ok();
    let _ = installation.run(&apply("a.py")).ok();
    let about = file.metadata().unwrap();
    assert_ne!(std::fs::read_to_string(&file).unwrap(), SOURCE);
    assert_eq!(about.mode() & 0o777, 0o640);
    if is_root {
        assert_eq!((about.uid(), about.gid()), (STRANGER, STRANGER));
    }
    if has_attributes {
        let mut found = [0; 10];
        let bytes = getxattr(&file, "user.note", &mut found).unwrap();
        assert_eq!(&found[..bytes], b"mine");
    }
}

#[test]
fn links_and_other_names_of_a_file_that_is_improved_stay() {
    let installation = installation();
    let file = installation.write("a.py", SOURCE);
    let folder = installation.folder();
    std::fs::hard_link(&file, folder.join("other.py")).unwrap();
    symlink("a.py", folder.join("second.py")).unwrap();
    symlink("second.py", folder.join("first.py")).unwrap();
    let _ = installation.run(&apply("first.py")).ok();
    let now = std::fs::read_to_string(&file).unwrap();
    assert_ne!(now, SOURCE);
    assert_eq!(std::fs::read_to_string(folder.join("other.py")).unwrap(), now);
    assert!(folder.join("first.py").is_symlink() && folder.join("second.py").is_symlink());
    assert_eq!(file.metadata().unwrap().nlink(), 2);
    // An interrupted change is reported before a model works for nothing.
    std::fs::write(folder.join(".a.py.localcoder-before"), SOURCE).unwrap();
    let refused = installation.run(&apply("first.py")).failed(ErrorCode::FileAccess);
    assert!(refused.stderr.contains("was interrupted"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), now);
}

#[test]
fn a_full_disk_and_a_read_only_one_leave_the_file_as_it_is() {
    let Some(mut disk) = Disk::new("size=1m") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let installation = installation();
    let (file, settings) = (disk.path().join("a.py"), disk.path().join("settings.json"));
    std::fs::write(&file, SOURCE).unwrap();
    std::fs::write(&settings, "{}").unwrap();
    symlink(&settings, installation.home().join("settings.json")).unwrap();
    let filler = Disk::fill(disk.path(), 0);
    let file_name = file.to_str().unwrap();
    let refused = installation.run(&apply(file_name)).failed(ErrorCode::DiskFull);
    assert!(refused.stderr.contains("make room"), "{}", refused.stderr);
    let set = ["config", "set", "mode", "stability"];
    let refused = installation.run(&set).failed(ErrorCode::DiskFull);
    assert!(refused.stderr.contains("no space left"), "{}", refused.stderr);
    std::fs::remove_file(filler).unwrap();
    disk.set_read_only(true);
    for arguments in [&apply(file_name)[..], &set] {
        let refused = installation.run(arguments).failed(ErrorCode::FileAccess);
        assert!(refused.stderr.contains("read-only"), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SOURCE);
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), "{}");
}

#[test]
fn settings_that_are_changed_keep_their_owner_and_their_mode() {
    let installation = installation();
    let path = installation.home().join("settings.json");
    std::fs::write(&path, "{}").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let is_root = geteuid().is_root();
    if is_root {
        chown(&path, Some(STRANGER), Some(STRANGER)).unwrap();
    }
    let _ = installation.run(&["config", "set", "mode", "stability"]).ok();
    let about = path.metadata().unwrap();
    assert!(std::fs::read_to_string(&path).unwrap().contains("stability"));
    assert_eq!(about.mode() & 0o777, 0o644);
    assert!(!is_root || about.uid() == STRANGER);
}

/// Each reads the file, changes one value and writes it: none may be lost.
#[test]
fn settings_that_many_change_at_once_have_all_changes() {
    let installation = installation();
    let values = [
        ("mode", "stability"),
        ("contextWindow", "1024"),
        ("codeModel", "one"),
        ("generalModel", "two"),
        ("sampling.temperature", "0.5"),
        ("profile", "fast"),
    ];
    let start = |(key, value): (&str, &str)| {
        let mut command = installation.command(&["config", "set", key, value]);
        command.stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = values.into_iter().map(start).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let text = std::fs::read_to_string(installation.home().join("settings.json")).unwrap();
    for (key, value) in values {
        assert!(text.contains(key) && text.contains(value), "{key} is lost: {text}");
    }
}

#[test]
fn what_is_not_a_regular_file_is_refused_at_once() {
    let installation = installation();
    let at = |name: &str| installation.folder().join(name);
    mkfifoat(CWD, at("pipe"), Mode::RWXU).unwrap();
    symlink("pipe", at("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    for (name, kind) in [
        ("pipe", "a pipe"),
        ("link", "a pipe"),
        ("socket", "a socket"),
        ("folder", "a folder"),
        ("/dev/zero", "a device"),
        ("/dev/stdin", "a device"),
    ] {
        for command in ["improve", "explain"] {
            let refused = installation.run(&[command, name, "--lines", "1-1"]);
            let refused = refused.failed(ErrorCode::FileAccess);
            assert!(refused.stderr.contains(&format!("`{name}` is {kind}")), "{}", refused.stderr);
        }
        let refused = installation.run(&["models", "import", name]);
        let refused = refused.failed(ErrorCode::ModelNotGguf);
        assert!(refused.stderr.contains(kind), "{}", refused.stderr);
    }
    assert!(installation.status().is_none(), "no host was started for any of them");
}

#[test]
fn settings_and_catalogs_that_are_not_regular_files_or_have_no_end_are_refused_at_once() {
    let installation = installation();
    let at = |name: &str| installation.home().join(name);
    mkfifoat(CWD, at("settings.json"), Mode::RWXU).unwrap();
    let set = installation.run(&["config", "set", "mode", "stability"]);
    let set = set.failed(ErrorCode::InvalidSetting);
    assert!(set.stderr.contains("it is a pipe and not a regular file"), "{}", set.stderr);
    let list = installation.run(&["config", "list"]).ok();
    assert!(list.stderr.contains("it is a pipe"), "{}", list.stderr);
    std::fs::remove_file(at("settings.json")).unwrap();
    let list = ["models", "list"];
    mkfifoat(CWD, at("catalog.json"), Mode::RWXU).unwrap();
    let refused = installation.run(&list).failed(ErrorCode::InvalidSetting);
    assert!(refused.stderr.contains("it is a pipe"), "{}", refused.stderr);
    std::fs::remove_file(at("catalog.json")).unwrap();
    symlink("/dev/zero", at("catalog.json")).unwrap();
    let refused = installation.run(&list).failed(ErrorCode::InvalidSetting);
    assert!(refused.stderr.contains("it is a device"), "{}", refused.stderr);
    std::fs::remove_file(at("catalog.json")).unwrap();
    // 16 MiB, none of which take space on the disk.
    std::fs::File::create(at("catalog.json")).unwrap().set_len(1 << 24).unwrap();
    let refused = installation.run(&list).failed(ErrorCode::InvalidSetting);
    assert!(refused.stderr.contains("16777216 bytes"), "{}", refused.stderr);
}

#[test]
fn a_home_that_is_named_from_the_working_folder_is_the_same_one_for_the_host() {
    let installation = installation();
    let run = |arguments: &[&str]| {
        let mut command = installation.command(arguments);
        let output = command.env("LOCALCODER_HOME", "home").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["config", "set", "mode", "stability"]);
    run(&["host", "start"]);
    assert!(installation.home().join("runtime/host.sock").exists());
    // Also found by its absolute path.
    assert!(installation.status().is_some());
    run(&["generate", "--prompt", "x", "--raw", "--max-tokens", "1"]);
    run(&["host", "stop"]);
    assert!(installation.status().is_none());
    // Relative to a folder that is gone, it leads nowhere.
    let gone = installation.folder().join("gone");
    std::fs::create_dir(&gone).unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"rmdir "$1" && exec "$0" status"#]).arg(env!("CARGO_BIN_EXE_localcoder"));
    shell.arg(&gone).current_dir(&gone).env("LOCALCODER_HOME", "home");
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(i32::from(ErrorCode::FileAccess.exit_code())), "{said}");
    assert!(said.contains("set LOCALCODER_HOME to a path that begins with `/`"), "{said}");
}

/// Only root can give a file away, so otherwise this can't be tested.
#[test]
fn another_users_host_is_not_taken_for_one_that_is_broken() {
    if !geteuid().is_root() {
        return;
    }
    let installation = installation();
    let _ = installation.run(&["host", "start"]).ok();
    let runtime = installation.home().join("runtime");
    chown(&runtime, Some(STRANGER), None).unwrap();
    let file = installation.write("a.py", SOURCE);
    let improve = ["improve", file.to_str().unwrap(), "--lines", "1-3"];
    for arguments in [&["status"][..], &["host", "stop"], &["profiles"], &improve] {
        let refused = installation.run(arguments).failed(ErrorCode::RuntimeFolder);
        let said = &refused.stderr;
        assert!(said.contains(&format!("`{}` is another user's", runtime.display())), "{said}");
        assert!(said.contains("number 65534") && said.contains("LOCALCODER_HOME"), "{said}");
    }
    chown(&runtime, Some(0), None).unwrap();
    let _ = installation.run(&["host", "stop"]).ok();
}

#[test]
fn too_few_descriptors_are_reported_as_that_and_no_model_is_missing_for_them() {
    let installation = installation();
    let demo = demo::path().display().to_string();
    let _ = installation.run(&["models", "import", &demo, "--id", "mine"]).ok();
    let run = |limit: u32, arguments: &[&str]| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!(r#"ulimit -n {limit}; exec "$0" "$@""#)]);
        shell.arg(env!("CARGO_BIN_EXE_localcoder")).args(arguments).stdin(Stdio::null());
        shell.current_dir(installation.folder()).env("LOCALCODER_HOME", installation.home());
        let output = shell.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let mut refused = 0;
    // With fewer the system can't load the program.
    for limit in 4..10 {
        for arguments in [
            &["models", "list"][..],
            &["models", "info", "mine"],
            &["models", "verify", "mine"],
            &["models", "use", "mine"],
            &["config", "set", "mode", "stability"],
            &["host", "start"],
        ] {
            let (code, said) = run(limit, arguments);
            assert!(code.is_some_and(|code| code != 101), "{limit}: {arguments:?}: {said}");
            for wrong in ["no model `mine`", "install LocalCoder again", "permissions", "os error"]
            {
                assert!(!said.contains(wrong), "{limit}: {arguments:?}: {said}");
            }
            if arguments[0] == "models" && code == Some(0) && arguments[1] == "list" {
                assert!(said.contains("mine "), "{limit}: {said}");
            }
            if said.contains("too many files are open") {
                assert!(said.contains("ulimit -n"), "{limit}: {arguments:?}: {said}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no limit was too low");
}
