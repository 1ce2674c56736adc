//! A GPU that fails is replaced by the CPU: once, visibly, and until the user says otherwise by
//! changing `localcoder.acceleration`, also for the next host.

use localcoder_protocol::{ErrorCode, ErrorInfo, LoadProfile};

use super::Host;
use super::budget;
use super::errors::Doing;
use crate::ModelFile;

/// A crash while answering may have other reasons than the GPU; so many within the watch's window
/// have not.
const CRASHES_MAX: usize = 2;

impl Host {
    /// Whether a load that failed is tried again on the CPU.
    pub(super) fn falls_back_to_cpu(&mut self, profile: &LoadProfile, error: &ErrorInfo) -> bool {
        // A bad file is as bad on a CPU, and want of memory has a ladder of its own.
        if error.code != ErrorCode::ModelLoadFailed || self.gpu_of(profile).is_none() {
            return false;
        }
        self.gpu_failed(error);
        true
    }

    /// The same for a worker that ended.
    pub(super) fn crash_falls_back(
        &mut self,
        doing: Doing,
        (file, profile): (&ModelFile, &LoadProfile),
        error: &ErrorInfo,
    ) -> bool {
        let key = budget::key(Some((file, profile)));
        let often = self.budgets.recent(&key, self.now_ms) >= CRASHES_MAX;
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
