//! The selected code is read ahead of a command on it.

use localcoder_assist::{Layout, Task};
use localcoder_protocol::{PrepareAnswer, Purpose, Usage};

use super::step::{Answer, Input, ModelView, Step, lay_out, layout_call};
use crate::core::reply::Reply;

#[derive(Debug)]
pub(in crate::core) struct PrepareJob {
    task: Box<Task>,
}

impl PrepareJob {
    pub(super) fn new(task: Task) -> Self {
        Self { task: Box::new(task) }
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready => Step::Count(self.task.texts_to_count(model.prompts())),
            Input::Counted(counts) => lay_out(&self.task, model, counts, |layout| {
                // Nothing is to be written: the prompt is all that the command on this code will
                // need.
                let only_read = Layout { max_tokens: 0, draft: String::new(), ..layout };
                layout_call(&only_read, Purpose::Edit)
            }),
            Input::Text(_) | Input::Tried(..) => Step::Wait,
            Input::Generated(_) => Step::Answer(Box::new(Answer {
                rest: String::new(),
                reply: Reply::Prepare(PrepareAnswer { prepared: true }),
                shown: None,
                usage: Usage::default(),
            })),
        }
    }
}
