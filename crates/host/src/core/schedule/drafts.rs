//! What is known of draft models: for which loaded models one was looked for, and which do without.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// All by the path of the loaded model.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    /// Models for which one was looked for since they were loaded.
    pub(super) sought: BTreeSet<PathBuf>,
    /// Models that do without, and why if that is to be reported.
    pub(super) without: BTreeMap<PathBuf, Option<String>>,
    /// Answers in a row in which no drafted token was used.
    pub(super) unused: BTreeMap<PathBuf, u32>,
}

impl Drafts {
    /// A model was loaded, so that the free memory has changed.
    pub(super) fn model_loaded(&mut self, path: &Path) {
        self.sought.remove(path);
        self.unused.remove(path);
    }

    /// Makes a model do without a draft model.
    pub(super) fn give_up(&mut self, path: &Path, why: Option<String>) {
        self.without.insert(path.to_owned(), why);
    }

    /// Why a model does without the draft model that it should have; `None` if it need not be
    /// reported.
    pub(super) fn note(&self, path: &Path) -> Option<String> {
        self.without.get(path).cloned().flatten()
    }
}
