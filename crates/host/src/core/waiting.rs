//! Requests on their way to a model: its file is checked, a place is found for it, it is loaded.
//! The first that is ready and whose model nobody has taken is worked on; `run` does that.
//!
//! A request that waits for a load lets others pass whose model is loaded, but not into a place
//! that it waits for: so nobody waits for ever.

use localcoder_protocol::{
    ErrorCode, ErrorInfo, KvStorage, LoadProfile, PrepareAnswer, Stage, WarmAnswer,
};
use localcoder_settings::{Acceleration, Mode, Settings};
use localcoder_transport::Id;

use super::budget;
use super::engine::{Call, Loaded};
use super::event::Effect;
use super::job::{Job, Step, Work};
use super::ladder::{Lack, SMALL_BATCH_TOKENS};
use super::lifecycle::Phase;
use super::placing::{Held, Place, place};
use super::slots::{SLOTS, SlotId, Slots};
use super::{Host, QUEUE_MAX, errors, fit};
use crate::ModelFile;

/// Prompt tokens computed in one step. Small enough that a cancel takes effect within one on
/// backends that can't be interrupted, large enough for the batched kernels.
const BATCH_TOKENS: u32 = 256;
/// In stability mode one layer in so many stays off the GPU.
const CAREFUL_LAYERS_OFF: u32 = 4;
/// What is free now is another number after this long.
const LOOK_AGAIN_MS: u64 = 1_000;
/// Windows between the largest and the smallest that a profile allows.
const WINDOW_STEP_TOKENS: u32 = 2_048;

/// How a model may be run for a request.
struct Wanted {
    file: ModelFile,
    /// With the smallest window that does.
    profile: LoadProfile,
    /// Tokens of the largest window that is of use.
    most_tokens: u32,
}

impl Wanted {
    /// Whether a loaded model will do: also with less, where there was no room for more.
    fn is(&self, file: &ModelFile, profile: &LoadProfile) -> bool {
        let LoadProfile { context_tokens, batch_tokens, kv, .. } = *profile;
        let full = &self.profile;
        let windows = full.context_tokens..=self.most_tokens;
        let batches = [full.batch_tokens, full.batch_tokens.min(SMALL_BATCH_TOKENS)];
        self.file == *file
            && windows.contains(&context_tokens)
            && batches.contains(&batch_tokens)
            && [full.kv, KvStorage::Q8_0].contains(&kv)
            && LoadProfile { context_tokens, batch_tokens, kv, ..self.profile } == *profile
    }

    /// The profiles that would do, the best first: with smaller windows, then with the smallest and
    /// what else takes less.
    fn profiles(&self) -> Vec<LoadProfile> {
        let least = self.profile.context_tokens;
        let mut windows = vec![self.most_tokens];
        while windows.last().is_some_and(|window| *window > least) {
            let smaller = windows.last().map_or(least, |it| it.saturating_sub(WINDOW_STEP_TOKENS));
            windows.push(smaller.max(least));
        }
        let with_window = |context_tokens| LoadProfile { context_tokens, ..self.profile };
        let mut profiles: Vec<LoadProfile> = windows.into_iter().map(with_window).collect();
        if self.profile.batch_tokens > SMALL_BATCH_TOKENS {
            profiles.push(LoadProfile { batch_tokens: SMALL_BATCH_TOKENS, ..self.profile });
        }
        if self.profile.kv == KvStorage::F16 {
            let batch_tokens = self.profile.batch_tokens.min(SMALL_BATCH_TOKENS);
            profiles.push(LoadProfile { batch_tokens, kv: KvStorage::Q8_0, ..self.profile });
        }
        profiles
    }
}

/// Tokens that are computed at once.
pub(super) fn batch_tokens(mode: Mode) -> u32 {
    match mode {
        Mode::Performance => BATCH_TOKENS,
        // Less memory for a step, and pauses for the rest of the machine.
        Mode::Stability => SMALL_BATCH_TOKENS,
    }
}

/// Layers on the GPU in stability mode: what is left off leaves room there for the screen and for
/// other programs. All where the file does not say how many it has.
fn careful_layers(file: &ModelFile) -> Option<u32> {
    let layers = file.header.as_ref()?.block_count;
    Some((layers - layers / CAREFUL_LAYERS_OFF).max(1))
}

/// What requests further in front want with the places.
#[derive(Debug, Default, Clone, Copy)]
struct InFront {
    /// A place that one waits for, to load its model there: nobody else may take it.
    claimed: [bool; SLOTS],
    /// A place whose model one waits to use: nobody may unload it.
    used: [bool; SLOTS],
}

