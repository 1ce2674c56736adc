//! The selected code is rewritten: the model is asked once, and once more if the answer was
//! unusable. If it changed nothing though the instruction says what to change, the model is asked
//! what there is to change, and then for the code with that. If that did not help, it is asked for
//! other answers as long as that takes little time, and the best of all is shown. If the user's own
//! test can be run, an answer with which it fails counts as one that did not help.

use localcoder_assist::{AssistError, Attempt, Finished, Layout, Outcome, SoFar, Task, Thoughts};
use localcoder_protocol::{
    AssistAnswer, EditAnswer, ErrorCode, ErrorInfo, FinishReason, Purpose, SamplingParams,
    TestKind, TestRun, Usage,
};

use super::counting::Counting;
use super::step::{Answer, Input, ModelView, Step, add_usage, begin, lay_out, layout_call};
use super::trial::{Said, Trial};
use crate::core::pool::GenerateCall;
use crate::core::reply::Reply;

/// Other answers that are asked for. The best of four is hardly better than the best of three, by
/// the recorded answers of a 7B model.
const SAMPLES_MAX: u32 = 3;

/// Their number if a test identifies the right one, so that each may be it. Beyond this many, small
/// models repeat themselves.
const TESTED_SAMPLES_MAX: u32 = 6;

/// How often a model must come again to a change that nothing else asks for. The 1.5B model changed 13
/// of 38 right functions (HumanEvalPack) of its own accord and broke three; it came to four of these
/// changes once more, and to one of them twice.
const OPINIONS: u32 = 2;

/// All attempts together take at most this long, as far as the earlier ones predict: users wait
/// that long for an answer if they know that it is hard.
const ATTEMPTS_MS_MAX: f64 = 30_000.0;

/// Seeds of the other answers that the user asks for, apart from those of the
/// [`TESTED_SAMPLES_MAX`] samples.
const VARIATIONS_FROM: u32 = 1_000;

/// The temperature of such answers for a model without a measured one: that of the prompt sets that
/// have one.
const VARIED_TEMPERATURE: f32 = 0.6;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    First,
    /// Writing the code again, knowing what was wrong with it or what there is to change.
    Again,
    Plan,
    Sample(u32),
    Second(u32),
}

#[derive(Debug, Clone, Default)]
pub(in crate::core) struct EditWish {
    /// The user's own test, if the client can run it on an edit.
    pub(in crate::core) test: Option<TestRun>,
    pub(in crate::core) variation: Option<u32>,
    pub(in crate::core) drafts: bool,
}

#[derive(Debug)]
pub(in crate::core) struct EditJob {
    task: Box<Task>,
    variation: Option<u32>,
    drafts: bool,
    shown: Option<SoFar>,
    counting: Counting,
    layout: Option<Layout>,
    stage: Stage,
    thoughts: Thoughts,
    /// What the model has written in this attempt, without its thoughts; `line_breaks` counts the
    /// lines of that so far.
    text: String,
    line_breaks: usize,
    proposed: Option<(Finished, Option<TestRun>)>,
    /// The first answer, if it was doubtful.
    doubtful: Option<(String, FinishReason)>,
    plan: Option<String>,
    trial: Option<Trial>,
    usable: Vec<(Finished, Option<TestRun>)>,
    unchanged: Option<Finished>,
    refusal: Option<ErrorInfo>,
    attempts: u32,
    usage: Usage,
}

impl EditJob {
    pub(super) fn new(task: Task, mut wish: EditWish, counting: Counting) -> Self {
        let trial = wish.test.take().map(|before| Trial::new(before, task.wants_fix()));
        Self::with(task, trial, &wish, counting)
    }

    fn with(task: Task, trial: Option<Trial>, wish: &EditWish, counting: Counting) -> Self {
        let &EditWish { variation, drafts, .. } = wish;
        Self {
            thoughts: Thoughts::new(task.selected()),
            task: Box::new(task),
            counting,
            trial,
            variation,
            drafts,
            shown: None,
            layout: None,
            stage: Stage::First,
            text: String::new(),
            line_breaks: 0,
            proposed: None,
            doubtful: None,
            plan: None,
            usable: Vec::new(),
            unchanged: None,
            refusal: None,
            attempts: 1,
            usage: Usage::default(),
        }
    }

