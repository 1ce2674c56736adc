//! What workers have measured of each model on this machine, so that it need not be measured again;
//! whether the GPU failed; and for which models another profile was suggested. It is kept in a
//! cache file: losing it costs a little speed until everything is measured again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use localcoder_protocol::{LoadProfile, Measured, MemoryUse};
use serde::{Deserialize, Serialize};

use crate::ModelFile;

/// How many models are remembered; more than users have installed. The file would otherwise grow
/// with each path and each time of writing that a model ever had.
const MODELS_MAX: usize = 32;
/// The file is written at most this often, since it changes a little with every answer.
const KEEP_EVERY_MS: u64 = 30_000;
/// A file of another version is not read: everything in it can be measured again. New fields that
/// are missing in older files have a default instead (`speeds`).
const VERSION: u32 = 2;
/// How many memory measurements are remembered (by window and KV cache), over all models.
const MEMORIES_MAX: usize = 128;
/// How many answers' speeds are remembered for each model, so that an answer given while the
/// machine was busy does not decide alone.
const ANSWERS_MAX: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Knowledge {
    /// The processor it was measured on. It is a part of the keys, so that a home folder that moves
    /// to another machine does not bring its speeds along.
    machine: String,
    kept: StoredKnowledge,
    /// When the first change came that was not kept yet; `None` if there is none.
    changed_ms: Option<u64>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredKnowledge {
    version: u32,
    models: BTreeMap<String, Measured>,
    memories: BTreeMap<String, MemoryUse>,
    /// Tokens written per second in the last answers.
    #[serde(default)]
    speeds: BTreeMap<String, Vec<f64>>,
    /// Models for which another profile was suggested.
    suggested: BTreeSet<String>,
    /// The machine whose GPU failed, and the failure; not used on another machine.
    gpu_failure: Option<(String, String)>,
}

impl Knowledge {
    /// From the text that was kept; empty if that can't be read.
    pub(super) fn new(machine: String, kept: Option<&str>) -> Self {
        let kept = kept.and_then(|text| serde_json::from_str::<StoredKnowledge>(text).ok());
        let mut kept = kept.filter(|kept| kept.version == VERSION).unwrap_or_default();
        while kept.models.len() > MODELS_MAX {
            kept.models.pop_first();
        }
        while kept.memories.len() > MEMORIES_MAX {
            kept.memories.pop_first();
        }
        while kept.speeds.len() > MODELS_MAX {
            kept.speeds.pop_first();
        }
        Self { machine, kept, changed_ms: None }
    }

    pub(super) fn gpu_failure(&self) -> Option<String> {
        let (machine, failure) = self.kept.gpu_failure.clone()?;
        (machine == self.machine).then_some(failure)
    }

    pub(super) fn measured(
        &self,
        engine: &str,
        file: &ModelFile,
        profile: &LoadProfile,
    ) -> Measured {
        self.kept.models.get(&self.key(engine, file, profile)).cloned().unwrap_or_default()
    }

    pub(super) fn learn(
        &mut self,
        now_ms: u64,
        (engine, file, profile): (&str, &ModelFile, &LoadProfile),
        measured: Measured,
    ) {
        let key = self.key(engine, file, profile);
        // Written only where something has changed, so that equal measurements do not keep the disk
        // busy.
        if insert_bounded(&mut self.kept.models, key, measured, MODELS_MAX) {
            self.changed(now_ms);
        }
    }

    pub(super) fn memory_of(&self, file: &ModelFile, profile: &LoadProfile) -> Option<MemoryUse> {
        self.kept.memories.get(&memory_key(file, profile)).copied()
    }

    pub(super) fn note_memory(
        &mut self,
        now_ms: u64,
        (file, profile): (&ModelFile, &LoadProfile),
        memory: MemoryUse,
    ) {
        let key = memory_key(file, profile);
        if insert_bounded(&mut self.kept.memories, key, memory, MEMORIES_MAX) {
            self.changed(now_ms);
        }
    }

    pub(super) fn note_speed(&mut self, now_ms: u64, file: &ModelFile, tokens_per_s: f64) {
        let key = speed_key(&self.machine, file.written(), &file.path);
        let mut speeds = self.kept.speeds.get(&key).cloned().unwrap_or_default();
        speeds.push(tokens_per_s);
        let first = speeds.len().saturating_sub(ANSWERS_MAX);
        speeds.drain(..first);
        if insert_bounded(&mut self.kept.speeds, key, speeds, MODELS_MAX) {
            self.changed(now_ms);
        }
    }

    pub(super) fn was_suggested(&self, model: &str) -> bool {
        self.kept.suggested.contains(model)
    }

    pub(super) fn mark_suggested(&mut self, now_ms: u64, model: String) {
        let suggested = &mut self.kept.suggested;
        suggested.insert(model);
        if suggested.len() > MODELS_MAX {
            suggested.pop_first();
        }
        self.changed(now_ms);
    }

    pub(super) fn set_gpu_failure(&mut self, now_ms: u64, failure: Option<String>) {
        self.kept.gpu_failure = failure.map(|failure| (self.machine.clone(), failure));
        self.changed(now_ms);
    }

    fn changed(&mut self, now_ms: u64) {
        self.changed_ms.get_or_insert(now_ms);
    }

    /// When the text must be kept. Counted from the first change, not the last one: with an answer
    /// every few seconds it would otherwise never come.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.changed_ms.map(|changed| changed + KEEP_EVERY_MS)
    }

    /// The text to be kept, if anything is new and it is time, or the host ends. Nothing is counted
    /// as kept by the shell's success: the file is a cache, and a failed write costs a measurement.
    pub(super) fn take_kept(&mut self, now_ms: u64, ends: bool) -> Option<String> {
        let due = self.deadline_ms()?;
        if due > now_ms && !ends {
            return None;
        }
        self.changed_ms = None;
        let kept = StoredKnowledge { version: VERSION, ..self.kept.clone() };
        Some(serde_json::to_string_pretty(&kept).expect("plain data is always JSON"))
    }

    /// Everything that a speed depends on: the machine, the engine, the device, and the file with
    /// its time of writing, since a file may be replaced under the same path.
    fn key(&self, engine: &str, file: &ModelFile, profile: &LoadProfile) -> String {
        let written = file.written().map_or(0, |since| since.as_secs());
        let (path, layers) = (file.path.display(), profile.gpu_layers);
        format!("{}|{engine}|{layers:?}|{}|{written}|{path}", self.machine, profile.threads)
    }
}