/// Where the model that a request wants is.
enum Standing {
    Ready(SlotId),
    Coming(SlotId, f32),
    Elsewhere,
}

impl Host {
    pub(super) fn queue_job(&mut self, job: Job) {
        // A model can be loaded beside what is being read; all else wants the processor.
        if !matches!(job.work, Work::Warm) {
            self.drop_preparation();
        }
        let waits = self.active.is_some();
        if waits {
            self.tell(&job, Stage::Queued, None, "Waiting for another request".to_owned());
        }
        if job.is_preparation() && (waits || !self.queue.is_empty() || !self.works_ahead()) {
            self.reply_unprepared(&job);
            return;
        }
        self.queue.push_back(job);
    }

    /// Something that the host itself wants done; nobody is answered.
    pub(super) fn queue_own(&mut self, references: Vec<String>, work: Work) {
        let settings = self.settings.clone();
        self.queue_job(Job::new(None, Id::Number(0), None, references, work, settings));
    }

    /// Whether anything is done that nobody has asked for yet.
    pub(super) fn works_ahead(&self) -> bool {
        self.settings.mode == Mode::Performance && !self.saves_power && !self.short_of_memory
    }

    /// Whether no request is on its way.
    pub(super) fn nobody_waits(&self) -> bool {
        self.active.is_none() && self.queue.is_empty()
    }

    /// Makes way for what is really wanted.
    pub(super) fn drop_preparation(&mut self) {
        if self.active.as_ref().is_some_and(Job::is_preparation) {
            self.fail_active(errors::cancelled());
        }
        if let Some(index) = self.queue.iter().position(Job::is_preparation)
            && let Some(job) = self.queue.remove(index)
        {
            self.reply_unprepared(&job);
        }
    }

    pub(super) fn reply_unprepared(&mut self, job: &Job) {
        if let (Some(client), Work::Prepare(_)) = (job.client, &job.work) {
            self.answer(client, job.id.clone(), &PrepareAnswer { prepared: false });
        }
    }

    /// Moves everything as far as it can go without waiting.
    pub(super) fn advance(&mut self) {
        if self.leaving {
            return;
        }
        // Each round that does anything may have made room for others; whatever is done leaves an
        // effect or one request fewer, so it ends.
        for _ in 0..=2 * QUEUE_MAX {
            let before = (self.queue.len(), self.effects.len(), self.active.is_some());
            self.inspect_queued();
            let mut in_front = InFront::default();
            let mut index = 0;
            while index < self.queue.len() {
                self.advance_queued(index, &mut in_front);
                index += 1;
            }
            if before == (self.queue.len(), self.effects.len(), self.active.is_some()) {
                return;
            }
        }
    }

    fn inspect_queued(&mut self) {
        let mut wanted: Vec<Vec<String>> = Vec::new();
        for job in self.queue.iter_mut().filter(|job| job.step == Step::Queued) {
            job.step = Step::Inspecting;
            if !wanted.contains(&job.references) {
                wanted.push(job.references.clone());
            }
        }
        for references in wanted {
            self.effects.push(Effect::InspectModel { references });
        }
    }

    /// What is free has changed: whoever still waits for a place looks at it again.
    pub(super) fn look_again(&mut self) {
        for job in self.queue.iter_mut().filter(|job| job.step == Step::NeedsModel) {
            job.step = Step::Queued;
        }
    }

    pub(super) fn model_inspected(
        &mut self,
        references: &[String],
        result: &Result<ModelFile, ErrorInfo>,
        free_bytes: Option<u64>,
    ) {
        self.free_bytes = free_bytes;
        self.surveyed(references, result, free_bytes);
        self.suggest(references, result);
        match result {
            Ok(file) => self.ladder.found(file, references),
            Err(error) => {
                self.ladder.lost(references);
                self.doubt(references, error);
            }
        }
        let mut index = 0;
        while index < self.queue.len() {
            let job = &mut self.queue[index];
            if job.step != Step::Inspecting || job.references != references {
                index += 1;
                continue;
            }
            match result {
                Ok(file)
                    if !job.names_its_model()
                        && let Some(instead) = self.ladder.instead_of(&file.path) =>
                {
                    // It takes its place, if it is still there.
                    job.references.insert(0, instead.to_owned());
                    job.step = Step::Queued;
                    index += 1;
                }
                Ok(file) => {
                    job.file = Some(file.clone());
                    job.free_bytes = free_bytes;
                    job.inspected_ms = self.now_ms;
                    job.step = Step::NeedsModel;
                    index += 1;
                }
                Err(error) => {
                    if references == self.settings.code_models() && !job.is_preparation() {
                        self.failed = Some(error.clone());
                    }
                    self.fail_queued(index, error.clone());
                }
            }
        }
    }

