//! From a prompt as the host sends it to tokens.
//!
//! The model's own template lays out the turns, but never sees what they say: contents are put
//! in afterwards and tokenised apart from the template, so that no text of a user can become a
//! token of control. `localcoder-templates` runs the template, within limits. Computes nothing;
//! called by the engine for each generation.

mod tokens;

pub(crate) use tokens::{Tokenize, assemble};

use std::sync::atomic::{AtomicBool, Ordering};

use localcoder_protocol::{ChatMessage, ErrorCode, ErrorInfo, Role, WorkerPrompt};
use localcoder_templates::{Piece, Template, TemplateError};

use crate::llama::Token;

/// The template of a vocabulary that has the tokens for it and a file that has no template.
pub(crate) const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n\
     {{ message.content }}<|im_end|>\n{% endfor %}\
     {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Two texts whose tokens have nothing in common: what prompts with either share does not depend
/// on what stands there.
pub(crate) const OTHER_TEXTS: [&str; 2] = ["A", "0\n"];

/// A model's chat template.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    template: Template,
    folded: AtomicBool,
}

impl ChatTemplate {
    /// Compiles a template. `bos` and `eos` are the names of the tokens that begin and end a
    /// text, as templates write them.
    pub(crate) fn compile(source: String, bos: String, eos: String) -> Result<Self, TemplateError> {
        let template = Template::compile(source, bos, eos)?;
        Ok(Self { template, folded: AtomicBool::new(false) })
    }

    /// Whether this is the first time that a system message has to be folded: told once.
    fn first_fold(&self) -> bool {
        !self.folded.swap(true, Ordering::Relaxed)
    }
}

/// The parts of `prompt`. `template` gives the model's template or says why there is none.
pub(crate) fn pieces<'t>(
    prompt: &WorkerPrompt,
    template: impl FnOnce() -> Result<&'t ChatTemplate, ErrorInfo>,
) -> Result<Vec<Piece>, ErrorInfo> {
    match prompt {
        WorkerPrompt::Raw { text } => Ok(vec![Piece::Content(text.clone())]),
        WorkerPrompt::Chat { messages, prefill, .. } => {
            if messages.is_empty() {
                return Err(ErrorInfo::new(ErrorCode::Protocol, "the chat has no message"));
            }
            let mut pieces = lay_out(template()?, messages)?;
            if !prefill.is_empty() {
                pieces.push(Piece::Content(prefill.clone()));
            }
            Ok(pieces)
        }
    }
}

/// After how many of its `tokens` other prompts are likely to differ from one, in order.
pub(crate) fn partings<'t>(
    vocab: &impl Tokenize,
    prompt: &WorkerPrompt,
    template: impl Fn() -> Result<&'t ChatTemplate, ErrorInfo>,
    tokens: &[Token],
) -> Result<Vec<usize>, ErrorInfo> {
    let WorkerPrompt::Chat { messages, prefill, partings } = prompt else { return Ok(Vec::new()) };
    let Some(last) = messages.last() else { return Ok(Vec::new()) };
    // Of a chat of which nothing is said, the messages before the last are the next one's too.
    let places = if partings.is_empty() { &[0][..] } else { partings };
    let mut all = Vec::new();
    for place in places {
        let place = usize::try_from(*place).unwrap_or(usize::MAX).min(last.content.len());
        let beginning = &last.content[..last.content.floor_char_boundary(place)];
        let mut shared = tokens.len();
        for text in OTHER_TEXTS {
            let mut messages = messages.clone();
            if let Some(last) = messages.last_mut() {
                last.content = format!("{beginning}{text}");
            }
            let prefill = prefill.clone();
            let other = WorkerPrompt::Chat { messages, prefill, partings: Vec::new() };
            let other = assemble(vocab, &pieces(&other, &template)?);
            let common = tokens.iter().zip(&other).take_while(|(a, b)| a == b).count();
            shared = shared.min(common);
        }
        all.push(shared);
    }
    Ok(all)
}

/// Lays a chat out. Some templates refuse a system message or drop it; its text then goes to
/// the head of the first user message.
fn lay_out(template: &ChatTemplate, messages: &[ChatMessage]) -> Result<Vec<Piece>, ErrorInfo> {
    let error = match template.template.lay_out(messages) {
        Ok(pieces) => return Ok(pieces),
        // It would want as much of the other chat.
        Err(error @ TemplateError::Limit(_)) => return Err(error.into_info()),
        Err(error) => error,
    };
    let Some(folded) = fold_system(messages) else { return Err(error.into_info()) };
    let pieces = template.template.lay_out(&folded).map_err(|_| error.clone().into_info())?;
    if template.first_fold() {
        crate::process::complain(&format!(
            "the model's chat template takes no system message ({error}): \
             it is put at the head of the first user message"
        ));
    }
    Ok(pieces)
}

/// The chat without its system message, which becomes part of the first user message; `None`
/// where there is no such pair.
fn fold_system(messages: &[ChatMessage]) -> Option<Vec<ChatMessage>> {
    let (first, rest) = messages.split_first()?;
    if first.role != Role::System {
        return None;
    }
    let mut rest = rest.to_vec();
    let user = rest.iter_mut().find(|message| message.role == Role::User)?;
    user.content = format!("{}\n\n{}", first.content, user.content);
    Some(rest)
}

#[cfg(test)]
mod tests;
