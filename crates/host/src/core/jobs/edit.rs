//! The selected code is rewritten: asked for once, and once more where the answer was of no use.
//! Where it changed nothing though an instruction said what to change, the model is asked what there
//! is to change, and once more with that.

use localcoder_assist::{Attempt, Finished, Layout, Outcome, Task};
use localcoder_protocol::{
    AssistAnswer, EditAnswer, ErrorCode, ErrorInfo, FinishReason, Purpose, Usage,
    WorkerGenerateAnswer,
};

use super::step::{Answer, Input, ModelView, Step, add_usage, lay_out, layout_call};
use crate::core::reply::Reply;

/// What a model says that there is to change.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    None,
    Asked,
    Said(String),
}

/// See the module.
#[derive(Debug)]
pub(in crate::core) struct EditJob {
    task: Box<Task>,
    layout: Option<Layout>,
    attempt: Attempt,
    /// Whether the model is saying what there is to change; then what it has said.
    plan: Plan,
    /// What the model has written in this attempt, and how many lines that are so far.
    text: String,
    line_breaks: usize,
    /// The answer of the first attempt, where it was doubtful or changed nothing.
    first: Option<(String, FinishReason)>,
    usage: Usage,
}

impl EditJob {
    pub(super) fn new(task: Task) -> Self {
        Self {
            task: Box::new(task),
            layout: None,
            attempt: Attempt::First,
            plan: Plan::None,
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
                if self.plan == Plan::Asked {
                    return Step::Wait;
                }
                self.line_breaks += text.matches('\n').count();
                let open = usize::from(!self.text.ends_with('\n'));
                Step::Lines((self.line_breaks + open).max(1))
            }
            Input::Generated(written) => {
                add_usage(&mut self.usage, written.usage);
                if self.plan == Plan::Asked {
                    self.planned(model)
                } else {
                    self.finish(model, written)
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
            && !(done.unchanged && self.task.is_instructed())
        {
            // Asking again made it worse: the first answer is shown with its warnings. Not one that
            // changed nothing, which is no answer to an instruction.
            outcome = Outcome::Done(done);
        }
        match outcome {
            Outcome::Done(done) => self.answer(model, done),
            Outcome::Retry { reason } => {
                let layout = self.task.retry_layout(model.prompts(), layout, &reason);
                self.first = Some((std::mem::take(&mut self.text), finish));
                self.again_with(layout, reason)
            }
            Outcome::Unchanged => match self.task.plan_layout(model.prompts(), layout) {
                Some(layout) => {
                    self.first = Some((std::mem::take(&mut self.text), finish));
                    self.plan = Plan::Asked;
                    Step::Generate(layout_call(&layout, Purpose::Edit))
                }
                None => match self.task.finish(&self.text, finish, Attempt::Last) {
                    Outcome::Done(done) => self.answer(model, done),
                    _ => too_early(),
                },
            },
            Outcome::Refused(error) => Step::Fail(error),
        }
    }

    /// The model has said what there is to change, and is to do it.
    fn planned(&mut self, model: ModelView<'_>) -> Step {
        let plan = first_paragraph(&std::mem::take(&mut self.text));
        let layout = self.layout.as_ref();
        let layout = layout.and_then(|it| self.task.planned_layout(model.prompts(), it, &plan));
        let Some(layout) = layout else { return too_early() };
        self.plan = Plan::Said(plan);
        self.again_with(layout, "it changed nothing".to_owned())
    }

    fn again_with(&mut self, layout: Layout, reason: String) -> Step {
        self.attempt = Attempt::Last;
        self.line_breaks = 0;
        let call = layout_call(&layout, Purpose::Edit);
        self.layout = Some(layout);
        Step::Retry { call, reason }
    }

    fn answer(&self, model: ModelView<'_>, done: Finished) -> Step {
        let Some(layout) = &self.layout else { return too_early() };
        let reason = match &self.plan {
            Plan::Said(plan) if done.unchanged && !plan.is_empty() => Some(plan.clone()),
            _ => None,
        };
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

/// What a model says before it goes on about something else.
fn first_paragraph(text: &str) -> String {
    let text = text.trim();
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
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

    fn task(instruction: Option<&str>) -> Task {
        let document = DocumentText {
            path: "a.py".to_owned(),
            language_id: None,
            text: "def f(x):\n    return x\n".to_owned(),
        };
        let command = Command::new("improve", instruction).expect("a command");
        prepare(&document, LineRange { start: 1, end: 2 }, command).expect("a good request")
    }

    /// A job whose prompt was sent.
    fn writing(model: ModelView<'_>) -> EditJob {
        let mut job = EditJob::new(task(None));
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
    fn a_model_that_changes_nothing_says_what_to_change_and_else_why_not() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let text = "def f(x):\n    return x\n";
        let mut job = EditJob::new(task(Some("Add one.")));
        let Step::Count(texts) = job.step(model, Input::Ready) else { panic!("it counts first") };
        let _ = job.step(model, Input::Counted(&vec![5; texts.len()]));
        let _ = job.step(model, Input::Text(text));
        let step = job.step(model, Input::Generated(&written()));
        assert!(matches!(step, Step::Generate(_)), "what there is to change: {step:?}");
        let step = job.step(model, Input::Text("It adds one already.\n\nSee above."));
        assert!(matches!(step, Step::Wait), "that is no code: {step:?}");
        let step = job.step(model, Input::Generated(&written()));
        assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        let step = job.step(model, Input::Text(text));
        assert!(matches!(step, Step::Lines(2)), "{step:?}");
        let Step::Answer(answer) = job.step(model, Input::Generated(&written())) else {
            panic!("it is the last time")
        };
        assert_eq!(answer.usage.generated_tokens, 15);
        let Reply::Assist(reply) = answer.reply else { panic!("an edit was asked for") };
        let AssistAnswer::Edit(edit) = *reply else { panic!("an edit was asked for") };
        assert!(edit.unchanged && edit.attempts == 2);
        assert_eq!(edit.reason.as_deref(), Some("It adds one already."));
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
