//! What is tried, one after the other, where memory does not suffice for a model: a smaller batch, a
//! quantized KV cache, a smaller window, a smaller model that is installed, the CPU. Each once, at
//! most three in a row without a working answer between, never below what the user has set, and
//! each is told. What was lowered stays so until the settings change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo, KvStorage, LoadProfile, Stage};
use localcoder_settings::{Acceleration, Settings};

use super::Host;
use super::engine::Loading;
use super::event::Effect;
use super::job::{Job, Step};
use super::slots::{SlotId, Slots};
use crate::ModelFile;

/// Steps without a working answer between (policy).
const STEPS_MAX: usize = 3;
/// Tokens that are computed at once then.
pub(super) const SMALL_BATCH_TOKENS: u32 = 64;
/// Models that are remembered; more than anybody has installed.
const MODELS_MAX: usize = 32;

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Batch,
    Kv,
    Window,
    Smaller,
    Cpu,
}

/// All of them, in their order.
const RUNGS: [Rung; 5] = [Rung::Batch, Rung::Kv, Rung::Window, Rung::Smaller, Rung::Cpu];

/// What was lowered for one model.
#[derive(Debug, Default, Clone)]
struct Lowered {
    name: String,
    /// Those that are in force.
    taken: Vec<Rung>,
    /// Those that can't be taken: tried and of no use, or there is nothing to try.
    refused: Vec<Rung>,
    /// How many since the last answer.
    steps: usize,
    /// The reference and the name of the model in its place.
    instead: Option<(String, String)>,
    /// Why a smaller one is being looked for, while it is.
    looking: Option<ErrorInfo>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    by_path: BTreeMap<PathBuf, Lowered>,
}

impl Ladder {
    /// The settings have changed: all is tried in full again. Returns the files.
    fn forget(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.by_path).into_keys().collect()
    }

    fn of(&mut self, file: &ModelFile) -> &mut Lowered {
        if self.by_path.len() >= MODELS_MAX && !self.by_path.contains_key(&file.path) {
            self.by_path.pop_first();
        }
        let new = || Lowered { name: file.info.name.clone(), ..Lowered::default() };
        self.by_path.entry(file.path.clone()).or_insert_with(new)
    }

    fn took(&self, path: &Path, rung: Rung) -> bool {
        self.by_path.get(path).is_some_and(|lowered| lowered.taken.contains(&rung))
    }

    /// The profile and the largest window as they are now.
    pub(super) fn lower(&self, path: &Path, profile: &mut LoadProfile, most_tokens: &mut u32) {
        let Some(lowered) = self.by_path.get(path) else { return };
        for rung in &lowered.taken {
            match rung {
                Rung::Batch => profile.batch_tokens = SMALL_BATCH_TOKENS.min(profile.batch_tokens),
                Rung::Kv => profile.kv = KvStorage::Q8_0,
                Rung::Window => *most_tokens = profile.context_tokens,
                Rung::Cpu => profile.gpu_layers = Some(0),
                Rung::Smaller => {}
            }
        }
    }

    /// The model that is used in the place of one.
    pub(super) fn instead_of(&self, path: &Path) -> Option<&str> {
        self.by_path.get(path)?.instead.as_ref().map(|(reference, _)| reference.as_str())
    }

    /// Of these models this was the first that is there. Where one that takes its place was asked
    /// for before it, that one is gone.
    pub(super) fn found(&mut self, file: &ModelFile, references: &[String]) {
        let first = references.first();
        if self.instead_of(&file.path).is_some_and(|it| first.is_some_and(|first| first == it)) {
            self.lost(references);
        }
    }

    /// The first of these can't be used: it takes no other's place any more.
    pub(super) fn lost(&mut self, references: &[String]) {
        let Some(first) = references.first() else { return };
        for lowered in self.by_path.values_mut() {
            if lowered.instead.take_if(|(reference, _)| reference == first).is_some() {
                lowered.taken.retain(|rung| *rung != Rung::Smaller);
                lowered.refused.push(Rung::Smaller);
            }
        }
    }

    /// Whether a smaller one is being looked for, so that its requests wait.
    pub(super) fn is_looking(&self, path: &Path) -> bool {
        self.by_path.get(path).is_some_and(|lowered| lowered.looking.is_some())
    }

    /// It works: the next lack of memory is another one.
    pub(super) fn works(&mut self, path: &Path) {
        if let Some(lowered) = self.by_path.get_mut(path) {
            lowered.steps = 0;
        }
    }
}

