//! What goes into a job and what comes out of it, one step at a time.

use localcoder_assist::{AssistError, Fill, Held, Layout, Limits, Prompts, SoFar, Task};
use localcoder_protocol::{
    CompleteAnswer, Edit, ErrorInfo, ModelInfo, NextEditAnswer, Purpose, SamplingParams, TestKind,
    TestRun, Usage, WorkerGenerateAnswer,
};

use crate::ModelFile;
use crate::core::event::ClientId;
use crate::core::pool::GenerateCall;
use crate::core::reply::Reply;
use crate::ledger::Shown;

#[derive(Debug, Clone, Copy)]
pub(in crate::core) struct ModelView<'a> {
    pub(in crate::core) file: &'a ModelFile,
    pub(in crate::core) context_tokens: u32,
}

impl ModelView<'_> {
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

#[derive(Debug, Clone, Copy)]
pub(in crate::core) enum Input<'a> {
    Ready,
    Counted(&'a [u32]),
    Text(&'a str),
    Generated(&'a WorkerGenerateAnswer),
    Tried(u32, &'a TestRun),
}

#[derive(Debug)]
pub(in crate::core) enum Step {
    /// Nothing: it waits for more.
    Wait,
    /// To know how many tokens these texts have.
    Count(Vec<String>),
    /// To have a text generated.
    Generate(Box<GenerateCall>),
    /// To have a text generated once more, because the last one was unusable.
    Retry { call: Box<GenerateCall>, reason: String },
    /// To have the client run a test on an edit.
    Try { trial: u32, edits: Vec<Edit>, name: String, kind: TestKind },
    /// To show the client a piece of its answer.
    Stream(String),
    /// To tell the client how many lines are written, and to show them if there is more to see.
    Lines(usize, Option<SoFar>),
    /// To answer, after the last piece.
    Answer(Box<Answer>),
    /// To have a gap filled, and to keep what the prompt had.
    Infill { call: Box<GenerateCall>, owner: ClientId, held: Box<Held> },
    /// To report what came of that.
    Completed(Box<Completed>),
    /// To report which next edit there is, or why there is none.
    Predicted(Box<Predicted>),
    /// To end without an answer.
    Fail(ErrorInfo),
}

#[derive(Debug)]
pub(in crate::core) struct Completed {
    pub(in crate::core) fill: Box<Fill>,
    pub(in crate::core) owner: ClientId,
    pub(in crate::core) ahead: bool,
    pub(in crate::core) answer: CompleteAnswer,
    /// Whether the model ended by itself.
    pub(in crate::core) ended: bool,
}

#[derive(Debug)]
pub(in crate::core) struct Predicted {
    pub(in crate::core) owner: ClientId,
    pub(in crate::core) refused: Vec<u64>,
    pub(in crate::core) answer: NextEditAnswer,
}

#[derive(Debug)]
pub(in crate::core) struct Answer {
    pub(in crate::core) rest: String,
    pub(in crate::core) reply: Reply,
    pub(in crate::core) shown: Option<Box<Shown>>,
    pub(in crate::core) usage: Usage,
}

/// Begins a task whose turn it is: its tokens are counted, unless the model is unsuitable for it. A
/// base model is refused only here, for edits and texts: it can still fill gaps.
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

/// Sampling for what is shown unasked: always the likeliest token, whatever is set for answers. The
/// same place then has the same suggestion, which may be kept.
pub(super) fn likeliest() -> SamplingParams {
    SamplingParams {
        temperature: Some(0.0),
        repeat_penalty: Some(1.0),
        ..SamplingParams::default()
    }
}

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
