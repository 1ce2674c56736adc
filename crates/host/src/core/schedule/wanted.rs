//! How a model may be run for a request, and how much memory that takes: the acceptable profiles,
//! the best first. Reads the state of the schedule and the pool and changes nothing.

use localcoder_model_store::WINDOW_STEP_TOKENS;
use localcoder_protocol::limits::{BATCH_TOKENS, SMALL_BATCH_TOKENS};
use localcoder_protocol::{ErrorInfo, KvStorage, LoadProfile};
use localcoder_settings::{Acceleration, Mode, Settings};

use super::fit;
use super::knowledge::Knowledge;
use super::ladder::Ladder;
use crate::ModelFile;
use crate::core::pool::{Phase, PoolView, SlotId};

const CAREFUL_LAYERS_OFF: u32 = 4;

pub(super) struct Wanted {
    pub(super) file: ModelFile,
    pub(super) profile: LoadProfile,
    most_tokens: u32,
}

impl Wanted {
    fn is(&self, file: &ModelFile, profile: &LoadProfile) -> bool {
        let LoadProfile { context_tokens, batch_tokens, kv, .. } = *profile;
        let full = &self.profile;
        // With less memory than wanted, too: a model that was lowered for lack of it must not be
        // loaded again for each request.
        let windows = full.context_tokens..=self.most_tokens;
        // All of these were acceptable when the model was loaded; see [`Self::profiles`].
        let batches = [full.batch_tokens, full.batch_tokens.min(SMALL_BATCH_TOKENS)];
        self.file == *file
            && windows.contains(&context_tokens)
            && batches.contains(&batch_tokens)
            && [full.kv, KvStorage::Q8_0].contains(&kv)
            // What is left must be just as wanted: with other threads or layers it is another way
            // of running it.
            && LoadProfile { context_tokens, batch_tokens, kv, ..self.profile } == *profile
    }

    /// The acceptable profiles, the best first: with smaller and smaller windows, then with the
    /// smallest window and whatever else saves memory.
    pub(super) fn profiles(&self) -> Vec<LoadProfile> {
        let least = self.profile.context_tokens;
        // Steps, since the largest window for which there is room is wanted, not just the smallest.
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
            // With the smaller batch, which alone was not enough.
            let batch_tokens = self.profile.batch_tokens.min(SMALL_BATCH_TOKENS);
            profiles.push(LoadProfile { batch_tokens, kv: KvStorage::Q8_0, ..self.profile });
        }
        profiles
    }
}

pub(super) fn batch_tokens(mode: Mode) -> u32 {
    match mode {
        Mode::Performance => BATCH_TOKENS,
        // Each step takes less memory, and the rest of the machine gets pauses.
        Mode::Stability => SMALL_BATCH_TOKENS,
    }
}

/// Layers on the GPU in stability mode: leaving some off keeps GPU memory free for the screen and
/// for other programs. `None`, which means all, if the file does not say how many it has.
fn careful_layers(file: &ModelFile) -> Option<u32> {
    let layers = file.header.as_ref()?.block_count;
    Some((layers - layers / CAREFUL_LAYERS_OFF).max(1))
}

pub(super) fn refusal_of_large(file: &ModelFile, settings: &Settings) -> Option<ErrorInfo> {
    let large = file.header.as_ref().is_some_and(|header| fit::is_large(header));
    (large && !settings.profile.large_models).then(|| fit::not_allowed(file, settings))
}

pub(super) enum Standing {
    Ready(SlotId),
    Coming(SlotId, f32),
    Elsewhere,
}

#[derive(Clone, Copy)]
pub(super) struct Fitting<'a> {
    pub(super) ladder: &'a Ladder,
    pub(super) knowledge: &'a Knowledge,
    pub(super) gpu_failed: bool,
    pub(super) pool: PoolView<'a>,
}

impl Fitting<'_> {
    pub(super) fn wanted(&self, file: ModelFile, settings: &Settings) -> Wanted {
        let careful = settings.mode == Mode::Stability;
        let trained = file.info.trained_context_tokens;
        let mut profile = LoadProfile {
            // Never more than it was trained for.
            context_tokens: settings.context_tokens.min(trained),
            batch_tokens: batch_tokens(settings.mode),
            repack: !careful,
            threads: 0,
            kv: KvStorage::F16,
            gpu_layers: match settings.acceleration {
                _ if self.gpu_failed => Some(0),
                Acceleration::Auto if careful => careful_layers(&file),
                Acceleration::Auto | Acceleration::Gpu => None,
                Acceleration::Cpu => Some(0),
            },
        };
        let mut most_tokens = settings.context_tokens_most.min(trained);
        self.ladder.lower(&file.path, &mut profile, &mut most_tokens);
        Wanted { file, profile, most_tokens }
    }

    pub(super) fn standing(&self, wanted: &Wanted) -> Standing {
        for (slot, engine) in self.pool.engines() {
            if engine.phase() == Phase::Stopping {
                // It is about to end, whatever is in it.
                continue;
            }
            // An outdated one must be loaded again, though it would do for its profile.
            if let Some(loaded) = engine.loaded()
                && wanted.is(&loaded.file, &loaded.profile)
                && !loaded.outdated
            {
                return Standing::Ready(slot);
            }
            if let Some(loading) = engine.loading()
                && wanted.is(&loading.file, &loading.profile)
            {
                return Standing::Coming(slot, loading.fraction);
            }
        }
        Standing::Elsewhere
    }

    pub(super) fn loaded_tokens(&self, file: &ModelFile, settings: &Settings) -> Option<u32> {
        match self.standing(&self.wanted(file.clone(), settings)) {
            Standing::Ready(slot) => Some(self.pool.engine(slot).loaded()?.profile.context_tokens),
            Standing::Coming(..) | Standing::Elsewhere => None,
        }
    }

    /// Memory that each profile takes. What one was measured to take beyond the arithmetic, the
    /// others are expected to take as well.
    pub(super) fn needed(&self, file: &ModelFile, profiles: &[LoadProfile]) -> Vec<u64> {
        let known = |profile: &LoadProfile| {
            let measured = self.knowledge.memory_of(file, profile);
            fit::needed(file, profile, measured).map_or((0, false), |it| (it.bytes, it.measured))
        };
        let computed =
            |profile: &LoadProfile| fit::needed(file, profile, None).map_or(0, |it| it.bytes);
        let beyond = |profile: &LoadProfile| {
            let (bytes, measured) = known(profile);
            measured.then(|| bytes.saturating_sub(computed(profile)))
        };
        // The largest of what the measured ones took beyond the arithmetic: too little would make a
        // load fail, too much only a window smaller.
        let beyond = profiles.iter().filter_map(beyond).max().unwrap_or(0);
        let needed = |profile: &LoadProfile| match known(profile) {
            (bytes, true) => bytes,
            (bytes, false) => bytes.saturating_add(beyond),
        };
        profiles.iter().map(needed).collect()
    }
}
