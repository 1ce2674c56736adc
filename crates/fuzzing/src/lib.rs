//! What must hold for our readers, whatever bytes they are given: one function for each reader,
//! which panics if something does not hold.
//!
//! A fuzzer calls them with generated inputs (`fuzz`, by `cargo xtask fuzz`), and the tests of this
//! crate with those that were kept. None of this is part of a program. `model_file` creates GGUF
//! files, sound and changed, for comparisons with other readers.

pub mod model_file;

mod answer;
mod catalog;
mod edit;
mod explanation;
mod framing;
mod gguf;
mod input;
mod messages;
mod settings;
mod template;
mod terminal;

pub use localcoder_templates::Tried;
pub use template::tried as tried_template;

#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Name of the target, of the program in `fuzz/fuzz_targets`, and of the folder of kept inputs.
    pub name: &'static str,
    pub about: &'static str,
    /// Gives bytes to the reader; panics if something does not hold.
    pub run: fn(&[u8]),
}

pub const TARGETS: &[Target] = &[
    Target { name: "gguf", about: "the header of a model file", run: gguf::run },
    Target { name: "framing", about: "frames of a stream", run: framing::run },
    Target { name: "messages", about: "messages of host, worker and fetch", run: messages::run },
    Target { name: "catalog", about: "a catalog of models", run: catalog::run },
    Target { name: "settings", about: "a settings file, and changes to it", run: settings::run },
    Target { name: "answer", about: "the code in a model's answer", run: answer::run },
    Target { name: "edit", about: "edits, hunks, diffs and their places", run: edit::run },
    Target { name: "explanation", about: "an explanation as it streams", run: explanation::run },
    Target { name: "template", about: "a model's chat template", run: template::run },
    Target { name: "terminal", about: "text of others on a terminal", run: terminal::run },
];

/// Runs the target with this name.
///
/// # Panics
/// If there is no such target, or if something does not hold.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("programs are named like rows of the table").run)(bytes);
}
