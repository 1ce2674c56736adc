//! The places for workers, each with at most one model. Calls and generations are counted over
//! all of them, so a number names one thing whichever worker it went to.

use std::ops::{Index, IndexMut};

use super::engine::Engine;

/// Models that may be loaded at once: one for code and one for everything else.
pub(super) const SLOTS: usize = 2;

/// Names a place.
pub(super) type SlotId = usize;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Slots {
    engines: [Engine; SLOTS],
    generations: u64,
    calls: i64,
}

impl Slots {
    pub(super) fn ids() -> std::ops::Range<SlotId> {
        0..SLOTS
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotId, &Engine)> {
        self.engines.iter().enumerate()
    }

    /// The worker of a generation, while it runs.
    pub(super) fn of_generation(&self, generation: u64) -> Option<SlotId> {
        self.iter()
            .find(|(_, engine)| engine.running_generation() == Some(generation))
            .map(|(slot, _)| slot)
    }

    /// Where a call went that is not answered yet.
    pub(super) fn of_call(&self, call: i64) -> Option<SlotId> {
        self.iter().find(|(_, engine)| engine.calls.contains_key(&call)).map(|(slot, _)| slot)
    }

    pub(super) fn new_generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    /// How many workers were started so far.
    pub(super) fn generations(&self) -> u64 {
        self.generations
    }

    pub(super) fn new_call(&mut self) -> i64 {
        self.calls += 1;
        self.calls
    }

    /// The number the next call will have; a generation is named by it.
    pub(super) fn next_call(&self) -> i64 {
        self.calls + 1
    }
}

impl Index<SlotId> for Slots {
    type Output = Engine;

    fn index(&self, slot: SlotId) -> &Engine {
        &self.engines[slot]
    }
}

impl IndexMut<SlotId> for Slots {
    fn index_mut(&mut self, slot: SlotId) -> &mut Engine {
        &mut self.engines[slot]
    }
}
