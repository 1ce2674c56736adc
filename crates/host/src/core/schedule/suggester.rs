//! What is known of the smaller model that suggests at the cursor, and of how fast the one for code
//! does.

use std::path::{Path, PathBuf};

use crate::ModelFile;

/// Where the model for code takes longer, a smaller one suggests: people notice a delay from about
/// 200 ms on, and half as much again for a better suggestion is worth the wait.
pub(super) const SLOW_MS: f64 = 300.0;
/// Weight of the latest suggestion in the running mean.
const LAST_COUNTS: f64 = 0.3;
const TIMED_MIN: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Suggester {
    /// Running mean of how long the model for code takes for a suggestion, reading and writing
    /// together; 0 before the first.
    pub(super) took_ms: f64,
    timed: u32,
    pub(super) sought: Option<PathBuf>,
    pub(super) file: Option<ModelFile>,
    /// Why there is none though the user named one.
    pub(super) why_not: Option<String>,
}

impl Suggester {
    pub(super) fn note(&mut self, took_ms: f64) {
        let weight = if self.timed == 0 { 1.0 } else { LAST_COUNTS };
        self.took_ms += weight * (took_ms - self.took_ms);
        self.timed += 1;
    }

    pub(super) fn is_slow(&self) -> bool {
        self.timed >= TIMED_MIN && self.took_ms > SLOW_MS
    }

    /// Whether the smaller model alone is meant, as the host's own requests for suggestions name
    /// it.
    pub(super) fn is(&self, references: &[String]) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|file| references == std::slice::from_ref(&file.info.reference))
    }

    pub(super) fn model_loaded(&mut self, path: &Path) {
        self.sought.take_if(|sought| sought == path);
    }

    /// Memory is short now, or is no longer: what was found not to fit may fit, so it is looked for
    /// again.
    pub(super) fn memory_changed(&mut self) {
        self.sought = None;
    }
}
