//! A command's output may go to something full, closed, or gone: the first two are failures with a
//! code of their own, and the third is how `| head` ends.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use localcoder_protocol::ErrorCode;
use localcoder_test_support::Installation;

const SOURCE: &str = "def f(x):\n    x = x + 1\n    return x\n";
/// A model that is in the catalog but not installed.
const LISTED: &str = "qwen2.5-coder-7b";

fn installation() -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let _ = installation.write("a.py", SOURCE);
    installation
}

/// Where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stdout {
    Full,
    Closed,
    /// A file that was opened for reading.
    Unwritable,
    /// A pipe without a reader.
    Gone,
}

impl Stdout {
    const ALL: [Self; 4] = [Self::Full, Self::Closed, Self::Unwritable, Self::Gone];

    /// Runs a command with it; returns its exit code and its stderr.
    fn run(self, installation: &Installation, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = installation.command(arguments);
        if self == Self::Closed {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", r#"exec "$0" "$@" >&-"#]);
            shell.arg(command.get_program()).args(command.get_args()).stdin(Stdio::null());
            shell.current_dir(installation.folder()).env("LOCALCODER_HOME", installation.home());
            command = shell;
        }
        let stdout: Stdio = match self {
            Self::Full => File::options().write(true).open("/dev/full").unwrap().into(),
            Self::Closed => Stdio::null(),
            Self::Unwritable => File::open("/dev/null").unwrap().into(),
            Self::Gone => std::io::pipe().unwrap().1.into(),
        };
        let child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs a command that has something to print.
    fn check(self, installation: &Installation, arguments: &[&str]) {
        let (code, said) = self.run(installation, arguments);
        let about = format!("{arguments:?} with {self:?}: {said}");
        if self == Self::Gone {
            assert_eq!(code, Some(0), "{about}");
            assert!(!said.contains("error"), "{about}");
            return;
        }
        assert_eq!(code, Some(i32::from(ErrorCode::OutputFailed.exit_code())), "{about}");
        assert!(said.contains("error: what this command prints could not be written"), "{about}");
        let cause = match self {
            Self::Full => "no space left on the disk",
            _ => "standard output is closed",
        };
        assert!(said.contains(cause) && said.contains("\n  hint: "), "{about}");
    }
}

#[test]
fn help_and_version_fail_where_they_can_not_be_written() {
    let installation = installation();
    for stdout in Stdout::ALL {
        for arguments in [&["--help"][..], &["--version"], &["improve", "--help"], &["help"]] {
            stdout.check(&installation, arguments);
        }
        // Errors about the arguments are reported elsewhere, and take precedence.
        let (code, said) = stdout.run(&installation, &["improve"]);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("Usage"), "{said}");
    }
}

#[test]
fn every_command_that_prints_without_a_model_fails_where_it_can_not() {
    let installation = installation();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf");
    let demo = demo.to_str().unwrap();
    for (number, stdout) in Stdout::ALL.into_iter().enumerate() {
        let (id, to) = (format!("model-{number}"), format!("to-{number}"));
        std::fs::create_dir(installation.folder().join(&to)).unwrap();
        let bundle = format!("{to}/{id}.localcoder-model");
        for arguments in [
            &["status"][..],
            &["status", "--json"],
            &["config", "list"],
            &["config", "list", "--explain"],
            &["config", "list", "--json"],
            &["config", "get", "mode"],
            &["config", "get", "mode", "--json"],
            &["config", "set", "mode", "stability"],
            &["config", "unset", "mode"],
            &["config", "schema"],
            &["models", "list"],
            &["models", "list", "--json"],
            &["models", "info", LISTED],
            &["models", "info", LISTED, "--json"],
            &["models", "license", LISTED],
            &["models", "license", LISTED, "--json"],
            &["models", "discard", LISTED],
            &["models", "discard", LISTED, "--json"],
            &["models", "import", demo, "--id", &id],
            &["models", "info", &id],
            &["models", "verify", &id],
            &["models", "verify", &id, "--json"],
            &["models", "use", &id],
            &["models", "use", &id, "--json"],
            &["models", "export", &id, "--to", &to],
            &["models", "use", "demo"],
            &["models", "remove", &id],
            &["models", "import", &bundle, "--json"],
            &["models", "remove", &id, "--json"],
            &["profiles", "use", "balanced"],
            &["profiles", "use", "balanced", "--json"],
        ] {
            stdout.check(&installation, arguments);
        }
    }
}