    /// A file can't be used: those who have found it good before look again.
    fn doubt(&mut self, references: &[String], error: &ErrorInfo) {
        if error.code == ErrorCode::NoModel {
            return;
        }
        let found = |job: &Job| {
            job.file.as_ref().is_some_and(|file| references.contains(&file.info.reference))
        };
        let waiting = self.queue.iter_mut().filter(|job| job.step == Step::NeedsModel);
        for job in waiting.filter(|job| found(job)) {
            job.step = Step::Queued;
        }
    }

    fn advance_queued(&mut self, index: usize, in_front: &mut InFront) {
        let job = &self.queue[index];
        let (Step::NeedsModel, Some(file)) = (job.step, job.file.clone()) else { return };
        let wanted = self.wanted(file, &job.settings);
        match self.standing(&wanted) {
            Standing::Ready(slot) => self.model_is_ready(index, slot, in_front),
            Standing::Coming(slot, fraction) => {
                self.queue[index].slot = Some(slot);
                let name = &wanted.file.info.name;
                self.tell_queued(index, Some(fraction), || format!("Loading {name}"));
            }
            Standing::Elsewhere if self.queue[index].is_preparation() => {
                self.fail_queued(index, errors::cancelled());
            }
            Standing::Elsewhere if self.is_too_old(index) => {
                self.queue[index].step = Step::Queued;
                self.inspect_queued();
            }
            Standing::Elsewhere => self.find_place(index, &wanted, in_front),
        }
    }

    fn is_too_old(&self, index: usize) -> bool {
        self.now_ms > self.queue[index].inspected_ms + LOOK_AGAIN_MS
    }

    fn wanted(&self, file: ModelFile, settings: &Settings) -> Wanted {
        let careful = settings.mode == Mode::Stability;
        let trained = file.info.trained_context_tokens;
        let mut profile = LoadProfile {
            context_tokens: settings.context_tokens.min(trained),
            batch_tokens: batch_tokens(settings.mode),
            repack: !careful,
            threads: 0,
            kv: KvStorage::F16,
            gpu_layers: match settings.acceleration {
                _ if self.gpu_failure.is_some() => Some(0),
                Acceleration::Auto if careful => careful_layers(&file),
                Acceleration::Auto | Acceleration::Gpu => None,
                Acceleration::Cpu => Some(0),
            },
        };
        let mut most_tokens = settings.context_tokens_most.min(trained);
        self.ladder.lower(&file.path, &mut profile, &mut most_tokens);
        Wanted { file, profile, most_tokens }
    }

    /// How a model is run with the smallest window that does.
    pub(super) fn smallest_profile(&self, file: &ModelFile, settings: &Settings) -> LoadProfile {
        self.wanted(file.clone(), settings).profile
    }

    /// How a model could be run, the largest window that would be of use first.
    pub(super) fn profiles_for(&self, file: &ModelFile, settings: &Settings) -> Vec<LoadProfile> {
        self.wanted(file.clone(), settings).profiles()
    }

    /// The window with which a model is loaded that would do for these settings.
    pub(super) fn loaded_tokens(&self, file: &ModelFile, settings: &Settings) -> Option<u32> {
        match self.standing(&self.wanted(file.clone(), settings)) {
            Standing::Ready(slot) => Some(self.slots[slot].loaded.as_ref()?.profile.context_tokens),
            Standing::Coming(..) | Standing::Elsewhere => None,
        }
    }

    fn standing(&self, wanted: &Wanted) -> Standing {
        for (slot, engine) in self.slots.iter() {
            if engine.life.phase() == Phase::Stopping {
                continue;
            }
            if let Some(loaded) = &engine.loaded
                && wanted.is(&loaded.file, &loaded.profile)
                && !loaded.outdated
            {
                return Standing::Ready(slot);
            }
            if let Some(loading) = &engine.loading
                && wanted.is(&loading.file, &loading.profile)
            {
                return Standing::Coming(slot, loading.fraction);
            }
        }
        Standing::Elsewhere
    }

