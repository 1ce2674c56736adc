//! What is tried, step by step, when memory does not suffice for a model: a smaller batch, a
//! quantized KV cache, a smaller window, a smaller installed model, the CPU. Each is tried once, at
//! most three in a row without an answer that works in between, never below what the user has set,
//! and each is reported. What was lowered stays lowered until the settings change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use localcoder_protocol::limits::SMALL_BATCH_TOKENS;
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo, KvStorage, LoadProfile};
use localcoder_settings::{Acceleration, Settings};

use crate::ModelFile;

/// Steps in a row without an answer that works in between (policy).
const STEPS_MAX: usize = 3;
/// How many models are remembered; more than users have installed.
const MODELS_MAX: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Batch,
    Kv,
    Window,
    Smaller,
    Cpu,
}

/// All of them, in the order in which they are tried.
const RUNGS: [Rung; 5] = [Rung::Batch, Rung::Kv, Rung::Window, Rung::Smaller, Rung::Cpu];

#[derive(Debug, Default, Clone)]
struct Lowered {
    name: String,
    /// The steps that are in force.
    taken: Vec<Rung>,
    refused: Vec<Rung>,
    steps: usize,
    instead: Option<(String, String)>,
    /// While a smaller model is being looked for, the error that made it necessary; it becomes the
    /// request's error where there is none.
    looking: Option<ErrorInfo>,
}

#[derive(Debug, Default)]
pub(super) struct Ladder {
    by_path: BTreeMap<PathBuf, Lowered>,
}

