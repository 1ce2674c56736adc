//! What is known of draft models for loaded ones: for which one was looked for, and which do without.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// By the path of the loaded model.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    /// For which one was looked for since they were loaded.
    pub(super) sought: BTreeSet<PathBuf>,
    /// Those that do without, and why where that is to be reported.
    pub(super) without: BTreeMap<PathBuf, Option<String>>,
    /// Answers in a row in which none was used.
    pub(super) unused: BTreeMap<PathBuf, u32>,
}

impl Drafts {
    /// A model was loaded: what is free is another number.
    pub(super) fn model_loaded(&mut self, path: &Path) {
        self.sought.remove(path);
        self.unused.remove(path);
    }

    /// Leaves a model without one.
    pub(super) fn give_up(&mut self, path: &Path, why: Option<String>) {
        self.without.insert(path.to_owned(), why);
    }

    /// Why a model does without, where it was to have one.
    pub(super) fn note(&self, path: &Path) -> Option<String> {
        self.without.get(path).cloned().flatten()
    }
}
