//! How long a model stays in memory, and how it is kept quick: unloaded when it is not used or
//! when memory runs short, loaded ahead and touched where that is wanted. A model at work is
//! never taken away.

use localcoder_settings::{Mode, Settings};

use crate::core::pool::{Engine, PoolView, SlotId};

/// A model that was not used for this long may be paged out: macOS lets go of what a GPU had
/// after three minutes, and pages may be swapped out.
const COLD_AFTER_MS: u64 = 120_000;

/// Memory that was not used for this long can be given up: the system looks at ten seconds, and
/// this host each second one.
const RELIEF_MS: u64 = 15_000;

/// Why nothing is loaded any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unloaded {
    /// This many minutes without a request.
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

/// What the system says, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Residency {
    /// Whether the system saves power.
    pub(super) saves_power: bool,
    /// Whether memory runs short.
    pub(super) short_of_memory: bool,
    /// Why nothing is loaded any more.
    pub(super) unloaded: Option<Unloaded>,
    /// Until when it is to be seen whether it was enough that draft models went.
    waits_until_ms: u64,
}

impl Residency {
    /// Whether anything is done that no client has asked for yet.
    pub(super) fn works_ahead(&self, settings: &Settings) -> bool {
        settings.mode == Mode::Performance && !self.saves_power && !self.short_of_memory
    }

    /// Draft models have given their memory back because it ran short.
    pub(super) fn draft_went(&mut self, now_ms: u64) {
        self.waits_until_ms = now_ms + RELIEF_MS;
    }

    /// When a model is to be unloaded next; `wanted` are those that requests are on their way to.
    pub(super) fn deadline_ms(
        &self,
        settings: &Settings,
        pool: PoolView<'_>,
        wanted: impl Fn(SlotId) -> bool,
    ) -> Option<u64> {
        let idle = settings.idle_unload_ms();
        let unused = pool.engines().filter(|(slot, engine)| is_unused(engine) && !wanted(*slot));
        let due = |(_, engine): (SlotId, &Engine)| {
            let pressed = self.short_of_memory.then_some(self.waits_until_ms);
            let idle = idle.map(|idle| engine.used_ms() + idle);
            pressed.into_iter().chain(idle).min()
        };
        unused.filter_map(due).min()
    }

    /// A model that is to be unloaded now, and why.
    pub(super) fn unneeded(
        &self,
        now_ms: u64,
        settings: &Settings,
        pool: PoolView<'_>,
        wanted: impl Fn(SlotId) -> bool,
    ) -> Option<(SlotId, Unloaded)> {
        let idle = settings.idle_unload_ms();
        let mut unused =
            pool.engines().filter(|(slot, engine)| is_unused(engine) && !wanted(*slot));
        unused.find_map(|(slot, engine)| {
            let due = idle.filter(|idle| now_ms >= engine.used_ms() + idle);
            match due {
                _ if self.short_of_memory && now_ms >= self.waits_until_ms => {
                    Some((slot, Unloaded::Pressure))
                }
                Some(idle) => Some((slot, Unloaded::Unused(idle / 60_000))),
                None => None,
            }
        })
    }
}

/// Whether a model is loaded with which nothing is done.
pub(super) fn is_unused(engine: &Engine) -> bool {
    engine.loaded().is_some() && engine.is_idle()
}

/// Whether a loaded model was not used for so long that it may be paged out.
pub(super) fn is_cold(engine: &Engine, now_ms: u64) -> bool {
    now_ms >= engine.used_ms() + COLD_AFTER_MS
}
