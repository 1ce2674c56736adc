//! The full text of each error: provoked with the real programs, and kept as a snapshot of what the
//! command line prints. What a window is sent is kept next to it as data, from which the
//! extension's tests make the popup.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use localcoder_host::connect;
use localcoder_protocol::{
    Anchor, ClientKind, DocumentText, Drain, Edit, ErrorCode, ErrorInfo, Generate, LineRange,
    LocateEdits, LocateEditsParams, Nothing, PROTOCOL_VERSION,
};
use localcoder_settings::Places;
use localcoder_test_support::disk::Disk;
use localcoder_test_support::downloads::{Content, catalog, sha256};
use localcoder_test_support::http::{Reply, Server};
use localcoder_test_support::{Installation, Outcome, demo, wait_for_end, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::PROGRAM;

const SOURCE: &str = "def f(x):\n    return x == None\n\n\n\n";

/// Codes that a test can't provoke by any input, and where their texts are tested.
const ELSEWHERE: &[(ErrorCode, &str)] = &[
    (ErrorCode::Internal, "a mistake of ours: there is none to make on purpose"),
    (
        ErrorCode::ModelLoadFailed,
        "llama.cpp refuses what a sound header announces: `explain` in the worker",
    ),
    (ErrorCode::ProfileNeeded, "a model of many gigabytes: `choosing` of the host's core"),
    (ErrorCode::GenerateFailed, "llama.cpp fails in mid answer: the worker"),
];

/// The collected errors, by code.
#[derive(Default)]
struct Said {
    words: BTreeMap<&'static str, String>,
    data: BTreeMap<&'static str, Value>,
}

impl Said {
    /// Runs a command that fails, once for people and once for programs.
    fn by(&mut self, installation: &Installation, code: ErrorCode, arguments: &[&str]) {
        let words = failed(&installation.run(arguments), code).stderr;
        let words = &words[words.find("error: ").unwrap()..];
        let printed = installation.run(&[arguments, &["--json"]].concat());
        self.keep(installation, code, words, &printed.json()["error"]);
    }

    fn keep(&mut self, installation: &Installation, code: ErrorCode, words: &str, data: &Value) {
        let stable = |text: &str| stable(installation, text);
        assert!(self.words.insert(code.as_str(), stable(words)).is_none(), "{code:?} twice");
        let data: Value = serde_json::from_str(&stable(&data.to_string())).unwrap();
        let info: ErrorInfo = serde_json::from_value(data.clone()).unwrap();
        assert_eq!(info.code, code);
        self.data.insert(code.as_str(), data);
    }

    /// An error that a host sends to a client other than ours: what the command line would print if
    /// it had asked that.
    fn told_by_host(&mut self, installation: &Installation, code: ErrorCode, error: &ErrorInfo) {
        let data = serde_json::to_value(error).unwrap();
        let words = failed(&replayed(&data), code).stderr;
        self.keep(installation, code, &words, &data);
    }
}

fn failed(outcome: &Outcome, code: ErrorCode) -> Outcome {
    assert_eq!(outcome.code, Some(i32::from(code.exit_code())), "{code:?}: {}", outcome.stderr);
    outcome.clone()
}

/// Removes what would differ on another machine, in another folder or in another run.
fn stable(installation: &Installation, text: &str) -> String {
    let mut text = crate::without_folders(installation, text);
    for (what, by) in [
        (r"process \d+", "process [pid]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        (r"\(build [^)]*\)", "(build [id])"),
        (r"protocol \d+", "protocol [n]"),
        (r"client speaks \d+", "client speaks [n]"),
        (r"\b[0-9a-f]{64}\b", "[digest]"),
    ] {
        text = regex::Regex::new(what).unwrap().replace_all(&text, by).into_owned();
    }
    text
}

/// What the command line prints for an error with which the host answers its hello.
fn replayed(error: &Value) -> Outcome {
    let installation = Installation::new(PROGRAM);
    let runtime = installation.home().join("runtime");
    std::fs::create_dir_all(&runtime).unwrap();
    let socket = UnixListener::bind(runtime.join("host.sock")).unwrap();
    let error = error.clone();
    let host = std::thread::spawn(move || {
        let (mut stream, _) = socket.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let frame = localcoder_transport::read_frame(&mut reader, 100_000).unwrap().unwrap();
        let hello: Value = serde_json::from_slice(&frame).unwrap();
        let error = json!({"code": -32000, "message": "x", "data": error});
        let answer = json!({"jsonrpc": "2.0", "id": hello["id"], "error": error});
        localcoder_transport::write_frame(&mut stream, answer.to_string().as_bytes()).unwrap();
        stream.flush().unwrap();
    });
    let outcome = installation.run(&["host", "start"]);
    host.join().unwrap();
    std::fs::remove_file(runtime.join("host.sock")).unwrap();
    outcome
}

fn of_input(said: &mut Said) {
    let installation = Installation::with_home(PROGRAM);
    let _ = installation.write("ok.py", SOURCE);
    let _ = installation.write("binary.py", b"\x7fELF\0\0\0");
    let _ = installation.write("big.py", "x = 1\n".repeat(300_000));
    let body = "    value = value + 1\n".repeat(900);
    let _ = installation.write("long.py", format!("def f(value):\n{body}"));
    std::fs::create_dir(installation.folder().join("folder")).unwrap();
    for (file, lines, code) in [
        ("gone.py", "1-2", ErrorCode::FileNotFound),
        ("folder", "1-2", ErrorCode::FileAccess),
        ("binary.py", "1-1", ErrorCode::NotText),
        ("big.py", "1-2", ErrorCode::DocumentTooLarge),
        ("long.py", "1-901", ErrorCode::SelectionTooLarge),
        ("ok.py", "3-9", ErrorCode::LinesOutOfRange),
        ("ok.py", "3-5", ErrorCode::SelectionEmpty),
    ] {
        said.by(&installation, code, &["improve", file, "--lines", lines]);
    }
    let unknown = [&GENERATE[..], &["--profile", "none"]].concat();
    said.by(&installation, ErrorCode::InvalidSetting, &unknown);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = installation.command(&["config", "list"]);
    let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    said.words.insert(ErrorCode::OutputFailed.as_str(), stable(&installation, &words));
}

fn of_models(said: &mut Said) {
    let installation = Installation::with_home(PROGRAM);
    let _ = installation.write("ok.py", SOURCE);
    let whole = demo::bytes();
    let _ = installation.write("whole.gguf", &whole);
    let _ = installation.write("half.gguf", &whole[..whole.len() / 2]);
    let _ = installation.write("no-template.gguf", demo::with_template("{% for %}"));
    for (model, code) in [
        ("no-such-model", ErrorCode::ModelNotFound),
        ("ok.py", ErrorCode::ModelNotGguf),
        ("half.gguf", ErrorCode::ModelDamaged),
        ("no-template.gguf", ErrorCode::ModelUnsupported),
    ] {
        said.by(&installation, code, &["improve", "ok.py", "--lines", "1-2", "--model", model]);
    }
    let import = ["models", "import", "whole.gguf", "--id", "mine"];
    let _ = installation.run(&import).ok();
    said.by(&installation, ErrorCode::Usage, &import);
    let _ = installation.run(&["models", "use", "mine"]).ok();
    let _ = installation.run(&["improve", "ok.py", "--lines", "1-2"]).ok();
    said.by(&installation, ErrorCode::ModelInUse, &["models", "remove", "mine"]);
}

fn of_downloads(said: &mut Said) {
    let installation = Installation::with_home(PROGRAM);
    let bytes = demo::bytes();
    let content = Content { sha256: sha256(&bytes), bytes: bytes.clone() };
    let wrong: Vec<u8> =
        bytes.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at > 9_000)).collect();
    let server = Server::start(move |asked| match asked.path.contains("wrong") {
        true => Reply::file(asked, &wrong, "\"1\""),
        false => Reply::status("404 Not Found", &[]),
    });
    let offer = |path: &str| {
        let catalog = catalog(&content, &server.url(path)).to_string();
        std::fs::write(installation.home().join("catalog.json"), catalog).unwrap();
    };
    let install = ["models", "install", "small", "--accept-license"];
    offer("gone.gguf");
    said.by(&installation, ErrorCode::LicenseNotAccepted, &install[..3]);
    said.by(&installation, ErrorCode::DownloadFailed, &install);
    offer("wrong.gguf");
    said.by(&installation, ErrorCode::ChecksumMismatch, &install);
    let _ = installation.run(&["config", "set", "airGapped", "true"]).ok();
    said.by(&installation, ErrorCode::AirGapped, &install);
}

