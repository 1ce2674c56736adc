//! A model's template as the worker uses it: compiled once, rendered for each chat, and given up
//! for good once it has exceeded a limit.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use localcoder_protocol::limits::CHAT_TEMPLATE_BYTES_MAX;
use localcoder_protocol::{ChatMessage, Role};

use crate::guard::parked_threads;
use crate::jinja::Source;
use crate::layout::{Layout, Piece};
use crate::limits::{Limit, Limits};
use crate::opening;
use crate::renderer::Renderer;
use crate::ways::{Way, others};

#[derive(Debug)]
pub struct Template {
    source: Source,
    limits: Limits,
    state: Mutex<State>,
    left_to_the_model: OnceLock<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaidOut {
    pub pieces: Vec<Piece>,
    /// What comes next if the answer is to begin without a thought: text of the template's kind,
    /// often empty.
    pub opening: String,
    pub way: Way,
}

#[derive(Debug)]
enum State {
    Ready(Renderer),
    /// The machine was too busy once; a second time counts as the template's fault.
    Late,
    Unusable(TemplateError),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is not a template, or it refused the chat.
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Limit(Limit),
    /// The content of a message is changed or missing in its output.
    #[error("it leaves out or changes the {0:?} message")]
    Vanished(Role),
}

impl Template {
    /// Compiles a template. `bos` and `eos` are the names of the tokens that begin and end a text,
    /// as templates write them.
    ///
    /// # Errors
    /// It is not a template, or it is too large.
    pub fn compile(text: String, bos: String, eos: String) -> Result<Self, TemplateError> {
        Self::compile_within(Source { text, bos, eos, date: None }, Limits::PRODUCT)
    }

    /// Compiles a template with a fixed time as now, in seconds since 1970, so that its output can
    /// be compared with a reference.
    ///
    /// # Errors
    /// As with [`Template::compile`].
    pub fn compile_at(
        text: String,
        bos: String,
        eos: String,
        date: u64,
    ) -> Result<Self, TemplateError> {
        Self::compile_within(Source { text, bos, eos, date: Some(date) }, Limits::PRODUCT)
    }

    pub(crate) fn compile_within(source: Source, limits: Limits) -> Result<Self, TemplateError> {
        let bytes = source.text.len();
        if bytes > CHAT_TEMPLATE_BYTES_MAX {
            return Err(TemplateError::Failed(format!("it has {bytes} bytes, which is too many")));
        }
        let state = match start(&source, limits, Instant::now()) {
            Ok(renderer) => State::Ready(renderer),
            // Not refused yet: the machine may have been busy, and the first chat tries again.
            Err(TemplateError::Limit(Limit::Waiting(_))) => State::Late,
            Err(error) => return Err(error),
        };
        let left_to_the_model = OnceLock::new();
        Ok(Self { source, limits, state: Mutex::new(state), left_to_the_model })
    }

    /// Lays the messages out, ready for the assistant's turn.
    ///
    /// # Errors
    /// The template refuses the chat, changes a message's content, or has exceeded a limit, now or
    /// before.
    pub fn lay_out(&self, messages: &[ChatMessage]) -> Result<Vec<Piece>, TemplateError> {
        self.pieces(messages, true)
    }

    /// Lays the messages out so that the answer itself comes next. If the template refuses or drops
    /// something, other forms of the chat that say the same are tried.
    ///
    /// # Errors
    /// As with [`Template::lay_out`], for the chat as it is.
    pub fn lay_out_for_answer(&self, messages: &[ChatMessage]) -> Result<LaidOut, TemplateError> {
        let (way, pieces) = match self.lay_out(messages) {
            Ok(pieces) => (Way::AsItIs, pieces),
            // The other forms would exceed it, too.
            Err(error @ TemplateError::Limit(_)) => return Err(error),
            Err(error) => others(messages)
                .find_map(|(way, chat)| Some((way, self.lay_out(&chat).ok()?)))
                .ok_or(error)?,
        };
        let left = self.left_to_the_model.get_or_init(|| self.find_left_to_the_model());
        let end = match pieces.last() {
            Some(Piece::Template(text)) => text.as_str(),
            _ => "",
        };
        let mut opening = left.clone();
        if let Some(closing) = opening::closing(&format!("{end}{opening}")) {
            opening += &closing;
        }
        Ok(LaidOut { pieces, opening, way })
    }

    fn find_left_to_the_model(&self) -> String {
        let chat = opening::answered();
        let laid = self.pieces(&chat[..1], true).and_then(|waiting| {
            let answered = self.pieces(&chat, false)?;
            Ok(opening::left_to_the_model(&waiting, &answered))
        });
        // Then it is not known, and the template's own opening has to do.
        laid.unwrap_or_default()
    }

    fn pieces(
        &self,
        messages: &[ChatMessage],
        opens_answer: bool,
    ) -> Result<Vec<Piece>, TemplateError> {
        let layout = Layout::new(messages);
        layout.pieces(&self.render(&layout, opens_answer)?)
    }

    /// The template's output, and what it means for later renderings. A limit that is of the chat
    /// leaves the template usable; one on memory, depth or CPU time makes it unusable for good,
    /// since its thread sleeps forever and each more would keep as much memory. Only wall time gets
    /// a second try on a new thread, because it may have been the machine's fault.
    fn render(&self, layout: &Layout<'_>, opens_answer: bool) -> Result<String, TemplateError> {
        let asked = Instant::now();
        // Held while the template renders: there is one thread for it. The time limit counts from
        // before, so that waiting for another chat is in it.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (result, again) = match &*state {
            State::Unusable(error) => return Err(error.clone()),
            State::Ready(renderer) => (renderer.render(layout.shown(opens_answer), asked), false),
            State::Late => {
                let renderer = start(&self.source, self.limits, asked);
                let result = renderer.and_then(|renderer| {
                    let result = renderer.render(layout.shown(opens_answer), asked);
                    *state = State::Ready(renderer);
                    result
                });
                (result, true)
            }
        };
        match &result {
            Err(TemplateError::Limit(Limit::Waiting(_))) if !again => *state = State::Late,
            // Its thread is gone, or would exceed the limit again.
            Err(error @ TemplateError::Limit(limit)) if !limit.is_of_the_chat() => {
                *state = State::Unusable(error.clone());
            }
            _ => {}
        }
        result
    }
}

impl Limit {
    /// Whether another chat may stay below the limit; for such a limit the thread has continued.
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
