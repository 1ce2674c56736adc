//! The program as users and scripts start it. One binary, since linking one for each of these files
//! takes longer than their tests.

mod air_gap;
mod bad_input;
mod carried;
mod commands;
mod config;
mod diagnostics;
mod diffs;
mod errors;
mod eval;
mod files;
mod lifecycle;
mod limits;
mod models;
mod output;
mod prepare;
mod privacy;
mod private;
mod profiles;
mod reset;
mod schemas;
mod setup;
mod snapshots;
mod stats;
#[cfg(target_os = "linux")]
mod switching;
mod terminal;
mod tested;

use std::path::Path;

use localcoder_test_support::Installation;

const PROGRAM: &str = env!("CARGO_BIN_EXE_localcoder");

/// An installation with the program of this build.
fn installation() -> Installation {
    Installation::new(PROGRAM)
}

/// The same, whose product folder exists already.
fn installation_with_home() -> Installation {
    Installation::with_home(PROGRAM)
}

/// A text without the folders of this machine.
fn without_folders(installation: &Installation, text: &str) -> String {
    let program = Path::new(PROGRAM);
    let programs = program.parent().expect("a program is in a folder").display().to_string();
    text.replace(&installation.folder().display().to_string(), "[folder]")
        .replace(&programs, "[programs]")
}
