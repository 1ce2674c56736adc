//! `fuzz`: the readers of what comes from elsewhere, given inputs that a fuzzer makes (libFuzzer, by
//! cargo-fuzz), one target after the other. What must hold of them is in `crates/fuzzing`; here it is
//! built, run, counted and kept.
//!
//! With `--gguf-readers` files are made instead, and our reader of model files is compared with those of
//! others; with `--native` those that it accepts are given to llama.cpp.

mod gguf_readers;
mod native;
mod report;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use localcoder_fuzzing::{TARGETS, Target};

use crate::options::Fuzz;
use crate::{files, places, process};
use report::Ran;

/// An input that takes longer is a finding: readers take some microseconds.
const INPUT_SECONDS: u32 = 10;
/// So is one that takes more memory: the largest frame has 4 MiB.
const MEMORY_MIB: u32 = 1024;
/// Longer inputs find nothing that shorter ones do not, and are slower.
const INPUT_BYTES_MAX: u32 = 8192;

/// What is kept of a target, in the repository: the tests replay it in some seconds.
const KEPT_BYTES_MAX: u64 = 200_000;
const KEPT_FILES_MAX: usize = 400;

const NO_CARGO_FUZZ: &str = "cargo-fuzz is not installed: `cargo install --locked cargo-fuzz`, then \
                             this command again";
const NO_NIGHTLY: &str = "cargo-fuzz needs a nightly compiler: `rustup toolchain install nightly \
                          --profile minimal`, then this command again";

pub(super) fn run(options: Fuzz) -> Result<()> {
    let Fuzz { target, minutes, keep, gguf_readers: readers, native, files, from } = options;
    if native {
        return native::run(files.unwrap_or(native::FILES), from);
    }
    if readers {
        return gguf_readers::run(files.unwrap_or(gguf_readers::FILES));
    }
    let chosen = chosen(target.as_deref())?;
    let programs = build()?;
    let mut all = Vec::new();
    for target in chosen {
        let ran = fuzz(target, &programs, minutes)?;
        crate::report::line(ran.line());
        if keep && ran.found.is_empty() {
            let kept = kept(target, &programs)?;
            crate::report::line(format!("  {kept} of them are kept in fuzz/corpus"));
        }
        all.push(ran);
    }
    let path = report::write(&all)?;
    crate::report::line(format!("written to {}", path.display()));
    let found: Vec<String> = all.iter().flat_map(|ran| ran.found.clone()).collect();
    if found.is_empty() {
        return Ok(());
    }
    bail!(
        "{} did not hold:\n  {}\nonce it is fixed, move it to fuzz/regressions/TARGET: the tests \
         replay what is there",
        if found.len() == 1 { "an input" } else { "inputs" },
        found.join("\n  ")
    )
}

fn chosen(name: Option<&str>) -> Result<Vec<&'static Target>> {
    let Some(name) = name else { return Ok(TARGETS.iter().collect()) };
    let named = TARGETS.iter().find(|it| it.name == name);
    let all = || TARGETS.iter().map(|it| it.name).collect::<Vec<_>>().join(", ");
    Ok(vec![named.with_context(|| format!("there is no target `{name}`, only {}", all()))?])
}

/// The folder of everything that is not kept.
fn folder() -> PathBuf {
    places::target().join("fuzz")
}

/// A command of the nightly toolchain, without what cargo has set for this program.
fn nightly(program: &str) -> std::process::Command {
    let mut command = process::command("rustup", &places::root());
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    command.args(["run", "nightly", program]);
    command
}

/// Builds all targets, and says where they are.
fn build() -> Result<PathBuf> {
    if process::find("cargo-fuzz").is_none() {
        bail!(NO_CARGO_FUZZ);
    }
    let Ok(version) = process::read(nightly("rustc").arg("-vV")) else { bail!(NO_NIGHTLY) };
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say for which machine it compiles")?;
    let target = folder().join("build");
    // Ours is safe code: the sanitizers find nothing in it, and halve the speed.
    let mut cargo = nightly("cargo");
    cargo.args(["fuzz", "build", "--fuzz-dir", "fuzz", "--sanitizer", "none"]);
    cargo.args(["--target", host, "--target-dir"]).arg(&target);
    crate::report::stage("build the fuzz targets", || process::run(&mut cargo))?;
    Ok(target.join(host).join("release"))
}

/// A folder of the repository's inputs for a target.
fn of_repository(kind: &str, target: &Target) -> PathBuf {
    places::root().join("fuzz").join(kind).join(target.name)
}

fn fuzz(target: &Target, programs: &Path, minutes: f64) -> Result<Ran> {
    crate::report::line(format!("── {}: {}", target.name, target.about));
    let wanted = Duration::from_secs_f64((minutes * 60.0).ceil().max(1.0));
    let begun = Instant::now();
    let mut ran = once(target, programs, wanted)?;
    // One that leaves something behind with each input ends after some of them.
    while ran.found.is_empty() {
        let left = wanted.saturating_sub(begun.elapsed());
        if left < Duration::from_secs(1) {
            break;
        }
        ran.add(once(target, programs, left)?);
    }
    Ok(ran)
}