    pub(super) fn again(self) -> Self {
        // The test is with the trial already, with its result before the edit.
        let wish = EditWish { test: None, variation: self.variation, drafts: self.drafts };
        Self::with(*self.task, self.trial.map(Trial::again), &wish, self.counting)
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready => begin(&self.task, model),
            Input::Counted(counts) => lay_out(&self.task, model, counts, |layout| {
                let mut call = layout_call(&layout, Purpose::Edit);
                if let Some(number) = self.variation {
                    call.sampling = varied(model, VARIATIONS_FROM.saturating_add(number));
                }
                self.layout = Some(layout);
                call
            }),
            Input::Text(text) => {
                let text = self.thoughts.push(text);
                // After each piece: a model that only thinks would write until its limit, with
                // nothing to show.
                if let Some(tokens) = self.thoughts.endless(false) {
                    return Step::Fail(AssistError::ThinksTooLong(tokens).into());
                }
                self.text.push_str(&text);
                // What there is to change, in words, is not shown: it is not the edit.
                if self.stage == Stage::Plan || self.text.is_empty() {
                    return Step::Wait;
                }
                let ended = text.matches('\n').count();
                self.line_breaks += ended;
                let open = usize::from(!self.text.ends_with('\n'));
                let so_far = (ended > 0 && self.drafts).then(|| self.task.so_far(&self.text));
                let news = so_far.flatten().filter(|it| self.shown.as_ref() != Some(it));
                if news.is_some() {
                    self.shown.clone_from(&news);
                }
                Step::Lines((self.line_breaks + open).max(1), news)
            }
            Input::Generated(written) => {
                add_usage(&mut self.usage, written.usage);
                if let Some(tokens) = self.thoughts.endless(true) {
                    return Step::Fail(AssistError::ThinksTooLong(tokens).into());
                }
                self.text.push_str(&self.thoughts.finish());
                let Some(layout) = self.layout.clone() else { return too_early() };
                match self.stage {
                    Stage::First => self.first(model, &layout, written.finish),
                    Stage::Plan => self.planned(model, &layout),
                    Stage::Again | Stage::Sample(_) => self.later(model, &layout, written.finish),
                    Stage::Second(_) => self.seconded(model, written.finish),
                }
            }
            Input::Tried(trial, run) => self.tried(model, trial, run),
        }
    }

    /// Takes an answer without objections: it is shown, unless the user's test has something to
    /// say.
    fn accept(&mut self, model: ModelView<'_>, done: Finished) -> Step {
        match &mut self.trial {
            Some(trial) if trial.is_of_use(&done) => trial.begin(done),
            _ => self.propose(model, done, None),
        }
    }

    /// Shows a change that neither an instruction nor a check asks for only if the model comes to
    /// it each time.
    fn propose(&mut self, model: ModelView<'_>, done: Finished, run: Option<TestRun>) -> Step {
        let asked = match self.stage {
            Stage::Second(number) => number,
            _ => 0,
        };
        let Some(layout) = &self.layout else { return too_early() };
        let temperature = self.needs_reason(model).filter(|_| asked < OPINIONS && self.has_time());
        // That there is nothing to change needs no second opinion.
        match temperature.filter(|_| !done.unchanged) {
            Some(temperature) => {
                let mut call = layout_call(layout, Purpose::Edit);
                call.sampling = sampling(temperature, asked + 1);
                self.proposed = Some((done, run));
                let reason = "no check asks for this change".to_owned();
                self.retry(Stage::Second(asked + 1), call, reason)
            }
            None => self.answer(model, done, run),
        }
    }

    /// The temperature for a second opinion; `None` if none is needed, because something else says
    /// that there is a change to be made, or because the user has asked for another answer.
    fn needs_reason(&self, model: ModelView<'_>) -> Option<f32> {
        let is_alone = self.variation.is_none() && !self.task.is_prompted();
        model.prompts().sampling_temperature().filter(|_| is_alone)
    }

    fn seconded(&mut self, model: ModelView<'_>, finish: FinishReason) -> Step {
        let Some((proposed, run)) = self.proposed.take() else { return too_early() };
        // Only the text must be the same; what was noted about it may differ.
        match self.task.finish(&self.text, finish, Attempt::Last) {
            Outcome::Done(second) if second.edit.replacement == proposed.edit.replacement => {
                self.propose(model, proposed, run)
            }
            _ => self.nothing(model, "asked again, it did not come to the same"),
        }
    }

    /// Leaves the code as it is, and says that there was a change which is not worth showing.
    fn nothing(&self, model: ModelView<'_>, why: &str) -> Step {
        let own = self.task.finish(self.task.selected(), FinishReason::EndOfTurn, Attempt::Last);
        let Outcome::Done(mut own) = own else { return too_early() };
        own.notes.push(format!(
            "The model proposed a change that no check asks for; it is left out, because {why}."
        ));
        self.answer(model, own, None)
    }

    fn tried(&mut self, model: ModelView<'_>, number: u32, run: &TestRun) -> Step {
        let Some(trial) = &mut self.trial else { return Step::Wait };
        let Some((mut done, said)) = trial.tried(number, run) else { return Step::Wait };
        let decides = trial.decides();
        let Some(layout) = self.layout.clone() else { return too_early() };
        match said {
            // That it does what it did before is no reason for a change.
            // Without this, 15 of 44 right functions were changed; with it, 5.
            Said::Right if run.kind == TestKind::Calls => {
                self.propose(model, done, Some(run.clone()))
            }
            Said::Right => {
                done.unsure.take_if(|_| decides);
                self.answer(model, done, Some(run.clone()))
            }
            Said::Nothing(note) => {
                done.notes.extend(note);
                self.answer(model, done, Some(run.clone()))
            }
            Said::Wrong { why, told } => {
                done.unsure = Some(why);
                self.usable.push((done, Some(run.clone())));
                if self.stage != Stage::First {
                    return self.sample(model, &layout);
                }
                let next = self.task.retry_layout(model.prompts(), &layout, &told);
                let reason = format!("`{}` fails", run.name);
                self.retry(Stage::Again, layout_call(&next, Purpose::Edit), reason)
            }
        }
    }

    fn first(&mut self, model: ModelView<'_>, layout: &Layout, finish: FinishReason) -> Step {
        match self.task.finish(&self.text, finish, Attempt::First) {
            Outcome::Done(done) => match self.task.unmended(model.prompts(), &done) {
                Some(left) => {
                    self.once_more(model, layout, finish, format!("this was not fixed: {left}"))
                }
                None => self.accept(model, done),
            },
            Outcome::Refused(error) => Step::Fail(error.into()),
            Outcome::Retry { reason } => self.once_more(model, layout, finish, reason),
            Outcome::Unchanged => match self.task.plan_layout(model.prompts(), layout) {
                Some(next) => {
                    self.stage = Stage::Plan;
                    self.clear();
                    Step::Generate(layout_call(&next, Purpose::Edit))
                }
                None => match self.task.finish(&self.text, finish, Attempt::Last) {
                    Outcome::Done(done) => self.accept(model, done),
                    _ => too_early(),
                },
            },
        }
    }

    fn once_more(
        &mut self,
        model: ModelView<'_>,
        layout: &Layout,
        finish: FinishReason,
        reason: String,
    ) -> Step {
        // A model that writes the whole file instead of the selection is cut off before it comes to
        // it, and would be cut off again: its answer is begun for it with the selection's first
        // word. Two attempts ended like that for 2 of 29 instructions.
        let (next, begun) = self.task.begun_layout(layout, &self.text).unwrap_or_else(|| {
            (self.task.retry_layout(model.prompts(), layout, &reason), String::new())
        });
        // It may be the best of all in the end.
        self.doubtful = Some((std::mem::take(&mut self.text), finish));
        let step = self.retry(Stage::Again, layout_call(&next, Purpose::Edit), reason);
        // Only now: `retry` has emptied the text, which begins with what was written for the model.
        self.text = begun;
        step
    }

    fn planned(&mut self, model: ModelView<'_>, layout: &Layout) -> Step {
        let plan = first_paragraph(&self.text);
        let Some(next) = self.task.planned_layout(model.prompts(), layout, &plan) else {
            return too_early();
        };
        self.plan = Some(plan).filter(|plan| !plan.is_empty());
        let call = layout_call(&next, Purpose::Edit);
        self.retry(Stage::Again, call, "it changed nothing".to_owned())
    }

    fn later(&mut self, model: ModelView<'_>, layout: &Layout, finish: FinishReason) -> Step {
        match self.task.finish(&self.text, finish, Attempt::Last) {
            Outcome::Done(done) if done.unchanged && self.task.is_instructed() => {
                self.unchanged.get_or_insert(done);
            }
            // Told what was wrong, it changed nothing at all: the first answer may do more.
            Outcome::Done(done) if done.unchanged => {
                self.unchanged.get_or_insert(done);
                return self.best(model);
            }
            Outcome::Done(mut done) if done.unsure.is_none() => {
                // What it comes up with on the third try is worth a look, and no more.
                if matches!(self.stage, Stage::Sample(_)) && self.unchanged.is_some() {
                    done.unsure = Some("it found nothing to change at first".to_owned());
                }
                return self.accept(model, done);
            }
            Outcome::Done(done) => self.usable.push((done, None)),
            Outcome::Refused(error) => self.refusal = Some(error.into()),
            Outcome::Retry { .. } | Outcome::Unchanged => return too_early(),
        }
        self.sample(model, layout)
    }

    /// Asks for another answer if there is time for one and the model has a temperature for it
    /// (greedily it would write the same again); else the best is shown.
    fn sample(&mut self, model: ModelView<'_>, layout: &Layout) -> Step {
        let number = if let Stage::Sample(number) = self.stage { number + 1 } else { 1 };
        let temperature = model.prompts().sampling_temperature();
        let decides = self.trial.as_ref().is_some_and(Trial::decides);
        let most = if decides { TESTED_SAMPLES_MAX } else { SAMPLES_MAX };
        match temperature.filter(|_| number <= most && self.has_time()) {
            Some(temperature) => {
                let mut call = layout_call(layout, Purpose::Edit);
                call.sampling = sampling(temperature, number);
                self.retry(Stage::Sample(number), call, "it may be wrong".to_owned())
            }
            None => self.best(model),
        }
    }

    fn has_time(&self) -> bool {
        let tests_ms = self.trial.as_ref().map_or(0, Trial::spent_ms);
        let spent_ms = self.usage.prefill_ms + self.usage.decode_ms + f64::from(tests_ms);
        // Without reading: the prompt is in the worker's cache by then.
        let expected_ms = self.usage.decode_ms / f64::from(self.attempts);
        spent_ms + expected_ms <= ATTEMPTS_MS_MAX
    }

    fn retry(&mut self, stage: Stage, call: Box<GenerateCall>, reason: String) -> Step {
        self.stage = stage;
        self.attempts += 1;
        self.line_breaks = 0;
        self.clear();
        Step::Retry { call, reason }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.thoughts = Thoughts::new(self.task.selected());
    }

    /// Shows the answer with the fewest objections: of equals the one that the model gave most
    /// often, of these the one that was written knowing what was wrong with the one before.
    fn best(&mut self, model: ModelView<'_>) -> Step {
        // Only now it is judged as a last attempt, in which a reason to ask again is a warning.
        if let Some((text, finish)) = self.doubtful.take()
            && let Outcome::Done(done) = self.task.finish(&text, finish, Attempt::Last)
            && !(done.unchanged && self.task.is_instructed())
        {
            self.usable.push((done, None));
        }
        let usable = std::mem::take(&mut self.usable);
        let same = |one: &Finished| {
            let text = &one.edit.replacement;
            usable.iter().filter(|(other, _)| other.edit.replacement == *text).count()
        };
        let cost = |one: &Finished| (one.warnings.len(), std::cmp::Reverse(same(one)));
        let best = usable.iter().min_by_key(|(one, _)| cost(one)).cloned();
        match best.or(self.unchanged.take().map(|done| (done, None))) {
            // A change that nothing asks for must be without doubt.
            Some((done, _)) if done.unsure.is_some() && self.needs_reason(model).is_some() => {
                self.nothing(model, &done.unsure.unwrap_or_default())
            }
            Some((done, run)) => self.answer(model, done, run),
            None => self.refusal.take().map_or_else(too_early, Step::Fail),
        }
    }

    fn answer(&self, model: ModelView<'_>, mut done: Finished, test: Option<TestRun>) -> Step {
        let Some(layout) = &self.layout else { return too_early() };
        done.notes.extend(self.trial.as_ref().and_then(Trial::why_not));
        if let Some(left) = self.task.unmended(model.prompts(), &done) {
            done.notes.push(format!("Found, and not fixed by the model: {left}."));
        }
        let answer = EditAnswer {
            edit_id: self.counting.edit_id.clone(),
            edit: done.edit,
            imports: done.imports,
            reason: self.plan.clone().filter(|_| done.unchanged),
            unchanged: done.unchanged,
            hunks: done.hunks,
            diff: done.diff,
            warnings: done.warnings,
            notes: done.notes,
            unsure: done.unsure,
            test,
            sensitive: done.sensitive,
            attempts: self.attempts,
            usage: self.usage,
            context: layout.context,
            model: model.info(),
        };
        let shown = self.counting.shown(&self.task, model, &answer);
        let reply = Reply::Assist(Box::new(AssistAnswer::Edit(answer)));
        Step::Answer(Box::new(Answer { rest: String::new(), reply, shown, usage: self.usage }))
    }
}

