//! The selected code is rewritten: asked for once, and once more where the answer was of no use or
//! changed nothing though an instruction said what to change. Where it changes nothing again, the
//! model is asked why.

use localcoder_assist::{Attempt, Finished, Layout, Outcome, Retry, Task};
use localcoder_protocol::{
    AssistAnswer, EditAnswer, ErrorCode, ErrorInfo, FinishReason, Purpose, Usage,
    WorkerGenerateAnswer,
};

use super::step::{Answer, Input, ModelView, Step, add_usage, lay_out, layout_call};
use crate::core::reply::Reply;

/// See the module.
#[derive(Debug)]
pub(in crate::core) struct EditJob {
    task: Box<Task>,
    layout: Option<Layout>,
    attempt: Attempt,
    /// What is answered but for the reason that is asked for.
    unchanged: Option<Finished>,
    /// What the model has written in this attempt, and how many lines that are so far.
    text: String,
    line_breaks: usize,
    /// The answer of the first attempt, where it was doubtful.
    first: Option<(String, FinishReason)>,
    usage: Usage,
}

impl EditJob {
    pub(super) fn new(task: Task) -> Self {
        Self {
            task: Box::new(task),
            layout: None,
            attempt: Attempt::First,
            unchanged: None,
            text: String::new(),
            line_breaks: 0,
            first: None,
            usage: Usage::default(),
        }
    }

    pub(super) fn again(self) -> Self {
        Self::new(*self.task)
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready => Step::Count(self.task.texts_to_count(model.prompts())),
            Input::Counted(counts) => lay_out(&self.task, model, counts, |layout| {
                let call = layout_call(&layout, Purpose::Edit);
                self.layout = Some(layout);
                call
            }),
            Input::Text(text) => {
                self.text.push_str(text);
                self.line_breaks += text.matches('\n').count();
                let open = usize::from(!self.text.ends_with('\n'));
                if self.unchanged.is_some() {
                    Step::Wait
                } else {
                    Step::Lines((self.line_breaks + open).max(1))
                }
            }
            Input::Generated(written) => {
                add_usage(&mut self.usage, written.usage);
                match self.unchanged.take() {
                    Some(done) => self.answer(model, done, first_sentence(&self.text)),
                    None => self.finish(model, written),
                }
            }
        }
    }

    fn finish(&mut self, model: ModelView<'_>, written: &WorkerGenerateAnswer) -> Step {
        let Some(layout) = &self.layout else { return too_early() };
        let finish = written.finish;
        let mut outcome = self.task.finish(&self.text, finish, self.attempt);
        if let (Outcome::Refused(_), Some((text, finish))) = (&outcome, &self.first)
            && let Outcome::Done(done) = self.task.finish(text, *finish, Attempt::Last)
            && !(done.unchanged && self.is_instructed())
        {
            // Asking again made it worse: the first answer is shown with its warnings. Not one that
            // changed nothing, which is no answer to an instruction.
            outcome = Outcome::Done(done);
        }
        if let Outcome::Retry(retry) = &outcome {
            match self.task.retry_layout(model.prompts(), layout, retry) {
                Some(layout) => return self.again_with(layout, retry, finish),
                None => outcome = self.task.finish(&self.text, finish, Attempt::Last),
            }
        }
        match outcome {
            Outcome::Done(done) if done.unchanged && self.is_instructed() => {
                match self.task.reason_layout(model.prompts(), layout) {
                    Some(layout) => {
                        self.unchanged = Some(done);
                        self.text.clear();
                        Step::Generate(layout_call(&layout, Purpose::Edit))
                    }
                    None => self.answer(model, done, None),
                }
            }
            Outcome::Done(done) => self.answer(model, done, None),
            Outcome::Refused(error) => Step::Fail(error),
            Outcome::Retry(retry) => Step::Fail(ErrorInfo::new(
                ErrorCode::Internal,
                format!("an answer was to be asked for a third time: {}", retry.reason()),
            )),
        }
    }

    fn is_instructed(&self) -> bool {
        self.task.is_instructed()
    }

    fn again_with(&mut self, layout: Layout, retry: &Retry, finish: FinishReason) -> Step {
        self.attempt = Attempt::Last;
        self.first = Some((std::mem::take(&mut self.text), finish));
        self.line_breaks = 0;
        let call = layout_call(&layout, Purpose::Edit);
        self.layout = Some(layout);
        Step::Retry { call, reason: retry.reason().to_owned() }
    }

    fn answer(&self, model: ModelView<'_>, done: Finished, reason: Option<String>) -> Step {
        let Some(layout) = &self.layout else { return too_early() };
        let answer = EditAnswer {
            edit: done.edit,
            unchanged: done.unchanged,
            hunks: done.hunks,
            diff: done.diff,
            warnings: done.warnings,
            notes: done.notes,
            reason,
            attempts: if self.attempt == Attempt::First { 1 } else { 2 },
            usage: self.usage,
            context: layout.context,
            model: model.info(),
        };
        let reply = Reply::Assist(Box::new(AssistAnswer::Edit(answer)));
        Step::Answer(Box::new(Answer { rest: String::new(), reply, usage: self.usage }))
    }
}

