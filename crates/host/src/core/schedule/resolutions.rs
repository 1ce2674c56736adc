//! Which files references meant when they were last inspected. A request for a loaded model starts
//! at once on the strength of this, and its file is inspected meanwhile.

use std::collections::BTreeMap;

use crate::ModelFile;

const RESOLUTIONS_MAX: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Resolutions(BTreeMap<Vec<String>, ModelFile>);

impl Resolutions {
    pub(super) fn of(&self, references: &[String]) -> Option<&ModelFile> {
        self.0.get(references)
    }

    pub(super) fn set(&mut self, references: &[String], file: Option<&ModelFile>) {
        let Some(file) = file else {
            self.0.remove(references);
            return;
        };
        if self.0.len() >= RESOLUTIONS_MAX && !self.0.contains_key(references) {
            self.0.pop_first();
        }
        self.0.insert(references.to_vec(), file.clone());
    }
}