fn of_the_disk(said: &mut Said) {
    let installation = Installation::with_home(PROGRAM);
    let data = installation.home().join("models");
    std::fs::write(&data, "").unwrap();
    said.by(&installation, ErrorCode::ModelStore, &["models", "import", "x.gguf"]);
    let installation = Installation::with_home(PROGRAM);
    std::fs::write(installation.home().join("runtime"), "").unwrap();
    said.by(&installation, ErrorCode::RuntimeFolder, &["host", "start"]);
}

/// A program on its own, without a worker, a model or an editor.
fn alone(said: &mut Said) {
    let installation = Installation::with_home(PROGRAM);
    let _ = installation.write("ok.py", SOURCE);
    let model = installation.write("whole.gguf", demo::bytes()).display().to_string();
    let program = installation.folder().join("localcoder");
    // Another process copies: a file that is open for writing here can't be run meanwhile.
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(installation.folder()).stdin(Stdio::null());
        let output = command.env("LOCALCODER_HOME", installation.home()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&output.stdout), text(&output.stderr))
    };
    let improve = ["improve", "ok.py", "--lines", "1-2"];
    for (code, more) in
        [(ErrorCode::NoModel, &[][..]), (ErrorCode::WorkerStart, &["--model", model.as_str()])]
    {
        let (_, words) = run(&[&improve, more].concat());
        let (data, _) = run(&[&improve, more, &["--json"]].concat());
        let data: Value = serde_json::from_str(&data).unwrap();
        said.keep(&installation, code, &words, &data["error"]);
    }
    let (_, words) = run(&["."]);
    said.words.insert(ErrorCode::EditorStart.as_str(), stable(&installation, &words));
}