/// For what memory did not suffice.
pub(super) struct Lack<'a> {
    pub(super) file: &'a ModelFile,
    /// As it was tried.
    pub(super) profile: LoadProfile,
    /// The largest window that would be of use.
    pub(super) most_tokens: u32,
    pub(super) settings: &'a Settings,
    /// Whether the user named this very model.
    pub(super) named: bool,
    pub(super) error: &'a ErrorInfo,
}

impl Host {
    /// Everything is tried in full again, also what is loaded with less now.
    pub(super) fn forget_what_was_lowered(&mut self) {
        let paths = self.ladder.forget();
        for slot in Slots::ids() {
            let loaded = self.slots[slot].loaded.as_mut();
            if let Some(loaded) = loaded.filter(|loaded| paths.contains(&loaded.file.path)) {
                loaded.outdated = true;
            }
        }
    }

    /// Lowers one thing more; whether there was one. Where a smaller model is to be looked for, its
    /// requests wait until it is found.
    pub(super) fn step_down(&mut self, lack: &Lack<'_>) -> bool {
        let path = &lack.file.path;
        let on_gpu = self.gpu_of(&lack.profile).is_some();
        let lowered = self.ladder.of(lack.file);
        if lowered.looking.is_some() {
            return true;
        }
        if lowered.steps >= STEPS_MAX {
            return false;
        }
        let applies = |rung: &Rung| match rung {
            Rung::Batch => lack.profile.batch_tokens > SMALL_BATCH_TOKENS,
            Rung::Kv => lack.profile.kv == KvStorage::F16,
            Rung::Window => lack.most_tokens > lack.settings.context_tokens,
            Rung::Smaller => !lack.named && !lack.file.info.demo,
            Rung::Cpu => on_gpu && lack.settings.acceleration == Acceleration::Auto,
        };
        let open = |rung: &Rung| !lowered.taken.contains(rung) && !lowered.refused.contains(rung);
        let Some(rung) = RUNGS.into_iter().find(|rung| open(rung) && applies(rung)) else {
            return false;
        };
        if rung == Rung::Smaller {
            lowered.looking = Some(lack.error.clone());
            // What it takes beside its weights is less, too.
            let room = self.free_bytes.unwrap_or(u64::MAX);
            let (path, bytes) = (path.clone(), lack.file.info.size_bytes.min(room));
            self.effects.push(Effect::FindSmaller { path, bytes });
            return true;
        }
        lowered.taken.push(rung);
        lowered.steps += 1;
        self.tell_lowered(path, rung);
        true
    }

    /// A smaller model was looked for.
    pub(super) fn smaller_found(&mut self, path: &Path, found: Option<ModelFile>) {
        let found = found.filter(|found| !self.useless.contains(found));
        let Some(lowered) = self.ladder.by_path.get_mut(path) else { return };
        let Some(error) = lowered.looking.take() else { return };
        match found {
            Some(found) => {
                lowered.taken.push(Rung::Smaller);
                lowered.steps += 1;
                let steps = lowered.steps;
                lowered.instead = Some((found.info.reference.clone(), found.info.name.clone()));
                // It is part of the same want of memory, and nothing smaller is looked for then.
                let other = self.ladder.of(&found);
                other.steps = steps;
                other.refused.push(Rung::Smaller);
                self.tell_lowered(path, Rung::Smaller);
            }
            None => {
                lowered.refused.push(Rung::Smaller);
                self.none_is_smaller(path, &error);
            }
        }
        self.look_again();
    }

    /// There is one step fewer: the next, or the end for all who wait for it.
    fn none_is_smaller(&mut self, path: &Path, error: &ErrorInfo) {
        let waits = |job: &Job| job.file.as_ref().is_some_and(|file| file.path == path);
        let Some(job) = self.queue.iter().find(|job| waits(job)) else { return };
        let (Some(file), settings) = (job.file.clone(), job.settings.clone()) else { return };
        let profile = self.smallest_profile(&file, &settings);
        let (most_tokens, named) = (profile.context_tokens, job.names_its_model());
        let lack = Lack { file: &file, profile, most_tokens, settings: &settings, named, error };
        if self.step_down(&lack) {
            return;
        }
        let error = self.out_of_steps(&file, error.clone());
        self.failed = Some(error.clone());
        while let Some(index) = self.queue.iter().position(waits) {
            self.fail_queued(index, error.clone());
        }
    }

