//! The request whose turn it is: its job receives what has arrived and returns what it wants. There
//! is one at a time over all models, since two would share the processor.

use localcoder_protocol::limits::TRIED_WITHIN_MS;
use localcoder_protocol::{
    ErrorAction, ErrorCode, ErrorInfo, SamplingParams, Stage, TestOutcome, TestRun, TriedParams,
    Usage, WorkerGenerateAnswer, WorkerSampling,
};
use localcoder_settings::Settings;

use super::action::{Action, Trial};
use super::{Context, OpenTrial, Schedule, Ticket};
use crate::core::errors::Doing;
use crate::core::event::ClientId;
use crate::core::jobs::{Answer, Input, ModelView, Step};
use crate::core::pool::{GenerateCall, Question, SlotId};

const READS: &str = "Reading the code";

impl Schedule {
    pub(super) fn begin(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        self.failed = None;
        self.step(Input::Ready, cx, out);
    }

    fn is_active_in(&self, slot: SlotId) -> bool {
        self.active.as_ref().is_some_and(|ticket| ticket.slot == Some(slot))
    }

    pub(in crate::core) fn counted(
        &mut self,
        slot: SlotId,
        counts: &[u32],
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        // A cancelled request's numbers arrive late, and the slot may have another one by then.
        if self.is_active_in(slot) {
            self.step(Input::Counted(counts), cx, out);
        }
    }

    pub(in crate::core) fn text(
        &mut self,
        slot: SlotId,
        text: &str,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        if self.is_active_in(slot) {
            self.step(Input::Text(text), cx, out);
        }
    }

    pub(in crate::core) fn prefill_progress(
        &self,
        slot: SlotId,
        fraction: f32,
        out: &mut Vec<Action>,
    ) {
        if let Some(ticket) = self.active.as_ref().filter(|ticket| ticket.slot == Some(slot)) {
            let message = READS.to_owned();
            ticket.report_fraction(Stage::Prefill, Some(fraction), message, true, out);
        }
    }

    /// Its text has ended. What was learned of the model is noted first, also for a request that is
    /// gone; then the job decides what follows, and only if it has ended is the speed noted.
    pub(in crate::core) fn generated(
        &mut self,
        slot: SlotId,
        answer: &WorkerGenerateAnswer,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let engine = cx.pool.engine(slot);
        let (Some(loaded), Some((_, llama_build))) = (engine.loaded(), engine.worker()) else {
            return;
        };
        // Noted even if the request is gone: that the model answered is true of the model.
        self.ladder.works(&loaded.file.path);
        let ran = (llama_build, &loaded.file, &loaded.profile);
        self.knowledge.learn(cx.now_ms, ran, answer.measured.clone());
        self.draft_used(slot, (answer.usage.generated_tokens, answer.draft), cx, out);
        let Some(ticket) = self.active.as_ref().filter(|_| self.is_active_in(slot)) else { return };
        let reads_code = ticket.job.reads_code();
        // Taken before the step, after which the ticket is gone.
        let settings = ticket.is_wanted().then(|| ticket.settings.clone());
        let total = self.step(Input::Generated(answer), cx, out);
        if reads_code {
            // After the answer, so that nobody waits for it.
            out.push(Action::SavePrefix(slot));
        }
        // A request that asks again is still active: its usage is counted at its end.
        let Some(settings) = settings.filter(|_| self.active.is_none()) else { return };
        let usage = total.unwrap_or(answer.usage);
        // The speed over all attempts: one number for each request that a user waited for.
        if let Some(written) = super::speed::written_tokens_per_s(usage) {
            self.knowledge.note_speed(cx.now_ms, &loaded.file, written);
        }
        let knowledge = &self.knowledge;
        // It is made once for each model, so not while no editor is there to show it.
        let may_suggest = |model: &str| !knowledge.was_suggested(model) && cx.is_watched;
        if let Some(fast) = self.speeds.note(&loaded.file, usage, &settings, may_suggest) {
            out.push(Action::Inspect(vec![fast]));
        }
    }

