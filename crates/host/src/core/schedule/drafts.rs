//! What is known of draft models: for which loaded models one was looked for, and which do without.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// All by the path of the loaded model, since slots change and a decision outlives a load.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    /// Models for which one was looked for since they were loaded, so that a search that found
    /// nothing is not repeated after each answer.
    pub(super) sought: BTreeSet<PathBuf>,
    /// Models that do without, and why if that is to be reported.
    pub(super) without: BTreeMap<PathBuf, Option<String>>,
    pub(super) unused: BTreeMap<PathBuf, u32>,
}

impl Drafts {
    pub(super) fn model_loaded(&mut self, path: &Path) {
        self.sought.remove(path);
        self.unused.remove(path);
    }

    /// Makes a model do without a draft model until the settings change. `why`: what the status
    /// says of it; `None` where the user did not ask for one and need not know.
    pub(super) fn give_up(&mut self, path: &Path, why: Option<String>) {
        self.without.insert(path.to_owned(), why);
    }

    /// Why a model does without the draft model that it should have; `None` if it need not be
    /// reported.
    pub(super) fn note(&self, path: &Path) -> Option<String> {
        self.without.get(path).cloned().flatten()
    }
}