    /// Whether a load failed because of the last step, which is then taken back for good: not every
    /// model can have a quantized cache.
    pub(super) fn takes_back_kv(&mut self, file: &ModelFile, profile: &LoadProfile) -> bool {
        if profile.kv == KvStorage::F16 || !self.ladder.took(&file.path, Rung::Kv) {
            return false;
        }
        let lowered = self.ladder.of(file);
        lowered.taken.retain(|rung| *rung != Rung::Kv);
        lowered.refused.push(Rung::Kv);
        true
    }

    /// Whether a load that failed is tried again with less.
    pub(super) fn loads_with_less(
        &mut self,
        slot: SlotId,
        loading: &Loading,
        error: &ErrorInfo,
    ) -> bool {
        let Loading { file, profile, .. } = loading;
        if error.code == ErrorCode::ModelLoadFailed {
            return self.takes_back_kv(file, profile);
        }
        let waits = self.queue.iter().find(|job| job.slot == Some(slot));
        let Some(job) = waits.filter(|_| error.code == ErrorCode::OutOfMemory) else {
            return false;
        };
        let (settings, named) = (job.settings.clone(), job.names_its_model());
        self.has_less(file, *profile, &settings, named, error)
    }

    /// The same for an answer: the model is loaded with less before the next one.
    pub(super) fn answers_with_less(
        &mut self,
        error: &ErrorInfo,
        file: &ModelFile,
        profile: &LoadProfile,
    ) -> bool {
        let Some(job) = self.active.as_ref().filter(|_| error.code == ErrorCode::OutOfMemory)
        else {
            return false;
        };
        let (settings, named) = (job.settings.clone(), job.names_its_model());
        self.has_less(file, *profile, &settings, named, error)
    }

    fn has_less(
        &mut self,
        file: &ModelFile,
        profile: LoadProfile,
        settings: &Settings,
        named: bool,
        error: &ErrorInfo,
    ) -> bool {
        // A larger window than the settings ask for at least was our own choice.
        let most_tokens = profile.context_tokens;
        self.step_down(&Lack { file, profile, most_tokens, settings, named, error })
    }

    fn tell_lowered(&mut self, path: &Path, rung: Rung) {
        let how = self.describe(path, rung);
        let waits = |job: &&Job| {
            let file = job.file.as_ref();
            job.step != Step::Queued && file.is_some_and(|file| file.path == path)
        };
        let waiting: Vec<usize> =
            (0..self.queue.len()).filter(|index| waits(&&self.queue[*index])).collect();
        for index in waiting {
            let Some(mut job) = self.queue.remove(index) else { continue };
            job.told_ms = Some(self.now_ms);
            let message = format!("Not enough memory; trying again, and {how}");
            self.tell(&job, Stage::Retrying, None, message);
            self.queue.insert(index, job);
        }
    }

    /// What a step means, as half a sentence.
    fn describe(&self, path: &Path, rung: Rung) -> String {
        match rung {
            Rung::Batch => format!("prompts are read {SMALL_BATCH_TOKENS} tokens at a time"),
            Rung::Kv => "what was read is kept with 8 bits a value".to_owned(),
            Rung::Window => "the context window is the smallest of the profile".to_owned(),
            Rung::Smaller => {
                let lowered = self.ladder.by_path.get(path);
                let instead = lowered.and_then(|lowered| lowered.instead.as_ref());
                let name = instead.map_or("a smaller model", |(_, name)| name);
                format!("`{name}` takes its place")
            }
            Rung::Cpu => "the CPU computes".to_owned(),
        }
    }

    /// What is shown of all that was lowered.
    pub(super) fn ladder_notes(&self) -> Vec<String> {
        let lowered = self.ladder.by_path.iter().filter(|(_, lowered)| !lowered.taken.is_empty());
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

    /// The end of the ladder, in words.
    pub(super) fn out_of_steps(&self, file: &ModelFile, error: ErrorInfo) -> ErrorInfo {
        let lowered = self.ladder.by_path.get(&file.path);
        let taken = lowered.map_or(&[][..], |lowered| &lowered.taken);
        let error = ErrorInfo { code: ErrorCode::OutOfMemory, ..error };
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