impl Ladder {
    /// The settings have changed: everything is tried in full again. Returns the affected files,
    /// whose loaded models must not be taken for what the settings ask for.
    pub(super) fn forget(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.by_path).into_keys().collect()
    }

    fn of(&mut self, file: &ModelFile) -> &mut Lowered {
        if self.by_path.len() >= MODELS_MAX && !self.by_path.contains_key(&file.path) {
            // Any one will do: forgetting one means that it is tried in full once more.
            self.by_path.pop_first();
        }
        let new = || Lowered { name: file.info.name.clone(), ..Lowered::default() };
        self.by_path.entry(file.path.clone()).or_insert_with(new)
    }

    fn took(&self, path: &Path, rung: Rung) -> bool {
        self.by_path.get(path).is_some_and(|lowered| lowered.taken.contains(&rung))
    }

    /// Lowers the profile and the largest window by the steps that are in force.
    pub(super) fn lower(&self, path: &Path, profile: &mut LoadProfile, most_tokens: &mut u32) {
        let Some(lowered) = self.by_path.get(path) else { return };
        for rung in &lowered.taken {
            match rung {
                Rung::Batch => profile.batch_tokens = SMALL_BATCH_TOKENS.min(profile.batch_tokens),
                Rung::Kv => profile.kv = KvStorage::Q8_0,
                // Only the smallest window of the settings is left then.
                Rung::Window => *most_tokens = profile.context_tokens,
                Rung::Cpu => profile.gpu_layers = Some(0),
                // Not a change of this profile: the request's list of models is changed instead.
                Rung::Smaller => {}
            }
        }
    }

    pub(super) fn instead_of(&self, path: &Path) -> Option<&str> {
        self.by_path.get(path)?.instead.as_ref().map(|(reference, _)| reference.as_str())
    }

    /// Notes that this file is the first of these models that exists. If the model that is used
    /// instead of it was asked for before it, that one no longer exists.
    pub(super) fn found(&mut self, file: &ModelFile, references: &[String]) {
        let first = references.first();
        if self.instead_of(&file.path).is_some_and(|it| first.is_some_and(|first| first == it)) {
            self.lost(references);
        }
    }

    /// The first of these models can't be used, so it no longer takes another's place; the smaller
    /// model was gone, damaged or not supported. It is refused for good, so that the same search
    /// does not find it again.
    pub(super) fn lost(&mut self, references: &[String]) {
        let Some(first) = references.first() else { return };
        // Several models may have it in their place.
        for lowered in self.by_path.values_mut() {
            if lowered.instead.take_if(|(reference, _)| reference == first).is_some() {
                lowered.taken.retain(|rung| *rung != Rung::Smaller);
                lowered.refused.push(Rung::Smaller);
            }
        }
    }

    pub(super) fn is_looking(&self, path: &Path) -> bool {
        self.by_path.get(path).is_some_and(|lowered| lowered.looking.is_some())
    }

    /// The model works: the next lack of memory counts as a new one. What was lowered stays
    /// lowered.
    pub(super) fn works(&mut self, path: &Path) {
        if let Some(lowered) = self.by_path.get_mut(path) {
            lowered.steps = 0;
        }
    }

    /// Takes the next step, if there is one. If that is a smaller model, the requests wait until it
    /// is found.
    pub(super) fn step_down(&mut self, shortage: &MemoryShortage<'_>) -> StepDown {
        let path = &shortage.file.path;
        let lowered = self.of(shortage.file);
        // Several requests can wait for the same model; the first one's search is for all of them.
        if lowered.looking.is_some() {
            return StepDown::Looking;
        }
        if lowered.steps >= STEPS_MAX {
            return StepDown::Nothing;
        }
        let applies = |rung: &Rung| match rung {
            Rung::Batch => shortage.profile.batch_tokens > SMALL_BATCH_TOKENS,
            Rung::Kv => shortage.profile.kv == KvStorage::F16,
            // A window that is larger than the settings' minimum was our own choice.
            // `settings.context_tokens` is the smallest that the user accepts.
            Rung::Window => shortage.profile.context_tokens > shortage.settings.context_tokens,
            Rung::Smaller => !shortage.named && !shortage.file.info.demo,
            Rung::Cpu => shortage.on_gpu && shortage.settings.acceleration == Acceleration::Auto,
        };
        let open = |rung: &Rung| !lowered.taken.contains(rung) && !lowered.refused.contains(rung);
        let Some(rung) = RUNGS.into_iter().find(|rung| open(rung) && applies(rung)) else {
            return StepDown::Nothing;
        };
        if rung == Rung::Smaller {
            lowered.looking = Some(shortage.error.clone());
            // With smaller weights, what the model takes besides them shrinks, too.
            // Free memory that is not known limits nothing; then the size of the file bounds the
            // search alone.
            let room = shortage.free_bytes.unwrap_or(u64::MAX);
            let bytes = shortage.file.info.size_bytes.min(room);
            return StepDown::Seek { path: path.clone(), bytes };
        }
        lowered.taken.push(rung);
        lowered.steps += 1;
        StepDown::Lowered { how: self.describe(path, rung) }
    }

    pub(super) fn smaller_found(&mut self, path: &Path, found: Option<&ModelFile>) -> SmallerModel {
        let Some(lowered) = self.by_path.get_mut(path) else { return SmallerModel::NotNeeded };
        let Some(error) = lowered.looking.take() else { return SmallerModel::NotNeeded };
        let Some(found) = found else {
            lowered.refused.push(Rung::Smaller);
            return SmallerModel::NoneSmaller(error);
        };
        lowered.taken.push(Rung::Smaller);
        lowered.steps += 1;
        let steps = lowered.steps;
        lowered.instead = Some((found.info.reference.clone(), found.info.name.clone()));
        // It belongs to the same lack of memory, and nothing smaller than it is looked for.
        let other = self.of(found);
        other.steps = steps;
        other.refused.push(Rung::Smaller);
        SmallerModel::Found { how: self.describe(path, Rung::Smaller) }
    }

    /// Whether the last step made a load fail; that step is then taken back for good: not every
    /// model works with a quantized cache. No other step is suspected of that.
    pub(super) fn takes_back_kv(&mut self, file: &ModelFile, profile: &LoadProfile) -> bool {
        if profile.kv == KvStorage::F16 || !self.took(&file.path, Rung::Kv) {
            return false;
        }
        let lowered = self.of(file);
        lowered.taken.retain(|rung| *rung != Rung::Kv);
        lowered.refused.push(Rung::Kv);
        true
    }

    fn describe(&self, path: &Path, rung: Rung) -> String {
        match rung {
            Rung::Batch => format!("prompts are read {SMALL_BATCH_TOKENS} tokens at a time"),
            Rung::Kv => "what was read is kept with 8 bits a value".to_owned(),
            Rung::Window => "the context window is the smallest of the profile".to_owned(),
            Rung::Smaller => {
                let lowered = self.by_path.get(path);
                let instead = lowered.and_then(|lowered| lowered.instead.as_ref());
                let name = instead.map_or("a smaller model", |(_, name)| name);
                format!("`{name}` takes its place")
            }
            Rung::Cpu => "the CPU computes".to_owned(),
        }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let lowered = self.by_path.iter().filter(|(_, lowered)| !lowered.taken.is_empty());
        let note = |(path, lowered): (&PathBuf, &Lowered)| {
            let name = &lowered.name;
            let how: Vec<String> =
                lowered.taken.iter().map(|rung| self.describe(path, *rung)).collect();
            format!(
                "memory did not suffice for `{name}`: {}; choosing a profile or a model tries it \
                 in full again",
                how.join(", ")
            )
        };
        lowered.map(note).collect()
    }

    /// Says in the error that nothing is left to be tried.
    pub(super) fn out_of_steps(&self, file: &ModelFile, error: ErrorInfo) -> ErrorInfo {
        let lowered = self.by_path.get(&file.path);
        let taken = lowered.map_or(&[][..], |lowered| &lowered.taken);
        let error = ErrorInfo { code: ErrorCode::OutOfMemory, ..error };
        // A more telling action, of whoever found the error, is not replaced.
        let error = match error.action {
            Some(_) => error,
            None => error.with_action(ErrorAction::SwitchProfile),
        };
        if taken.is_empty() {
            return error;
        }
        let how: Vec<String> = taken.iter().map(|rung| self.describe(&file.path, *rung)).collect();
        error.with_hint(format!(
            "it was tried with less ({}): close other programs, or choose a lighter profile or a \
             smaller model",
            how.join(", "),
        ))
    }
}

pub(super) struct MemoryShortage<'a> {
    pub(super) file: &'a ModelFile,
    pub(super) profile: LoadProfile,
    pub(super) on_gpu: bool,
    pub(super) settings: &'a Settings,
    /// Whether the user named this very model.
    pub(super) named: bool,
    /// Memory that is available, if the system reports it.
    pub(super) free_bytes: Option<u64>,
    pub(super) error: &'a ErrorInfo,
}

#[derive(Debug, PartialEq)]
pub(super) enum StepDown {
    Nothing,
    Looking,
    Seek { path: PathBuf, bytes: u64 },
    Lowered { how: String },
}

#[derive(Debug, PartialEq)]
pub(super) enum SmallerModel {
    /// No request waits for it any more: the settings have changed, or it was forgotten.
    NotNeeded,
    /// It takes the other's place, which is said in half a sentence.
    Found { how: String },
    /// There is none; holds the error for which it was looked for.
    NoneSmaller(ErrorInfo),
}
