//! The log and the report: what a maintainer finds in them, and what must not be in them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use localcoder_host::connect;
use localcoder_protocol::{ClientKind, ErrorCode, FRAME_BYTES_MAX, Nothing, Status};
use localcoder_settings::{Places, env};
use localcoder_test_support::{Installation, Outcome, wait_for_end, wait_until};
use localcoder_transport::{Id, Message, read_frame, write_frame};
use serde_json::json;

use crate::installation;

/// A marker in everything that belongs to the user, and in nothing else.
const MARKER: &str = "zq7";

const SOURCE: &str = "\
def zq7_is_ready(zq7_job):
    if zq7_job.state == None:
        return False
    else:
        return True
";

/// A log and three older ones of 2 MiB each, and not a byte more.
const LOG_BYTES_MAX: u64 = 4 * 2 * 1024 * 1024;

/// Runs as the user `zq7ada`, whose home folder is the test's.
fn command(installation: &Installation, arguments: &[&str]) -> Command {
    let mut command = installation.command(arguments);
    command
        .env("HOME", installation.folder())
        .env("USER", "zq7ada")
        .env("LOGNAME", "zq7ada")
        .env(env::LOG, "trace");
    command
}

fn run(installation: &Installation, arguments: &[&str]) -> Outcome {
    outcome(&mut command(installation, arguments))
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Makes requests of every kind that takes text.
fn use_it(installation: &Installation) {
    let file = installation.write("zq7_jobs.py", SOURCE);
    let file = file.to_str().unwrap();
    let improve = ["improve", file, "--lines", "1-5", "--json"];
    let answer = run(installation, &improve).ok().json();
    let replacement = answer["edit"]["replacement"].as_str().unwrap();
    assert!(replacement.contains(MARKER), "the model writes the marker too: {replacement}");
    let instruction = ["--instruction", "call it zq7_is_done"];
    let _ = run(installation, &[&improve[..], &instruction].concat());
    let _ = run(installation, &["explain", file, "--lines", "1-5"]).ok();
    let generate = ["generate", "--prompt", "Say zq7_hello", "--max-tokens", "8"];
    let _ = run(installation, &generate).ok();
    let more = ["--system", "You are zq7.", "--stop", "zq7_stop"];
    let _ = run(installation, &[&generate[..], &more].concat()).ok();
    let missing = run(installation, &["explain", "zq7_missing.py", "--lines", "1-5"]);
    assert_ne!(missing.code, Some(0));
}

/// Sends what none of our clients would send.
fn say_nonsense(places: &Places) {
    let params = json!({"requestId": "zq7", "document": "zq7_document", "prompt": ["zq7_prompt"]});
    let request = |method: &str| Message::Request {
        id: Id::Text("zq7_id".to_owned()),
        method: method.to_owned(),
        params: params.clone(),
    };
    for bytes in [
        request("zq7_method").to_bytes(),
        request("hello").to_bytes(),
        request("improve").to_bytes(),
        request("generate").to_bytes(),
        b"zq7 is not JSON".to_vec(),
    ] {
        let mut stream = UnixStream::connect(places.host_socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write_frame(&mut stream, &bytes).unwrap();
        // Either an answer or the end of the stream: it has been read.
        let _ = read_frame(&mut std::io::BufReader::new(stream), FRAME_BYTES_MAX);
    }
}

fn logs(places: &Places) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(&places.logs).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), String::from_utf8_lossy(&read(&path)).into_owned())).collect()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn no_log_holds_code_prompts_answers_or_names_of_documents_even_at_its_finest_level() {
    let installation = installation();
    let places = Places::under(&installation.home());
    use_it(&installation);
    say_nonsense(&places);
    let _ = installation.run(&["host", "stop"]).ok();
    let logs = logs(&places);
    for (path, text) in &logs {
        let line = text.lines().find(|line| line.contains(MARKER));
        assert_eq!(line, None, "{}", path.display());
    }
    let (_, log) = logs.iter().find(|(path, _)| path.ends_with("host.log")).unwrap();
    let has = |words: &[&str]| log.lines().any(|line| words.iter().all(|it| line.contains(it)));
    for words in [
        &["the host starts", "pid=", "build=", "protocol="][..],
        &["a worker was started", "generation=1", "pid="],
        &["a worker is ready", "llama_build="],
        &["a load begins", "localcoder-demo.gguf", "context_tokens="],
        &["a load has ended", "weights_bytes=", "ms="],
        &["a request has ended", "improve", "outcome=\"ok\"", "model=\"demo\"", "written_tokens="],
        &["a request has ended", "explain"],
        &["a request has failed", "generate", "outcome=\"protocol\""],
        &["a client sends nonsense"],
        &["the host ends"],
    ] {
        assert!(has(words), "no line with {words:?} in\n{log}");
    }
    let (time, _) = log.split_once(' ').unwrap();
    assert!(time.ends_with('Z'), "a time says its zone: {time}");
}

