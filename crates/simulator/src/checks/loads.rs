//! Invariants 6 and 8, and memory: a loaded model was found good, is loaded only once, fits
//! together with the others, and is run as set or reported to be run with less.

use std::collections::BTreeMap;
use std::time::SystemTime;

use localcoder_host::ModelFile;
use localcoder_protocol::limits::{
    BATCH_TOKENS, CONTEXT_TOKENS, CONTEXT_TOKENS_MAX, CONTEXT_TOKENS_MIN, SMALL_BATCH_TOKENS,
};
use localcoder_protocol::{ErrorCode, ErrorInfo};
use serde_json::{Map, Value};

use crate::broken::{Outcome, breach};
use crate::store::{self, SPECS};
use crate::world::World;

const GOOD: &str = "inv 6: only a file that was found good is loaded";
const MEMORY: &str = "memory: what is loaded is no more than there is";
const TWICE: &str = "memory: a model is not loaded twice";
const SUSPECT: &str = "supervision: what took the host down is not loaded ahead";
const NO_RETRY: &str = "supervision: what can't succeed is not tried again by itself";

/// How old a reading of free memory the host may use: its own `LOOK_AGAIN_MS`, plus the time of an
/// inspection.
const REPORT_COUNTS_FOR_MS: u64 = 1_500;

const WINDOW_TOKENS: std::ops::RangeInclusive<u64> =
    CONTEXT_TOKENS_MIN as u64..=CONTEXT_TOKENS_MAX as u64;

#[derive(Debug, Default)]
pub(crate) struct Loads {
    found: BTreeMap<&'static str, bool>,
    /// The machine's memory for models, as last reported, with the times of the reports.
    reported_bytes: Vec<(u64, Option<u64>)>,
    /// When each file was written, as last reported. By the time of the load it may have been
    /// replaced: the host can only know what was reported.
    reported_written: BTreeMap<usize, Option<SystemTime>>,
    /// The same times when a load of the file began.
    tried: BTreeMap<usize, Option<SystemTime>>,
    /// Models that can't be loaded, with the time of the file that was tried.
    hopeless: BTreeMap<usize, Option<SystemTime>>,
    pub(crate) settings: u64,
    /// The model whose load took the last host down, until a client asks for more than loading
    /// something ahead.
    suspect: Option<usize>,
    cpu_was_set: bool,
    careful_was_set: bool,
    least_window: u64,
}

impl Loads {
    pub(crate) fn host_started(
        &mut self,
        file: &Map<String, Value>,
        editor: &Map<String, Value>,
        unfinished: Option<&str>,
    ) {
        let suspect = SPECS.iter().position(|spec| {
            unfinished
                .is_some_and(|text| text.contains(&format!("\"path\":\"{}\"", spec.reference)))
        });
        *self = Self { least_window: u64::from(CONTEXT_TOKENS), suspect, ..Self::default() };
        self.see(file);
        self.see(editor);
    }

    /// Notes the values that a client sets: a load may use any of them.
    pub(crate) fn settings_seen(&mut self, method: &str, params: &Value) {
        let Some(settings) = params["settings"].as_object() else { return };
        self.settings += u64::from(method.starts_with("configure"));
        self.see(settings);
    }

    fn see(&mut self, settings: &Map<String, Value>) {
        self.cpu_was_set |= settings.get("acceleration").is_some_and(|it| it == "cpu");
        self.careful_was_set |= settings.get("mode").is_some_and(|it| it == "stability");
        let window = settings.get("contextWindow").and_then(Value::as_u64);
        if let Some(window) = window.filter(|it| WINDOW_TOKENS.contains(it)) {
            self.least_window = self.least_window.min(window);
        }
    }

    pub(crate) fn wanted(&mut self, ahead: bool) {
        // Only what nobody asked for is forbidden: a client that wants an answer may try again.
        self.hopeless.clear();
        if !ahead {
            self.suspect = None;
        }
    }

