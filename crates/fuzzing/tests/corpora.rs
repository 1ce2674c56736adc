//! Kept inputs: those that a fuzzer found worth keeping, and those that once broke something. They
//! are given to their readers again, and everything must hold.

use std::path::{Path, PathBuf};

use localcoder_fuzzing::TARGETS;

/// All inputs in the folder of a target; empty if there is no folder.
fn kept(kind: &str, target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let Ok(entries) = std::fs::read_dir(root.join(kind).join(target)) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry of a folder").path()).collect();
    files.sort();
    files
}

/// Replays the inputs of one target, and names the input for which something does not hold.
fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a row of the table");
    let corpus = kept("corpus", name);
    assert!(!corpus.is_empty(), "nothing is kept for {name}");
    for file in corpus.iter().chain(&kept("regressions", name)) {
        let bytes = std::fs::read(file).expect("a kept input");
        let result = std::panic::catch_unwind(|| (target.run)(&bytes));
        assert!(result.is_ok(), "{} does not hold", file.display());
    }
}

macro_rules! replayed {
    ($($test:ident: $target:literal;)*) => {
        $(#[test]
        fn $test() {
            replay($target);
        })*
        const REPLAYED: &[&str] = &[$($target),*];
    };
}

// A test for each target, so that they run in parallel.
replayed! {
    headers_of_model_files_are_read_as_they_must: "gguf";
    frames_are_read_as_they_must: "framing";
    messages_are_read_as_they_must: "messages";
    catalogs_are_read_as_they_must: "catalog";
    settings_are_read_and_changed_as_they_must: "settings";
    code_is_taken_out_of_answers_as_it_must: "answer";
    edits_are_made_and_applied_as_they_must: "edit";
    explanations_are_shown_as_they_must: "explanation";
    templates_end_as_they_must: "template";
    nothing_on_a_terminal_is_obeyed: "terminal";
}

#[test]
fn every_target_is_replayed_and_has_its_program() {
    let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, REPLAYED);
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    for name in names {
        let path = format!("fuzz_targets/{name}.rs");
        assert!(fuzz.join(&path).is_file(), "there is no {path}");
        assert!(manifest.contains(&format!("path = \"{path}\"")), "{path} is not a program");
    }
}