    /// A client reports the result of its test on an edit. Ignored if no request waits for it: it
    /// may be late, of an earlier trial, or of another client, and only the number of the open
    /// trial counts.
    pub(in crate::core) fn tried(
        &mut self,
        client: ClientId,
        tried: &TriedParams,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        // Both must match: the number alone could be another client's guess.
        let is_it = |ticket: &Ticket| ticket.is(client, &tried.request_id);
        if self.active.as_ref().is_some_and(is_it)
            && self.trial.take_if(|trial| trial.number == tried.trial).is_some()
        {
            self.step(Input::Tried(tried.trial, &tried.run), cx, out);
        }
    }

    pub(in crate::core) fn look(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        self.changed = true;
        let Some(trial) = self.trial.take_if(|trial| trial.due_ms <= cx.now_ms) else { return };
        // "Not run" instead of an error: the client is gone or hangs, and the edit itself may be
        // good.
        let run = TestRun {
            name: trial.name,
            outcome: TestOutcome::NotRun,
            said: "it had no end in time".to_owned(),
            kind: trial.kind,
            ms: u32::try_from(TRIED_WITHIN_MS).unwrap_or(u32::MAX),
        };
        self.step(Input::Tried(trial.number, &run), cx, out);
    }

    /// The worker could not answer. If memory was lacking, less may do, and a GPU that writes
    /// nonsense may have lost its context: in both cases the request is repeated if nothing was
    /// shown.
    pub(in crate::core) fn answer_failed(
        &mut self,
        slot: SlotId,
        error: ErrorInfo,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        self.changed = true;
        if !self.is_active_in(slot) {
            return;
        }
        let Some(loaded) = cx.pool.engine(slot).loaded() else {
            return self.fail_active(error, out);
        };
        let (file, profile) = (&loaded.file, &loaded.profile);
        let had_draft = loaded.draft.is_some();
        let message = match error.code {
            ErrorCode::OutOfMemory if self.do_without(&file.path, had_draft, &error) => {
                "Not enough memory; trying again without the draft model"
            }
            ErrorCode::OutOfMemory if self.answers_with_less(&error, file, profile, cx, out) => {
                "Not enough memory; trying again with less"
            }
            ErrorCode::OutOfMemory => {
                let error = self.ladder.out_of_steps(file, error);
                return self.fail_active(error, out);
            }
            ErrorCode::GenerateFailed if cx.pool.gpu_of(profile).is_some() => {
                out.push(Action::CountCrash(Box::new(file.clone()), *profile));
                // Plus one, since the action above is only carried out after this.
                let crashes = cx.pool.recent_crashes(file, profile) + 1;
                self.crash_falls_back(Doing::Answering, crashes, profile, &error, cx);
                "The GPU failed; trying again"
            }
            _ => return self.fail_active(error, out),
        };
        if !self.begin_again(message, out) {
            self.fail_active(error.with_action(ErrorAction::Retry), out);
        }
        // What it holds in memory can't be trusted, or is too much.
        self.unload_slot(slot, out);
    }

