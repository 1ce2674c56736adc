//! llama.cpp, built with sanitizers for addresses and undefined behavior, is given model files that
//! our reader of headers has accepted: an error in it is a finding, after which the reader is
//! taught to refuse such files.
//!
//! The files are created from small sound ones, one for each architecture, by changes that keep the
//! format valid. What is done with a file is in `fuzz/native/load.cpp`; past findings are in
//! `docs/gguf-native.md`, which is written by hand.

mod driver;
mod sound;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use localcoder_fuzzing::model_file::{ModelFile, bytes_of_text, pieces_of_text, varied};
use localcoder_gguf::Header;
use serde::Serialize;

use crate::report;
use driver::Driver;
use verdict::Kind;

/// The default number of files: an hour of one processor.
pub(super) const FILES: u64 = 20_000;
const KEPT_MAX: u64 = 3;
const TOLD_EVERY: u64 = 1_000;

/// Files with which llama.cpp does the same in the same place; `changes` are those of the example
/// that has the fewest.
#[derive(Debug, Clone, Default, Serialize)]
struct Class {
    files: u64,
    examples: Vec<String>,
    changes: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Results {
    made: u64,
    accepted: u64,
    kinds: BTreeMap<Kind, u64>,
    places: BTreeMap<String, Class>,
}

pub(super) fn run(count: u64, from: u64) -> Result<()> {
    let folder = super::folder().join("native");
    let driver = report::stage("build llama.cpp with sanitizers", || driver::build(&folder))?;
    let mut driver = Driver::start(&driver)?;
    let mut all =
        vec![("bytes".to_owned(), bytes_of_text()), ("pieces".to_owned(), pieces_of_text())];
    let learned = report::stage("make a sound file for each architecture", || {
        sound::all(&folder.join("sound"), &mut driver)
    })?;
    report::line(format!("  {} architectures are loaded and computed with", learned.len()));
    all.extend(learned);
    let found = folder.join("found");
    fs_err::create_dir_all(&found)?;
    let mut results = Results::default();
    let mut seed = from;
    // Counted by what the reader accepts, since only those files reach llama.cpp.
    while results.accepted < count {
        let accepted = try_one(&mut driver, &all, seed, &found, &mut results)?;
        seed += 1;
        // `accepted` as well: while files are refused, the count stays at a multiple.
        if accepted && results.accepted % TOLD_EVERY == 0 {
            report::line(format!("  {} files: {}", results.accepted, by_kind(&results.kinds)));
            // Written on the way as well: a run takes an hour and may be stopped.
            write(&results)?;
        }
    }
    show(&results)
}

/// Creates the file of a seed, and gives it to llama.cpp if our reader accepts it; returns whether
/// it does.
fn try_one(
    driver: &mut Driver,
    all: &[(String, ModelFile)],
    seed: u64,
    found: &Path,
    results: &mut Results,
) -> Result<bool> {
    // The seed decides on the sound file as well, so a file can be made again from its number.
    let (name, sound) = &all[usize::try_from(seed)? % all.len()];
    let (bytes, what) = varied(sound, seed);
    results.made += 1;
    if Header::read(bytes.as_slice(), bytes.len() as u64).is_err() {
        return Ok(false);
    }
    results.accepted += 1;
    let path = found.join(format!("{name}-{seed:07}.gguf"));
    // Written before it is tried and deleted afterwards, so that the file is there if this program
    // is killed meanwhile.
    fs_err::write(&path, &bytes)?;
    let verdict = driver.verdict(&path)?;
    *results.kinds.entry(verdict.kind).or_default() += 1;
    let mut kept = false;
    if let Some(place) = verdict.place() {
        let class = results.places.entry(place).or_default();
        class.files += 1;
        kept = class.files <= KEPT_MAX;
        if kept {
            class.examples.push(path.display().to_string());
        }
        // The example with the fewest changes explains the most.
        if class.changes.is_empty() || what.len() < class.changes.len() {
            class.changes = what.iter().map(|&it| it.to_owned()).collect();
        }
    }
    if !kept {
        fs_err::remove_file(&path)?;
        // There is no log if the process could not start.
        let _ = fs_err::remove_file(verdict::log_of(&path));
    }
    Ok(true)
}

fn by_kind(kinds: &BTreeMap<Kind, u64>) -> String {
    let parts: Vec<String> =
        kinds.iter().map(|(kind, files)| format!("{files} {}", kind.words())).collect();
    parts.join(", ")
}

fn write(results: &Results) -> Result<PathBuf> {
    super::write("native.json", &(serde_json::to_string_pretty(results)? + "\n"))
}

fn show(results: &Results) -> Result<()> {
    let Results { made, accepted, kinds, places } = results;
    report::line(format!("of {made} files our reader accepts {accepted}: {}", by_kind(kinds)));
    let mut sorted: Vec<_> = places.iter().collect();
    sorted.sort_by_key(|(_, class)| std::cmp::Reverse(class.files));
    for (place, class) in sorted {
        report::line(format!("  {:>6}  {place}", class.files));
        let example = class.examples.first().map_or("", String::as_str);
        report::line(format!("          {example}: {}", class.changes.join(", ")));
    }
    report::line(format!("written to {}", write(results)?.display()));
    let wrong: u64 = kinds.iter().filter(|(kind, _)| kind.is_finding()).map(|it| it.1).sum();
    if wrong == 0 {
        return Ok(());
    }
    anyhow::bail!(
        "{wrong} files that our reader accepts lead llama.cpp to wrong addresses: see above, and let \
         crates/gguf refuse them"
    )
}