/// 100 MB in lines of 3,000 bytes, then a crash.
const FLOOD: &str = "\
#!/bin/sh
yes \"$(printf '%03000d' 7)\" | head -c 100000000 >&2
echo 'the last words' >&2
touch \"$0.$$.ended\"
exit 3
";

#[test]
fn a_flood_of_stderr_neither_fills_the_disk_nor_slows_the_host() {
    let installation = installation();
    let places = Places::under(&installation.home());
    let worker = installation.write("worker", FLOOD);
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut generate = installation.command(&["generate", "--prompt", "x"]);
    generate.env(env::WORKER, &worker).stdout(Stdio::null()).stderr(Stdio::piped());
    let _ = outcome(installation.command(&["host", "start"]).env(env::WORKER, &worker)).ok();
    let mut client = connect::connect(&places, ClientKind::Other).unwrap().unwrap();
    let mut generate = generate.spawn().unwrap();
    let mut slowest = Duration::ZERO;
    while generate.try_wait().unwrap().is_none() {
        let asked = Instant::now();
        let _ = client.call::<Status>(&Nothing {}, |_, _| {}).unwrap();
        slowest = slowest.max(asked.elapsed());
        std::thread::sleep(Duration::from_millis(5));
    }
    // Far above the few milliseconds that it takes, for a machine with much other work.
    assert!(slowest < Duration::from_secs(2), "the slowest status took {slowest:?}");
    assert!(!wait_for_end(&mut generate).success());
    let ended = std::fs::read_dir(installation.folder()).unwrap();
    let ended =
        ended.filter(|it| it.as_ref().unwrap().path().extension().is_some_and(|it| it == "ended"));
    assert!(ended.count() > 0, "a worker has written all of it");
    wait_until("the last words are in the log", || {
        logs(&places).iter().any(|(_, log)| log.contains("the last words generation="))
    });
    let logs = logs(&places);
    let bytes: usize = logs.iter().map(|(_, log)| log.len()).sum();
    assert!(logs.len() > 1 && logs.len() <= 4, "{} files", logs.len());
    assert!(bytes as u64 <= LOG_BYTES_MAX, "{bytes} bytes of log");
    let told = |text: &str| logs.iter().any(|(_, log)| log.contains(text));
    assert!(told(" lines were left out generation="));
    assert!(told("7 … (cut) generation=") || told("0 … (cut) generation="));
    assert!(told("ending=\"exit code 3\""));
}

fn report(folder: &Path) -> PathBuf {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let reports: Vec<PathBuf> =
        paths.filter(|path| name(path).starts_with("localcoder-report-")).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let name = name(&reports[0]);
    assert!(name.len() == "localcoder-report-YYYYMMDD-HHMMSS.txt".len() && name.ends_with(".txt"));
    reports[0].clone()
}

