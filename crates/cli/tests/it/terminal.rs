//! A terminal does not execute control sequences from elsewhere: names of models and files that
//! would set colors, move the cursor or name the window are escaped there, and nowhere else.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::fs::File;
use std::io::Read as _;
use std::process::Command;

use localcoder_test_support::Installation;
use localcoder_test_support::downloads::{Content, catalog, sha256};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Clears the screen, names the window, and reverses the text after it.
const HOSTILE: &str = "Nice\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}1m\u{202e}ledoM";
const SHOWN: &str = r"Nice\u001b[2J\u001b]0;owned\u0007\u009b1m\u202eledoM";

/// An installation whose catalog has a model with that name.
fn installation() -> Installation {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let content = Content { sha256: sha256(b"x"), bytes: b"x".to_vec() };
    let mut offered = catalog(&content, "https://example.org/small.gguf");
    offered["models"][0]["name"] = HOSTILE.into();
    std::fs::create_dir_all(installation.home()).unwrap();
    std::fs::write(installation.home().join("catalog.json"), offered.to_string()).unwrap();
    installation
}

/// Everything that a command writes to a terminal.
fn on_terminal(mut command: Command) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    command.stdout(slave.try_clone().unwrap()).stderr(slave);
    let mut child = command.spawn().unwrap();
    // It holds the terminal open, so that the output would never end.
    drop(command);
    let mut printed = Vec::new();
    // On Linux, reading a terminal that all others have closed is an error.
    let _ = File::from(master).read_to_end(&mut printed);
    child.wait().unwrap();
    String::from_utf8(printed).unwrap()
}

#[test]
fn a_models_name_is_shown_and_not_obeyed() {
    let installation = installation();
    for arguments in [&["models", "info", "small"][..], &["models", "list"]] {
        let printed = on_terminal(installation.command(arguments));
        assert!(printed.contains(SHOWN), "{printed:?}");
        assert!(!printed.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{printed:?}");
    }
}

#[test]
fn json_on_a_terminal_says_what_it_says_in_a_file() {
    let installation = installation();
    let json = ["models", "info", "small", "--json"];
    let printed = on_terminal(installation.command(&json));
    assert!(!printed.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{printed:?}");
    // What is free changes from one moment to the next.
    let parsed = |text: &str| {
        let mut value: serde_json::Value = serde_json::from_str(text).unwrap();
        value["memory"]["text"].take();
        value
    };
    let of_file = parsed(&installation.run(&json).ok().stdout);
    assert_eq!(parsed(&printed), of_file);
    assert!(of_file.to_string().contains("\u{202e}ledoM"), "{of_file}");
}

#[test]
fn a_pipe_gets_every_byte() {
    let printed = installation().run(&["models", "info", "small"]).ok().stdout;
    assert!(printed.contains(HOSTILE), "{printed:?}");
}

#[test]
fn the_name_of_a_file_is_not_obeyed_where_it_is_reported_as_a_mistake() {
    let installation = installation();
    let file = format!("{HOSTILE}.py");
    // The library that parses arguments reports the second one; it removes colors by itself.
    for (arguments, shown) in
        [(&["explain", &file, "--lines", "1-2"][..], SHOWN), (&["status", &file], r"\u202eledoM")]
    {
        let printed = on_terminal(installation.command(arguments));
        assert!(printed.contains(shown), "{printed:?}");
        assert!(!printed.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{printed:?}");
        let piped = installation.command(arguments).output().unwrap();
        let piped = String::from_utf8(piped.stderr).unwrap();
        assert!(piped.contains('\u{202e}'), "{piped:?}");
    }
}
