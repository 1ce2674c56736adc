//! What workers have measured of each model on this machine, so that the next one need not; that
//! its GPU failed; and for which models something was suggested. It is kept in a file of the
//! cache: losing it costs a little speed until it is measured again.

use std::collections::{BTreeMap, BTreeSet};

use localcoder_protocol::{LoadProfile, Measured, MemoryUse};
use serde::{Deserialize, Serialize};

use super::event::Effect;
use super::slots::SlotId;
use super::{Host, engine::Loaded};
use crate::ModelFile;

/// Models that are remembered; more than anybody has installed.
const MODELS_MAX: usize = 32;
/// It is written at most this often: it changes a little with every answer.
const KEEP_EVERY_MS: u64 = 30_000;
/// Another version of the file is not read.
const VERSION: u32 = 2;
/// Windows and KV caches for which a model's memory is remembered, over all models.
const MEMORIES_MAX: usize = 128;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// Whose processor it was measured on.
    machine: String,
    kept: Kept,
    changed_ms: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    version: u32,
    models: BTreeMap<String, Measured>,
    memories: BTreeMap<String, MemoryUse>,
    /// Models for which another profile was suggested.
    suggested: BTreeSet<String>,
    /// The machine whose GPU failed, and how.
    gpu_failure: Option<(String, String)>,
}

impl Knowledge {
    /// From the text that was kept; none where it can't be read.
    pub(super) fn new(machine: String, kept: Option<&str>) -> Self {
        let kept = kept.and_then(|text| serde_json::from_str::<Kept>(text).ok());
        let mut kept = kept.filter(|kept| kept.version == VERSION).unwrap_or_default();
        while kept.models.len() > MODELS_MAX {
            kept.models.pop_first();
        }
        while kept.memories.len() > MEMORIES_MAX {
            kept.memories.pop_first();
        }
        Self { machine, kept, changed_ms: None }
    }

    /// How the GPU of this machine failed, for an earlier host.
    pub(super) fn gpu_failure(&self) -> Option<String> {
        let (machine, failure) = self.kept.gpu_failure.clone()?;
        (machine == self.machine).then_some(failure)
    }

    /// The machine, the engine, where it computes, and the file: what a speed depends on.
    fn key(&self, engine: &str, file: &ModelFile, profile: &LoadProfile) -> String {
        let written = file.written().map_or(0, |since| since.as_secs());
        let (path, layers) = (file.path.display(), profile.gpu_layers);
        format!("{}|{engine}|{layers:?}|{}|{written}|{path}", self.machine, profile.threads)
    }
}

/// The file, and all of the profile that memory depends on.
fn memory_key(file: &ModelFile, profile: &LoadProfile) -> String {
    let written = file.written().map_or(0, |since| since.as_secs());
    let LoadProfile { context_tokens, batch_tokens, kv, gpu_layers, .. } = profile;
    let path = file.path.display();
    format!("{kv:?}|{context_tokens}|{batch_tokens}|{gpu_layers:?}|{written}|{path}")
}

impl Host {
    /// What is known of a model that is to be loaded.
    pub(super) fn known(&self, slot: SlotId, file: &ModelFile, profile: &LoadProfile) -> Measured {
        let Some((_, engine)) = self.slots[slot].worker() else { return Measured::default() };
        let key = self.knowledge.key(engine, file, profile);
        self.knowledge.kept.models.get(&key).cloned().unwrap_or_default()
    }

    /// Notes what the worker has measured of the loaded model.
    pub(super) fn learn(&mut self, slot: SlotId, measured: Measured) {
        let place = &self.slots[slot];
        let (Some(loaded), Some((_, engine))) = (&place.loaded, place.worker()) else { return };
        let Loaded { file, profile, .. } = loaded;
        let key = self.knowledge.key(engine, file, profile);
        let models = &mut self.knowledge.kept.models;
        if models.get(&key) == Some(&measured) {
            return;
        }
        if models.len() >= MODELS_MAX && !models.contains_key(&key) {
            models.pop_first();
        }
        models.insert(key, measured);
        self.knowledge_changed();
    }

    /// What a worker has said that a load takes.
    pub(super) fn memory_of(&self, file: &ModelFile, profile: &LoadProfile) -> Option<MemoryUse> {
        self.knowledge.kept.memories.get(&memory_key(file, profile)).copied()
    }

    /// Notes what a load took.
    pub(super) fn note_memory(
        &mut self,
        file: &ModelFile,
        profile: &LoadProfile,
        memory: MemoryUse,
    ) {
        let key = memory_key(file, profile);
        let memories = &mut self.knowledge.kept.memories;
        if memories.get(&key) == Some(&memory) {
            return;
        }
        if memories.len() >= MEMORIES_MAX && !memories.contains_key(&key) {
            memories.pop_first();
        }
        memories.insert(key, memory);
        self.knowledge_changed();
    }

    pub(super) fn was_suggested(&self, model: &str) -> bool {
        self.knowledge.kept.suggested.contains(model)
    }

    pub(super) fn mark_suggested(&mut self, model: String) {
        let suggested = &mut self.knowledge.kept.suggested;
        suggested.insert(model);
        if suggested.len() > MODELS_MAX {
            suggested.pop_first();
        }
        self.knowledge_changed();
    }

    pub(super) fn knowledge_changed(&mut self) {
        let machine = self.knowledge.machine.clone();
        let failure = self.gpu_failure.clone();
        self.knowledge.kept.gpu_failure = failure.map(|failure| (machine, failure));
        self.knowledge.changed_ms.get_or_insert(self.now_ms);
    }

    pub(super) fn knowledge_deadline_ms(&self) -> Option<u64> {
        self.knowledge.changed_ms.map(|changed| changed + KEEP_EVERY_MS)
    }

    /// Keeps what is new, where it is time, or at the end.
    pub(super) fn keep_knowledge(&mut self) {
        let due = self.knowledge_deadline_ms();
        if due.is_some_and(|due| due <= self.now_ms || self.exited) {
            self.knowledge.changed_ms = None;
            let kept = Kept { version: VERSION, ..self.knowledge.kept.clone() };
            let text = serde_json::to_string_pretty(&kept).expect("plain data is always JSON");
            self.effects.push(Effect::KeepMeasurements(text));
        }
    }
}
