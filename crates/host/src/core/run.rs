//! The active job's way once its model is loaded: lay out the prompt, generate, turn the answer
//! into an edit, answer the client. One at a time, over all models: two would share the processor.

use localcoder_assist::{Attempt, Layout, Limits, Outcome};
use localcoder_model_store::Sampling;
use localcoder_protocol::{ChatMessage, FinishReason};
use localcoder_protocol::{
    CountTokens, CountTokensAnswer, CountTokensParams, Delta, DeltaParams, ErrorAction, ErrorCode,
    ErrorInfo, ExplainAnswer, GenerateAnswer, GenerateParams, ImproveAnswer, Notification,
    PrefillProgressParams, PrepareAnswer, Progress, ProgressParams, Purpose, Request, Role,
    SamplingParams, Stage, TokenParams, WorkerGenerate, WorkerGenerateAnswer, WorkerGenerateParams,
    WorkerPrompt, WorkerSampling,
};
use localcoder_settings::Settings;
use localcoder_transport::Message;
use serde::Serialize;
use serde_json::Value;

use super::budget;
use super::engine::{Call, Loaded};
use super::errors::Doing;
use super::event::Effect;
use super::job::{Job, Step, Work};
use super::prefix;
use super::slots::SlotId;
use super::{Host, errors};

/// A client is sent streamed text, and progress, at most this often.
pub(super) const TELL_EVERY_MS: u64 = 33;
/// Tokens of a raw generation that names no limit.
const RAW_TOKENS: u32 = 512;

impl Host {
    /// The active job's model is loaded: start with the work itself.
    pub(super) fn begin(&mut self, slot: SlotId) {
        let Some(loaded) = self.slots[slot].loaded.clone() else { return };
        let Some(job) = self.active.as_mut() else { return };
        self.failed = None;
        match &job.work {
            // Answered without being active.
            Work::Warm => {}
            Work::Rearm => {
                let sampling = SamplingParams::default();
                self.generate(prefix::prompt(), 0, Vec::new(), String::new(), sampling);
            }
            Work::Prepare(task) | Work::Improve(task) | Work::Explain(task) => {
                let params = CountTokensParams { texts: task.texts_to_count() };
                let call = self.call_for_job::<CountTokens>(&params);
                self.set_step(Step::Counting, call);
            }
            Work::Generate(params) => {
                let prompt = raw_prompt(params);
                let set = job.settings.sampling_set;
                let sampling = sampling_of_an_answer(params.sampling, set, loaded.file.sampling);
                let max_tokens = params.max_tokens.unwrap_or(RAW_TOKENS).min(loaded.context_tokens);
                let stop = params.stop.clone();
                self.generate(prompt, max_tokens, stop, String::new(), sampling);
            }
        }
    }

    /// The model that the active job works with.
    fn active_model(&self) -> Option<&Loaded> {
        self.slots[self.active.as_ref()?.slot?].loaded.as_ref()
    }

    /// Calls the worker for the active job.
    fn call_for_job<R: Request>(&mut self, params: &R::Params) -> i64 {
        let slot = self.active.as_ref().and_then(|job| job.slot).unwrap_or_default();
        self.call_worker::<R>(slot, Call::Job, params)
    }

    fn set_step(&mut self, step: Step, call: i64) {
        if let Some(job) = self.active.as_mut() {
            job.step = step;
            job.call = Some(call);
        }
    }

    pub(super) fn job_answered(&mut self, call: i64, result: Result<Value, ErrorInfo>) {
        let Some(job) = self.active.as_mut().filter(|job| job.call == Some(call)) else { return };
        job.call = None;
        match (job.step, result) {
            (_, Err(error)) => self.answer_failed(error),
            (Step::Counting, Ok(value)) => match serde_json::from_value(value) {
                Ok(answer) => self.counted(&answer),
                Err(error) => {
                    self.fail_active(errors::worker_nonsense(CountTokens::METHOD, &error));
                }
            },
            (_, Ok(value)) => match serde_json::from_value(value) {
                Ok(answer) => self.generated(&answer),
                Err(error) => {
                    self.fail_active(errors::worker_nonsense(WorkerGenerate::METHOD, &error));
                }
            },
        }
    }

