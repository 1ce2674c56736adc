//! What all prompts begin with: its state is kept when it was computed once, and a worker that
//! has just loaded the same model begins with it. Only the product's own words are in it, never
//! the user's code.

use localcoder_assist::beginning;
use localcoder_protocol::{
    ChatMessage, ErrorInfo, PrefixAnswer, RestorePrefix, RestorePrefixParams, Role, SavePrefix,
    SavePrefixParams, WorkerPrompt,
};
use serde_json::Value;

use super::Host;
use super::engine::Call;
use super::event::Effect;
use super::slots::SlotId;

/// How far the loaded model is with it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Not asked for: no model, or nothing more to do.
    #[default]
    Done,
    /// The shell looks for it; the key.
    Looking(String),
    /// The worker takes it over; the key.
    Restoring(String),
    /// There is none: to be saved after the next answer. The key.
    Missing(String),
    /// The worker writes it; the key.
    Saving(String),
}

impl Prefix {
    /// Whether a job waits for it. Both take milliseconds.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Self::Looking(_) | Self::Restoring(_))
    }
}

impl Host {
    /// Looks for the state that belongs to the model that was just loaded.
    pub(super) fn look_for_prefix(&mut self, slot: SlotId) {
        let place = &self.slots[slot];
        let (Some(loaded), Some((_, engine))) = (&place.loaded, place.worker()) else { return };
        // All that the numbers of a state depend on, and what it says.
        let file = &loaded.file;
        let (written, bytes) = (file.written(), file.info.size_bytes);
        let key = format!(
            "{engine}|{:?}|{:?}|{}|{}|{bytes}|{written:?}|{:?}",
            loaded.profile.kv,
            loaded.profile.gpu_layers,
            loaded.device,
            file.path.display(),
            prompt(),
        );
        let generation = place.generation;
        self.effects.push(Effect::FindPrefix { generation, key: key.clone() });
        self.slots[slot].prefix = Prefix::Looking(key);
    }

    /// The shell has put it into the exchange file, or there is none.
    pub(super) fn prefix_found(&mut self, generation: u64, key: &str, bytes: Option<u64>) {
        let Some(slot) = self.slots.of_generation(generation) else { return };
        if !matches!(&self.slots[slot].prefix, Prefix::Looking(wanted) if wanted == key) {
            return;
        }
        self.slots[slot].prefix = match bytes {
            Some(bytes) => {
                let params = RestorePrefixParams { prompt: prompt(), bytes };
                self.call_worker::<RestorePrefix>(slot, Call::RestorePrefix, &params);
                Prefix::Restoring(key.to_owned())
            }
            None => Prefix::Missing(key.to_owned()),
        };
    }

    pub(super) fn prefix_restored(&mut self, slot: SlotId, result: Result<Value, ErrorInfo>) {
        let Prefix::Restoring(key) = std::mem::take(&mut self.slots[slot].prefix) else { return };
        match tokens(result) {
            Some(PrefixAnswer { tokens: 1.., .. }) => {}
            // It is of another vocabulary or template than was thought: another is kept.
            _ => self.slots[slot].prefix = Prefix::Missing(key),
        }
    }

    /// After an answer the beginning is in the cache of the worker: it is kept if there was none.
    pub(super) fn save_prefix(&mut self, slot: SlotId) {
        if let Prefix::Missing(key) = &self.slots[slot].prefix {
            self.slots[slot].prefix = Prefix::Saving(key.clone());
            let params = SavePrefixParams { prompt: prompt() };
            self.call_worker::<SavePrefix>(slot, Call::SavePrefix, &params);
        }
    }

    pub(super) fn prefix_saved(&mut self, slot: SlotId, result: Result<Value, ErrorInfo>) {
        let Prefix::Saving(key) = std::mem::take(&mut self.slots[slot].prefix) else { return };
        if let Some(PrefixAnswer { tokens: 1.., bytes, .. }) = tokens(result) {
            let generation = self.slots[slot].generation;
            self.effects.push(Effect::KeepPrefix { generation, key, bytes });
        }
    }
}

/// A worker without a file to exchange states in answers with an error: then there are none.
fn tokens(result: Result<Value, ErrorInfo>) -> Option<PrefixAnswer> {
    serde_json::from_value(result.ok()?).ok()
}

pub(super) fn prompt() -> WorkerPrompt {
    let (system, user) = beginning();
    let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
    WorkerPrompt::Chat {
        messages: vec![message(Role::System, system), message(Role::User, user)],
        prefill: String::new(),
    }
}
