//! Ghost text: the model fills a gap, and the job answers with what of it is worth showing, or why
//! nothing is.

use localcoder_assist::{Fill, FillCall, FillTokens, FillWay, Held};
use localcoder_protocol::{
    CompleteAnswer, ErrorCode, ErrorInfo, FinishReason, GhostText, Infill, Purpose, Silence, Usage,
    WhyNothing, WorkerGenerateAnswer,
};

use super::step::{Completed, Input, ModelView, Step, likeliest};
use crate::ModelFile;
use crate::core::event::ClientId;
use crate::core::pool::GenerateCall;

#[derive(Debug)]
pub(in crate::core) struct CompleteJob {
    fill: Box<Fill>,
    /// The client whose last prompt and suggestions it continues.
    owner: ClientId,
    /// Whether it is computed ahead, for a place where the cursor is not yet.
    ahead: bool,
    held: Option<Held>,
    infill: Option<Infill>,
    text: String,
}

impl CompleteJob {
    pub(in crate::core) fn new(fill: Box<Fill>, owner: ClientId, held: Option<Held>) -> Self {
        Self { fill, owner, ahead: false, held, infill: None, text: String::new() }
    }

    pub(in crate::core) fn ahead(fill: Fill, owner: ClientId, held: Option<Held>) -> Self {
        Self { ahead: true, ..Self::new(Box::new(fill), owner, held) }
    }

    pub(super) fn again(self) -> Self {
        Self { infill: None, text: String::new(), ..self }
    }

    pub(in crate::core) fn owner(&self) -> ClientId {
        self.owner
    }

    pub(in crate::core) fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// Whether the user asked for it, so that what goes wrong is an error.
    pub(in crate::core) fn is_explicit(&self) -> bool {
        self.fill.is_explicit() && !self.ahead
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready => match way(model.file) {
                Some(way) => self.ask(way, model.context_tokens),
                None => self.end(model, Err(Silence::NoInfill), None),
            },
            Input::Text(text) => {
                self.text.push_str(text);
                let is_enough = text.contains('\n') && self.fill.is_enough(&self.text);
                match is_enough {
                    true => {
                        // Ending here also stops the worker: what would follow would be cut off
                        // anyway.
                        let finished = self.fill.finish(&self.text, true, None);
                        self.end(model, finished, None)
                    }
                    false => Step::Wait,
                }
            }
            Input::Generated(written) => {
                let text = std::mem::take(&mut self.text);
                let finished =
                    self.fill.finish(&text, is_cut(written), written.mean_log_probability);
                self.end(model, finished, Some(written))
            }
            Input::Counted(_) | Input::Tried(..) => Step::Wait,
        }
    }

    fn ask(&mut self, way: FillWay, window_tokens: u32) -> Step {
        let FillCall { prompt, max_tokens, stop, block_end, held, infill } =
            self.fill.call(way, window_tokens, self.held.as_ref());
        self.infill = Some(infill);
        let call = GenerateCall {
            purpose: Purpose::Completion,
            prompt,
            sampling: likeliest(),
            max_tokens,
            stop,
            draft: String::new(),
            block_end,
        };
        Step::Infill { call: Box::new(call), owner: self.owner, held: Box::new(held) }
    }

    fn end(
        &mut self,
        model: ModelView<'_>,
        finished: Result<GhostText, Silence>,
        written: Option<&WorkerGenerateAnswer>,
    ) -> Step {
        let answer = CompleteAnswer {
            infill: self.infill,
            usage: written.map_or_else(Usage::default, |written| written.usage),
            mean_log_probability: written.and_then(|written| written.mean_log_probability),
            model: Some(model.info()),
            ..answer(finished)
        };
        let certainty = answer.mean_log_probability;
        let doubt = || self.fill.doubt(certainty).map(WhyNothing::from);
        let asked_for = self.is_explicit() && answer.suggestion.is_some();
        // Whoever asked for a suggestion gets one that would not be shown unasked, with what speaks
        // against it.
        let answer = match asked_for {
            true => CompleteAnswer { nothing: doubt(), ..answer },
            false => answer,
        };
        let (owner, ahead) = (self.owner, self.ahead);
        let ended = written.is_some_and(|written| !is_cut(written));
        Step::Completed(Box::new(Completed {
            fill: self.fill.clone(),
            owner,
            ahead,
            answer,
            ended,
        }))
    }
}

fn is_cut(written: &WorkerGenerateAnswer) -> bool {
    matches!(written.finish, FinishReason::TokenLimit | FinishReason::ContextFull)
}

pub(in crate::core) fn answer(finished: Result<GhostText, Silence>) -> CompleteAnswer {
    let (suggestion, nothing) = match finished {
        Ok(suggestion) => (Some(suggestion), None),
        Err(reason) => (None, Some(WhyNothing::from(reason))),
    };
    CompleteAnswer {
        suggestion,
        nothing,
        infill: None,
        usage: Usage::default(),
        mean_log_probability: None,
        debounce_ms: 0,
        model: None,
    }
}

/// The answer for an error in a request that the user has not asked for: no suggestion, with the
/// error as the reason.
pub(in crate::core) fn failed(error: &ErrorInfo) -> CompleteAnswer {
    let reason = match error.code {
        ErrorCode::Cancelled | ErrorCode::Draining => Silence::Busy,
        ErrorCode::Busy => Silence::NoRoom,
        ErrorCode::NoModel | ErrorCode::ModelNotFound => Silence::NoModel,
        _ => {
            let text = format!("{}: {}", Silence::Failed.text(), error.message);
            let nothing = Some(WhyNothing { reason: Silence::Failed, text });
            return CompleteAnswer { nothing, ..answer(Err(Silence::Failed)) };
        }
    };
    answer(Err(reason))
}

pub(in crate::core) fn way(file: &ModelFile) -> Option<FillWay> {
    let header = file.header.as_ref();
    if let Some(fim) = header.and_then(|header| header.fim) {
        let localcoder_gguf::FimTokens { prefix, suffix, middle, repository, file } = fim;
        return Some(FillWay::Tokens(FillTokens { prefix, suffix, middle, repository, file }));
    }
    file.takes_words().then_some(FillWay::Words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_file::sample;

    #[test]
    fn a_base_model_without_the_tokens_can_not_be_asked() {
        assert_eq!(way(&sample()), Some(FillWay::Words));
        let mut base = sample();
        base.info.name = "Some-7B-Base".to_owned();
        assert_eq!(way(&base), None);
        base.chat_template = Some("{{ messages }}".to_owned());
        assert_eq!(way(&base), Some(FillWay::Words), "somebody has given it a template");
    }

    #[test]
    fn what_goes_wrong_is_a_reason_with_its_words() {
        let of = |code| failed(&ErrorInfo::new(code, "so it is")).nothing.unwrap();
        assert_eq!(of(ErrorCode::Cancelled).reason, Silence::Busy);
        assert_eq!(of(ErrorCode::NoModel).reason, Silence::NoModel);
        let other = of(ErrorCode::GenerateFailed);
        assert_eq!(other.reason, Silence::Failed);
        assert!(other.text.ends_with("so it is"), "{}", other.text);
    }
}
