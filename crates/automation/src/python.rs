//! The demo model's Python: a virtual environment under `target` with the packages that
//! `requirements.txt` pins. Created only when something needs it, and never to build or run the
//! product.

use std::path::PathBuf;

use anyhow::Result;

use crate::files::{self, Stamp};
use crate::{places, process, report};

pub fn home() -> PathBuf {
    places::target().join("demo-model")
}

/// Where the virtual environment's Python is, once [`environment`] has made it.
pub fn program() -> PathBuf {
    let programs = home().join("venv").join(if cfg!(windows) { "Scripts" } else { "bin" });
    programs.join(format!("python{}", std::env::consts::EXE_SUFFIX))
}

/// Creates the virtual environment if necessary and returns its Python. Packages come over the
/// network, so only a command that needs them calls this; it runs again when `requirements.txt` has
/// changed.
pub fn environment() -> Result<PathBuf> {
    let root = places::root();
    let venv = home().join("venv");
    let python = program();
    let requirements = root.join("models/demo/requirements.txt");
    let stamp = Stamp::new("demo-model-venv", files::read(&requirements)?);
    if stamp.is_fresh() && python.is_file() {
        return Ok(python);
    }
    stamp.clear();
    report::stage("set up the demo model's Python", || {
        let mut make = process::command("python3", &root);
        process::run(make.args(["-m", "venv"]).arg(&venv))?;
        let mut pip = process::command(&python, &root);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        process::run(pip.arg("-r").arg(&requirements))
    })?;
    stamp.set()?;
    Ok(python)
}
