//! Whatever is wrong with the input: a clear error with its own exit code, and nothing is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt;

use localcoder_protocol::{ErrorCode, PROTOCOL_VERSION};
use localcoder_test_support::demo;
use serde_json::json;

use crate::installation;

const SOURCE: &str = "def f(x):\n    return x == None\n\n\n\n";

#[test]
fn files_that_are_not_source() {
    let installation = installation();
    let _ = installation.write("ok.py", SOURCE);
    let _ = installation.write("binary.py", b"\x7fELF\0\0\0");
    let _ = installation.write("latin1.py", b"name = 'caf\xe9'\n");
    let _ = installation.write("big.py", "x = 1\n".repeat(300_000));
    std::fs::create_dir(installation.folder().join("folder")).unwrap();
    for (file, lines, code, words) in [
        ("gone.py", "1-2", ErrorCode::FileNotFound, "gone.py"),
        ("folder", "1-2", ErrorCode::FileAccess, "folder"),
        ("binary.py", "1-1", ErrorCode::NotText, "NUL"),
        ("latin1.py", "1-1", ErrorCode::NotText, "UTF-8"),
        ("big.py", "1-2", ErrorCode::DocumentTooLarge, "1800000"),
        ("ok.py", "3-9", ErrorCode::LinesOutOfRange, "9"),
        ("ok.py", "3-5", ErrorCode::SelectionEmpty, ""),
    ] {
        for command in ["improve", "explain"] {
            let outcome = installation.run(&[command, file, "--lines", lines]).failed(code);
            assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
            assert_eq!(outcome.stdout, "");
        }
    }
    assert_eq!(std::fs::read_to_string(installation.folder().join("ok.py")).unwrap(), SOURCE);
}

#[test]
fn a_selection_larger_than_the_context() {
    let installation = installation();
    let body = "    value = value + 1\n".repeat(900);
    let file = installation.write("long.py", format!("def f(value):\n{body}"));
    let arguments = ["improve", file.to_str().unwrap(), "--lines", "1-901"];
    let outcome = installation.run(&arguments).failed(ErrorCode::SelectionTooLarge);
    assert!(outcome.stderr.contains("2048"), "the window is named: {}", outcome.stderr);
}

#[test]
fn files_that_are_not_models() {
    let installation = installation();
    let source = installation.write("ok.py", SOURCE);
    let whole = demo::bytes();
    let _ = installation.write("half.gguf", &whole[..whole.len() / 2]);
    let _ = installation.write("header.gguf", &whole[..2_000]);
    let _ = installation.write("empty.gguf", b"");
    let _ = installation.write("page.gguf", b"<!DOCTYPE html><html></html>");
    for (model, code) in [
        ("gone.gguf", ErrorCode::ModelNotFound),
        ("ok.py", ErrorCode::ModelNotGguf),
        ("empty.gguf", ErrorCode::ModelNotGguf),
        ("page.gguf", ErrorCode::ModelNotGguf),
        ("half.gguf", ErrorCode::ModelDamaged),
        ("header.gguf", ErrorCode::ModelDamaged),
        (".", ErrorCode::ModelNotGguf),
    ] {
        let arguments = ["improve", source.to_str().unwrap(), "--lines", "1-2", "--model", model];
        let _ = installation.run(&arguments).failed(code);
    }
    // The host and its demo model still work.
    let _ = installation.run(&["improve", "ok.py", "--lines", "1-2"]).ok();
}

#[test]
fn a_template_that_takes_too_much_is_refused_once_and_ends_no_worker() {
    let installation = installation();
    let _ = installation.write("ok.py", SOURCE);
    let grows = "{% set ns=namespace(s='x') %}{% for i in range(40) %}\
                 {% set ns.s=ns.s~ns.s %}{% endfor %}";
    let _ = installation.write("grows.gguf", demo::with_template(grows));
    let arguments = ["improve", "ok.py", "--lines", "1-2", "--model", "grows.gguf"];
    let outcome = installation.run(&arguments).failed(ErrorCode::ModelUnsupported);
    assert!(outcome.stderr.contains("it takes more than 32 MiB of memory"), "{}", outcome.stderr);
    let worker = installation.status().unwrap()["worker"]["pid"].clone();
    assert!(worker.is_u64(), "{worker}");
    let again = installation.run(&arguments).failed(ErrorCode::ModelUnsupported);
    assert_eq!(again.stderr, outcome.stderr);
    assert_eq!(installation.status().unwrap()["worker"]["pid"], worker);
    // Another model answers, and the worker survives, whether the model is in it or in one of its
    // own.
    let _ = installation.run(&["improve", "ok.py", "--lines", "1-2"]).ok();
    let residents = installation.status().unwrap()["residents"].clone();
    let mut pids = residents.as_array().unwrap().iter().map(|resident| &resident["pid"]);
    assert!(pids.any(|pid| *pid == worker), "{worker} is none of {residents}");
}