fn varied(model: ModelView<'_>, seed: u32) -> SamplingParams {
    sampling(model.prompts().sampling_temperature().unwrap_or(VARIED_TEMPERATURE), seed)
}

fn sampling(temperature: f32, seed: u32) -> SamplingParams {
    SamplingParams { temperature: Some(temperature), seed: Some(seed), ..SamplingParams::default() }
}

fn too_early() -> Step {
    let text = "an edit was written before it was asked for";
    Step::Fail(ErrorInfo::new(ErrorCode::Internal, text))
}

fn first_paragraph(text: &str) -> String {
    let text = text.trim();
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use localcoder_assist::{Command, prepare};
    use localcoder_protocol::{
        DocumentText, DraftUse, LineRange, Measured, WorkerGenerateAnswer, WorkerId, WorkerPrompt,
    };

    use super::*;
    use crate::model_file::sample;

    fn written() -> WorkerGenerateAnswer {
        WorkerGenerateAnswer {
            worker: WorkerId { slot: 0, generation: 1 },
            finish: FinishReason::StopString,
            usage: Usage { generated_tokens: 5, ..Usage::default() },
            held_tokens: 0,
            measured: Measured::default(),
            draft: DraftUse::default(),
            mean_log_probability: None,
        }
    }

    fn task(instruction: Option<&str>) -> Task {
        task_in("def f(x):\n    return x\n", (1, 2), instruction)
    }

    fn task_in(text: &str, (start, end): (u32, u32), instruction: Option<&str>) -> Task {
        let document =
            DocumentText { path: "a.py".to_owned(), language_id: None, text: text.to_owned() };
        let command = Command::new("improve", instruction).expect("a command");
        prepare(&document, LineRange { start, end }, command).expect("a good request")
    }

    fn writing(model: ModelView<'_>) -> EditJob {
        asked(model, None)
    }

    fn asked(model: ModelView<'_>, instruction: Option<&str>) -> EditJob {
        let mut job = EditJob::new(task(instruction), EditWish::default(), Counting::default());
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
        assert!(matches!(step, Step::Lines(1, None)), "{step:?}");
        let step = job.step(model, Input::Generated(&written()));
        assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        let step = job.step(model, Input::Text("def f(x):\n    return -x\n"));
        assert!(matches!(step, Step::Lines(2, None)), "{step:?}");
        let Step::Answer(answer) = job.step(model, Input::Generated(&written())) else {
            panic!("it is of use")
        };
        assert_eq!(answer.usage.generated_tokens, 10);
        let Reply::Assist(reply) = answer.reply else { panic!("an edit was asked for") };
        let AssistAnswer::Edit(edit) = *reply else { panic!("an edit was asked for") };
        assert_eq!(edit.attempts, 2);
    }

    // It would be lost if it were set before `retry`, which empties the text.
    #[test]
    fn what_the_answer_was_begun_with_is_a_part_of_it() {
        let file = sample();
        let model = ModelView { file: &file, context_tokens: 4096 };
        let text = "import os\nimport sys\n\n\ndef f(x):\n    return x\n";
        let mut job = EditJob::new(
            task_in(text, (5, 6), Some("Return one more.")),
            EditWish::default(),
            Counting::default(),
        );
        let Step::Count(texts) = job.step(model, Input::Ready) else { panic!("it counts first") };
        let _ = job.step(model, Input::Counted(&vec![5; texts.len()]));
        let _ = job.step(model, Input::Text("import os\nimport sys\n\nde"));
        let cut = WorkerGenerateAnswer { finish: FinishReason::TokenLimit, ..written() };
        let step = job.step(model, Input::Generated(&cut));
        let Step::Retry { call, .. } = step else { panic!("it was cut off: {step:?}") };
        let WorkerPrompt::Chat { prefill, .. } = call.prompt else { panic!("it is a chat") };
        assert!(prefill.ends_with("\ndef"), "{prefill}");
        let _ = job.step(model, Input::Text(" f(x):\n    return x + 1\n"));
        let Step::Answer(answer) = job.step(model, Input::Generated(&written())) else {
            panic!("it is of use")
        };
        let Reply::Assist(reply) = answer.reply else { panic!("an edit was asked for") };
        let AssistAnswer::Edit(edit) = *reply else { panic!("an edit was asked for") };
        assert_eq!(edit.edit.replacement, "def f(x):\n    return x + 1");
    }

    #[test]
    fn a_model_that_changes_nothing_says_what_to_change_and_else_why_not() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let text = "def f(x):\n    return x\n";
        let mut job =
            EditJob::new(task(Some("Add one.")), EditWish::default(), Counting::default());
        let Step::Count(texts) = job.step(model, Input::Ready) else { panic!("it counts first") };
        let _ = job.step(model, Input::Counted(&vec![5; texts.len()]));
        let _ = job.step(model, Input::Text(text));
        let step = job.step(model, Input::Generated(&written()));
        assert!(matches!(step, Step::Generate(_)), "what there is to change: {step:?}");
        let step = job.step(model, Input::Text("It adds one already.\n\nSee above."));
        assert!(matches!(step, Step::Wait), "that is not code: {step:?}");
        let step = job.step(model, Input::Generated(&written()));
        assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        for _ in 0..SAMPLES_MAX {
            let _ = job.step(model, Input::Text(text));
            let step = job.step(model, Input::Generated(&written()));
            assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        }
        let _ = job.step(model, Input::Text(text));
        let edit = edit_of(job.step(model, Input::Generated(&written())));
        assert_eq!(edit.usage.generated_tokens, 5 * (3 + SAMPLES_MAX));
        assert!(edit.unchanged && edit.attempts == 2 + SAMPLES_MAX);
        assert_eq!(edit.reason.as_deref(), Some("It adds one already."));
    }

    const DOUBTFUL: &str = "def f(x):\n    return elsewhere(x)\n";

    fn doubted(model: ModelView<'_>, decode_ms: f64) -> (EditJob, Step) {
        let mut job = asked(model, Some("Ask elsewhere."));
        let mut written = written();
        written.usage.decode_ms = decode_ms;
        let _ = job.step(model, Input::Text(DOUBTFUL));
        let step = job.step(model, Input::Generated(&written));
        assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        let _ = job.step(model, Input::Text(DOUBTFUL));
        let step = job.step(model, Input::Generated(&written));
        (job, step)
    }

    fn edit_of(step: Step) -> EditAnswer {
        let Step::Answer(answer) = step else { panic!("an answer: {step:?}") };
        let Reply::Assist(reply) = answer.reply else { panic!("an edit was asked for") };
        let AssistAnswer::Edit(edit) = *reply else { panic!("an edit was asked for") };
        edit
    }

    #[test]
    fn a_finding_that_stays_makes_other_answers_worth_their_time() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let (mut job, step) = doubted(model, 100.0);
        let Step::Retry { call, .. } = step else { panic!("another: {step:?}") };
        assert_eq!((call.sampling.temperature, call.sampling.seed), (Some(0.6), Some(1)));
        let _ = job.step(model, Input::Text("def f(x):\n    return -x\n"));
        let edit = edit_of(job.step(model, Input::Generated(&written())));
        assert_eq!((edit.attempts, edit.unsure), (3, None));
        assert!(edit.edit.replacement.contains("-x"));
    }

    #[test]
    fn what_it_changes_only_when_asked_again_and_again_is_doubtful() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let mut job =
            EditJob::new(task(Some("Add one.")), EditWish::default(), Counting::default());
        let Step::Count(texts) = job.step(model, Input::Ready) else { panic!("it counts first") };
        let _ = job.step(model, Input::Counted(&vec![5; texts.len()]));
        let same = "def f(x):\n    return x\n";
        for text in [same, "Nothing.", same] {
            let _ = job.step(model, Input::Text(text));
            let _ = job.step(model, Input::Generated(&written()));
        }
        let _ = job.step(model, Input::Text("def f(x):\n    return x + 1\n"));
        let edit = edit_of(job.step(model, Input::Generated(&written())));
        assert!(!edit.unchanged && edit.unsure.is_some(), "{edit:?}");
    }

    #[test]
    fn where_none_is_better_it_is_said_and_the_one_that_came_most_often_is_shown() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let (mut job, _) = doubted(model, 100.0);
        let other = DOUBTFUL.replace("elsewhere", "nowhere");
        for _ in 1..SAMPLES_MAX {
            let _ = job.step(model, Input::Text(&other));
            let step = job.step(model, Input::Generated(&written()));
            assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        }
        let _ = job.step(model, Input::Text(&other));
        let edit = edit_of(job.step(model, Input::Generated(&written())));
        assert!(edit.unsure.as_deref().is_some_and(|why| why.contains("`nowhere`")), "{edit:?}");
        assert_eq!(edit.attempts, 2 + SAMPLES_MAX);
    }

    #[test]
    fn on_a_slow_machine_nobody_waits_for_other_answers() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let (_, step) = doubted(model, 14_000.0);
        let edit = edit_of(step);
        assert_eq!(edit.attempts, 2);
        assert!(edit.unsure.as_deref().is_some_and(|why| why.contains("`elsewhere`")), "{edit:?}");
    }

    #[test]
    fn what_nothing_but_the_model_speaks_for_is_shown_where_it_comes_to_it_each_time() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let negated = "def f(x):\n    return -x\n";
        let second = |text: &str| {
            let mut job = writing(model);
            for seed in 1..=OPINIONS {
                let _ = job.step(model, Input::Text(negated));
                let step = job.step(model, Input::Generated(&written()));
                let Step::Retry { call, .. } = step else { panic!("another opinion: {step:?}") };
                let SamplingParams { temperature, seed: given, .. } = call.sampling;
                assert_eq!((temperature, given), (Some(0.6), Some(seed)));
            }
            let _ = job.step(model, Input::Text(text));
            edit_of(job.step(model, Input::Generated(&written())))
        };
        let shown = second(negated);
        assert_eq!((shown.unchanged, shown.attempts), (false, 1 + OPINIONS));
        for text in ["def f(x):\n    return x\n", "def f(x):\n    return 0 - x\n", "Nothing."] {
            let left = second(text);
            assert!(left.unchanged && left.notes[0].contains("no check asks for"), "{left:?}");
        }
    }

    #[test]
    fn that_calls_give_what_they_gave_is_no_reason_for_a_change() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let calls = r#"{"name": "95 calls of f", "outcome": "passed", "kind": "calls", "ms": 9}"#;
        let run: TestRun = serde_json::from_str(calls).unwrap();
        let wish = EditWish { test: Some(run.clone()), ..EditWish::default() };
        let mut job = EditJob::new(task(None), wish, Counting::default());
        let Step::Count(texts) = job.step(model, Input::Ready) else { panic!("it counts first") };
        let _ = job.step(model, Input::Counted(&vec![5; texts.len()]));
        let writes = |job: &mut EditJob| {
            let _ = job.step(model, Input::Text("def f(x):\n    return -x\n"));
            job.step(model, Input::Generated(&written()))
        };
        let Step::Try { trial, .. } = writes(&mut job) else { panic!("it is tried first") };
        let mut step = job.step(model, Input::Tried(trial, &run));
        for _ in 0..OPINIONS {
            assert!(matches!(step, Step::Retry { .. }), "{step:?}");
            step = writes(&mut job);
        }
        assert_eq!(edit_of(step).test, Some(run));
    }

    #[test]
    fn what_is_doubtful_and_nobody_asked_for_is_left_out() {
        let mut file = sample();
        file.info.size_bytes = 1_000_000_000;
        let model = ModelView { file: &file, context_tokens: 4096 };
        let mut job = writing(model);
        for _ in 0..=SAMPLES_MAX {
            let _ = job.step(model, Input::Text(DOUBTFUL));
            let step = job.step(model, Input::Generated(&written()));
            assert!(matches!(step, Step::Retry { .. }), "{step:?}");
        }
        let _ = job.step(model, Input::Text(DOUBTFUL));
        let left = edit_of(job.step(model, Input::Generated(&written())));
        assert!(left.unchanged && left.notes[0].contains("`elsewhere`"), "{left:?}");
    }

    #[test]
    fn thoughts_are_neither_shown_nor_code_and_have_an_end() {
        let file = sample();
        let model = ModelView { file: &file, context_tokens: 4096 };
        let wish = EditWish { drafts: true, ..EditWish::default() };
        let mut job = EditJob::new(task(None), wish, Counting::default());
        let Step::Count(texts) = job.step(model, Input::Ready) else { panic!("it counts first") };
        let _ = job.step(model, Input::Counted(&vec![5; texts.len()]));
        for piece in ["<th", "ink>\ndef f(x):\n", "    return 7\n", "</thi", "nk>\n\n"] {
            let step = job.step(model, Input::Text(piece));
            assert!(matches!(step, Step::Wait), "{piece}: {step:?}");
        }
        let Step::Lines(2, Some(seen)) = job.step(model, Input::Text("def f(x):\n    return -x\n"))
        else {
            panic!("that is code")
        };
        assert!(!seen.text.contains('7'), "{seen:?}");
        let edit = edit_of(job.step(model, Input::Generated(&written())));
        assert_eq!((edit.edit.replacement.contains("-x"), edit.attempts), (true, 1));
        let mut job = writing(model);
        let _ = job.step(model, Input::Text("<think>"));
        let mut steps = (0..5_000).map(|_| job.step(model, Input::Text(" hm")));
        let Some(Step::Fail(error)) = steps.find(|step| !matches!(step, Step::Wait)) else {
            panic!("it ends")
        };
        assert_eq!(error.code, ErrorCode::AnswerUnusable);
        assert!(error.message.contains("512 tokens") && error.hint.is_some(), "{error:?}");
        let mut job = writing(model);
        let _ = job.step(model, Input::Text("<think> hm"));
        let step = job.step(model, Input::Generated(&written()));
        assert!(matches!(step, Step::Fail(_)), "no second thought: {step:?}");
    }

    #[test]
    fn a_base_model_is_reported_before_it_is_asked() {
        let mut file = sample();
        file.info.name = "Starcoder2 7B Base".to_owned();
        let model = ModelView { file: &file, context_tokens: 4096 };
        let mut job = EditJob::new(task(None), EditWish::default(), Counting::default());
        let Step::Fail(error) = job.step(model, Input::Ready) else { panic!("it is refused") };
        assert_eq!(error.code, ErrorCode::ModelUnsupported);
        assert!(error.hint.is_some_and(|hint| hint.contains("instruct")));
        // A user who gives it a template knows better.
        file.chat_template = Some("{{ messages }}".to_owned());
        let model = ModelView { file: &file, context_tokens: 4096 };
        let mut job = EditJob::new(task(None), EditWish::default(), Counting::default());
        assert!(matches!(job.step(model, Input::Ready), Step::Count(_)));
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
        assert!(matches!(step, Step::Lines(1, None)), "{step:?}");
    }
}