    /// The worker could not do it. Want of memory may pass with less, and a GPU that writes
    /// nonsense may have lost its context: both are tried again where nothing was shown.
    fn answer_failed(&mut self, error: ErrorInfo) {
        let used = self.active.as_ref().and_then(|job| job.slot);
        let used = used.and_then(|slot| Some((slot, self.slots[slot].loaded.as_ref()?)));
        let Some((slot, loaded)) = used else { return self.fail_active(error) };
        let (file, profile) = (loaded.file.clone(), loaded.profile);
        let (tried, error) = match error.code {
            ErrorCode::OutOfMemory if self.answers_with_less(&error, &file, &profile) => {
                ("Not enough memory; trying again with less", error)
            }
            ErrorCode::OutOfMemory => return self.fail_active(self.out_of_steps(&file, error)),
            ErrorCode::GenerateFailed if self.gpu_of(&profile).is_some() => {
                let _ = self.budgets.crashed(&budget::key(Some((&file, &profile))), self.now_ms);
                self.crash_falls_back(Doing::Answering, (&file, &profile), &error);
                ("The GPU failed; trying again", error)
            }
            _ => return self.fail_active(error),
        };
        match self.active.take_if(|job| job.may_begin_again()) {
            Some(job) => {
                let job = job.again();
                self.tell(&job, Stage::Retrying, None, tried.to_owned());
                self.queue.push_front(job);
            }
            None => self.fail_active(error.with_action(ErrorAction::Retry)),
        }
        // What is in its memory can't be trusted, or is too much.
        self.unload_model(slot);
    }

    fn counted(&mut self, answer: &CountTokensAnswer) {
        let Some(loaded) = self.active_model() else { return };
        let limits = Limits {
            window_tokens: loaded.context_tokens,
            trained_context_tokens: loaded.file.info.trained_context_tokens,
        };
        let Some(job) = self.active.as_mut() else { return };
        let (Work::Prepare(task) | Work::Improve(task) | Work::Explain(task)) = &job.work else {
            return;
        };
        let prepares = job.is_preparation();
        match task.layout(&answer.counts, limits) {
            Ok(layout) if prepares => {
                self.generate_layout(Layout { max_tokens: 0, draft: String::new(), ..layout });
            }
            Ok(layout) => self.generate_layout(layout),
            Err(error) => {
                let error = with_larger_profile(error, &job.settings);
                self.fail_active(error);
            }
        }
    }

    fn generate_layout(&mut self, layout: Layout) {
        let (prompt, max_tokens) = (layout.worker_prompt(), layout.max_tokens);
        let (stop, draft) = (layout.stop.clone(), layout.draft.clone());
        if let Some(job) = self.active.as_mut() {
            job.layout = Some(layout);
        }
        self.generate(prompt, max_tokens, stop, draft, SamplingParams::default());
    }

    /// Sends the generation, with the settings' sampling where the request has none of its own.
    fn generate(
        &mut self,
        prompt: WorkerPrompt,
        max_tokens: u32,
        stop: Vec<String>,
        draft: String,
        sampling: SamplingParams,
    ) {
        let usual = self.active.as_ref().map_or(self.settings.sampling, |it| it.settings.sampling);
        let sampling = WorkerSampling {
            temperature: sampling.temperature.unwrap_or(usual.temperature),
            top_p: sampling.top_p.unwrap_or(usual.top_p),
            repeat_penalty: sampling.repeat_penalty.unwrap_or(usual.repeat_penalty),
            seed: match sampling.seed {
                Some(seed) => seed,
                None => self.next_seed(),
            },
        };
        let request_id = self.slots.next_call().unsigned_abs();
        let purpose = match self.active.as_ref().map(|job| &job.work) {
            Some(Work::Explain(_) | Work::Generate(_)) => Purpose::Answer,
            // Nothing else is kept there that it could drive out.
            Some(Work::Rearm) => Purpose::Completion,
            _ => Purpose::Edit,
        };
        let params =
            WorkerGenerateParams { request_id, purpose, prompt, sampling, max_tokens, stop, draft };
        let call = self.call_for_job::<WorkerGenerate>(&params);
        self.set_step(Step::Generating, call);
        self.tell_active(Stage::Prefill, None, "Reading the code".to_owned());
    }

