//! The slots for workers, each with at most one model.

pub(in crate::core) const SLOTS: usize = 2;

pub(in crate::core) type SlotId = usize;
