//! The results of the pool's work, as values for the schedule.

use localcoder_protocol::{
    BlockEnd, ErrorInfo, LoadProfile, MemoryUse, Purpose, SamplingParams, WorkerGenerateAnswer,
    WorkerPrompt, WorkerSampling,
};

use super::engine::Loading;
use super::slot::SlotId;
use crate::ModelFile;
use crate::core::errors::Doing;

#[derive(Debug, Clone, PartialEq)]
pub(in crate::core) enum Question {
    Count(Vec<String>),
    Generate(Box<GenerateCall>, WorkerSampling),
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::core) struct GenerateCall {
    pub(in crate::core) purpose: Purpose,
    pub(in crate::core) prompt: WorkerPrompt,
    /// The request's own values; the settings apply where they are absent, and the host adds a
    /// seed.
    pub(in crate::core) sampling: SamplingParams,
    pub(in crate::core) max_tokens: u32,
    pub(in crate::core) stop: Vec<String>,
    pub(in crate::core) draft: String,
    pub(in crate::core) block_end: Option<BlockEnd>,
}

#[derive(Debug)]
pub(in crate::core) struct Died {
    pub(in crate::core) doing: Doing,
    pub(in crate::core) lost: Option<(ModelFile, LoadProfile)>,
    /// Whether a draft model was loaded in it, or about to be.
    pub(in crate::core) had_draft: bool,
    pub(in crate::core) loading: Option<Loading>,
    /// The error for the requests that wait for this worker.
    pub(in crate::core) error: ErrorInfo,
    /// Whether another worker is started in its place.
    pub(in crate::core) restarts: bool,
    /// Recent crashes of this model when run in this way, including this one.
    pub(in crate::core) recent_crashes: usize,
}

/// What happened in a slot of the pool, for the schedule. `Settled` is a call that has ended and
/// for which a request may have waited, without anything else to say; `Unloaded` also comes where
/// the worker is being ended because it kept the memory; `DraftLoaded` holds the error if there was
/// one; `Text`, `Counted`, `Generated` and `Failed` are of the current call only; `Left` is an end
/// that the host wanted. Fractions are from 0 to 1.
#[derive(Debug)]
pub(in crate::core) enum Outcome {
    Settled,
    LoadProgress(f32),
    StartFailed(ErrorInfo),
    Loaded { file: Box<ModelFile>, profile: LoadProfile, memory: MemoryUse },
    LoadFailed { loading: Box<Loading>, error: ErrorInfo },
    DraftLoaded(Option<Box<ErrorInfo>>),
    Unloaded,
    Counted(Vec<u32>),
    PrefillProgress(f32),
    Text(String),
    Generated(Box<WorkerGenerateAnswer>),
    Failed(ErrorInfo),
    Died(Box<Died>),
    Left,
}

pub(in crate::core) type At = (SlotId, Outcome);