    fn model_is_ready(&mut self, index: usize, slot: SlotId, in_front: &mut InFront) {
        self.queue[index].slot = Some(slot);
        if let Work::Warm = self.queue[index].work {
            self.warmed(index, slot);
            return;
        }
        let engine = &self.slots[slot];
        let comes = engine.stale.is_some() || engine.prefix.is_awaited();
        if self.active.is_some() || in_front.claimed[slot] || comes {
            in_front.used[slot] = true;
            return;
        }
        let Some(job) = self.queue.remove(index) else { return };
        self.slots[slot].used_ms = self.now_ms;
        self.active = Some(job);
        self.begin(slot);
    }

    fn warmed(&mut self, index: usize, slot: SlotId) {
        if self.end_warm(index, true) {
            self.rearm(slot);
        }
    }

    /// A request for a model to be loaded ends; whether it was ahead.
    fn end_warm(&mut self, index: usize, loaded: bool) -> bool {
        let Some(job) = self.queue.remove(index) else { return false };
        if let Some(client) = job.client {
            self.answer(client, job.id, &WarmAnswer { loaded });
        }
        job.ahead
    }

    fn find_place(&mut self, index: usize, wanted: &Wanted, in_front: &mut InFront) {
        self.queue[index].slot = None;
        let job = &self.queue[index];
        let profiles = wanted.profiles();
        let (ahead, free_bytes) = (job.ahead, job.free_bytes);
        if let Some(error) = self.refusal_of_large(&wanted.file, &job.settings) {
            self.fail_queued(index, error);
            return;
        }
        if self.is_suspect(&wanted.file, ahead) {
            self.end_warm(index, false);
            return;
        }
        if self.queue[index].client.is_none() && self.useless.contains(&wanted.file) {
            self.end_warm(index, false);
            return;
        }
        if self.ladder.is_looking(&wanted.file.path) {
            return;
        }
        let needed = self.needed(&wanted.file, &profiles);
        let mut held = [Held::Nothing; SLOTS];
        for slot in Slots::ids() {
            held[slot] = match self.held(slot) {
                _ if in_front.claimed[slot] => Held::Moving,
                Held::Model { bytes, mapped_bytes, used_ms, .. } if in_front.used[slot] => {
                    Held::Model { bytes, mapped_bytes, used_ms, idle: false }
                }
                held => held,
            };
        }
        match place(&needed, free_bytes, &held, self.slot_of_file(&wanted.file)) {
            Place::Here { slot, window } => {
                let profile = profiles[window];
                if let Some(error) = self.left_alone(&wanted.file, &profile) {
                    self.fail_queued(index, error);
                    return;
                }
                self.load_into(index, self.running_instead_of(slot), &wanted.file, profile);
            }
            Place::After(slots) => {
                for slot in &slots {
                    self.unload_model(*slot);
                }
            }
            Place::Wait(slots) => {
                for slot in slots {
                    in_front.claimed[slot] = true;
                    let reads_ahead = |job: &Job| job.slot == Some(slot) && job.is_preparation();
                    if self.active.as_ref().is_some_and(reads_ahead) {
                        self.fail_active(errors::cancelled());
                    }
                }
            }
            Place::NoRoom(free) => {
                let last = profiles.len() - 1;
                self.no_room(index, wanted, (profiles[last], needed[last], free), in_front);
            }
        }
    }

    /// Not even with less: another model may do.
    fn no_room(
        &mut self,
        index: usize,
        wanted: &Wanted,
        (profile, needed, free): (LoadProfile, u64, u64),
        in_front: &mut InFront,
    ) {
        let job = &self.queue[index];
        let (settings, named) = (job.settings.clone(), job.names_its_model());
        let most_tokens = profile.context_tokens;
        let (file, settings) = (&wanted.file, &*settings);
        let error = &fit::too_large(file, &profile, needed, free);
        if self.step_down(&Lack { file, profile, most_tokens, settings, named, error }) {
            let wanted = self.wanted(file.clone(), settings);
            self.find_place(index, &wanted, in_front);
            return;
        }
        let error = self.out_of_steps(file, error.clone());
        self.failed = Some(error.clone());
        self.fail_queued(index, error);
    }

    /// The refusal of a load that has taken its worker down too often.
    fn left_alone(&self, file: &ModelFile, profile: &LoadProfile) -> Option<ErrorInfo> {
        let until = |key: &str| self.budgets.spent_until(key, self.now_ms);
        let until = until(&budget::key(Some((file, profile)))).max(until(&budget::key(None)))?;
        Some(errors::left_alone(&file.info.name, until - self.now_ms))
    }