fn too_early() -> Step {
    let text = "an edit was written before it was asked for";
    Step::Fail(ErrorInfo::new(ErrorCode::Internal, text))
}

/// What a model says in its first sentence, if it says anything.
fn first_sentence(text: &str) -> Option<String> {
    let text = text.trim();
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    (!text.is_empty()).then(|| text[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use localcoder_assist::{Command, prepare};
    use localcoder_protocol::{DocumentText, LineRange, Measured, WorkerId};

    use super::*;
    use crate::model_file::sample;

    fn written() -> WorkerGenerateAnswer {
        WorkerGenerateAnswer {
            worker: WorkerId { slot: 0, generation: 1 },
            finish: FinishReason::StopString,
            usage: Usage { generated_tokens: 5, ..Usage::default() },
            held_tokens: 0,
            measured: Measured::default(),
        }
    }

    /// A job whose prompt was sent.
    fn writing(model: ModelView<'_>) -> EditJob {
        let document = DocumentText {
            path: "a.py".to_owned(),
            language_id: None,
            text: "def f(x):\n    return x\n".to_owned(),
        };
        let command = Command::new("improve", None).unwrap();
        let task = prepare(&document, LineRange { start: 1, end: 2 }, command).unwrap();
        let mut job = EditJob::new(task);
        let Step::Count(texts) = job.step(model, Input::Ready) else { panic!("it counts first") };
        let counts = vec![5; texts.len()];
        let step = job.step(model, Input::Counted(&counts));
        assert!(matches!(step, Step::Generate(_)), "{step:?}");
        job
    }

    #[test]
    fn an_answer_of_no_use_is_asked_for_once_more_and_both_are_paid_for() {
        let file = sample();
        let model = ModelView { file: &file, context_tokens: 4096 };
        let mut job = writing(model);
        let step = job.step(model, Input::Text("def f(x:\n"));
        assert!(matches!(step, Step::Lines(1)), "{step:?}");
        let step = job.step(model, Input::Generated(&written()));
        assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        let step = job.step(model, Input::Text("def f(x):\n    return -x\n"));
        assert!(matches!(step, Step::Lines(2)), "{step:?}");
        let Step::Answer(answer) = job.step(model, Input::Generated(&written())) else {
            panic!("it is of use")
        };
        assert_eq!(answer.usage.generated_tokens, 10);
        let Reply::Assist(reply) = answer.reply else { panic!("an edit was asked for") };
        assert!(matches!(*reply, AssistAnswer::Edit(EditAnswer { attempts: 2, .. })));
    }

    #[test]
    fn one_that_begins_again_knows_nothing_of_what_was_written() {
        let file = sample();
        let model = ModelView { file: &file, context_tokens: 4096 };
        let mut job = writing(model);
        let _ = job.step(model, Input::Text("nonsense"));
        let mut job = job.again();
        assert!(matches!(job.step(model, Input::Ready), Step::Count(_)));
        let step = job.step(model, Input::Text("def f(x):"));
        assert!(matches!(step, Step::Lines(1)), "{step:?}");
    }
}