/// Runs the program of a target until it ends or its time is over.
fn once(target: &Target, programs: &Path, time: Duration) -> Result<Ran> {
    let work = folder().join("corpus").join(target.name);
    let found = folder().join("found").join(target.name);
    for folder in [&work, &found] {
        fs_err::create_dir_all(folder)?;
    }
    let log = folder().join(format!("{}.log", target.name));
    let mut program = process::command(programs.join(target.name), &places::root());
    program.arg(&work);
    let kept = ["corpus", "regressions"].map(|kind| of_repository(kind, target));
    program.args(kept.iter().filter(|folder| folder.is_dir()));
    program.arg(format!("-max_total_time={}", time.as_secs().max(1)));
    program.arg(format!("-timeout={INPUT_SECONDS}"));
    program.arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    program.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    program.arg(format!("-artifact_prefix={}/", found.display()));
    program.arg("-print_final_stats=1");
    let dictionary = places::root().join(format!("fuzz/dictionaries/{}.dict", target.name));
    if dictionary.is_file() {
        program.arg(format!("-dict={}", dictionary.display()));
    }
    let before = listed(&found)?;
    let begun = Instant::now();
    let output = fs_err::File::create(&log)?;
    program.stdout(output.try_clone()?.into_parts().0).stderr(output.into_parts().0);
    let status = program.status().context("the fuzz target could not be started")?;
    let new: Vec<String> = listed(&found)?.into_iter().filter(|it| !before.contains(it)).collect();
    if !status.success() && new.is_empty() {
        bail!("the target `{}` ended ({status}): see {}", target.name, log.display());
    }
    let said = String::from_utf8_lossy(&fs_err::read(&log)?).into_owned();
    Ran::new(target.name, begun.elapsed(), &said, new)
}

/// The files of a folder, as paths to show.
fn listed(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        names.push(entry?.path().display().to_string());
    }
    names.sort();
    Ok(names)
}

/// Keeps in the repository some of the inputs that reach all there is; says how many.
fn kept(target: &Target, programs: &Path) -> Result<usize> {
    let merged = folder().join("merged").join(target.name);
    if merged.exists() {
        fs_err::remove_dir_all(&merged)?;
    }
    fs_err::create_dir_all(&merged)?;
    let kept = of_repository("corpus", target);
    let mut program = process::command(programs.join(target.name), &places::root());
    program.arg("-merge=1").args([&merged, &kept, &folder().join("corpus").join(target.name)]);
    let output = process::output(&mut program)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("the inputs of `{}` could not be merged:\n{said}", target.name);
    }
    let mut sizes = Vec::new();
    for path in listed(&merged)? {
        sizes.push((fs_err::metadata(&path)?.len(), PathBuf::from(path)));
    }
    sizes.sort();
    let chosen = spread(&sizes);
    fs_err::remove_dir_all(&kept)?;
    fs_err::create_dir_all(&kept)?;
    for (_, path) in &chosen {
        fs_err::copy(path, kept.join(path.file_name().context("a file has a name")?))?;
    }
    Ok(chosen.len())
}

/// As many as may be kept, of all lengths: the short ones alone are those that are refused at once.
fn spread(sizes: &[(u64, PathBuf)]) -> Vec<&(u64, PathBuf)> {
    let fits = |chosen: &Vec<&(u64, PathBuf)>| {
        let bytes: u64 = chosen.iter().map(|(size, _)| size).sum();
        chosen.len() <= KEPT_FILES_MAX && bytes <= KEPT_BYTES_MAX
    };
    let every = |step| sizes.iter().step_by(step).collect::<Vec<_>>();
    (1..=sizes.len()).map(every).find(fits).unwrap_or_default()
}

/// Writes a text into the folder of results.
fn write(name: &str, text: &str) -> Result<PathBuf> {
    let path = folder().join(name);
    files::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_not_there_is_told_with_those_that_are() {
        assert_eq!(chosen(Some("gguf")).unwrap()[0].name, "gguf");
        assert_eq!(chosen(None).unwrap().len(), TARGETS.len());
        let error = chosen(Some("polish")).unwrap_err().to_string();
        assert!(error.contains("`polish`") && error.contains("gguf, "), "{error}");
    }

    #[test]
    fn what_is_kept_is_of_all_lengths_and_little() {
        let sizes: Vec<_> = (0..5_000).map(|size| (size, PathBuf::new())).collect();
        let kept = spread(&sizes);
        let bytes: u64 = kept.iter().map(|(size, _)| size).sum();
        assert!(kept.len() > 50 && bytes <= KEPT_BYTES_MAX, "{} of {bytes} bytes", kept.len());
        assert!(kept.last().is_some_and(|(size, _)| *size > 4_000));
        assert!(spread(&[]).is_empty());
    }
}
