//! The slots for workers, each with at most one model.

/// Models that may be loaded at once: one for code and one for everything else.
pub(in crate::core) const SLOTS: usize = 2;

pub(in crate::core) type SlotId = usize;
