//! A model's template as the worker has it: compiled once, asked for each chat, and given up for
//! good where it wanted more than it may have.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use localcoder_protocol::limits::CHAT_TEMPLATE_BYTES_MAX;
use localcoder_protocol::{ChatMessage, ErrorAction, ErrorCode, ErrorInfo, Role};

use crate::guard::parked_threads;
use crate::jinja::Source;
use crate::layout::{Layout, Piece};
use crate::limits::{Limit, Limits};
use crate::renderer::Renderer;

/// A compiled template.
#[derive(Debug)]
pub struct Template {
    source: Source,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Ready(Renderer),
    /// The machine was too busy once; a second time counts as the template's fault.
    Late,
    /// It is not run again.
    Unusable(TemplateError),
}

/// Why a chat could not be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// It is no template, or refused the chat.
    Failed(String),
    /// It wanted more than it may have.
    Limit(Limit),
    /// What a message says does not come out of it as it went in.
    Vanished(Role),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => f.write_str(reason),
            Self::Limit(limit) => limit.fmt(f),
            Self::Vanished(role) => write!(f, "it leaves out or changes the {role:?} message"),
        }
    }
}

impl TemplateError {
    /// For the host.
    #[must_use]
    pub fn into_info(self) -> ErrorInfo {
        match self {
            Self::Limit(Limit::Waiting(_)) => ErrorInfo::new(
                ErrorCode::Busy,
                "the model's chat template was not rendered in time",
            )
            .with_cause(self.to_string())
            .with_hint("try again when the machine is less busy")
            .with_action(ErrorAction::Retry),
            Self::Limit(Limit::Stopped(_)) => unusable(&self)
                .with_hint("run `localcoder host stop`, and do not use the models before this one"),
            _ => unusable(&self)
                .with_hint("choose another build of this model, or another model")
                .with_action(ErrorAction::OpenSettings),
        }
    }
}

fn unusable(error: &TemplateError) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::ModelUnsupported, "the model's chat template can't be used")
        .with_cause(error.to_string())
}

impl Template {
    /// Compiles a template. `bos` and `eos` are the names of the tokens that begin and end a text,
    /// as templates write them.
    ///
    /// # Errors
    /// It is no template, or too large a one.
    pub fn compile(text: String, bos: String, eos: String) -> Result<Self, TemplateError> {
        Self::compile_within(text, bos, eos, Limits::PRODUCT)
    }

    /// The same within other limits.
    pub(crate) fn compile_within(
        text: String,
        bos: String,
        eos: String,
        limits: Limits,
    ) -> Result<Self, TemplateError> {
        if text.len() > CHAT_TEMPLATE_BYTES_MAX {
            let bytes = text.len();
            return Err(TemplateError::Failed(format!("it has {bytes} bytes, which is too many")));
        }
        let source = Source { text, bos, eos };
        let state = match start(&source, limits, Instant::now()) {
            Ok(renderer) => State::Ready(renderer),
            Err(TemplateError::Limit(Limit::Waiting(_))) => State::Late,
            Err(error) => return Err(error),
        };
        Ok(Self { source, limits, state: Mutex::new(state) })
    }

    /// Lays the messages out, ready for the assistant's turn.
    ///
    /// # Errors
    /// The template refuses the chat, changes what is said in it, or has passed a limit, now or
    /// before.
    pub fn lay_out(&self, messages: &[ChatMessage]) -> Result<Vec<Piece>, TemplateError> {
        let layout = Layout::new(messages);
        layout.pieces(&self.render(&layout)?)
    }

    fn render(&self, layout: &Layout<'_>) -> Result<String, TemplateError> {
        let asked = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (result, again) = match &*state {
            State::Unusable(error) => return Err(error.clone()),
            State::Ready(renderer) => (renderer.render(layout.shown(), asked), false),
            State::Late => {
                let renderer = start(&self.source, self.limits, asked);
                let result = renderer.and_then(|renderer| {
                    let result = renderer.render(layout.shown(), asked);
                    *state = State::Ready(renderer);
                    result
                });
                (result, true)
            }
        };
        match &result {
            Err(TemplateError::Limit(Limit::Waiting(_))) if !again => *state = State::Late,
            // Its thread is gone, or would do the same again.
            Err(error @ TemplateError::Limit(limit)) if !limit.is_of_the_chat() => {
                *state = State::Unusable(error.clone());
            }
            _ => {}
        }
        result
    }
}

impl Limit {
    /// Whether another chat may stay below it, and the thread has gone on.
    fn is_of_the_chat(self) -> bool {
        matches!(self, Self::Steps(_) | Self::Output(_) | Self::Repeats(_))
    }
}

fn start(source: &Source, limits: Limits, asked: Instant) -> Result<Renderer, TemplateError> {
    if parked_threads() >= limits.stopped_max {
        return Err(TemplateError::Limit(Limit::Stopped(limits.stopped_max)));
    }
    Renderer::start(source.clone(), limits, asked)
}
