//! What is done for a request once its model is ready, one file for each kind of work. A job is a
//! small state machine: it is told what has come and says what it wants next. It knows no clients,
//! no workers and no clock.

mod edit;
mod explain;
mod generate;
mod keep_warm;
mod prepare;

use localcoder_assist::{Layout, Limits, Task};
use localcoder_protocol::{
    ErrorInfo, GenerateParams, ModelInfo, Purpose, SamplingParams, Usage, WorkerGenerateAnswer,
};

use super::pool::GenerateCall;
use super::reply::Reply;
use crate::ModelFile;
use edit::EditJob;
use explain::ExplainJob;
use generate::GenerateJob;
use keep_warm::KeepWarmJob;
use prepare::PrepareJob;

/// The model that a job works with.
#[derive(Debug, Clone, Copy)]
pub(super) struct ModelView<'a> {
    pub(super) file: &'a ModelFile,
    /// The window that the worker made.
    pub(super) context_tokens: u32,
}

impl ModelView<'_> {
    fn limits(&self) -> Limits {
        Limits {
            window_tokens: self.context_tokens,
            trained_context_tokens: self.file.info.trained_context_tokens,
        }
    }

    fn info(&self) -> ModelInfo {
        self.file.info.clone()
    }
}

/// What has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a> {
    /// The model is loaded, and the turn is this job's.
    Ready,
    /// The tokens that it asked to be counted.
    Counted(&'a [u32]),
    /// A piece of the text.
    Text(&'a str),
    /// The text has ended.
    Generated(&'a WorkerGenerateAnswer),
}

/// What a job wants next.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing: more will come.
    Wait,
    /// To know how many tokens these have.
    Count(Vec<String>),
    /// A text.
    Generate(Box<GenerateCall>),
    /// The same once more, because what came was of no use.
    Retry { call: Box<GenerateCall>, reason: String },
    /// To show the client a piece of its answer.
    Stream(String),
    /// To tell the client how many lines are written.
    Lines(usize),
    /// To answer, after the last piece.
    Answer(Box<Answer>),
    /// To end without an answer.
    Fail(ErrorInfo),
}

/// The end of a job.
#[derive(Debug)]
pub(super) struct Answer {
    /// What is still to be streamed.
    pub(super) rest: String,
    pub(super) reply: Reply,
    /// Of all attempts together.
    pub(super) usage: Usage,
}

/// See the module.
#[derive(Debug)]
pub(super) enum Job {
    /// Only load the model. It ends when the model is ready and makes no step.
    Warm,
    /// Only compute a little, so that the next answer comes as soon as it can: what was not used
    /// for a while is no longer at hand.
    KeepWarm(KeepWarmJob),
    /// Only read the code.
    Prepare(PrepareJob),
    /// Rewrite code.
    Edit(EditJob),
    /// Write about code.
    Explain(ExplainJob),
    /// Write what a client asks for.
    Generate(GenerateJob),
}

impl Job {
    pub(super) fn keep_warm() -> Self {
        Self::KeepWarm(KeepWarmJob)
    }

    pub(super) fn prepare(task: Task) -> Self {
        Self::Prepare(PrepareJob::new(task))
    }

    pub(super) fn edit(task: Task) -> Self {
        Self::Edit(EditJob::new(task))
    }

    pub(super) fn explain(task: Task) -> Self {
        Self::Explain(ExplainJob::new(task))
    }

    /// `set`: the sampling that the user has set, which counts more than the model's own.
    pub(super) fn generate(params: GenerateParams, set: SamplingParams) -> Self {
        Self::Generate(GenerateJob::new(params, set))
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match self {
            Self::Warm => Step::Wait,
            Self::KeepWarm(job) => job.step(input),
            Self::Prepare(job) => job.step(model, input),
            Self::Edit(job) => job.step(model, input),
            Self::Explain(job) => job.step(model, input),
            Self::Generate(job) => job.step(model, input),
        }
    }

    /// The same from the beginning.
    pub(super) fn again(self) -> Self {
        match self {
            Self::Edit(job) => Self::Edit(job.again()),
            Self::Explain(job) => Self::Explain(job.again()),
            Self::Generate(job) => Self::Generate(job.again()),
            Self::Warm | Self::KeepWarm(_) | Self::Prepare(_) => self,
        }
    }

    pub(super) fn is_warm(&self) -> bool {
        matches!(self, Self::Warm)
    }

    /// Whether it gives way to every other job and is of no interest to a user.
    pub(super) fn is_ahead_of_need(&self) -> bool {
        matches!(self, Self::Prepare(_) | Self::KeepWarm(_))
    }

    /// Whether it reads code behind what all prompts begin with.
    pub(super) fn reads_code(&self) -> bool {
        matches!(self, Self::Prepare(_) | Self::Edit(_) | Self::Explain(_))
    }

    /// Whether the client has been shown a part of its answer.
    pub(super) fn has_shown(&self) -> bool {
        match self {
            Self::Explain(job) => job.has_shown(),
            Self::Generate(job) => job.has_shown(),
            Self::Warm | Self::KeepWarm(_) | Self::Prepare(_) | Self::Edit(_) => false,
        }
    }
}

/// A task's prompt as a call.
fn layout_call(layout: &Layout, purpose: Purpose) -> Box<GenerateCall> {
    Box::new(GenerateCall {
        purpose,
        prompt: layout.worker_prompt(),
        sampling: SamplingParams::default(),
        max_tokens: layout.max_tokens,
        stop: layout.stop.clone(),
        draft: layout.draft.clone(),
    })
}

/// Of several attempts together.
fn add_usage(all: &mut Usage, one: Usage) {
    all.prompt_tokens += one.prompt_tokens;
    all.cached_tokens += one.cached_tokens;
    all.generated_tokens += one.generated_tokens;
    all.prefill_ms += one.prefill_ms;
    all.decode_ms += one.decode_ms;
    all.rounds += one.rounds;
    all.drafted_tokens += one.drafted_tokens;
    all.accepted_tokens += one.accepted_tokens;
}