#[test]
fn every_command_that_asks_the_host_fails_where_it_can_not_print() {
    let installation = installation();
    let lines = ["a.py", "--lines", "1-3"];
    for stdout in Stdout::ALL {
        for arguments in [
            &["host", "start", "--json"][..],
            &["status"],
            &["profiles"],
            &["profiles", "list", "--json"],
            &[&["improve"][..], &lines].concat(),
            &[&["improve"][..], &lines, &["--json"]].concat(),
            &[&["explain"][..], &lines].concat(),
            &[&["explain"][..], &lines, &["--json"]].concat(),
            &["generate", "--prompt", "x", "--max-tokens", "4", "--raw"],
            &["generate", "--prompt", "x", "--max-tokens", "4", "--json"],
            &["doctor"],
            &["doctor", "--json"],
            &["host", "stop", "--json"],
        ] {
            stdout.check(&installation, arguments);
        }
    }
    assert_eq!(std::fs::read_to_string(installation.folder().join("a.py")).unwrap(), SOURCE);
}

#[test]
fn what_prints_nothing_works_wherever_its_output_goes() {
    let installation = installation();
    for stdout in Stdout::ALL {
        let _ = installation.write("a.py", SOURCE);
        for arguments in [
            &["host", "start"][..],
            &["improve", "a.py", "--lines", "1-3", "--apply"],
            &["host", "stop"],
            &["host", "forget"],
        ] {
            let (code, said) = stdout.run(&installation, arguments);
            assert_eq!(code, Some(0), "{arguments:?} with {stdout:?}: {said}");
        }
        let now = std::fs::read_to_string(installation.folder().join("a.py")).unwrap();
        assert_ne!(now, SOURCE, "{stdout:?}");
    }
}

#[test]
fn an_error_that_can_not_be_written_as_json_is_reported_in_words_with_its_own_code() {
    let installation = installation();
    let arguments = ["improve", "gone.py", "--lines", "1-2", "--json"];
    for stdout in [Stdout::Full, Stdout::Closed, Stdout::Unwritable] {
        let (code, said) = stdout.run(&installation, &arguments);
        assert_eq!(code, Some(i32::from(ErrorCode::FileNotFound.exit_code())), "{said}");
        assert!(said.contains("there is no file `gone.py`"), "{said}");
    }
    let (code, said) = Stdout::Gone.run(&installation, &arguments);
    assert_eq!((code, said.as_str()), (Some(10), ""));
}

/// Without a reader of the text, the generation ends.
#[test]
fn an_answer_that_nobody_reads_ends() {
    let installation = installation();
    let rambling = ["generate", "--raw", "--prompt", "def f(", "--temperature", "2"];
    let rambling = [&rambling[..], &["--max-tokens", "100000"]].concat();
    for stdout in [Stdout::Gone, Stdout::Full] {
        let _ = stdout.run(&installation, &rambling);
        installation.wait_for_status("the worker is free", |status| {
            status.is_some_and(|status| status["engine"]["state"] == "ready")
        });
    }
}

#[test]
fn a_download_whose_events_can_not_be_written_is_stopped() {
    use localcoder_test_support::downloads::{Content, catalog, sha256};
    use localcoder_test_support::http::{Reply, Server};
    let installation = installation();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf");
    let bytes = std::fs::read(demo).unwrap();
    let content = Content { sha256: sha256(&bytes), bytes: bytes.clone() };
    let server = Server::start(move |asked| Reply::file(asked, &bytes, "\"1\""));
    std::fs::create_dir_all(installation.home()).unwrap();
    let offered = catalog(&content, &server.url("small.gguf")).to_string();
    std::fs::write(installation.home().join("catalog.json"), offered).unwrap();
    let install = ["models", "install", "small", "--accept-license"];
    // What is agreed to must be readable before anything is downloaded.
    Stdout::Full.check(&installation, &install);
    assert!(server.asked().is_empty());
    Stdout::Full.check(&installation, &[&install[..], &["--events"]].concat());
    // Without a reader everything else works: the file is there afterward.
    Stdout::Gone.check(&installation, &install);
    let listed = installation.run(&["models", "list"]).ok().stdout;
    assert!(listed.contains("Small Model"), "{listed}");
}