    pub(super) fn prefill_progress(&mut self, progress: PrefillProgressParams) {
        if self.is_active_call(progress.request_id) && progress.total_tokens > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a fraction to show")]
            let fraction = progress.done_tokens as f32 / progress.total_tokens as f32;
            self.tell_active_sometimes(Stage::Prefill, Some(fraction.clamp(0.0, 1.0)), || {
                "Reading the code".to_owned()
            });
        }
    }

    pub(super) fn token(&mut self, token: &TokenParams) {
        if !self.is_active_call(token.request_id) {
            return;
        }
        let Some(job) = self.active.as_mut() else { return };
        if job.streams() {
            let text = match job.work {
                Work::Explain(_) => job.explanation.push(&token.text),
                _ => token.text.clone(),
            };
            job.stream(&text);
        } else {
            job.text.push_str(&token.text);
            let lines = job.text.lines().count().max(1);
            let plural = if lines == 1 { "" } else { "s" };
            self.tell_active_sometimes(Stage::Generating, None, || {
                format!("Writing: {lines} line{plural}")
            });
        }
    }

    /// Whether a worker's words are for the request that is worked on.
    pub(super) fn is_of_active(&self, slot: SlotId) -> bool {
        self.active.as_ref().is_some_and(|job| job.slot == Some(slot))
    }

    fn is_active_call(&self, request_id: u64) -> bool {
        let writes = self.active.as_ref().filter(|job| job.step == Step::Generating);
        let call = writes.and_then(|job| job.call);
        call.is_some_and(|call| call.unsigned_abs() == request_id)
    }

    fn generated(&mut self, answer: &WorkerGenerateAnswer) {
        let Some(slot) = self.active.as_ref().and_then(|job| job.slot) else { return };
        if let Some(loaded) = &mut self.slots[slot].loaded {
            loaded.held_tokens = answer.held_tokens;
        }
        if let Some(loaded) = &self.slots[slot].loaded {
            self.ladder.works(&loaded.file.path);
        }
        self.learn(slot, answer.measured.clone());
        if let Some(job) = self.active.as_mut()
            && matches!(job.work, Work::Explain(_))
        {
            let rest = std::mem::take(&mut job.explanation).finish();
            job.stream(&rest);
        }
        self.flush_stream_now();
        let Some(job) = self.active.as_mut() else { return };
        job.add_usage(answer.usage);
        let Some(model) = job.file.as_ref().map(|file| file.info.clone()) else { return };
        let context = job.layout.as_ref().map(|layout| layout.context).unwrap_or_default();
        let (text, usage, finish) = (job.text.clone(), job.usage, answer.finish);
        let reads_code = !matches!(job.work, Work::Warm | Work::Rearm | Work::Generate(_));
        let counts = !job.is_preparation() && job.client.is_some();
        let settings = job.settings.clone();
        match &job.work {
            Work::Warm => {}
            Work::Rearm => self.answer_active(&localcoder_protocol::Nothing {}),
            Work::Prepare(_) => self.answer_active(&PrepareAnswer { prepared: true }),
            Work::Generate(_) => {
                self.answer_active(&GenerateAnswer { text, finish, usage, model });
            }
            Work::Explain(_) => {
                self.answer_active(&ExplainAnswer { text, finish, usage, context, model });
            }
            Work::Improve(_) => self.rewritten(finish),
        }
        if reads_code {
            self.save_prefix(slot);
        }
        // A second attempt at the same goes on counting.
        if counts && self.active.is_none() {
            self.note_speed(slot, usage, &settings);
        }
    }

    fn rewritten(&mut self, finish: FinishReason) {
        let Some(job) = self.active.as_mut() else { return };
        let (Work::Improve(task), Some(file), Some(layout)) = (&job.work, &job.file, &job.layout)
        else {
            return;
        };
        let mut outcome = task.finish(&job.text, finish, job.attempt);
        if let (Outcome::Refused(_), Some((text, finish))) = (&outcome, &job.first)
            && let done @ Outcome::Done(_) = task.finish(text, *finish, Attempt::Last)
        {
            // Asking again made it worse: the first answer is shown with its warnings.
            outcome = done;
        }
        match outcome {
            Outcome::Done(done) => {
                let answer = ImproveAnswer {
                    edit: done.edit,
                    unchanged: done.unchanged,
                    hunks: done.hunks,
                    diff: done.diff,
                    warnings: done.warnings,
                    attempts: if job.attempt == Attempt::First { 1 } else { 2 },
                    usage: job.usage,
                    context: layout.context,
                    model: file.info.clone(),
                };
                self.answer_active(&answer);
            }
            Outcome::Retry { reason } => {
                let layout = task.retry_layout(layout, &reason);
                job.attempt = Attempt::Last;
                job.first = Some((std::mem::take(&mut job.text), finish));
                self.tell_active(Stage::Retrying, None, format!("Asking again: {reason}"));
                self.generate_layout(layout);
            }
            Outcome::Refused(error) => self.fail_active(error),
        }
    }

    /// Forgets the active job; the worker is told to stop.
    pub(super) fn abandon_active(&mut self) {
        let Some(job) = self.end_active() else { return };
        if let Some(call) = job.call {
            self.cancel_call(call);
        }
    }

    /// No job is active any more; what it worked with was used until now.
    fn end_active(&mut self) -> Option<Job> {
        let job = self.active.take()?;
        if let Some(slot) = job.slot {
            self.slots[slot].used_ms = self.now_ms;
        }
        Some(job)
    }

    pub(super) fn fail_active(&mut self, error: ErrorInfo) {
        let Some(job) = self.end_active() else { return };
        if let Some(call) = job.call {
            self.cancel_call(call);
        }
        if job.is_preparation() {
            self.reply_unprepared(&job);
        } else if let Some(client) = job.client {
            self.reply(client, job.id, Err(error));
        }
    }

    fn answer_active(&mut self, answer: &impl Serialize) {
        let Some(job) = self.end_active() else { return };
        if let Some(client) = job.client {
            self.answer(client, job.id, answer);
        }
    }

    pub(super) fn stream_deadline_ms(&self) -> Option<u64> {
        let job = self.active.as_ref().filter(|job| !job.unsent.is_empty())?;
        Some(job.told_ms.map_or(self.now_ms, |told| told + TELL_EVERY_MS))
    }

    /// Sends what has gathered, where it is time.
    pub(super) fn flush_streams(&mut self) {
        if self.stream_deadline_ms().is_some_and(|due| due <= self.now_ms) {
            self.flush_stream_now();
        }
    }

    fn flush_stream_now(&mut self) {
        let now = self.now_ms;
        let Some(job) = self.active.as_mut().filter(|job| !job.unsent.is_empty()) else { return };
        job.told_ms = Some(now);
        let text = std::mem::take(&mut job.unsent);
        if let (Some(client), Some(request_id)) = (job.client, job.request_id.clone()) {
            self.notify::<Delta>(client, &DeltaParams { request_id, text });
        }
    }

    fn tell_active_sometimes(
        &mut self,
        stage: Stage,
        fraction: Option<f32>,
        message: impl FnOnce() -> String,
    ) {
        let now = self.now_ms;
        let Some(job) = self.active.as_ref() else { return };
        if job.told_ms.is_none_or(|told| now >= told + TELL_EVERY_MS) {
            self.tell_active(stage, fraction, message());
        }
    }

    fn tell_active(&mut self, stage: Stage, fraction: Option<f32>, message: String) {
        let Some(mut job) = self.active.take() else { return };
        job.told_ms = Some(self.now_ms);
        self.tell(&job, stage, fraction, message);
        self.active = Some(job);
    }

    pub(super) fn tell(&mut self, job: &Job, stage: Stage, fraction: Option<f32>, message: String) {
        if job.is_preparation() {
            return;
        }
        if let (Some(client), Some(request_id)) = (job.client, job.request_id.clone()) {
            self.notify::<Progress>(
                client,
                &ProgressParams { request_id, stage, fraction, message },
            );
        }
    }

    fn notify<N: Notification>(&mut self, client: super::ClientId, params: &N::Params) {
        self.effects.push(Effect::Send(client, Message::notification::<N>(params)));
    }
}

