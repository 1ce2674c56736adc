//! A load that took the host down, or the whole machine, is not repeated by itself at the next
//! start: what is loaded is noted before the load and forgotten after it, and what is still noted
//! at a start never ended. Who asks for that model gets it.

use serde::{Deserialize, Serialize};

use crate::ModelFile;

/// The model whose load never ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suspect {
    name: String,
    path: String,
}

impl Suspect {
    pub(super) fn of(file: &ModelFile) -> Self {
        Self { name: file.info.name.clone(), path: file.path.display().to_string() }
    }

    /// From the text that was kept; none where it can't be read.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// As it is kept while the load continues.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain data is always JSON")
    }

    /// What is shown of it.
    pub(super) fn note(&self) -> String {
        format!(
            "the last load of {} never ended, because LocalCoder or the machine went down: it is \
             not loaded ahead; ask for it, or choose a lighter profile",
            self.name
        )
    }
}
