//! From a prompt as the host sends it to tokens.
//!
//! The model's own template lays out the turns, but never sees their contents: these are inserted
//! afterwards and tokenized separately from the template, so that no text of a user can become a
//! control token. `localcoder-templates` runs the template, within limits. Computes nothing; called
//! by the engine for each generation.

mod tokens;

pub(crate) use tokens::{Tokenize, assemble, infill};

use std::sync::atomic::{AtomicBool, Ordering};

use localcoder_protocol::{ChatMessage, ErrorAction, ErrorCode, ErrorInfo, WorkerPrompt};
use localcoder_templates::{LaidOut, Limit, Piece, Template, TemplateError, Way};

use crate::llama::Token;

/// The template for a vocabulary that has ChatML's tokens, if the file has no template.
pub(crate) const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n\
     {{ message.content }}<|im_end|>\n{% endfor %}\
     {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Two texts that have no tokens in common: whatever prompts with either of them share does not
/// depend on the contents.
pub(crate) const OTHER_TEXTS: [&str; 2] = ["A", "0\n"];

#[derive(Debug)]
pub(crate) struct ChatTemplate {
    template: Template,
    bent: AtomicBool,
}

impl ChatTemplate {
    /// Compiles a template. `bos` and `eos` are the names of the tokens that begin and end a
    /// text, as templates write them.
    pub(crate) fn compile(source: String, bos: String, eos: String) -> Result<Self, ErrorInfo> {
        let template = Template::compile(source, bos, eos).map_err(|it| refusal(&it))?;
        Ok(Self { template, bent: AtomicBool::new(false) })
    }

    /// Whether this is the first time that a chat had to be adapted to the template: logged once.
    fn first_bend(&self) -> bool {
        !self.bent.swap(true, Ordering::Relaxed)
    }
}

/// The pieces of `prompt`. `template` returns the model's template or why there is none.
pub(crate) fn pieces<'t>(
    prompt: &WorkerPrompt,
    template: impl FnOnce() -> Result<&'t ChatTemplate, ErrorInfo>,
) -> Result<Vec<Piece>, ErrorInfo> {
    match prompt {
        WorkerPrompt::Raw { text } => Ok(vec![Piece::Content(text.clone())]),
        WorkerPrompt::Infill { .. } => {
            let text = "a prompt with numbers of tokens in it is not text";
            Err(ErrorInfo::new(ErrorCode::Protocol, text))
        }
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

pub(crate) fn tokens<'t>(
    vocab: &impl Tokenize,
    prompt: &WorkerPrompt,
    template: impl FnOnce() -> Result<&'t ChatTemplate, ErrorInfo>,
) -> Result<Vec<Token>, ErrorInfo> {
    match prompt {
        WorkerPrompt::Infill { parts } => infill(vocab, parts),
        _ => Ok(assemble(vocab, &pieces(prompt, template)?)),
    }
}

/// After how many of its `tokens` other prompts are likely to diverge from this one, for models
/// whose state can only be copied at the end of a step. A chat gives its places as offsets into its
/// last message; where a place is in tokens is seen by laying the chat out again with other texts
/// from there on, since tokens merge across it and a template may write the message anywhere.
pub(crate) fn partings<'t>(
    vocab: &impl Tokenize,
    prompt: &WorkerPrompt,
    template: impl Fn() -> Result<&'t ChatTemplate, ErrorInfo>,
    tokens: &[Token],
) -> Result<Vec<usize>, ErrorInfo> {
    let WorkerPrompt::Chat { messages, prefill, partings } = prompt else { return Ok(Vec::new()) };
    let Some(last) = messages.last() else { return Ok(Vec::new()) };
    // If a chat does not say where, the next one is likely to repeat all messages but the last.
    let places = if partings.is_empty() { &[0][..] } else { partings };
    let mut all = Vec::new();
    for place in places {
        let place = usize::try_from(*place).unwrap_or(usize::MAX).min(last.content.len());
        let beginning = &last.content[..last.content.floor_char_boundary(place)];
        // The smaller of the two: one of the texts may begin like what this prompt has there.
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

/// Why a template was not used, in the form that a client shows.
fn refusal(error: &TemplateError) -> ErrorInfo {
    use ErrorCode::{Busy, ModelUnsupported};
    let (code, what, hint, action) = match error {
        TemplateError::Limit(Limit::Waiting(_)) => (
            Busy,
            "was not rendered in time",
            "try again when the machine is less busy",
            ErrorAction::Retry,
        ),
        TemplateError::Limit(Limit::Stopped(_)) => (
            ModelUnsupported,
            "can't be used",
            "start the engine again, and do not use the models before this one",
            ErrorAction::RestartEngine,
        ),
        _ => (
            ModelUnsupported,
            "can't be used",
            "choose another build of this model, or another model",
            ErrorAction::SwitchModel,
        ),
    };
    ErrorInfo::new(code, format!("the model's chat template {what}"))
        .with_cause(error.to_string())
        .with_hint(hint)
        .with_action(action)
}

/// Lays out a chat, up to where the answer itself begins.
fn lay_out(template: &ChatTemplate, messages: &[ChatMessage]) -> Result<Vec<Piece>, ErrorInfo> {
    let laid_out = template.template.lay_out_for_answer(messages).map_err(|it| refusal(&it))?;
    let LaidOut { mut pieces, opening, way } = laid_out;
    if way != Way::AsItIs && template.first_bend() {
        crate::process::log(&format!(
            "the model's chat template does not take every chat as it is: {way}"
        ));
    }
    if !opening.is_empty() {
        pieces.push(Piece::Template(opening));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests;
