//! A load that took down the host, or the whole machine, is not repeated at the next start unless a
//! user asks for it: each load is noted beforehand and forgotten afterwards, so that what is still
//! noted at a start never ended.

use serde::{Deserialize, Serialize};

use crate::ModelFile;

/// The model whose load never ended. Name and path alone are kept: the file may be another one by
/// then, and a false suspicion costs only the load ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suspect {
    name: String,
    path: String,
}

impl Suspect {
    pub(super) fn of(file: &ModelFile) -> Self {
        Self { name: file.info.name.clone(), path: file.path.display().to_string() }
    }

    /// Reads the text that was kept; `None` if it can't be read.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain data is always JSON")
    }

    pub(super) fn note(&self) -> String {
        format!(
            "the last load of {} never ended, because LocalCoder or the machine went down: it is \
             not loaded ahead; ask for it, or choose a lighter profile",
            self.name
        )
    }
}