#[test]
fn the_report_has_what_a_maintainer_needs_and_nothing_of_the_user() {
    let installation = installation();
    let places = Places::under(&installation.home());
    let programs = Path::new(env!("CARGO_BIN_EXE_localcoder")).parent().unwrap();
    let demo = localcoder_settings::places::demo_model(programs).unwrap();
    // A file of the user's own, at a path that must not be reported.
    let model = installation.write("some-model.gguf", read(&demo));
    let import = ["models", "import", model.to_str().unwrap(), "--in-place", "--id", "mine"];
    let _ = run(&installation, &import).ok();
    let _ = run(&installation, &["models", "use", "mine"]).ok();
    let _ = run(&installation, &["config", "set", "contextWindow", "1024"]).ok();
    use_it(&installation);
    let server = places.logs.join("editor-server.log");
    let mut server = std::fs::File::create(server).unwrap();
    let home = installation.folder().to_str().unwrap();
    writeln!(server, "GET http://127.1.2.3:99/?tkn=zq7&folder={home}/zq7 by zq7ada").unwrap();
    writeln!(server, "{home}/extensions are read, token=zq7").unwrap();

    let outcome = run(&installation, &["doctor", "--bundle"]).ok();
    let path = report(installation.folder());
    assert!(outcome.stdout.contains(path.to_str().unwrap()), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("Nothing was sent"), "{}", outcome.stderr);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let text = String::from_utf8(read(&path)).unwrap();
    for part in [
        "# LocalCoder report",
        "Nothing was sent",
        "It does not contain: code, prompts, answers",
        "- LocalCoder: build ",
        "- llama.cpp: llama.cpp ",
        "- Processor: ",
        "ok   Self-test:",
        "Engine:  ready",
        "contextWindow: 1024 (settings.json)",
        "codeModel: mine (settings.json)",
        "mine: 3.77 MB, qwen2, Q8_0, sha256 ",
        "not in the store",
        "## Log host.log",
        "a request has ended",
        "model=\"~/some-model.gguf\"",
        "GET http://127.1.2.3:99/?[cut] by user",
        "~/extensions are read, token=[cut]",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let machine = rustix::system::uname().nodename().to_str().unwrap().to_owned();
    for private in [MARKER, home, &machine] {
        let line = text.lines().find(|line| line.contains(private));
        assert_eq!(line, None, "{private}");
    }
}

#[test]
fn a_report_is_written_over_nothing() {
    let installation = installation();
    let file = installation.write("there.txt", "mine");
    let refused = installation.run(&["doctor", "--bundle", "there.txt"]);
    let refused = refused.failed(ErrorCode::FileAccess);
    assert!(refused.stdout.is_empty(), "before the checks: {}", refused.stdout);
    assert_eq!(read(&file), b"mine");
    let _ = installation
        .run(&["doctor", "--bundle", "no/such/folder.txt"])
        .failed(ErrorCode::FileAccess);
    let answer = installation.run(&["doctor", "--json", "--bundle", "new.txt"]).ok().json();
    assert_eq!(answer["healthy"], true, "{answer}");
    let path = answer["report"].as_str().unwrap();
    assert!(Path::new(path).ends_with("new.txt"));
    assert!(String::from_utf8(read(Path::new(path))).unwrap().contains("# LocalCoder report"));
}

#[test]
fn where_nothing_works_there_is_a_report_all_the_same() {
    let installation = installation();
    let places = Places::under(&installation.home());
    std::fs::create_dir_all(&places.config).unwrap();
    std::fs::write(places.settings_file(), "{ \"contextWindow\": ").unwrap();
    // A socket can't be created there, so no host can start.
    std::fs::write(&places.runtime, "no folder").unwrap();
    let doctor = installation.run(&["doctor"]);
    assert_ne!(doctor.code, Some(0));
    let bundle = installation.run(&["doctor", "--bundle", "report.txt"]);
    assert_eq!(bundle.code, doctor.code, "{}{}", bundle.stdout, bundle.stderr);
    let text = String::from_utf8(read(&installation.folder().join("report.txt"))).unwrap();
    for part in ["BAD  Settings:", "is not JSON", "BAD  Self-test:", "No host runs.", "## Log"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}
