//! What is done for a request once its model is ready, one file for each kind of work. A job is a
//! small state machine: it is given what has arrived and returns what it needs next. It knows no
//! clients, no workers and no clock.

mod complete;
mod counting;
mod edit;
mod generate;
mod keep_warm;
mod next_edit;
mod prepare;
mod step;
mod text;
mod trial;

use localcoder_assist::{Fill, Held, Length, NextEditTask, Task};
use localcoder_protocol::{
    AnswerKind, ErrorInfo, GenerateParams, NextEditAnswer, SamplingParams, Silence,
};
use localcoder_settings::ExplanationLength;

use complete::CompleteJob;
use complete::failed;
pub(super) use complete::{answer as ghost_answer, way as infill_way};
pub(super) use counting::Counting;
use edit::EditJob;
pub(super) use edit::EditWish;
use generate::GenerateJob;
use keep_warm::KeepWarmJob;
use next_edit::NextEditJob;
pub(super) use next_edit::answer as next_edit_answer;
use prepare::PrepareJob;
pub(super) use step::{Answer, Completed, Input, ModelView, Predicted, Step};
use text::TextJob;

use super::event::ClientId;
use super::reply::Reply;

/// The work for one request. Its progress is in the job alone, so that a request can start over
/// with [`Job::again`] wherever it was.
#[derive(Debug)]
pub(super) enum Job {
    /// Only load the model. It ends when the model is ready and makes no step.
    Warm,
    /// Only compute a little, so that the next answer comes as soon as possible: the memory of a
    /// model that was not used for a while is no longer at hand.
    KeepWarm(KeepWarmJob),
    /// Only read the code: the edit that follows finds it in the worker's cache.
    Prepare(PrepareJob),
    Edit(Box<EditJob>),
    Text(TextJob),
    Generate(GenerateJob),
    Complete(CompleteJob),
    NextEdit(NextEditJob),
}

/// Which jobs take precedence: one that ranks higher ends those that rank lower, and these do not
/// begin while a higher one runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The user has not asked for it yet.
    Ahead,
    /// It is shown while the user does something else.
    Ghost,
    /// The user waits for it.
    Asked,
}

impl Job {
    pub(super) fn keep_warm() -> Self {
        Self::KeepWarm(KeepWarmJob)
    }

    pub(super) fn prepare(task: Task) -> Self {
        Self::Prepare(PrepareJob::new(task))
    }

    /// `length`: how long a text is to be, if the answer is one.
    pub(super) fn assist(
        task: Task,
        wish: EditWish,
        counting: Counting,
        length: ExplanationLength,
    ) -> Self {
        let length = match length {
            ExplanationLength::Short => Length::Short,
            ExplanationLength::Medium => Length::Medium,
            ExplanationLength::Long => Length::Long,
        };
        match task.spec().answer {
            AnswerKind::Edit => Self::Edit(Box::new(EditJob::new(task, wish, counting))),
            AnswerKind::Text => Self::Text(TextJob::new(task.with_length(length))),
        }
    }

    /// `set`: the sampling that the user has set, which takes precedence over the model's own.
    pub(super) fn generate(params: GenerateParams, set: SamplingParams) -> Self {
        Self::Generate(GenerateJob::new(params, set))
    }

    pub(super) fn complete(fill: Box<Fill>, owner: ClientId, held: Option<Held>) -> Self {
        Self::Complete(CompleteJob::new(fill, owner, held))
    }

    pub(super) fn complete_ahead(fill: Fill, owner: ClientId, held: Option<Held>) -> Self {
        Self::Complete(CompleteJob::ahead(fill, owner, held))
    }

    pub(super) fn next_edit(task: Box<NextEditTask>, owner: ClientId) -> Self {
        Self::NextEdit(NextEditJob::new(task, owner))
    }

    pub(super) fn rank(&self) -> Rank {
        match self {
            Self::Prepare(_) | Self::KeepWarm(_) => Rank::Ahead,
            Self::Complete(job) if job.is_ahead() => Rank::Ahead,
            Self::Complete(_) | Self::NextEdit(_) => Rank::Ghost,
            Self::Warm | Self::Edit(_) | Self::Text(_) | Self::Generate(_) => Rank::Asked,
        }
    }

    /// The client whose next request of this kind replaces it.
    pub(super) fn ghost_owner(&self) -> Option<ClientId> {
        match self {
            Self::Complete(job) if !job.is_ahead() => Some(job.owner()),
            Self::NextEdit(job) => Some(job.owner()),
            _ => None,
        }
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match self {
            Self::Warm => Step::Wait,
            Self::KeepWarm(job) => job.step(model, input),
            Self::Prepare(job) => job.step(model, input),
            Self::Edit(job) => job.step(model, input),
            Self::Text(job) => job.step(model, input),
            Self::Generate(job) => job.step(model, input),
            Self::Complete(job) => job.step(model, input),
            Self::NextEdit(job) => job.step(model, input),
        }
    }

    pub(super) fn again(self) -> Self {
        match self {
            Self::Edit(job) => Self::Edit(Box::new(job.again())),
            Self::Text(job) => Self::Text(job.again()),
            Self::Generate(job) => Self::Generate(job.again()),
            Self::Complete(job) => Self::Complete(job.again()),
            Self::NextEdit(job) => Self::NextEdit(job.again()),
            Self::Warm | Self::KeepWarm(_) | Self::Prepare(_) => self,
        }
    }

    pub(super) fn is_warm(&self) -> bool {
        matches!(self, Self::Warm)
    }

    /// Whether it gives way to every other job and its end is not reported to the user.
    pub(super) fn is_ahead_of_need(&self) -> bool {
        match self {
            Self::Complete(job) => !job.is_explicit(),
            Self::NextEdit(job) => !job.is_explicit(),
            _ => self.rank() == Rank::Ahead,
        }
    }

    pub(super) fn is_suggestion(&self) -> bool {
        matches!(self, Self::Complete(_) | Self::NextEdit(_))
    }

    pub(super) fn nothing(&self, reason: Silence) -> Reply {
        match self {
            Self::NextEdit(_) => Reply::PredictEdit(Box::new(next_edit_answer(Err(reason)))),
            _ => Reply::Complete(Box::new(ghost_answer(Err(reason)))),
        }
    }

    pub(super) fn nothing_for(&self, error: &ErrorInfo) -> Reply {
        let answer = failed(error);
        match self {
            Self::NextEdit(_) => {
                let nothing = answer.nothing;
                let none = next_edit_answer(Err(Silence::Failed));
                Reply::PredictEdit(Box::new(NextEditAnswer { nothing, ..none }))
            }
            _ => Reply::Complete(Box::new(answer)),
        }
    }

    /// Whether it reads code after what all prompts begin with, so that the worker holds that
    /// beginning when it has ended.
    pub(super) fn reads_code(&self) -> bool {
        matches!(self, Self::Prepare(_) | Self::Edit(_) | Self::Text(_))
    }

    /// Whether the client has been shown a part of its answer that can't be taken back.
    pub(super) fn has_shown(&self) -> bool {
        match self {
            Self::Text(job) => job.has_shown(),
            Self::Generate(job) => job.has_shown(),
            // An edit is shown as a draft, which the next one replaces whole; suggestions come in
            // one piece.
            Self::Warm
            | Self::KeepWarm(_)
            | Self::Prepare(_)
            | Self::Edit(_)
            | Self::Complete(_)
            | Self::NextEdit(_) => false,
        }
    }
}
