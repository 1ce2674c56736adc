//! A text about the selected code, streamed as it is written.

use localcoder_assist::{AssistError, Explanation, Task, Thoughts};
use localcoder_protocol::{AssistAnswer, ContextUse, Purpose, TextAnswer, WorkerGenerateAnswer};

use super::step::{Answer, Input, ModelView, Step, begin, lay_out, layout_call};
use crate::core::reply::Reply;

#[derive(Debug)]
pub(in crate::core) struct TextJob {
    task: Box<Task>,
    context: ContextUse,
    thoughts: Thoughts,
    /// Keeps control tokens out of what is shown.
    filter: Explanation,
    text: String,
}

impl TextJob {
    pub(super) fn new(task: Task) -> Self {
        Self {
            task: Box::new(task),
            context: ContextUse::default(),
            thoughts: Thoughts::default(),
            filter: Explanation::default(),
            text: String::new(),
        }
    }

    pub(super) fn again(self) -> Self {
        Self::new(*self.task)
    }

    pub(super) fn has_shown(&self) -> bool {
        !self.text.is_empty()
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready => begin(&self.task, model),
            Input::Counted(counts) => lay_out(&self.task, model, counts, |layout| {
                self.context = layout.context;
                layout_call(&layout, Purpose::Answer)
            }),
            Input::Text(text) => {
                let text = self.thoughts.push(text);
                if let Some(tokens) = self.thoughts.endless(false) {
                    return Step::Fail(AssistError::ThinksTooLong(tokens).into());
                }
                let text = self.filter.push(&text);
                self.text.push_str(&text);
                Step::Stream(text)
            }
            Input::Generated(written) => self.answer(model, written),
            Input::Tried(..) => Step::Wait,
        }
    }

    fn answer(&mut self, model: ModelView<'_>, written: &WorkerGenerateAnswer) -> Step {
        if let Some(tokens) = self.thoughts.endless(true) {
            return Step::Fail(AssistError::ThinksTooLong(tokens).into());
        }
        let mut filter = std::mem::take(&mut self.filter);
        // The filter comes last, since it holds back what may still become a control token.
        let rest = filter.push(&self.thoughts.finish()) + &filter.finish();
        self.text.push_str(&rest);
        let text = std::mem::take(&mut self.text);
        let answer = TextAnswer {
            references: self.task.references(&text),
            notes: self.task.text_notes(model.prompts()),
            text,
            finish: written.finish,
            usage: written.usage,
            context: self.context,
            model: model.info(),
        };
        let reply = Reply::Assist(Box::new(AssistAnswer::Text(answer)));
        Step::Answer(Box::new(Answer { rest, reply, shown: None, usage: written.usage }))
    }
}
