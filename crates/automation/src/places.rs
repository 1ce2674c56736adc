//! Where the repository, its build results and the stamps of finished work are.
//!
//! Paths only; nothing is created or read here.

use std::path::{Path, PathBuf};

/// The root of the repository this program was built from; a program that was moved still finds it.
pub fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().nth(2).expect("crates are two folders down").to_owned()
}

/// Cargo's target folder. The assembled IDE is in it, and programs find one another there.
pub fn target() -> PathBuf {
    root().join("target")
}

pub fn program(name: &str) -> PathBuf {
    target().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

pub fn stamps() -> PathBuf {
    target().join("xtask-stamps")
}