fn client(installation: &Installation) -> localcoder_transport::Client {
    connect::connect(&Places::under(&installation.home()), ClientKind::Other).unwrap().unwrap()
}

/// Errors that a host sends to clients other than our commands.
fn of_the_host(said: &mut Said) {
    let installation = Installation::with_home(PROGRAM);
    let _ = installation.run(&["host", "start"]).ok();
    let document = |text: &str| DocumentText {
        path: "a.py".to_owned(),
        language_id: None,
        text: text.to_owned(),
    };
    let edit = Edit {
        range: LineRange { start: 1, end: 1 },
        original: "x = 1".to_owned(),
        replacement: "x = 2".to_owned(),
        anchor: Anchor::default(),
    };
    let asked =
        LocateEditsParams { document: document("y = 3\n"), edits: vec![edit], check_syntax: false };
    let places = client(&installation).call::<LocateEdits>(&asked, |_, _| {}).unwrap().places;
    let changed = places[0].error.clone().unwrap();
    said.told_by_host(&installation, ErrorCode::DocumentChanged, &changed);
    for (method, params, code) in [
        ("dance", json!({}), ErrorCode::Protocol),
        (
            "hello",
            json!({"protocolVersion": PROTOCOL_VERSION + 1, "buildId": "x", "pid": 1, "client": "cli"}),
            ErrorCode::VersionMismatch,
        ),
    ] {
        let error = answered(&installation, method, &params);
        said.told_by_host(&installation, code, &error);
    }
}

