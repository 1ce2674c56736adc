//! What goes into a job and what comes out of it, one step at a time.

use localcoder_assist::{AssistError, Fill, Held, Layout, Limits, Prompts, SoFar, Task};
use localcoder_protocol::{
    CompleteAnswer, Edit, ErrorInfo, ModelInfo, NextEditAnswer, Purpose, SamplingParams, TestRun,
    Usage, WorkerGenerateAnswer,
};

use crate::ModelFile;
use crate::core::event::ClientId;
use crate::core::pool::GenerateCall;
use crate::core::reply::Reply;
use crate::ledger::Shown;

/// The model that a job works with.
#[derive(Debug, Clone, Copy)]
pub(in crate::core) struct ModelView<'a> {
    pub(in crate::core) file: &'a ModelFile,
    /// The window that the worker made.
    pub(in crate::core) context_tokens: u32,
}

impl ModelView<'_> {
    /// The words for this model.
    pub(super) fn prompts(&self) -> &'static Prompts {
        Prompts::of(&self.file.info)
    }

    fn limits(&self) -> Limits {
        Limits {
            window_tokens: self.context_tokens,
            trained_context_tokens: self.file.info.trained_context_tokens,
        }
    }

    pub(super) fn info(&self) -> ModelInfo {
        self.file.info.clone()
    }
}

/// What has come.
#[derive(Debug, Clone, Copy)]
pub(in crate::core) enum Input<'a> {
    /// The model is loaded, and the turn is this job's.
    Ready,
    /// The tokens that it asked to be counted.
    Counted(&'a [u32]),
    /// A piece of the text.
    Text(&'a str),
    /// The text has ended.
    Generated(&'a WorkerGenerateAnswer),
    /// The user's own test was run on the edit with this number.
    Tried(u32, &'a TestRun),
}

/// What a job wants next.
#[derive(Debug)]
pub(in crate::core) enum Step {
    /// Nothing: more will come.
    Wait,
    /// To know how many tokens these have.
    Count(Vec<String>),
    /// A text.
    Generate(Box<GenerateCall>),
    /// The same once more, because what came was of no use.
    Retry { call: Box<GenerateCall>, reason: String },
    /// To have the client run a test on an edit.
    Try { trial: u32, edits: Vec<Edit>, name: String },
    /// To show the client a piece of its answer.
    Stream(String),
    /// To tell the client how many lines are written, and to show them where there is more to be seen.
    Lines(usize, Option<SoFar>),
    /// To answer, after the last piece.
    Answer(Box<Answer>),
    /// To have a gap filled, and to keep what the prompt had.
    Infill { call: Box<GenerateCall>, owner: ClientId, held: Box<Held> },
    /// To say what came of that.
    Completed(Box<Completed>),
    /// To say which next edit there is, or why there is none.
    Predicted(Box<Predicted>),
    /// To end without an answer.
    Fail(ErrorInfo),
}

/// The end of ghost text.
#[derive(Debug)]
pub(in crate::core) struct Completed {
    pub(in crate::core) fill: Box<Fill>,
    pub(in crate::core) owner: ClientId,
    pub(in crate::core) ahead: bool,
    pub(in crate::core) answer: CompleteAnswer,
    /// Whether the model had no more to write.
    pub(in crate::core) ended: bool,
}

/// The end of a next edit.
#[derive(Debug)]
pub(in crate::core) struct Predicted {
    pub(in crate::core) owner: ClientId,
    /// What need not be asked about again.
    pub(in crate::core) refused: Vec<u64>,
    pub(in crate::core) answer: NextEditAnswer,
}

/// The end of a job.
#[derive(Debug)]
pub(in crate::core) struct Answer {
    /// What is still to be streamed.
    pub(in crate::core) rest: String,
    pub(in crate::core) reply: Reply,
    /// Where it is an edit that is to be counted.
    pub(in crate::core) shown: Option<Box<Shown>>,
    /// Of all attempts together.
    pub(in crate::core) usage: Usage,
}

/// Begins with a task whose turn it is: its tokens are counted, unless the model is of no use for it.
pub(super) fn begin(task: &Task, model: ModelView<'_>) -> Step {
    if model.file.says_base() {
        return Step::Fail(AssistError::BaseModel(model.file.info.name.clone()).into());
    }
    Step::Count(task.texts_to_count(model.prompts()))
}

/// Lays a task's prompt out for a model, once its tokens are counted, and asks with what `call`
/// makes of it.
pub(super) fn lay_out(
    task: &Task,
    model: ModelView<'_>,
    counts: &[u32],
    call: impl FnOnce(Layout) -> Box<GenerateCall>,
) -> Step {
    match task.layout(model.prompts(), counts, model.limits()) {
        Ok(layout) => Step::Generate(call(layout)),
        Err(error) => Step::Fail(error.into()),
    }
}

/// A task's prompt as a call.
pub(super) fn layout_call(layout: &Layout, purpose: Purpose) -> Box<GenerateCall> {
    Box::new(GenerateCall {
        purpose,
        prompt: layout.worker_prompt(),
        sampling: SamplingParams::default(),
        max_tokens: layout.max_tokens,
        stop: layout.stop.clone(),
        draft: layout.draft.clone(),
        block_end: None,
    })
}

/// The likeliest, whatever is set for answers: for what is shown unasked.
pub(super) fn likeliest() -> SamplingParams {
    SamplingParams {
        temperature: Some(0.0),
        repeat_penalty: Some(1.0),
        ..SamplingParams::default()
    }
}

/// Of several attempts together.
pub(super) fn add_usage(all: &mut Usage, one: Usage) {
    all.prompt_tokens += one.prompt_tokens;
    all.cached_tokens += one.cached_tokens;
    all.generated_tokens += one.generated_tokens;
    all.prefill_ms += one.prefill_ms;
    all.decode_ms += one.decode_ms;
    all.rounds += one.rounds;
    all.drafted_tokens += one.drafted_tokens;
    all.accepted_tokens += one.accepted_tokens;
}