    /// What each profile takes. What one was measured to take beyond the arithmetic, the others will
    /// as well.
    fn needed(&self, file: &ModelFile, profiles: &[LoadProfile]) -> Vec<u64> {
        let known = |profile: &LoadProfile| {
            let measured = self.memory_of(file, profile);
            fit::needed(file, profile, measured).map_or((0, false), |it| (it.bytes, it.measured))
        };
        let computed =
            |profile: &LoadProfile| fit::needed(file, profile, None).map_or(0, |it| it.bytes);
        let beyond = |profile: &LoadProfile| {
            let (bytes, measured) = known(profile);
            measured.then(|| bytes.saturating_sub(computed(profile)))
        };
        let beyond = profiles.iter().filter_map(beyond).max().unwrap_or(0);
        let needed = |profile: &LoadProfile| match known(profile) {
            (bytes, true) => bytes,
            (bytes, false) => bytes.saturating_add(beyond),
        };
        profiles.iter().map(needed).collect()
    }

    /// A large model is loaded only where its profile says so.
    pub(super) fn refusal_of_large(
        &self,
        file: &ModelFile,
        settings: &Settings,
    ) -> Option<ErrorInfo> {
        let large = file.header.as_ref().is_some_and(|header| fit::is_large(header));
        (large && !settings.profile.large_models)
            .then(|| fit::not_allowed(file, &settings.profile.name))
    }

    fn held(&self, slot: SlotId) -> Held {
        let engine = &self.slots[slot];
        let works = self.active.as_ref().is_some_and(|job| job.slot == Some(slot));
        match &engine.loaded {
            _ if engine.loading.is_some() || engine.life.phase() == Phase::Stopping => Held::Moving,
            None if engine.awaits(&[Call::Unload]) => Held::Moving,
            None => Held::Nothing,
            Some(loaded) => Held::Model {
                bytes: loaded.memory.total_bytes(),
                mapped_bytes: loaded.memory.weights_bytes,
                used_ms: engine.used_ms,
                idle: engine.is_idle() && !works,
            },
        }
    }

    fn slot_of_file(&self, file: &ModelFile) -> Option<SlotId> {
        let holds = |loaded: &Loaded| loaded.file.path == file.path;
        let found = self.slots.iter().find(|(_, engine)| engine.loaded.as_ref().is_some_and(holds));
        found.map(|(slot, _)| slot)
    }

    /// An empty place whose worker runs, where this one's does not.
    fn running_instead_of(&self, slot: SlotId) -> SlotId {
        let runs = |slot: SlotId| self.slots[slot].life.phase() == Phase::Empty;
        if runs(slot) {
            return slot;
        }
        let other = Slots::ids().find(|it| runs(*it) && self.held(*it) == Held::Nothing);
        other.unwrap_or(slot)
    }

    fn load_into(&mut self, index: usize, slot: SlotId, file: &ModelFile, profile: LoadProfile) {
        self.queue[index].slot = Some(slot);
        let engine = &self.slots[slot];
        match engine.life.phase() {
            Phase::Dead if engine.restart_at_ms.is_some() => {}
            Phase::Dead => {
                self.start_worker(slot);
                self.queue[index].told_ms = None;
                self.tell_queued(index, None, || "Starting the engine".to_owned());
            }
            // Which devices there are decides what a failure means.
            Phase::Empty if engine.awaits(&[Call::Devices]) => {}
            Phase::Empty => {
                self.load_model(slot, file.clone(), profile);
                self.queue[index].told_ms = None;
                let name = &file.info.name;
                self.tell_queued(index, Some(0.0), || format!("Loading {name}"));
            }
            _ => {}
        }
    }

    /// A request that did not come to its model ends.
    pub(super) fn fail_queued(&mut self, index: usize, error: ErrorInfo) {
        let Some(job) = self.queue.remove(index) else { return };
        let Some(client) = job.client else { return };
        match job.work {
            Work::Prepare(_) | Work::Rearm => self.reply_unprepared(&job),
            _ => self.reply(client, job.id, Err(error)),
        }
    }

    fn tell_queued(
        &mut self,
        index: usize,
        fraction: Option<f32>,
        message: impl FnOnce() -> String,
    ) {
        let now = self.now_ms;
        let Some(mut job) = self.queue.remove(index) else { return };
        if job.told_ms.is_none_or(|told| now >= told + super::run::TELL_EVERY_MS) {
            job.told_ms = Some(now);
            self.tell(&job, Stage::Loading, fraction, message());
        }
        self.queue.insert(index, job);
    }
}