/// The error of a hand-written request.
fn answered(installation: &Installation, method: &str, params: &Value) -> ErrorInfo {
    let socket = Places::under(&installation.home()).host_socket();
    let mut stream = UnixStream::connect(socket).unwrap();
    let hello =
        json!({"protocolVersion": PROTOCOL_VERSION, "buildId": "x", "pid": 1, "client": "cli"});
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for (id, method, params) in [(1, "hello", &hello), (2, method, params)] {
        if method == "hello" && params == &hello && id == 2 {
            continue;
        }
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        localcoder_transport::write_frame(&mut stream, request.to_string().as_bytes()).unwrap();
        stream.flush().unwrap();
    }
    loop {
        let frame = localcoder_transport::read_frame(&mut reader, 1_000_000).unwrap().unwrap();
        let message: Value = serde_json::from_slice(&frame).unwrap();
        if let Some(error) = message.get("error") {
            return serde_json::from_value(error["data"].clone()).unwrap();
        }
    }
}

/// The worker that misbehaves on command, in an installation of its own.
fn fake(script: &Value) -> (Installation, impl Fn(&Installation, &[&str]) -> Command) {
    let worker = Path::new(PROGRAM).with_file_name("localcoder-fake-worker");
    assert!(worker.is_file(), "{} is missing: run `cargo xtask build`", worker.display());
    let installation = Installation::with_home(PROGRAM);
    // If the 0 becomes another digit, the text is no longer a number.
    let _ = installation.write("a.py", "def f():\n    return 0b1\n");
    let script = script.to_string();
    (installation, move |installation: &Installation, arguments: &[&str]| {
        let mut command = installation.command(arguments);
        command.env("LOCALCODER_WORKER", &worker).env("LOCALCODER_FAKE_WORKER", &script);
        command
    })
}

const GENERATE: [&str; 3] = ["generate", "--prompt", "x"];

fn of_the_worker(said: &mut Said) {
    for (code, script, arguments) in [
        (ErrorCode::OutOfMemory, json!({"at": "load:0.5", "do": "oomError"}), &GENERATE[..]),
        (ErrorCode::WorkerCrashed, json!({"at": "token:3", "do": "signal:SEGV"}), &GENERATE),
        (ErrorCode::AnswerUnusable, json!({}), &["improve", "a.py", "--lines", "1-2"]),
    ] {
        let [words, data] = [&[][..], &["--json"]].map(|more| {
            let (installation, command) = fake(&script);
            let output = command(&installation, &[arguments, more].concat()).output().unwrap();
            let said = if more.is_empty() { output.stderr } else { output.stdout };
            let text = String::from_utf8(said).unwrap();
            assert_eq!(output.status.code(), Some(code.exit_code().into()), "{code:?}: {text}");
            text
        });
        let data: Value = serde_json::from_str(&data[data.find('{').unwrap()..]).unwrap();
        let words = &words[words.find("error: ").unwrap()..];
        said.keep(&fake(&json!({})).0, code, words, &data["error"]);
    }
}

