//! Compares our reader of model files with two others, the PyPI package `gguf` and the npm package
//! `@huggingface/gguf`: all three are given the same files, sound ones that were changed in one to
//! three places, and the files on which they disagree are counted.
//!
//! The classes of disagreement are explained in `docs/gguf-readers.md`, which is written by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use localcoder_fuzzing::model_file::{ModelFile, bytes_of_text, changed, pieces_of_text};
use localcoder_gguf::Header;
use serde::{Deserialize, Serialize};

use crate::files::{self, Stamp};
use crate::{node, places, process, report};

/// The default number of files: each change alone and most pairs of changes, a minute of work.
pub(super) const FILES: u64 = 4_000;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Said {
    file: String,
    accepted: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    architecture: Option<serde_json::Value>,
    #[serde(default)]
    tensors: u64,
    #[serde(default)]
    parameters: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Class {
    files: u64,
    example: String,
    changes: Vec<&'static str>,
}

type Verdicts = [String; 3];

pub(super) fn run(count: u64) -> Result<()> {
    let folder = super::folder().join("readers");
    let made = folder.join("files");
    // The other readers read the whole folder, so files of an earlier run must go.
    if made.exists() {
        fs_err::remove_dir_all(&made)?;
    }
    fs_err::create_dir_all(&made)?;
    let mut changes = BTreeMap::new();
    let mut ours = BTreeMap::new();
    for (name, bytes, what) in all(count) {
        files_write(&made.join(format!("{name}.gguf")), &bytes)?;
        ours.insert(name.clone(), own(&name, &bytes));
        changes.insert(name, what);
    }
    let python = report::stage("read them with `gguf`", || python(&folder, &made))?;
    let npm = report::stage("read them with `@huggingface/gguf`", || npm(&folder, &made))?;
    let mut classes: BTreeMap<Verdicts, Class> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for (name, own) in &ours {
        let of = |all: &BTreeMap<String, Said>| all.get(name).cloned().context("a file is missing");
        let (python, npm) = (of(&python)?, of(&npm)?);
        disagreements.extend(disagree(own, [&python, &npm]));
        let verdicts = [own, &python, &npm].map(verdict);
        let class = classes.entry(verdicts).or_default();
        class.files += 1;
        // The example with the fewest changes explains the most.
        if class.example.is_empty() || changes[name].len() < class.changes.len() {
            class.example.clone_from(name);
            class.changes.clone_from(&changes[name]);
        }
    }
    show(&classes, &disagreements)?;
    Ok(())
}

fn all(count: u64) -> impl Iterator<Item = (String, Vec<u8>, Vec<&'static str>)> {
    let sound: [(&str, ModelFile); 2] = [("bytes", bytes_of_text()), ("pieces", pieces_of_text())];
    let unchanged =
        sound.clone().map(|(name, file)| (format!("{name}-sound"), file.written(), Vec::new()));
    let changed = (0..count).map(move |seed| {
        let (name, file) = &sound[usize::from(seed % 2 == 1)];
        let (bytes, what) = changed(file, seed);
        (format!("{name}-{seed:06}"), bytes, what)
    });
    unchanged.into_iter().chain(changed)
}

fn files_write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(fs_err::write(path, bytes)?)
}

fn own(file: &str, bytes: &[u8]) -> Said {
    // Our reader does not list the tensors, so they are counted by the fuzzer's own.
    let parts = ModelFile::read(bytes);
    let tensors = parts.map_or(0, |parts| parts.tensors.len() as u64);
    match Header::read(bytes, bytes.len() as u64) {
        Ok(header) => Said {
            file: file.to_owned(),
            accepted: true,
            error: String::new(),
            architecture: Some(header.architecture.into()),
            tensors,
            parameters: header.parameters as f64,
        },
        Err(error) => Said {
            file: file.to_owned(),
            accepted: false,
            error: error.to_string(),
            architecture: None,
            tensors: 0,
            parameters: 0.0,
        },
    }
}

/// How the readers that accept a file as ours does understand it differently. One that refuses what
/// we accept is in the classes instead.
fn disagree(own: &Said, others: [&Said; 2]) -> Vec<String> {
    let facts =
        |said: &Said| format!("{:?} {} {}", said.architecture, said.tensors, said.parameters);
    let both = others.into_iter().filter(|other| own.accepted && other.accepted);
    both.filter(|other| facts(own) != facts(other))
        .map(|other| format!("{}: {} and {}", own.file, facts(own), facts(other)))
        .collect()
}

fn verdict(said: &Said) -> String {
    if said.accepted { "accepts".to_owned() } else { class_of(&said.error) }
}