    /// Passes input to the job and carries out what it wants. Returns the total usage if the job
    /// has ended, `None` while it continues and where it failed.
    fn step(&mut self, input: Input<'_>, cx: &Context<'_>, out: &mut Vec<Action>) -> Option<Usage> {
        let ticket = self.active.as_mut()?;
        let slot = ticket.slot?;
        let loaded = cx.pool.engine(slot).loaded()?;
        let model =
            ModelView { file: ticket.file.as_ref()?, context_tokens: loaded.context_tokens };
        match ticket.job.step(model, input) {
            Step::Wait => {}
            Step::Count(texts) => out.push(Action::Ask(slot, Question::Count(texts))),
            Step::Generate(call) => self.generate(slot, call, out),
            Step::Retry { call, reason } => {
                ticket.report(Stage::Retrying, format!("Asking again: {reason}"), out);
                self.generate(slot, call, out);
            }
            Step::Try { trial: number, edits, name, kind } => {
                ticket.report(Stage::Testing, format!("Running {name}"), out);
                // Only a client's request can ask for this.
                let asker = ticket.asker.clone()?;
                let due_ms = cx.now_ms + TRIED_WITHIN_MS;
                self.trial = Some(OpenTrial { number, name, kind, due_ms });
                out.push(Action::TryEdit(asker, Box::new(Trial { number, edits })));
            }
            Step::Stream(text) => {
                out.extend(ticket.asker.clone().map(|asker| Action::Stream(asker, text)));
            }
            Step::Lines(lines, so_far) => {
                let plural = if lines == 1 { "" } else { "s" };
                let message = format!("Writing: {lines} line{plural}");
                ticket.report_fraction(Stage::Generating, None, message, true, out);
                if let (Some(so_far), Some(asker)) = (so_far, ticket.asker.clone()) {
                    out.push(Action::Draft(asker, so_far));
                }
            }
            Step::Answer(answer) => {
                let Answer { rest, reply, shown, usage } = *answer;
                if let Some(asker) = self.end_active(out).and_then(|ticket| ticket.asker) {
                    out.push(Action::Stream(asker.clone(), rest));
                    out.extend(shown.map(Action::CountShown));
                    out.push(Action::Reply(asker, Ok(reply)));
                }
                return Some(usage);
            }
            Step::Infill { call, owner, held } => {
                out.push(Action::Hold(owner, held));
                self.generate(slot, call, out);
            }
            Step::Completed(completed) => {
                let usage = completed.answer.usage;
                if let Some(Ticket { asker, references, settings, .. }) = self.end_active(out) {
                    let made_with = Box::new((references, *settings));
                    out.push(Action::Completed(asker, completed, made_with));
                }
                return Some(usage);
            }
            Step::Predicted(predicted) => {
                let usage = predicted.answer.usage;
                if let Some(asker) = self.end_active(out).and_then(|ticket| ticket.asker) {
                    out.push(Action::Predicted(asker, predicted));
                }
                return Some(usage);
            }
            Step::Fail(error) => {
                let error = with_larger_profile(error, &ticket.settings);
                self.fail_active(error, out);
            }
        }
        None
    }

    /// Asks for a text, with the settings' sampling for whatever the job does not set itself.
    fn generate(&mut self, slot: SlotId, call: Box<GenerateCall>, out: &mut Vec<Action>) {
        let Some(ticket) = &self.active else { return };
        let usual = ticket.settings.sampling;
        let SamplingParams { temperature, top_p, repeat_penalty, seed } = call.sampling;
        let sampling = WorkerSampling {
            temperature: temperature.unwrap_or(usual.temperature),
            top_p: top_p.unwrap_or(usual.top_p),
            repeat_penalty: repeat_penalty.unwrap_or(usual.repeat_penalty),
            // A seed of our own for each text, so that asking once more can give another answer.
            seed: seed.unwrap_or_else(|| self.seeds.next()),
        };
        out.push(Action::Ask(slot, Question::Generate(call, sampling)));
        ticket.report(Stage::Prefill, READS.to_owned(), out);
    }
}

/// Suggests a profile under which a selection that does not fit may fit.
fn with_larger_profile(error: ErrorInfo, settings: &Settings) -> ErrorInfo {
    if error.code != ErrorCode::SelectionTooLarge {
        return error;
    }
    // A window that the user set counts more than any profile's.
    let is_profiles = settings.context_tokens == settings.profile.context_tokens;
    let larger = |it: &&localcoder_settings::Profile| {
        is_profiles && !it.large_models && it.context_tokens_most > settings.context_tokens_most
    };
    // If several have the same window, the first.
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