    pub(crate) fn inspected(
        &mut self,
        now_ms: u64,
        references: &[String],
        result: &Result<ModelFile, ErrorInfo>,
        all_bytes: Option<u64>,
    ) {
        self.reported_bytes.retain(|(at, _)| at + REPORT_COUNTS_FOR_MS >= now_ms);
        self.reported_bytes.push((now_ms, all_bytes));
        let path = match result {
            Ok(file) => file.path.to_str(),
            Err(_) if references.len() == 1 => references.first().map(String::as_str),
            Err(_) => None,
        };
        if let Some(index) = path.and_then(store::index_of) {
            self.found.insert(SPECS[index].reference, result.is_ok());
            self.reported_written
                .insert(index, result.as_ref().ok().and_then(|file| file.modified));
        }
    }

    /// A load has failed: if it is certain to fail again, it is not repeated unless someone asks.
    pub(crate) fn failed(&mut self, model: Option<usize>, code: ErrorCode) {
        if let Some(model) = model
            && matches!(code, ErrorCode::ModelDamaged | ErrorCode::ModelUnsupported)
        {
            self.hopeless.insert(model, self.tried.get(&model).copied().flatten());
        }
    }
}

impl World {
    pub(crate) fn check_load(&mut self, generation: u64, params: &Value) -> Outcome {
        let path = params["modelRef"].as_str().unwrap_or_default();
        let Some(model) = store::index_of(path) else {
            return breach(GOOD, format!("`{path}` is not a model"));
        };
        if !self.loads.found.get(path).copied().unwrap_or_default() {
            return breach(GOOD, format!("`{path}` was not found good when it was looked at last"));
        }
        if self.loads.suspect == Some(model) {
            return breach(SUSPECT, format!("`{path}` took the last host down"));
        }
        let others = || self.workers.values().filter(|it| it.alive && it.generation != generation);
        let residents = || others().filter_map(|worker| worker.resident.as_ref());
        if residents().any(|resident| resident.model == model) {
            return breach(TWICE, format!("`{path}` is loaded already"));
        }
        let profile = &params["profile"];
        let number = |key: &str| profile[key].as_u64().unwrap_or(0);
        let small = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let (window, batch) = (number("contextTokens"), number("batchTokens"));
        let is_q8 = profile["kv"] == "q8_0";
        let memory = store::memory_of(model, small(window), small(batch), is_q8);
        let beside: u64 = residents().map(|resident| resident.memory.total_bytes()).sum();
        // The largest of the recent reports: the host may go by any of them, and which one is its
        // own business. A system that does not report free memory forbids nothing, except a second
        // model.
        let reported = self
            .loads
            .reported_bytes
            .iter()
            .map(|(_, reported)| reported.unwrap_or(u64::MAX))
            .max();
        let alone = self.loads.reported_bytes.iter().all(|(_, reported)| reported.is_none());
        let all = beside + memory.total_bytes();
        if reported.is_some_and(|reported| all > reported) || (alone && beside > 0) {
            return breach(
                MEMORY,
                format!("{all} bytes with `{path}`, and {reported:?} were reported"),
            );
        }
        let written = self.loads.reported_written.get(&model).copied().flatten();
        if self.loads.hopeless.get(&model) == Some(&written)
            && self.requests.waiting_for_models() == 0
        {
            return breach(NO_RETRY, format!("`{path}` again"));
        }
        self.loads.tried.insert(model, written);
        let lowered = self.lowered(model, profile, window, batch, is_q8);
        let settings = self.loads.settings;
        if let Some(worker) = self.workers.get_mut(&generation) {
            worker.lowered = lowered;
            worker.lowered_under = settings;
        }
        Ok(())
    }

    /// Whatever is lower than any settings have asked for; `checks::status` makes sure that it is
    /// reported.
    fn lowered(
        &self,
        model: usize,
        profile: &Value,
        window: u64,
        batch: u64,
        is_q8: bool,
    ) -> Vec<&'static str> {
        let least_window = self.loads.least_window.min(u64::from(SPECS[model].trained_tokens));
        let least_batch =
            if self.loads.careful_was_set { SMALL_BATCH_TOKENS } else { BATCH_TOKENS };
        let on_cpu = profile["gpuLayers"] == 0 && self.gpu && !self.loads.cpu_was_set;
        let lowered = [
            (window < least_window).then_some("window"),
            (batch < u64::from(least_batch)).then_some("batch"),
            is_q8.then_some("cache"),
            on_cpu.then_some("CPU"),
        ];
        lowered.into_iter().flatten().collect()
    }
}