#[test]
fn a_file_with_a_hole_where_its_weights_were_is_called_damaged() {
    let installation = installation();
    let _ = installation.write("ok.py", SOURCE);
    let mut bytes = demo::bytes();
    // The header has some sixty thousand bytes; after it come weights.
    bytes[100_000..].fill(0);
    let _ = installation.write("hole.gguf", bytes);
    for command in ["improve", "explain"] {
        let arguments = [command, "ok.py", "--lines", "1-2", "--model", "hole.gguf"];
        let outcome = installation.run(&arguments).failed(ErrorCode::ModelDamaged);
        assert!(outcome.stderr.contains("its weights are damaged"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("models verify"), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    }
}

#[test]
fn a_missing_demo_model() {
    let installation = installation();
    let _ = installation.write("ok.py", SOURCE);
    let mut command = installation.command(&["improve", "ok.py", "--lines", "1-2"]);
    // The host finds the demo model relative to the program, so the program is copied elsewhere.
    let folder = installation.folder().join("bin");
    std::fs::create_dir(&folder).unwrap();
    for name in ["localcoder", "localcoder-worker"] {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_localcoder")).with_file_name(name);
        std::os::unix::fs::symlink(program, folder.join(name)).unwrap();
    }
    let moved = folder.join("localcoder-copy");
    copy_program(env!("CARGO_BIN_EXE_localcoder"), &moved);
    let mut moved = std::process::Command::new(moved);
    moved.args(command.get_args()).current_dir(installation.folder());
    moved.env("LOCALCODER_HOME", installation.home());
    let output = moved.output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(ErrorCode::NoModel.exit_code())));
    assert!(String::from_utf8_lossy(&output.stderr).contains("try: `localcoder models use ID`"));
    let _ = command.arg("--json");
}

#[test]
fn wrong_arguments() {
    let installation = installation();
    for arguments in [
        &["improve", "a.py"][..],
        &["improve", "a.py", "--lines", "7-3"],
        &["improve", "a.py", "--lines", "0-3"],
        &["improve", "a.py", "--lines", "1-3", "--apply", "--diff"],
        &["frobnicate", "--lines", "1"],
    ] {
        let outcome = installation.run(arguments);
        assert_eq!(outcome.code, Some(2), "{arguments:?}: {}", outcome.stderr);
    }
    let _ = installation.run_with_input(&["generate"], " \n").failed(ErrorCode::Usage);
}

#[test]
fn a_path_that_is_too_long_for_a_socket() {
    let installation = installation();
    let home = installation.folder().join("x".repeat(120));
    let mut command = installation.command(&["host", "start"]);
    let output = command.env("LOCALCODER_HOME", &home).output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(ErrorCode::RuntimeFolder.exit_code())));
    assert!(String::from_utf8_lossy(&output.stderr).contains("shorter path"));
}

#[test]
fn a_runtime_folder_of_others_or_a_file_in_its_place() {
    let installation = installation();
    std::fs::create_dir_all(installation.home()).unwrap();
    std::fs::write(installation.home().join("runtime"), "").unwrap();
    let _ = installation.run(&["host", "start"]).failed(ErrorCode::RuntimeFolder);
}

/// Another process copies: a file that is open for writing here is also open for a moment in each
/// child that another test starts, and the system runs no program that is open for writing.
fn copy_program(from: &str, to: &std::path::Path) {
    assert!(std::process::Command::new("cp").arg(from).arg(to).status().unwrap().success());
}

/// Root may write anywhere, so the command runs as `nobody`.
#[test]
fn a_home_that_is_not_writable() {
    let installation = installation();
    let home = installation.home();
    std::fs::create_dir_all(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o555)).unwrap();
    std::fs::set_permissions(installation.folder(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = env!("CARGO_BIN_EXE_localcoder");
    let output = if rustix::process::geteuid().is_root() {
        let copy = installation.folder().join("localcoder");
        copy_program(program, &copy);
        // Owned by that user, so that the only problem is that it is not writable.
        std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
        std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(copy)
            .args(["host", "start"])
            .current_dir("/")
            .env("LOCALCODER_HOME", &home)
            .output()
            .unwrap()
    } else {
        installation.command(&["host", "start"]).output().unwrap()
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    let wanted = i32::from(ErrorCode::RuntimeFolder.exit_code());
    assert_eq!(output.status.code(), Some(wanted), "{stderr}");
    assert!(stderr.contains("LOCALCODER_HOME"), "{stderr}");
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o755)).unwrap();
}

/// A host of a later version answers the hello with an error; every command must say what to do.
#[test]
fn a_host_of_another_version() {
    use std::io::{BufReader, Write};
    let installation = installation();
    let runtime = installation.home().join("runtime");
    std::fs::create_dir_all(&runtime).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(runtime.join("host.sock")).unwrap();
    let host = std::thread::spawn(move || {
        let (stream, _) = socket.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let frame = localcoder_transport::read_frame(&mut reader, 100_000).unwrap().unwrap();
        let hello: serde_json::Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(hello["params"]["protocolVersion"], PROTOCOL_VERSION);
        let error = json!({"code": "versionMismatch", "message": "this host speaks protocol 99",
            "hint": "update this program"});
        let answer = json!({"jsonrpc": "2.0", "id": hello["id"],
            "error": {"code": -32000, "message": "x", "data": error}});
        let mut stream = stream;
        localcoder_transport::write_frame(&mut stream, answer.to_string().as_bytes()).unwrap();
        stream.flush().unwrap();
    });
    let outcome = installation.run(&["host", "start"]).failed(ErrorCode::VersionMismatch);
    assert!(outcome.stderr.contains("protocol 99"), "{}", outcome.stderr);
    host.join().unwrap();
    std::fs::remove_file(runtime.join("host.sock")).unwrap();
}

#[test]
fn a_file_that_is_read_only_is_not_replaced() {
    if rustix::process::geteuid().is_root() {
        // Root can write to it, and then that is allowed: there is nothing to refuse.
        return;
    }
    let installation = installation();
    let file = installation.write("ok.py", SOURCE);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
    let arguments = ["improve", "ok.py", "--lines", "1-2", "--apply"];
    let _ = installation.run(&arguments).failed(ErrorCode::FileAccess);
    assert_eq!(std::fs::read_to_string(file).unwrap(), SOURCE);
}
