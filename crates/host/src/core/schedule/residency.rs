//! How long a model stays in memory, and how it is kept fast: it is unloaded when it is not used or
//! when memory runs short, and loaded and touched ahead if that is wanted. A model in use is never
//! taken away.

use localcoder_settings::{Mode, Settings};

use crate::core::pool::{Engine, PoolView, SlotId};

/// A model that was not used for this long may be paged out: macOS releases GPU memory after three
/// minutes, and pages may be swapped out.
const COLD_AFTER_MS: u64 = 120_000;

/// How long after draft models were unloaded to wait for the effect: the system averages over ten
/// seconds, and this host checks every other second.
const RELIEF_MS: u64 = 15_000;

/// Why the last model was unloaded; the status says so until one is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unloaded {
    Unused(u64),
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

#[derive(Debug, Default)]
pub(super) struct Residency {
    pub(super) saves_power: bool,
    pub(super) short_of_memory: bool,
    pub(super) unloaded: Option<Unloaded>,
    waits_until_ms: u64,
}

impl Residency {
    pub(super) fn works_ahead(&self, settings: &Settings) -> bool {
        settings.mode == Mode::Performance && !self.saves_power && !self.short_of_memory
    }

    pub(super) fn draft_went(&mut self, now_ms: u64) {
        self.waits_until_ms = now_ms + RELIEF_MS;
    }

    pub(super) fn deadline_ms(
        &self,
        settings: &Settings,
        pool: PoolView<'_>,
        wanted: impl Fn(SlotId) -> bool,
    ) -> Option<u64> {
        let idle = settings.idle_unload_ms();
        // A model that a request waits for is in use, though nothing is computed with it yet.
        let unused = pool.engines().filter(|(slot, engine)| is_unused(engine) && !wanted(*slot));
        let due = |(_, engine): (SlotId, &Engine)| {
            let pressed = self.short_of_memory.then_some(self.waits_until_ms);
            let idle = idle.map(|idle| engine.used_ms() + idle);
            pressed.into_iter().chain(idle).min()
        };
        unused.filter_map(due).min()
    }

    /// A model that must be unloaded now, and why.
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
                // Short memory comes before the idle time: it is the reason that the user should
                // see where both hold.
                _ if self.short_of_memory && now_ms >= self.waits_until_ms => {
                    Some((slot, Unloaded::Pressure))
                }
                Some(idle) => Some((slot, Unloaded::Unused(idle / 60_000))),
                None => None,
            }
        })
    }
}

pub(super) fn is_unused(engine: &Engine) -> bool {
    engine.loaded().is_some() && engine.is_idle()
}

pub(super) fn is_cold(engine: &Engine, now_ms: u64) -> bool {
    now_ms >= engine.used_ms() + COLD_AFTER_MS
}
