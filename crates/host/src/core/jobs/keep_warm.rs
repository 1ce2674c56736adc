//! A model that was not used for a while is kept warm: it reads what all prompts begin with.

use localcoder_protocol::{Purpose, SamplingParams, Usage};

use super::step::{Answer, Input, ModelView, Step};
use crate::core::pool::{GenerateCall, beginning};
use crate::core::reply::Reply;

#[derive(Debug)]
pub(in crate::core) struct KeepWarmJob;

impl KeepWarmJob {
    pub(super) fn step(&mut self, model: ModelView<'_>, input: Input<'_>) -> Step {
        match input {
            Input::Ready => Step::Generate(Box::new(GenerateCall {
                // In this sequence there is nothing else that it could displace.
                purpose: Purpose::Completion,
                prompt: beginning(model.file),
                sampling: SamplingParams::default(),
                max_tokens: 0,
                stop: Vec::new(),
                draft: String::new(),
                block_end: None,
            })),
            Input::Counted(_) | Input::Text(_) | Input::Tried(..) => Step::Wait,
            Input::Generated(_) => Step::Answer(Box::new(Answer {
                rest: String::new(),
                reply: Reply::Nothing,
                shown: None,
                usage: Usage::default(),
            })),
        }
    }
}
