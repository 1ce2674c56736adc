//! What people read most, as a whole: help, lists and states. Parts that depend on the machine are
//! removed, so that a snapshot is the same everywhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use localcoder_test_support::Installation;

use crate::PROGRAM;

/// Removes what would differ on another machine, in another folder or in another run.
fn stable(installation: &Installation, text: &str) -> String {
    let mut text = crate::without_folders(installation, text);
    for (what, by) in [
        (
            r"(?m)^(ok  |BAD ) (Machine|Disk|Self-test|Devices|Sandbox|Profiles): .*$",
            "$1 $2: [here]",
        ),
        // The further lines of a finding.
        (r"(?m)^ {16}.*\n", ""),
        (r"(?m)^(Worker: .*?, ).*$", "$1[here]"),
        (r"(?ms)^Sandbox: .*?^Device: .*?$", "Sandbox: [here]\nDevice: [here]"),
        (r"read \d+ and", "read [n] and"),
        (r"process \d+", "process [pid]"),
        (r"build [^\s,]+,", "build [id],"),
        (r"\b\d+(\.\d+)? (B|GB|MB|kB|tokens/s)\b", "[n] $2"),
        // Whether a model fits and how fast it would be.
        (r"(\[n\] [GM]B) .*? (Q\d)", "$1 [here] $2"),
        (r"   +", "   "),
    ] {
        text = regex::Regex::new(what).unwrap().replace_all(&text, by).into_owned();
    }
    text
}

/// The help of a command and of all its subcommands.
fn helps(installation: &Installation, command: &[&str], all: &mut String) {
    let help = installation.run(&[command, &["--help"]].concat()).ok().stdout;
    all.push_str(&format!("$ localcoder {} --help\n{help}\n", command.join(" ")));
    let Some((_, below)) = help.split_once("\nCommands:\n") else { return };
    for line in below.lines().take_while(|line| !line.is_empty()) {
        // A longer text continues in lines that are indented more.
        let name = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '));
        let name = name.and_then(|rest| rest.split_whitespace().next());
        if let Some(name) = name.filter(|name| *name != "help") {
            helps(installation, &[command, &[name]].concat(), all);
        }
    }
}

#[test]
fn the_help_of_every_command() {
    let mut all = String::new();
    helps(&Installation::new(PROGRAM), &[], &mut all);
    insta::assert_snapshot!("help", all);
}

#[test]
fn what_there_is_and_what_runs() {
    let installation = Installation::with_home(PROGRAM);
    let shown = |arguments: &[&str]| {
        let outcome = installation.run(arguments).ok();
        stable(&installation, &format!("{}{}", outcome.stdout, outcome.stderr))
    };
    insta::assert_snapshot!("status without a host", shown(&["status"]));
    insta::assert_snapshot!("models list", shown(&["models", "list"]));
    insta::assert_snapshot!("doctor", shown(&["doctor"]));
    let _ = installation.run(&["generate", "--prompt", "x", "--max-tokens", "1"]).ok();
    insta::assert_snapshot!("status of a host that has answered", shown(&["status"]));
}
