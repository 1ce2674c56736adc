//! Running other programs, with errors that name the whole command line.
//!
//! Runs programs to their end and checks the exit code, with output shown or captured. Never goes
//! through a shell. Used by all commands.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::metal;

/// Prefixes of the variables in which cargo describes its package to a program that it runs.
const OF_CARGO: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

pub fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

/// The cargo that this program was started by, so that a nested build uses the same toolchain;
/// `cargo` from the `PATH` where it was started by hand.
pub fn cargo(folder: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(program, folder);
    // Cargo sets these for us; a nested cargo must see the same as from the user's shell, or build
    // scripts that watch them run again: `ring` has one, and all of TLS is rebuilt after it.
    for (name, _) in std::env::vars_os() {
        if OF_CARGO.iter().any(|beginning| name.to_string_lossy().starts_with(beginning)) {
            command.env_remove(name);
        }
    }
    command.envs(metal::environment());
    command
}

/// Runs it with our terminal and input, and fails unless it exits with 0. What it says is on the
/// terminal and not in the error.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("`{shown}` could not be started"))?;
    if status.success() {
        return Ok(());
    }
    bail!("`{shown}` failed ({status})")
}

/// Runs it and returns its stdout, in which bytes that are not UTF-8 are replaced; stderr is part
/// of the error.
pub fn read(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("`{}` failed ({}): {}", show(command), output.status, said.trim())
}

/// Runs it and returns everything, even if it fails; an error only if it can't be started. It has
/// no input: a program that asks a question would wait forever, since nobody sees it.
pub fn output(command: &mut Command) -> Result<Output> {
    let shown = show(command);
    command.stdin(Stdio::null()).output().with_context(|| format!("`{shown}` could not be started"))
}

pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The program's path, if it is on the `PATH`. Whether it may be executed is not looked at.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The command line for people to read. Words with blanks or quotes are quoted in Rust's way, which
/// is enough to see where one ends, and not always what a shell would take.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| {
            let word = word.to_string_lossy();
            if word.contains([' ', '"', '\'']) { format!("{word:?}") } else { word.into_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_command_line() {
        let folder = crate::places::root();
        let missing = run(command("no-such-program", &folder).args(["a b", "c"])).unwrap_err();
        assert_eq!(missing.to_string(), "`no-such-program \"a b\" c` could not be started");
        let failing = read(cargo(&folder).arg("no-such-subcommand")).unwrap_err();
        assert!(failing.to_string().contains("no-such-subcommand` failed"), "{failing}");
    }

    #[test]
    fn a_nested_cargo_is_not_told_of_our_package() {
        let cargo = cargo(&crate::places::root());
        let removed = |name| cargo.get_envs().any(|(it, value)| it == name && value.is_none());
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR"] {
            assert!(std::env::var_os(name).is_some(), "cargo sets `{name}` for tests, too");
            assert!(removed(name), "{name}");
        }
    }

    #[test]
    fn finds_programs_on_the_path() {
        assert!(find("no-such-program-anywhere").is_none());
    }
}
