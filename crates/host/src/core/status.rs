//! What the host says of itself: to `status`, and to clients that asked to be told of changes.

use localcoder_protocol::{
    BUILD_ID, EngineState, HostStatus, KvStorage, LoadProfile, PROTOCOL_VERSION, Resident,
    StatusChanged, WorkerStatus,
};
use localcoder_transport::Message;

use super::Host;
use super::engine::{Engine, Loaded};
use super::event::{ClientId, Effect};
use super::fit;
use super::job::{Job, Step};
use super::slots::{SlotId, Slots};
use super::waiting;

/// Changes are told at most this often.
const STATUS_EVERY_MS: u64 = 100;

impl Host {
    pub(super) fn status(&self) -> HostStatus {
        let slot = self.slot_in_use();
        let engine = &self.slots[slot];
        let loaded = engine.loaded.as_ref();
        HostStatus {
            protocol_version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
            pid: self.config.pid,
            uptime_ms: self.now_ms - self.started_ms.unwrap_or(self.now_ms),
            clients: u32::try_from(self.clients.len()).unwrap_or(u32::MAX),
            requests: u32::try_from(self.wanted_jobs().count()).unwrap_or(u32::MAX),
            engine: self.engine_state(),
            model: loaded.map(|loaded| loaded.file.info.clone()),
            worker: engine.worker().map(|(pid, llama_build)| WorkerStatus {
                pid,
                generation: self.slots.generations(),
                llama_build: llama_build.to_owned(),
                device: loaded.map_or_else(String::new, |loaded| loaded.device.clone()),
            }),
            context_tokens: loaded.map(|loaded| loaded.context_tokens),
            held_tokens: loaded.map(|loaded| loaded.held_tokens),
            memory: loaded.map(|loaded| loaded.memory),
            speed: loaded.and_then(|loaded| loaded.speed),
            profile: self.settings.profile.name.clone(),
            residents: self.residents(),
            free_bytes: self.free_bytes,
            devices: self.devices.clone(),
            notes: self.notes(loaded),
        }
    }

    /// The place that a user means: where something is done, else where something comes, else the
    /// model for code, else what was used last.
    fn slot_in_use(&self) -> SlotId {
        let works = self.active.as_ref().and_then(|job| job.slot);
        let comes = || self.slots.iter().find(|(_, engine)| engine.loading.is_some());
        works.or_else(|| comes().map(|(slot, _)| slot)).unwrap_or_else(|| {
            let wanted = self.settings.code_models();
            let is_wanted = |loaded: &Loaded| wanted.contains(&loaded.file.info.reference);
            let by_use = |slot: &SlotId| {
                let engine = &self.slots[*slot];
                let loaded = engine.loaded.as_ref();
                (
                    loaded.is_some_and(is_wanted),
                    loaded.is_some(),
                    engine.worker().is_some(),
                    engine.used_ms,
                )
            };
            // Of equals the first.
            Slots::ids().rev().max_by_key(by_use).unwrap_or_default()
        })
    }

    fn residents(&self) -> Vec<Resident> {
        let resident = |engine: &Engine| {
            let loaded = engine.loaded.as_ref()?;
            Some(Resident {
                model: loaded.file.info.clone(),
                context_tokens: loaded.context_tokens,
                memory: loaded.memory,
                device: loaded.device.clone(),
                pid: engine.worker()?.0,
            })
        };
        self.slots.iter().filter_map(|(_, engine)| resident(engine)).collect()
    }

    /// Settings that could not be read when they were needed.
    fn unread_settings(&self) -> impl Iterator<Item = String> {
        let files = [&self.config.file_settings, &self.editor_settings];
        files.into_iter().filter_map(|contents| contents.problem.as_ref()).map(|problem| {
            format!("{problem}: nothing in it is used, and `localcoder.airGapped` counts as on")
        })
    }

    /// What is otherwise than was set.
    fn notes(&self, loaded: Option<&Loaded>) -> Vec<String> {
        let mut notes: Vec<String> = self.unread_settings().collect();
        notes.extend(self.gpu_note().into_iter().chain(self.suspect_note()));
        notes.extend(self.ladder_notes());
        let Some(loaded) = loaded else {
            notes.extend(self.unloaded.map(|why| format!("the model was {}", why.text())));
            return notes;
        };
        let reference = &loaded.file.info.reference;
        let (wanted, profile) = (self.settings.code_models(), &self.settings.profile.name);
        if wanted.iter().skip(1).any(|it| it == reference) {
            let first = &wanted[0];
            notes.push(format!(
                "`{first}` of the profile `{profile}` is not installed, so `{reference}` is used"
            ));
        }
        let mut wanted = LoadProfile {
            batch_tokens: waiting::batch_tokens(self.settings.mode),
            kv: KvStorage::F16,
            ..loaded.profile
        };
        // That much is told already.
        self.ladder.lower(&loaded.file.path, &mut wanted, &mut 0);
        let lowered = fit::lowered(&loaded.profile, &wanted);
        if !lowered.is_empty() {
            notes.push(format!("for all of it there was no room, so {}", lowered.join(", and ")));
        }
        let (least, most) = (self.settings.context_tokens, self.settings.context_tokens_most);
        let (window, trained) = (loaded.context_tokens, loaded.file.info.trained_context_tokens);
        if window < least && window >= trained {
            notes
                .push(format!("the window has {window} tokens: the model was trained for no more"));
        } else if window >= least && window < most && window < trained {
            notes.push(format!(
                "the window has {window} of up to {most} tokens: for more there was no room"
            ));
        }
        notes
    }

    /// What users wait for.
    fn wanted_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs().filter(|job| job.client.is_some() && !job.is_preparation())
    }

    fn engine_state(&self) -> EngineState {
        let step = self.active.as_ref().filter(|job| !job.is_preparation()).map(|job| job.step);
        let engines = || self.slots.iter().map(|(_, engine)| engine);
        let works = matches!(step, Some(Step::NeedsModel | Step::Counting | Step::Generating));
        if engines().any(|engine| engine.life.is_unresponsive(self.now_ms)) {
            EngineState::Unresponsive
        } else if works {
            EngineState::Working
        } else if let Some(fraction) = engines().find_map(Engine::loading_fraction) {
            EngineState::Loading { fraction }
        } else if engines().any(|engine| engine.is_starting() || engine.restarts_soon()) {
            // After a crash too: its request was told, and all is under way again.
            EngineState::Starting
        } else if let Some(error) = &self.failed {
            EngineState::Failed { error: error.clone() }
        } else if engines().any(|engine| engine.loaded.is_some()) {
            EngineState::Ready
        } else {
            EngineState::Idle
        }
    }

    pub(super) fn status_deadline_ms(&self) -> Option<u64> {
        self.status_dirty.then_some(self.status_sent_ms + STATUS_EVERY_MS)
    }

    /// Tells what has changed, where it is time.
    pub(super) fn flush_status(&mut self) {
        let status = self.status();
        // What is free changes all the time and interests only together with the rest.
        let told = HostStatus { uptime_ms: 0, free_bytes: None, ..status.clone() };
        self.status_dirty |= self.status_told.as_ref() != Some(&told);
        if !self.status_dirty || self.now_ms < self.status_sent_ms + STATUS_EVERY_MS {
            return;
        }
        self.status_dirty = false;
        self.status_sent_ms = self.now_ms;
        self.status_told = Some(told);
        let wanting: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, client)| client.wants_status)
            .map(|(id, _)| *id)
            .collect();
        for client in wanting {
            let message = Message::notification::<StatusChanged>(&status);
            self.effects.push(Effect::Send(client, message));
        }
    }
}