#[derive(Debug, Clone, Default)]
pub struct KeptSpeeds {
    machine: String,
    speeds: BTreeMap<String, Vec<f64>>,
}

impl KeptSpeeds {
    /// What the text of an [`super::super::Effect::KeepMeasurements`] says of this machine; empty
    /// if the text can't be read.
    #[must_use]
    pub fn of(machine: String, kept: Option<&str>) -> Self {
        let Knowledge { machine, kept, .. } = Knowledge::new(machine, kept);
        Self { machine, speeds: kept.speeds }
    }

    /// The median of the last answers' tokens per second, for the model in this file, and how many
    /// answers there were. `written`: when the file was written, since 1970.
    #[must_use]
    pub fn middle(&self, path: &Path, written: Option<Duration>) -> Option<(f64, usize)> {
        let mut speeds = self.speeds.get(&speed_key(&self.machine, written, path))?.clone();
        speeds.retain(|speed| speed.is_finite() && *speed > 0.0);
        speeds.sort_by(f64::total_cmp);
        speeds.get(speeds.len() / 2).map(|middle| (*middle, speeds.len()))
    }
}

/// The key of a speed that is shown beside a model, where no engine runs yet to name its build.
fn speed_key(machine: &str, written: Option<Duration>, path: &Path) -> String {
    let written = written.map_or(0, |since| since.as_secs());
    format!("{machine}|{written}|{}", path.display())
}

/// The file, and everything in the profile that memory depends on.
fn memory_key(file: &ModelFile, profile: &LoadProfile) -> String {
    let written = file.written().map_or(0, |since| since.as_secs());
    let LoadProfile { context_tokens, batch_tokens, kv, gpu_layers, .. } = profile;
    let path = file.path.display();
    format!("{kv:?}|{context_tokens}|{batch_tokens}|{gpu_layers:?}|{written}|{path}")
}

/// Sets a value in a map with at most this many entries; returns whether the value has changed. A
/// new entry takes the place of the first.
fn insert_bounded<T: PartialEq>(
    map: &mut BTreeMap<String, T>,
    key: String,
    value: T,
    most: usize,
) -> bool {
    if map.get(&key) == Some(&value) {
        return false;
    }
    if map.len() >= most && !map.contains_key(&key) {
        map.pop_first();
    }
    map.insert(key, value);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_last_answers_is_kept_by_machine_and_file() {
        let mut knowledge = Knowledge::new("here".to_owned(), None);
        let file = crate::model_file::sample();
        for speed in [100.0, 4.0, 6.0, 5.0, 90.0, 5.5] {
            knowledge.note_speed(0, &file, speed);
        }
        let text = knowledge.take_kept(0, true).unwrap();
        let of = |machine: &str| KeptSpeeds::of(machine.to_owned(), Some(&text));
        assert_eq!(of("here").middle(&file.path, None), Some((5.5, ANSWERS_MAX)));
        assert_eq!(of("there").middle(&file.path, None), None);
        assert_eq!(of("here").middle(Path::new("b"), None), None);
        assert_eq!(of("here").middle(&file.path, Some(Duration::from_secs(1))), None);
        let unread = KeptSpeeds::of("here".to_owned(), Some("{"));
        assert_eq!(unread.middle(&file.path, None), None);
    }

    // Speeds came later than the number of the version, so that files of that version have none.
    #[test]
    fn what_a_host_of_an_earlier_version_has_kept_is_read() {
        let kept = r#"{"version":2,"models":{},"memories":{},"suggested":["a"],"gpuFailure":null}"#;
        assert!(Knowledge::new("here".to_owned(), Some(kept)).was_suggested("a"));
    }
}
