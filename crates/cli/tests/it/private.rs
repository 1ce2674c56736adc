//! What the programs leave on disk is accessible to their user only, whatever the umask of the
//! shell that they were started from; files of the user's own get the rights that the user wants.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use localcoder_protocol::ErrorCode;
use localcoder_test_support::{Installation, demo};

use crate::installation;

/// Some other user.
const STRANGER: u32 = 65534;

/// Runs a command in a shell with this umask; it must succeed.
fn run_with_umask(installation: &Installation, umask: &str, arguments: &[&str]) {
    let command = installation.command(arguments);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"umask "$0"; exec "$@""#, umask]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.current_dir(installation.folder()).env("LOCALCODER_HOME", installation.home());
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// A folder and everything in it.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while next < found.len() {
        if found[next].is_dir() {
            let entries = std::fs::read_dir(&found[next]).unwrap();
            found.extend(entries.map(|entry| entry.unwrap().path()));
        }
        next += 1;
    }
    found
}

#[test]
fn with_the_most_open_umask_every_file_and_socket_is_its_users_alone() {
    let installation = installation();
    let file = installation.write("a.py", "def f():\n    x = x + 1\n    return x\n");
    let (demo, file) = (demo::path(), file.to_str().unwrap().to_owned());
    for arguments in [
        &["models", "import", demo.to_str().unwrap(), "--id", "mine"][..],
        &["models", "use", "mine"],
        &["improve", &file, "--lines", "1-3"],
    ] {
        run_with_umask(&installation, "000", arguments);
    }
    installation.wait_for_status("the host runs", |status| status.is_some());
    let found = all(&installation.home());
    for path in &found {
        assert_eq!(mode(path) & 0o077, 0, "{} has {:o}", path.display(), mode(path));
    }
    // There was something to check: a socket, a log, a model, settings.
    let socket = installation.home().join("runtime/host.sock");
    assert!(std::fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    for name in ["host.log", "settings.json", "mine.json", "host.lock"] {
        assert!(found.iter().any(|path| path.ends_with(name)), "{name}: {found:?}");
    }
    assert!(found.iter().any(|path| path.parent().unwrap().ends_with("blobs")), "{found:?}");
}

#[test]
fn a_file_that_is_improved_keeps_its_mode() {
    let installation = installation();
    let source = "def f(x):\n    x = x + 1\n    return x\n";
    for wanted in [0o664, 0o600, 0o755] {
        let file = installation.write("a.py", source);
        set_mode(&file, wanted);
        let path = file.to_str().unwrap();
        run_with_umask(&installation, "022", &["improve", path, "--lines", "1-3", "--apply"]);
        assert_ne!(std::fs::read_to_string(&file).unwrap(), source);
        assert_eq!(mode(&file), wanted);
    }
}

#[test]
fn an_exported_model_has_the_users_umask() {
    let installation = installation();
    let demo = demo::path();
    let import = ["models", "import", demo.to_str().unwrap(), "--id", "mine"];
    run_with_umask(&installation, "000", &import);
    for (umask, folder_mode, file_mode) in [("022", 0o755, 0o644), ("077", 0o700, 0o600)] {
        let to = installation.folder().join(umask);
        std::fs::create_dir(&to).unwrap();
        let export = ["models", "export", "mine", "--to", to.to_str().unwrap()];
        run_with_umask(&installation, umask, &export);
        let folder = to.join("mine.localcoder-model");
        assert_eq!(mode(&folder), folder_mode);
        for name in ["model.gguf", "model.json"] {
            assert_eq!(mode(&folder.join(name)), file_mode, "{name}");
        }
    }
}

#[test]
fn the_host_closes_its_users_folders_and_refuses_another_users() {
    let installation = installation();
    let (logs, models) = (installation.home().join("logs"), installation.home().join("models"));
    for folder in [&logs, &models] {
        std::fs::create_dir_all(folder).unwrap();
        set_mode(folder, 0o777);
    }
    let _ = installation.run(&["host", "start"]).ok();
    assert_eq!((mode(&logs), mode(&models)), (0o700, 0o755));
    let log = std::fs::read_to_string(logs.join("host.log")).unwrap();
    assert!(log.contains("was open to other users and was closed"), "{log}");
    let _ = installation.run(&["host", "stop"]).ok();

    // Only root can give a file away, so otherwise the rest can't be tested.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    chown(&models, Some(STRANGER), None).unwrap();
    let refused = installation.run(&["host", "start"]).failed(ErrorCode::ModelStore);
    assert!(refused.stderr.contains(&models.display().to_string()), "{}", refused.stderr);
    assert!(refused.stderr.contains("belongs to another user"), "{}", refused.stderr);

    // Nothing is written into a folder that was refused.
    chown(&models, Some(0), None).unwrap();
    std::fs::remove_dir_all(&logs).unwrap();
    std::fs::create_dir(&logs).unwrap();
    chown(&logs, Some(STRANGER), None).unwrap();
    let _ = installation.run(&["host", "start"]).failed(ErrorCode::FileAccess);
    assert_eq!(std::fs::read_dir(&logs).unwrap().count(), 0);
}