/// Errors of requests while a host is busy with a slow worker.
fn amid_an_answer(said: &mut Said) {
    let slow = json!({"perTokenMs": 20, "tokens": 3000});
    let [words, data] = [&[][..], &["--json"]].map(|more| {
        let (installation, command) = fake(&slow);
        let mut command = command(&installation, &[&GENERATE, more].concat());
        let mut client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        installation.wait_for_status("it answers", |status| {
            status.is_some_and(|status| status["engine"]["state"] == "working")
        });
        kill_process(Pid::from_child(&client), Signal::INT).unwrap();
        let ended = wait_for_end(&mut client);
        assert_eq!(ended.code(), Some(ErrorCode::Cancelled.exit_code().into()));
        let mut text = String::new();
        client.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        client.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        text
    });
    let data: Value = serde_json::from_str(&data[data.find('{').unwrap()..]).unwrap();
    let words = &words[words.find("error: ").unwrap()..];
    let words = words.split_inclusive('\n').next().unwrap();
    let (installation, command) = fake(&slow);
    said.keep(&installation, ErrorCode::Cancelled, words, &data["error"]);

    let started = command(&installation, &["host", "start"]).status().unwrap();
    assert!(started.success());
    let mut client = client(&installation);
    let generate =
        |id: &str| serde_json::from_value(json!({"requestId": id, "prompt": "x"})).unwrap();
    let _ = client.start::<Generate>(&generate("1")).unwrap();
    let _ = client.call::<Drain>(&Nothing {}, |_, _| {}).unwrap();
    let refused = client.call::<Generate>(&generate("2"), |_, _| {}).unwrap_err();
    said.told_by_host(&installation, ErrorCode::Draining, &refused);
}

fn of_a_full_and_of_a_silent_host(said: &mut Said) {
    let installation = Installation::with_home(PROGRAM);
    let host = installation.run(&["host", "start", "--json"]).ok().json()["pid"].as_i64().unwrap();
    let socket = Places::under(&installation.home()).host_socket();
    let connect = |_| UnixStream::connect(&socket).unwrap();
    let crowd: Vec<UnixStream> = (0..localcoder_host::core::CLIENTS_MAX).map(connect).collect();
    said.by(&installation, ErrorCode::Busy, &GENERATE);
    drop(crowd);
    wait_until("there is room again", || installation.run(&GENERATE).code == Some(0));
    let host = Pid::from_raw(i32::try_from(host).unwrap()).unwrap();
    kill_process(host, Signal::STOP).unwrap();
    said.by(&installation, ErrorCode::HostUnreachable, &["status"]);
}

fn of_a_full_disk(said: &mut Said) {
    // If this system does not allow a test to make a disk, this is tested on another one.
    let Some(disk) = Disk::new("size=1m") else { return };
    let installation = Installation::with_home(PROGRAM);
    let file = disk.path().join("a.py").display().to_string();
    std::fs::write(&file, SOURCE).unwrap();
    let _filler: PathBuf = Disk::fill(disk.path(), 0);
    let place = disk.path().display().to_string();
    let stable = |text: &str| text.replace(&place, "[disk]");
    let apply = ["improve", &file, "--lines", "1-2", "--apply"];
    let words = failed(&installation.run(&apply), ErrorCode::DiskFull).stderr;
    let words = &words[words.find("error: ").unwrap()..];
    let printed = installation.run(&[&apply[..], &["--json"]].concat()).json();
    let data = serde_json::from_str(&stable(&printed["error"].to_string())).unwrap();
    said.keep(&installation, ErrorCode::DiskFull, &stable(words), &data);
}

#[test]
fn every_error_says_what_happened_why_and_what_to_do_next() {
    let mut said = Said::default();
    of_input(&mut said);
    of_models(&mut said);
    of_downloads(&mut said);
    of_the_disk(&mut said);
    alone(&mut said);
    of_the_host(&mut said);
    of_the_worker(&mut said);
    amid_an_answer(&mut said);
    of_a_full_and_of_a_silent_host(&mut said);
    of_a_full_disk(&mut said);
    let missing = |code: &&ErrorCode| {
        !said.words.contains_key(code.as_str()) && !ELSEWHERE.iter().any(|(it, _)| it == *code)
    };
    let missing: Vec<_> = ErrorCode::ALL.iter().filter(missing).collect();
    assert!(missing.is_empty(), "nothing brought about {missing:?}");
    let words: Vec<String> =
        said.words.iter().map(|(code, words)| format!("# {code}\n{words}")).collect();
    insta::assert_snapshot!("on the command line", words.join("\n"));
    let data = serde_json::to_string_pretty(&said.data).unwrap();
    insta::assert_snapshot!("as data", data);
}
