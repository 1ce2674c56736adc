//! What comes of the pool's work, as values for the schedule.

use localcoder_protocol::{
    BlockEnd, ErrorInfo, LoadProfile, MemoryUse, Purpose, SamplingParams, WorkerGenerateAnswer,
    WorkerPrompt, WorkerSampling,
};

use super::engine::Loading;
use super::slot::SlotId;
use crate::ModelFile;
use crate::core::errors::Doing;

/// What the schedule asks a loaded model.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core) enum Question {
    /// How many tokens each of these has.
    Count(Vec<String>),
    /// A text, and how freely its words are chosen.
    Generate(Box<GenerateCall>, WorkerSampling),
}

/// A text to be written.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::core) struct GenerateCall {
    pub(in crate::core) purpose: Purpose,
    pub(in crate::core) prompt: WorkerPrompt,
    /// The settings' values where absent, and a seed of the host's.
    pub(in crate::core) sampling: SamplingParams,
    pub(in crate::core) max_tokens: u32,
    pub(in crate::core) stop: Vec<String>,
    pub(in crate::core) draft: String,
    pub(in crate::core) block_end: Option<BlockEnd>,
}

/// A worker that has ended without having been told to.
#[derive(Debug)]
pub(in crate::core) struct Died {
    pub(in crate::core) doing: Doing,
    /// The model that was loaded.
    pub(in crate::core) lost: Option<(ModelFile, LoadProfile)>,
    /// Whether another drafted for it, or was about to.
    pub(in crate::core) had_draft: bool,
    /// The model that was being loaded.
    pub(in crate::core) loading: Option<Loading>,
    /// In words for whoever waits for it.
    pub(in crate::core) error: ErrorInfo,
    /// Whether another is started in its place.
    pub(in crate::core) restarts: bool,
    /// Crashes of late of what was run in the way it was run, this one among them.
    pub(in crate::core) recent_crashes: usize,
}

/// See the module. Each belongs to a place of the pool.
#[derive(Debug)]
pub(in crate::core) enum Outcome {
    /// Something has ended that others may have waited for.
    Settled,
    /// How far something is; nothing else has changed.
    LoadProgress(f32),
    /// The process could not be started, or is of another version.
    StartFailed(ErrorInfo),
    /// A model is loaded.
    Loaded { file: Box<ModelFile>, profile: LoadProfile, memory: MemoryUse },
    /// A model could not be loaded.
    LoadFailed { loading: Box<Loading>, error: ErrorInfo },
    /// A draft model is loaded, or why it could not be.
    DraftLoaded(Option<Box<ErrorInfo>>),
    /// A model has given its memory back, or its worker is ended for not doing so.
    Unloaded,
    /// Tokens that the current request has asked to be counted.
    Counted(Vec<u32>),
    /// Part of the current prompt was read, 0 to 1.
    PrefillProgress(f32),
    /// Text for the current request.
    Text(String),
    /// The current text has ended.
    Generated(Box<WorkerGenerateAnswer>),
    /// The current request can't be answered.
    Failed(ErrorInfo),
    /// The worker has ended.
    Died(Box<Died>),
    /// The worker has ended as it was told when the host was about to end.
    Left,
}

/// An outcome and where.
pub(in crate::core) type At = (SlotId, Outcome);
