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
    /// How many tokens each of these texts has.
    Count(Vec<String>),
    /// A text to be generated, with the settings' sampling.
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

#[derive(Debug)]
pub(in crate::core) enum Outcome {
    /// A call has ended that requests may have been waiting for.
    Settled,
    /// Progress of a load, 0 to 1.
    LoadProgress(f32),
    /// The process could not be started, or is of another version.
    StartFailed(ErrorInfo),
    /// A model is loaded.
    Loaded { file: Box<ModelFile>, profile: LoadProfile, memory: MemoryUse },
    /// A model could not be loaded.
    LoadFailed { loading: Box<Loading>, error: ErrorInfo },
    /// A draft model is loaded, or could not be, for the given reason.
    DraftLoaded(Option<Box<ErrorInfo>>),
    /// A model was unloaded, or its worker is being ended because it kept the memory.
    Unloaded,
    /// The token counts that the current request asked for.
    Counted(Vec<u32>),
    /// Part of the current prompt was read, 0 to 1.
    PrefillProgress(f32),
    /// Text for the current request.
    Text(String),
    /// The current text has ended.
    Generated(Box<WorkerGenerateAnswer>),
    /// The current request can't be answered.
    Failed(ErrorInfo),
    /// The worker ended.
    Died(Box<Died>),
    /// The worker ended as it was asked to, by a host that is about to end itself.
    Left,
}

pub(in crate::core) type At = (SlotId, Outcome);