/// An error without anything that is specific to one file: quoted parts and numbers become
/// placeholders, so that all files with one fault are in one class.
fn class_of(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let mut class = String::new();
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), _) => continue,
            (None, '`' | '"') => {
                class.push('…');
                quote = Some(letter);
                continue;
            }
            (None, digit) if digit.is_ascii_digit() => {
                // One placeholder for a whole number, however long it is.
                if !class.ends_with('N') {
                    class.push('N');
                }
            }
            (None, letter) => class.push(letter),
        }
    }
    class.chars().take(120).collect()
}

fn python(folder: &Path, made: &Path) -> Result<BTreeMap<String, Said>> {
    let sources = places::root().join("fuzz/readers");
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    let requirements = sources.join("requirements.txt");
    let stamp = Stamp::new("gguf-readers-venv", files::read(&requirements)?);
    if !stamp.is_fresh() || !python.is_file() {
        stamp.clear();
        let mut make = process::command("python3", folder);
        process::run(make.args(["-m", "venv"]).arg(&venv))?;
        let mut pip = process::command(&python, folder);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
        process::run(pip.arg(&requirements))?;
        stamp.set()?;
    }
    // `-B`: no compiled modules beside the sources.
    let mut program = process::command(&python, folder);
    said(program.arg("-B").arg(sources.join("read.py")).arg(made))
}

fn npm(_: &Path, made: &Path) -> Result<BTreeMap<String, Said>> {
    let sources = places::root().join("fuzz/readers");
    node::install(&sources)?;
    let mut program = process::command("node", &sources);
    said(program.arg("read.mjs").arg(made))
}

fn said(program: &mut std::process::Command) -> Result<BTreeMap<String, Said>> {
    let mut all = BTreeMap::new();
    for line in process::read(program)?.lines() {
        let said: Said = serde_json::from_str(line).with_context(|| line.to_owned())?;
        all.insert(said.file.clone(), said);
    }
    Ok(all)
}

#[derive(Serialize)]
struct Row<'a> {
    ours: &'a str,
    gguf: &'a str,
    huggingface: &'a str,
    #[serde(flatten)]
    class: &'a Class,
}

fn show(classes: &BTreeMap<Verdicts, Class>, disagreements: &[String]) -> Result<PathBuf> {
    let total: u64 = classes.values().map(|class| class.files).sum();
    let with = |wanted: fn(&Verdicts) -> bool| -> u64 {
        classes.iter().filter(|(verdicts, _)| wanted(verdicts)).map(|(_, class)| class.files).sum()
    };
    let accepts = |verdict: &str| verdict == "accepts";
    for (what, files) in [
        ("all accept", with(|it| it.iter().all(|verdict| verdict == "accepts"))),
        ("all refuse", with(|it| it.iter().all(|verdict| verdict != "accepts"))),
        (
            "ours alone refuses",
            with(|[a, b, c]| a != "accepts" && b == "accepts" && c == "accepts"),
        ),
        (
            "ours alone accepts",
            with(|[a, b, c]| a == "accepts" && b != "accepts" && c != "accepts"),
        ),
    ] {
        report::line(format!("  {files:>6} of {total}: {what}"));
    }
    report::line("ours accepts, and another one does not:");
    for ([own, python, npm], class) in classes {
        if accepts(own) && !(accepts(python) && accepts(npm)) {
            let Class { files, example, changes } = class;
            report::line(format!("  {files:>6}  gguf: {python}\n          npm: {npm}"));
            report::line(format!("          {example}: {}", changes.join(", ")));
        }
    }
    report::line("ours refuses, and how many of these another one accepts (gguf, npm):");
    let mut refused: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for ([own, python, npm], class) in classes.iter().filter(|([own, ..], _)| !accepts(own)) {
        let counts = refused.entry(own).or_default();
        counts[0] += class.files;
        counts[1] += if accepts(python) { class.files } else { 0 };
        counts[2] += if accepts(npm) { class.files } else { 0 };
    }
    for (own, [files, python, npm]) in refused {
        report::line(format!("  {files:>6}  {python:>5} {npm:>5}  {own}"));
    }
    for line in disagreements {
        report::line(format!("both accept, and understand different things: {line}"));
    }
    let rows: Vec<Row<'_>> = classes
        .iter()
        .map(|([ours, gguf, huggingface], class)| Row { ours, gguf, huggingface, class })
        .collect();
    let path = super::write("gguf-readers.json", &(serde_json::to_string_pretty(&rows)? + "\n"))?;
    report::line(format!("written to {}", path.display()));
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_kind_are_one_class() {
        let a = class_of("`qwen2.block_count` is 64260");
        assert_eq!(a, class_of("`a` is 1"));
        assert_eq!(a, "… is N");
    }

    #[test]
    fn each_number_gives_the_same_files() {
        let first: Vec<_> = all(6).collect();
        assert_eq!(first, all(6).collect::<Vec<_>>());
        assert_eq!(first.len(), 8);
        assert!(first[..2].iter().all(|(name, bytes, _)| own(name, bytes).accepted));
    }
}
