//! What workers have measured of each model on this machine, so that the next one need not. It
//! is kept in a file of the cache: losing it costs a little speed until it is measured again.

use std::collections::BTreeMap;

use localcoder_protocol::{LoadProfile, Measured};
use serde::{Deserialize, Serialize};

use super::event::Effect;
use super::{Host, engine::Loaded};
use crate::ModelFile;

/// Models that are remembered; more than anybody has installed.
const MODELS_MAX: usize = 32;
/// It is written at most this often: it changes a little with every answer.
const KEEP_EVERY_MS: u64 = 30_000;
/// Another version of the file is not read.
const VERSION: u32 = 1;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// Whose processor it was measured on.
    machine: String,
    models: BTreeMap<String, Measured>,
    changed_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    models: BTreeMap<String, Measured>,
}

impl Knowledge {
    /// From the text that was kept; none where it can't be read.
    pub(super) fn new(machine: String, kept: Option<&str>) -> Self {
        let kept = kept.and_then(|text| serde_json::from_str::<Kept>(text).ok());
        let mut models = kept
            .filter(|kept| kept.version == VERSION)
            .map_or_else(BTreeMap::new, |kept| kept.models);
        while models.len() > MODELS_MAX {
            models.pop_first();
        }
        Self { machine, models, changed_ms: None }
    }

    /// The machine, the engine, where it computes, and the file: what a speed depends on.
    fn key(&self, engine: &str, file: &ModelFile, profile: &LoadProfile) -> String {
        let written = file.written().map_or(0, |since| since.as_secs());
        let (path, layers) = (file.path.display(), profile.gpu_layers);
        format!("{}|{engine}|{layers:?}|{}|{written}|{path}", self.machine, profile.threads)
    }
}

impl Host {
    /// What is known of a model that is to be loaded.
    pub(super) fn known(&self, file: &ModelFile, profile: &LoadProfile) -> Measured {
        let Some((_, engine)) = self.engine.worker() else { return Measured::default() };
        let key = self.knowledge.key(engine, file, profile);
        self.knowledge.models.get(&key).cloned().unwrap_or_default()
    }

    /// Notes what the worker has measured of the loaded model.
    pub(super) fn learn(&mut self, measured: Measured) {
        let (Some(loaded), Some((_, engine))) = (self.engine.loaded(), self.engine.worker()) else {
            return;
        };
        let Loaded { file, profile, .. } = loaded;
        let key = self.knowledge.key(engine, file, profile);
        let knowledge = &mut self.knowledge;
        if knowledge.models.get(&key) == Some(&measured) {
            return;
        }
        if knowledge.models.len() >= MODELS_MAX && !knowledge.models.contains_key(&key) {
            knowledge.models.pop_first();
        }
        knowledge.models.insert(key, measured);
        knowledge.changed_ms.get_or_insert(self.now_ms);
    }

    pub(super) fn knowledge_deadline_ms(&self) -> Option<u64> {
        self.knowledge.changed_ms.map(|changed| changed + KEEP_EVERY_MS)
    }

    /// Keeps what is new, where it is time, or at the end.
    pub(super) fn keep_knowledge(&mut self) {
        let due = self.knowledge_deadline_ms();
        if due.is_some_and(|due| due <= self.now_ms || self.exited) {
            self.knowledge.changed_ms = None;
            let kept = Kept { version: VERSION, models: self.knowledge.models.clone() };
            let text = serde_json::to_string_pretty(&kept).expect("plain data is always JSON");
            self.effects.push(Effect::KeepMeasurements(text));
        }
    }
}
