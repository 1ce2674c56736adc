//! One slot of the pool: a worker and the model in it. Everyone may read it through the methods
//! here; only the pool changes it.

use std::collections::BTreeMap;

use localcoder_protocol::{Confined, LoadProfile, MemoryUse};

use super::lifecycle::{Lifecycle, Phase};
use super::prefix::Prefix;
use crate::ModelFile;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) pid: u32,
    pub(super) llama_build: String,
    pub(super) confined: Confined,
}

#[derive(Debug, Clone)]
pub(in crate::core) struct Loaded {
    pub(in crate::core) file: ModelFile,
    pub(in crate::core) profile: LoadProfile,
    pub(in crate::core) context_tokens: u32,
    pub(in crate::core) memory: MemoryUse,
    pub(in crate::core) held_tokens: u32,
    pub(in crate::core) device: String,
    /// Whether it must be loaded with another profile before its next use.
    pub(in crate::core) outdated: bool,
    pub(in crate::core) draft: Option<Drafting>,
}

impl Loaded {
    pub(in crate::core) fn all_memory(&self) -> MemoryUse {
        let draft = self.draft.as_ref().map_or(MemoryUse::NONE, |draft| draft.memory);
        MemoryUse {
            weights_bytes: self.memory.weights_bytes.saturating_add(draft.weights_bytes),
            kv_bytes: self.memory.kv_bytes.saturating_add(draft.kv_bytes),
            compute_bytes: self.memory.compute_bytes.saturating_add(draft.compute_bytes),
        }
    }
}

#[derive(Debug, Clone)]
pub(in crate::core) struct Drafting {
    pub(in crate::core) file: ModelFile,
    pub(in crate::core) memory: MemoryUse,
}

#[derive(Debug, Clone)]
pub(in crate::core) struct Loading {
    pub(in crate::core) file: ModelFile,
    pub(in crate::core) profile: LoadProfile,
    pub(in crate::core) fraction: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Hello,
    Devices,
    Load,
    LoadDraft,
    UnloadDraft,
    Unload,
    RestorePrefix,
    SavePrefix,
    Count,
    Generate,
    Cancel,
}

impl Call {
    pub(super) fn is_for_a_job(self) -> bool {
        matches!(self, Self::Count | Self::Generate)
    }
}

#[derive(Debug, Default)]
pub(in crate::core) struct Engine {
    /// Number of the incarnation that runs, or of the last one.
    pub(super) generation: u64,
    pub(super) life: Lifecycle,
    pub(super) greeting: Option<Greeting>,
    pub(super) loaded: Option<Loaded>,
    pub(super) loading: Option<Loading>,
    /// Calls that the worker has not answered, by their numbers.
    pub(super) calls: BTreeMap<i64, Call>,
    pub(super) prefix: Prefix,
    pub(super) coming_draft: Option<ModelFile>,
    /// When the model was last used, or else loaded.
    pub(super) used_ms: u64,
    /// When the worker may be started again after a crash.
    pub(super) restart_at_ms: Option<u64>,
    /// The call for the request that is being worked on; `None` as soon as it is cancelled.
    pub(super) current: Option<i64>,
    pub(super) cancelled: Option<i64>,
}

impl Engine {
    pub(in crate::core) fn phase(&self) -> Phase {
        self.life.phase()
    }

    pub(in crate::core) fn loaded(&self) -> Option<&Loaded> {
        self.loaded.as_ref()
    }

    pub(in crate::core) fn loading(&self) -> Option<&Loading> {
        self.loading.as_ref()
    }

    /// Process id and llama.cpp version of a worker that has said hello.
    pub(in crate::core) fn worker(&self) -> Option<(u32, &str)> {
        let Greeting { pid, llama_build, .. } = self.greeting.as_ref()?;
        Some((*pid, llama_build))
    }

    pub(in crate::core) fn confined(&self) -> Confined {
        self.greeting.as_ref().map(|it| it.confined.clone()).unwrap_or_default()
    }

    pub(in crate::core) fn used_ms(&self) -> u64 {
        self.used_ms
    }

    pub(in crate::core) fn is_running(&self) -> bool {
        self.life.phase() != Phase::Dead
    }

    pub(in crate::core) fn is_starting(&self) -> bool {
        matches!(self.life.phase(), Phase::Spawning | Phase::Handshake)
    }

    /// Whether a crash was counted and the next start only waits for its time. The schedule does
    /// not start a worker meanwhile, since that would skip the pause.
    pub(in crate::core) fn restarts_soon(&self) -> bool {
        self.life.phase() == Phase::Dead && self.restart_at_ms.is_some()
    }

    pub(in crate::core) fn is_unresponsive(&self, now_ms: u64) -> bool {
        self.life.is_unresponsive(now_ms)
    }

    /// Whether a request has to wait though the model is ready: for the end of a cancelled call, or
    /// for the kept state of the prompts' common beginning.
    pub(in crate::core) fn settles(&self) -> bool {
        self.cancelled.is_some() || self.prefix.is_awaited()
    }

    /// Whether the worker has not yet reported its devices: they decide what a failed load means,
    /// so no load begins before.
    pub(in crate::core) fn awaits_devices(&self) -> bool {
        self.awaits(&[Call::Devices])
    }

    pub(in crate::core) fn is_unloading(&self) -> bool {
        self.awaits(&[Call::Unload])
    }

    /// Whether a draft model is being loaded or unloaded: until then, how much memory is in use may
    /// change.
    pub(in crate::core) fn changes_draft(&self) -> bool {
        self.awaits(&[Call::LoadDraft, Call::UnloadDraft])
    }

    /// Whether nothing is being computed, loaded or unloaded in it.
    pub(in crate::core) fn is_idle(&self) -> bool {
        use Call::{
            Count, Generate, Load, LoadDraft, RestorePrefix, SavePrefix, Unload, UnloadDraft,
        };
        self.life.phase() == Phase::Ready
            && !self.settles()
            && !self.awaits(&[Count, Generate, Load, Unload, RestorePrefix, SavePrefix])
            && !self.awaits(&[LoadDraft, UnloadDraft])
    }

    fn awaits(&self, wanted: &[Call]) -> bool {
        self.calls.values().any(|call| wanted.contains(call))
    }

    pub(super) fn running_generation(&self) -> Option<u64> {
        self.is_running().then_some(self.generation)
    }

    pub(super) fn deadline_ms(&self, seen_ms: u64) -> Option<u64> {
        self.life.deadline_ms(seen_ms).into_iter().chain(self.restart_at_ms).min()
    }
}
