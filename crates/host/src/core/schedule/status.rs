//! The status of the models: which one is in use, what the engine does, and what differs from the
//! settings.

use localcoder_protocol::{
    EngineState, KvStorage, LoadProfile, MemoryUse, ModelInfo, Resident, ResidentDraft, Speed,
};

use super::{Context, Schedule, fit, wanted};
use crate::core::pool::{Engine, Loaded, SLOTS, SlotId};
use crate::core::suspect::Suspect;

#[derive(Debug)]
pub(in crate::core) struct ScheduleStatus {
    pub(in crate::core) requests: u32,
    pub(in crate::core) engine: EngineState,
    pub(in crate::core) slot: SlotId,
    pub(in crate::core) model: Option<ModelInfo>,
    pub(in crate::core) device: String,
    pub(in crate::core) context_tokens: Option<u32>,
    pub(in crate::core) held_tokens: Option<u32>,
    pub(in crate::core) memory: Option<MemoryUse>,
    pub(in crate::core) speed: Option<Speed>,
    pub(in crate::core) residents: Vec<Resident>,
    pub(in crate::core) free_bytes: Option<u64>,
    pub(in crate::core) notes: Vec<String>,
}

impl Schedule {
    pub(in crate::core) fn status(&self, cx: &Context<'_>) -> ScheduleStatus {
        let slot = self.slot_in_use(cx);
        let loaded = cx.pool.engine(slot).loaded();
        let requests = self.tickets().filter(|ticket| ticket.is_wanted()).count();
        ScheduleStatus {
            requests: u32::try_from(requests).unwrap_or(u32::MAX),
            engine: self.engine_state(cx),
            slot,
            model: loaded.map(|loaded| loaded.file.info.clone()),
            device: loaded.map_or_else(String::new, |loaded| loaded.device.clone()),
            context_tokens: loaded.map(|loaded| loaded.context_tokens),
            held_tokens: loaded.map(|loaded| loaded.held_tokens),
            memory: loaded.map(|loaded| loaded.memory),
            speed: loaded.and_then(|loaded| self.speeds.last(&loaded.file)),
            residents: cx.pool.engines().filter_map(|(_, engine)| resident(engine)).collect(),
            free_bytes: self.free_bytes,
            notes: self.notes(loaded, cx),
        }
    }

    /// The slot at work, else one that is loading, else the one with the model for code, else the
    /// one used last. The status has one line for a model; `residents` lists all.
    fn slot_in_use(&self, cx: &Context<'_>) -> SlotId {
        // A job that the user did not ask for must not make the status move from one model to the
        // other.
        let works = self.active.as_ref().filter(|it| it.is_wanted()).and_then(|ticket| ticket.slot);
        let comes = || cx.pool.engines().find(|(_, engine)| engine.loading().is_some());
        works.or_else(|| comes().map(|(slot, _)| slot)).unwrap_or_else(|| {
            let wanted = cx.settings.code_models();
            let is_wanted = |loaded: &Loaded| wanted.contains(&loaded.file.info.reference);
            let by_use = |slot: &SlotId| {
                let engine = cx.pool.engine(*slot);
                let loaded = engine.loaded();
                (
                    loaded.is_some_and(is_wanted),
                    loaded.is_some(),
                    engine.worker().is_some(),
                    engine.used_ms(),
                )
            };
            // If several rank the same, the first.
            (0..SLOTS).rev().max_by_key(by_use).unwrap_or_default()
        })
    }

    fn engine_state(&self, cx: &Context<'_>) -> EngineState {
        let works = self.active.as_ref().is_some_and(|ticket| !ticket.job.is_ahead_of_need());
        let engines = || cx.pool.engines().map(|(_, engine)| engine);
        // The order is the order of what a user must know first: a hang before the work that hangs,
        // work before a failure that is over, a failure before a model that is ready beside it.
        if engines().any(|engine| engine.is_unresponsive(cx.now_ms)) {
            EngineState::Unresponsive
        } else if works {
            EngineState::Working
        } else if let Some(loading) = engines().find_map(Engine::loading) {
            EngineState::Loading { fraction: loading.fraction }
        } else if engines().any(|engine| engine.is_starting() || engine.restarts_soon()) {
            // After a crash, too: its request was reported, and the worker is being started again.
            EngineState::Starting
        } else if let Some(error) = &self.failed {
            EngineState::Failed { error: error.clone() }
        } else if engines().any(|engine| engine.loaded().is_some()) {
            EngineState::Ready
        } else {
            EngineState::Idle
        }
    }

    fn gpu_note(&self, cx: &Context<'_>) -> Option<String> {
        let failure = self.gpu_failure.as_ref()?;
        let device = cx.pool.devices().iter().find(|device| device.gpu);
        let name = device.map_or("the GPU", |device| &device.description);
        Some(format!(
            "the CPU computes, because {name} failed ({failure}); changing \
             `localcoder.acceleration` tries it again"
        ))
    }

    fn notes(&self, loaded: Option<&Loaded>, cx: &Context<'_>) -> Vec<String> {
        let suspect = self.suspect.as_ref().map(Suspect::note);
        let mut notes: Vec<String> = self.gpu_note(cx).into_iter().chain(suspect).collect();
        notes.extend(self.ladder.notes());
        let Some(loaded) = loaded else {
            let unloaded = self.residency.unloaded;
            notes.extend(unloaded.map(|why| format!("the model was {}", why.text())));
            return notes;
        };
        let reference = &loaded.file.info.reference;
        let (wanted, profile) = (cx.settings.code_models(), &cx.settings.profile.name);
        if wanted.iter().skip(1).any(|it| it == reference) {
            let first = &wanted[0];
            notes.push(format!(
                "`{first}` of the profile `{profile}` is not installed, so `{reference}` is used"
            ));
        }
        // Only the batch and the cache are compared; the window has a note of its own.
        let mut full = LoadProfile {
            batch_tokens: wanted::batch_tokens(cx.settings.mode),
            kv: KvStorage::F16,
            ..loaded.profile
        };
        // What the ladder lowered is reported already.
        self.ladder.lower(&loaded.file.path, &mut full, &mut 0);
        let lowered = fit::lowered(&loaded.profile, &full);
        if !lowered.is_empty() {
            notes.push(format!(
                "there was not enough memory for all of it, so {}",
                lowered.join(", and ")
            ));
        }
        notes.extend(window_note(loaded, cx));
        let without = self.drafts.note(&loaded.file.path);
        notes.extend(without.map(|why| format!("no model drafts for it: {why}")));
        notes.extend(self.suggester_note());
        notes
    }
}

fn window_note(loaded: &Loaded, cx: &Context<'_>) -> Option<String> {
    let (least, most) = (cx.settings.context_tokens, cx.settings.context_tokens_most);
    let (window, trained) = (loaded.context_tokens, loaded.file.info.trained_context_tokens);
    if window < least && window >= trained {
        Some(format!("the window has {window} tokens: the model was trained for no more"))
    } else if window >= least && window < most && window < trained {
        Some(format!(
            "the context window has {window} of up to {most} tokens: there was no memory for more"
        ))
    } else {
        None
    }
}

fn resident(engine: &Engine) -> Option<Resident> {
    let loaded = engine.loaded()?;
    Some(Resident {
        model: loaded.file.info.clone(),
        context_tokens: loaded.context_tokens,
        memory: loaded.memory,
        device: loaded.device.clone(),
        pid: engine.worker()?.0,
        draft: loaded
            .draft
            .as_ref()
            .map(|draft| ResidentDraft { model: draft.file.info.clone(), memory: draft.memory }),
    })
}
