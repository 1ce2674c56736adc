//! What is run of a project for an edit, with real programs: the user's own tests, and calls with
//! made-up values. Languages that are not installed here are skipped, as on a user's machine.

mod calls;
mod trials;

use std::path::Path;
use std::process::Command;

use localcoder_trial::program::Confine;

/// Confines nothing: what these tests run is harmless, and whether programs are kept from files and
/// the network is tested with the program that does it.
struct Free;

impl Confine for Free {
    fn why_not(&self) -> Option<&str> {
        Some("it is not sandboxed")
    }

    fn apply(&self, _: &mut Command) -> std::io::Result<()> {
        Ok(())
    }

    fn contained(&self, _: &Path) -> Option<Vec<String>> {
        Some(vec!["/usr/bin/env".to_owned()])
    }
}

fn has(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|it| it.status.success())
}
