//! The pool as the schedule sees it: what is in each slot, and what may be tried. Read-only.

use localcoder_protocol::{Device, LoadProfile};

use super::budget::{Budgets, Run};
use super::engine::Engine;
use super::slot::{SLOTS, SlotId};
use crate::ModelFile;

#[derive(Debug, Clone, Copy)]
pub(in crate::core) struct PoolView<'a> {
    pub(super) engines: &'a [Engine; SLOTS],
    pub(super) budgets: &'a Budgets,
    pub(super) devices: &'a [Device],
    pub(super) now_ms: u64,
}

impl<'a> PoolView<'a> {
    pub(in crate::core) fn engines(&self) -> impl DoubleEndedIterator<Item = (SlotId, &'a Engine)> {
        self.engines.iter().enumerate()
    }

    pub(in crate::core) fn engine(&self, slot: SlotId) -> &'a Engine {
        &self.engines[slot]
    }

    pub(in crate::core) fn devices(&self) -> &'a [Device] {
        self.devices
    }

    /// The GPU that a load with this profile uses; `None` if it uses none or the devices are not
    /// known yet.
    pub(in crate::core) fn gpu_of(&self, profile: &LoadProfile) -> Option<&'a Device> {
        let wants = profile.gpu_layers != Some(0);
        self.devices.iter().find(|device| wants && device.gpu)
    }

    pub(in crate::core) fn left_alone_until(
        &self,
        file: &ModelFile,
        profile: &LoadProfile,
    ) -> Option<u64> {
        let until = |run: &Run| self.budgets.spent_until(run, self.now_ms);
        until(&Run::of(file, profile)).max(until(&Run::default()))
    }

    pub(in crate::core) fn recent_crashes(&self, file: &ModelFile, profile: &LoadProfile) -> usize {
        self.budgets.recent(&Run::of(file, profile), self.now_ms)
    }
}
