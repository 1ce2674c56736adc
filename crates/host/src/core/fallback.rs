//! A GPU that fails is replaced by the CPU: once, visibly, and until the user says otherwise by
//! changing `localcoder.acceleration`, also for the next host.

use localcoder_protocol::{ErrorCode, ErrorInfo, LoadProfile};

use super::Host;
use super::errors::Doing;
use super::slots::SlotId;

/// A crash while answering may have other reasons than the GPU; so many within the watch's window
/// have not.
const CRASHES_MAX: usize = 2;

impl Host {
    /// Whether a load that failed is tried again on the CPU.
    pub(super) fn falls_back_to_cpu(&mut self, profile: &LoadProfile, error: &ErrorInfo) -> bool {
        // A bad file is as bad on a CPU.
        let may_help = matches!(error.code, ErrorCode::ModelLoadFailed | ErrorCode::OutOfMemory);
        if !may_help || self.gpu_of(profile).is_none() {
            return false;
        }
        self.gpu_failed(error);
        true
    }

    /// The same for a worker that ended.
    pub(super) fn crash_falls_back(
        &mut self,
        slot: SlotId,
        doing: Doing,
        profile: &LoadProfile,
        error: &ErrorInfo,
    ) -> bool {
        let often = self.slots[slot].crashes_ms.len() >= CRASHES_MAX;
        let may_help = doing == Doing::Loading || (doing == Doing::Answering && often);
        if !may_help || self.gpu_of(profile).is_none() {
            return false;
        }
        self.gpu_failed(error);
        true
    }

    fn gpu_failed(&mut self, error: &ErrorInfo) {
        self.gpu_failure = Some(error.to_string());
        self.failed = None;
        self.knowledge_changed();
        self.look_again();
    }

    /// What is shown of it.
    pub(super) fn gpu_note(&self) -> Option<String> {
        let failure = self.gpu_failure.as_ref()?;
        let device = self.devices.iter().find(|device| device.gpu);
        let name = device.map_or("the GPU", |device| &device.description);
        Some(format!(
            "the CPU computes, because {name} failed ({failure}); changing \
             `localcoder.acceleration` tries it again"
        ))
    }
}
