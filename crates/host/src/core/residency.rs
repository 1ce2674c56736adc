//! How long a model stays in memory, and how it is kept quick: unloaded when it is not used or
//! when memory runs short, loaded ahead and touched where that is wanted. A model at work is
//! never taken away.

use localcoder_protocol::UnloadAnswer;

use super::Host;
use super::job::Work;
use super::slots::{SlotId, Slots};

/// A model that was not used for so long is no longer at hand: macOS lets go of what a GPU had
/// after three minutes, and pages may be swapped out.
const REARM_AFTER_MS: u64 = 120_000;

/// Why nothing is loaded any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unloaded {
    /// So many minutes without a request.
    Unused(u64),
    /// Others needed the memory.
    Pressure,
}

impl Unloaded {
    pub(super) fn text(self) -> String {
        match self {
            Self::Unused(1) => "unloaded after a minute without a request".to_owned(),
            Self::Unused(minutes) => format!("unloaded after {minutes} minutes without a request"),
            Self::Pressure => {
                "unloaded because memory ran short; the next request loads it again".to_owned()
            }
        }
    }
}

impl Host {
    fn is_unused(&self, slot: SlotId) -> bool {
        let engine = &self.slots[slot];
        engine.loaded.is_some() && engine.is_idle() && self.jobs().all(|job| job.slot != Some(slot))
    }

    /// When a model is to be unloaded next.
    pub(super) fn residency_deadline_ms(&self) -> Option<u64> {
        let idle = self.settings.idle_unload_ms()?;
        let unused = Slots::ids().filter(|slot| self.is_unused(*slot));
        unused.map(|slot| self.slots[slot].used_ms + idle).min()
    }

    /// Called at every event: unloads what is not used, and all where memory runs short.
    pub(super) fn unload_unused(&mut self) {
        let idle = self.settings.idle_unload_ms();
        for slot in Slots::ids().filter(|slot| self.is_unused(*slot)).collect::<Vec<_>>() {
            let due = idle.filter(|idle| self.now_ms >= self.slots[slot].used_ms + idle);
            let why = match due {
                _ if self.short_of_memory => Unloaded::Pressure,
                Some(idle) => Unloaded::Unused(idle / 60_000),
                None => continue,
            };
            self.unload_model(slot);
            self.unloaded = Some(why);
        }
    }

    /// Somebody wants the memory or the file of a model.
    pub(super) fn unload(&mut self, model: &str) -> UnloadAnswer {
        let is_it = |slot: &SlotId| {
            self.slots[*slot].loaded.as_ref().is_some_and(|loaded| {
                loaded.file.info.reference == model || loaded.file.path.as_os_str() == model
            })
        };
        let slots: Vec<SlotId> = Slots::ids().filter(is_it).collect();
        let unloaded = slots.iter().all(|slot| self.is_unused(*slot));
        if unloaded {
            for slot in slots {
                self.unload_model(slot);
            }
        }
        UnloadAnswer { unloaded }
    }

    /// The machine was asleep: what was at hand may not be any more.
    pub(super) fn woke(&mut self) {
        if !self.works_ahead() || self.clients.is_empty() {
            return;
        }
        let loaded = Slots::ids().filter(|slot| self.slots[*slot].loaded.is_some());
        if let Some(slot) = loaded.max_by_key(|slot| self.slots[*slot].used_ms) {
            self.touch(slot);
        }
    }

    /// A model that somebody is about to use is made quick, where it was not used for a while.
    pub(super) fn rearm(&mut self, slot: SlotId) {
        if self.works_ahead() && self.now_ms >= self.slots[slot].used_ms + REARM_AFTER_MS {
            self.touch(slot);
        }
    }

    fn touch(&mut self, slot: SlotId) {
        let Some(loaded) = &self.slots[slot].loaded else { return };
        if self.nobody_waits() {
            let references = vec![loaded.file.info.reference.clone()];
            self.queue_own(references, Work::Rearm);
        }
    }

    /// The settings have changed: the model that is wanted now is loaded while the other still
    /// answers, where one was loaded at all.
    pub(super) fn follow_settings(&mut self) {
        let uses = Slots::ids()
            .any(|slot| self.slots[slot].loaded.is_some() || self.slots[slot].loading.is_some());
        if uses && !self.draining {
            self.queue_own(self.settings.code_models(), Work::Warm);
        }
    }
}