/// A selection that does not fit may fit under another profile.
fn with_larger_profile(error: ErrorInfo, settings: &Settings) -> ErrorInfo {
    if error.code != ErrorCode::SelectionTooLarge {
        return error;
    }
    // A window of one's own counts more than any profile's.
    let is_profiles = settings.context_tokens == settings.profile.context_tokens;
    let larger = |it: &&localcoder_settings::Profile| {
        is_profiles && !it.large_models && it.context_tokens_most > settings.context_tokens_most
    };
    // Of equals the first.
    let others = settings.profiles.iter().rev().filter(larger);
    let Some(other) = others.max_by_key(|it| it.context_tokens_most) else { return error };
    let hint = error.hint.clone().unwrap_or_default();
    error
        .with_hint(format!(
            "{hint}, or leave the profile `{}` for `{}`",
            settings.profile.name, other.name
        ))
        .with_action(ErrorAction::SwitchProfile)
}

/// For an answer that is no code: the request's, the user's, the model's own.
fn sampling_of_an_answer(
    asked: SamplingParams,
    set: SamplingParams,
    model: Sampling,
) -> SamplingParams {
    SamplingParams {
        temperature: asked.temperature.or(set.temperature).or(model.temperature),
        top_p: asked.top_p.or(set.top_p).or(model.top_p),
        repeat_penalty: asked.repeat_penalty.or(set.repeat_penalty).or(model.repeat_penalty),
        seed: asked.seed,
    }
}

/// A raw request's prompt in the worker's terms.
fn raw_prompt(params: &GenerateParams) -> WorkerPrompt {
    if params.raw {
        return WorkerPrompt::Raw { text: params.prompt.clone() };
    }
    let system = params.system.iter().map(|text| (Role::System, text));
    let user = std::iter::once((Role::User, &params.prompt));
    let messages = system
        .chain(user)
        .map(|(role, text)| ChatMessage { role, content: text.clone() })
        .collect();
    WorkerPrompt::Chat { messages, prefill: String::new() }
}
