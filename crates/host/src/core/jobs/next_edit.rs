//! Next edit: a model is asked about the places that follow from a change, one after another, until
//! it has an edit for one.

use localcoder_assist::{NextEditCall, NextEditTask, NextEditWay};
use localcoder_protocol::{
    FinishReason, Infill, NextEdit, NextEditAnswer, Purpose, Silence, Usage, WhyNothing,
    WorkerGenerateAnswer,
};

use super::step::{Input, ModelView, Predicted, Step, add_usage, likeliest};
use crate::core::event::ClientId;
use crate::core::pool::GenerateCall;

#[derive(Debug)]
pub(in crate::core) struct NextEditJob {
    task: Box<NextEditTask>,
    /// The task as it was at the beginning, for a second attempt: `task` has been moved on past the
    /// places that were asked about.
    first: Box<NextEditTask>,
    owner: ClientId,
    text: String,
    usage: Usage,
}

impl NextEditJob {
    pub(super) fn new(task: Box<NextEditTask>, owner: ClientId) -> Self {
        let first = task.clone();
        Self { task, first, owner, text: String::new(), usage: Usage::default() }
    }

    pub(super) fn again(self) -> Self {
        Self::new(self.first, self.owner)
    }

    pub(super) fn owner(&self) -> ClientId {
        self.owner
    }

    pub(super) fn is_explicit(&self) -> bool {
        self.task.is_explicit()
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready if way(model).is_none() => self.end(model, Err(Silence::NoInfill), None),
            Input::Ready => self.ask(model, Silence::NothingFollows, None),
            Input::Text(text) => {
                self.text.push_str(text);
                Step::Wait
            }
            Input::Generated(written) => {
                add_usage(&mut self.usage, written.usage);
                let ended =
                    matches!(written.finish, FinishReason::EndOfTurn | FinishReason::StopString);
                let text = std::mem::take(&mut self.text);
                let mean = written.mean_log_probability;
                match self.task.finish(&text, ended, mean) {
                    Ok(edit) => self.end(model, Ok(edit), Some(written)),
                    Err(reason) => self.ask(model, reason, Some(written)),
                }
            }
            Input::Counted(_) | Input::Tried(..) => Step::Wait,
        }
    }

    fn ask(
        &mut self,
        model: ModelView<'_>,
        reason: Silence,
        written: Option<&WorkerGenerateAnswer>,
    ) -> Step {
        let Some(call) = way(model).and_then(|way| self.task.call(way)) else {
            return self.end(model, Err(reason), written);
        };
        let NextEditCall { prompt, max_tokens, stop, draft } = call;
        Step::Generate(Box::new(GenerateCall {
            purpose: Purpose::Completion,
            prompt,
            sampling: likeliest(),
            max_tokens,
            stop,
            draft,
            block_end: None,
        }))
    }

    fn end(
        &mut self,
        model: ModelView<'_>,
        found: Result<NextEdit, Silence>,
        written: Option<&WorkerGenerateAnswer>,
    ) -> Step {
        let answer = NextEditAnswer {
            infill: written.map(|_| match way(model) {
                Some(NextEditWay::Sweep(_) | NextEditWay::Zeta) => Infill::Tokens,
                _ => Infill::Words,
            }),
            usage: self.usage,
            mean_log_probability: written.and_then(|written| written.mean_log_probability),
            model: Some(model.info()),
            ..answer(found)
        };
        let (owner, refused) = (self.owner, self.task.refused().to_vec());
        Step::Predicted(Box::new(Predicted { owner, refused, answer }))
    }
}

fn way(model: ModelView<'_>) -> Option<NextEditWay> {
    let file = model.file;
    let fim = file.header.as_ref().and_then(|header| header.fim);
    way_of(&file.info.name, fim.and_then(|fim| fim.file), file.takes_words())
}

/// A model that was made for next edits, as its name says, is asked in its own format.
fn way_of(name: &str, begins_file: Option<u32>, takes_words: bool) -> Option<NextEditWay> {
    let name = name.to_lowercase().replace([' ', '_'], "-");
    // Zeta 2 is another model, on another base and in another format.
    let is_zeta = name.split('-').any(|part| part == "zeta") && !name.contains("zeta-2");
    match begins_file.filter(|_| name.contains("sweep-next-edit")) {
        Some(token) => Some(NextEditWay::Sweep(token)),
        None if is_zeta => Some(NextEditWay::Zeta),
        None => takes_words.then_some(NextEditWay::Words),
    }
}

pub(in crate::core) fn answer(found: Result<NextEdit, Silence>) -> NextEditAnswer {
    let (edit, nothing) = match found {
        Ok(edit) => (Some(edit), None),
        Err(reason) => (None, Some(WhyNothing::from(reason))),
    };
    NextEditAnswer {
        edit,
        nothing,
        infill: None,
        usage: Usage::default(),
        mean_log_probability: None,
        model: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_was_made_for_this_is_asked_in_its_own_way() {
        assert_eq!(way_of("Sweep Next-Edit 1.5B", Some(7), true), Some(NextEditWay::Sweep(7)));
        assert_eq!(way_of("sweep-next-edit-v2-7b", Some(7), false), Some(NextEditWay::Sweep(7)));
        assert_eq!(way_of("Sweep Next-Edit 1.5B", None, true), Some(NextEditWay::Words));
        assert_eq!(way_of("Zeta", Some(7), true), Some(NextEditWay::Zeta));
        assert_eq!(way_of("zed-industries_zeta", None, false), Some(NextEditWay::Zeta));
        assert_eq!(way_of("Zeta 2", None, false), None);
        assert_eq!(way_of("Qwen2.5 Coder 1.5B", Some(7), true), Some(NextEditWay::Words));
        assert_eq!(way_of("Qwen2.5 Coder 1.5B", Some(7), false), None);
    }
}
