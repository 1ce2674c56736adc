//! A text for a client's own prompt, streamed as it is written.

use localcoder_assist::{AssistError, Thoughts};
use localcoder_model_store::Sampling;
use localcoder_protocol::{
    ChatMessage, GenerateAnswer, GenerateParams, Purpose, Role, SamplingParams,
    WorkerGenerateAnswer, WorkerPrompt,
};

use super::step::{Answer, Input, ModelView, Step};
use crate::core::pool::GenerateCall;
use crate::core::reply::Reply;

/// Tokens of a text if the request sets no limit.
const TOKENS_MAX: u32 = 512;

#[derive(Debug)]
pub(in crate::core) struct GenerateJob {
    params: Box<GenerateParams>,
    set: SamplingParams,
    thoughts: Thoughts,
    text: String,
}

impl GenerateJob {
    pub(super) fn new(params: GenerateParams, set: SamplingParams) -> Self {
        Self { params: Box::new(params), set, thoughts: Thoughts::default(), text: String::new() }
    }

    pub(super) fn again(self) -> Self {
        Self { thoughts: Thoughts::default(), text: String::new(), ..self }
    }

    pub(super) fn has_shown(&self) -> bool {
        !self.text.is_empty()
    }

    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready => Step::Generate(Box::new(self.call(model))),
            Input::Counted(_) | Input::Tried(..) => Step::Wait,
            Input::Text(text) => {
                // A text that continues another one is the model's own, whatever it is.
                let text = if self.params.raw { text.to_owned() } else { self.thoughts.push(text) };
                if let Some(tokens) = self.thoughts.endless(false) {
                    return Step::Fail(AssistError::ThinksTooLong(tokens).into());
                }
                self.text.push_str(&text);
                Step::Stream(text)
            }
            Input::Generated(written) => self.answer(model, written),
        }
    }

    fn call(&self, model: ModelView<'_>) -> GenerateCall {
        let params = &self.params;
        GenerateCall {
            purpose: Purpose::Answer,
            prompt: prompt(params),
            sampling: sampling(params.sampling, self.set, model.file.sampling),
            max_tokens: params.max_tokens.unwrap_or(TOKENS_MAX).min(model.context_tokens),
            stop: params.stop.clone(),
            draft: String::new(),
            block_end: None,
        }
    }

    fn answer(&mut self, model: ModelView<'_>, written: &WorkerGenerateAnswer) -> Step {
        if let Some(tokens) = self.thoughts.endless(true) {
            return Step::Fail(AssistError::ThinksTooLong(tokens).into());
        }
        let rest = self.thoughts.finish();
        self.text.push_str(&rest);
        let answer = GenerateAnswer {
            text: std::mem::take(&mut self.text),
            finish: written.finish,
            usage: written.usage,
            model: model.info(),
        };
        let reply = Reply::Generate(Box::new(answer));
        Step::Answer(Box::new(Answer { rest, reply, shown: None, usage: written.usage }))
    }
}

fn sampling(asked: SamplingParams, set: SamplingParams, model: Sampling) -> SamplingParams {
    SamplingParams {
        temperature: asked.temperature.or(set.temperature).or(model.temperature),
        top_p: asked.top_p.or(set.top_p).or(model.top_p),
        repeat_penalty: asked.repeat_penalty.or(set.repeat_penalty).or(model.repeat_penalty),
        seed: asked.seed,
    }
}

fn prompt(params: &GenerateParams) -> WorkerPrompt {
    if params.raw {
        return WorkerPrompt::Raw { text: params.prompt.clone() };
    }
    let system = params.system.iter().map(|text| (Role::System, text));
    let user = std::iter::once((Role::User, &params.prompt));
    let messages = system
        .chain(user)
        .map(|(role, text)| ChatMessage { role, content: text.clone() })
        .collect();
    WorkerPrompt::Chat { messages, prefill: String::new(), partings: Vec::new() }
}
