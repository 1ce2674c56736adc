//! What the host says of itself: to `status`, and to clients that asked to be told of changes.

use localcoder_protocol::{
    BUILD_ID, EngineState, HostStatus, PROTOCOL_VERSION, StatusChanged, WorkerStatus,
};
use localcoder_transport::Message;

use super::Host;
use super::event::{ClientId, Effect};
use super::job::{Job, Step};

/// Changes are told at most this often.
const STATUS_EVERY_MS: u64 = 100;

impl Host {
    pub(super) fn status(&self) -> HostStatus {
        let loaded = self.engine.loaded();
        HostStatus {
            protocol_version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
            pid: self.config.pid,
            uptime_ms: self.now_ms - self.started_ms.unwrap_or(self.now_ms),
            clients: u32::try_from(self.clients.len()).unwrap_or(u32::MAX),
            requests: u32::try_from(self.wanted_jobs().count()).unwrap_or(u32::MAX),
            engine: self.engine_state(),
            model: loaded.map(|loaded| loaded.file.info.clone()),
            worker: self.engine.worker().map(|(pid, llama_build)| WorkerStatus {
                pid,
                generation: self.engine.generation(),
                llama_build: llama_build.to_owned(),
                device: loaded.map_or_else(String::new, |loaded| loaded.device.clone()),
            }),
            context_tokens: loaded.map(|loaded| loaded.context_tokens),
            held_tokens: loaded.map(|loaded| loaded.held_tokens),
            memory: loaded.map(|loaded| loaded.memory),
        }
    }

    /// What users wait for.
    fn wanted_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs().filter(|job| job.client.is_some() && !job.is_preparation())
    }

    fn engine_state(&self) -> EngineState {
        let step = self.active.as_ref().filter(|job| !job.is_preparation()).map(|job| job.step);
        if let Some(fraction) = self.engine.loading_fraction() {
            EngineState::Loading { fraction }
        } else if self.engine.is_starting() || self.engine.restarts_soon() {
            // After a crash too: its request was told, and all is under way again.
            EngineState::Starting
        } else if matches!(step, Some(Step::Counting | Step::Generating)) {
            EngineState::Working
        } else if let Some(error) = &self.engine.failed {
            EngineState::Failed { error: error.clone() }
        } else if self.engine.loaded().is_some() {
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
        let told = HostStatus { uptime_ms: 0, ..status.clone() };
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
