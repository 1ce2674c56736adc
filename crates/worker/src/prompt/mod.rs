//! From a prompt as the host sends it to tokens.
//!
//! The model's own template lays out the turns, but never sees what they say: contents are put
//! in afterwards and tokenised apart from the template, so that no text of a user can become a
//! token of control. `localcoder-templates` runs the template, within limits. Computes nothing;
//! called by the engine for each generation.

mod tokens;

pub(crate) use tokens::assemble;

use std::sync::atomic::{AtomicBool, Ordering};

use localcoder_protocol::{ChatMessage, ErrorCode, ErrorInfo, WorkerPrompt};
use localcoder_templates::{LaidOut, Piece, Template, TemplateError, Way};

/// The template of a vocabulary that has the tokens for it and a file that has no template.
pub(crate) const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n\
     {{ message.content }}<|im_end|>\n{% endfor %}\
     {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// A model's chat template.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    template: Template,
    bent: AtomicBool,
}

impl ChatTemplate {
    /// Compiles a template. `bos` and `eos` are the names of the tokens that begin and end a
    /// text, as templates write them.
    pub(crate) fn compile(source: String, bos: String, eos: String) -> Result<Self, TemplateError> {
        let template = Template::compile(source, bos, eos)?;
        Ok(Self { template, bent: AtomicBool::new(false) })
    }

    /// Whether this is the first time that a chat has to be put in another form: told once.
    fn first_bend(&self) -> bool {
        !self.bent.swap(true, Ordering::Relaxed)
    }
}

/// The parts of `prompt`. `template` gives the model's template or says why there is none.
pub(crate) fn pieces<'t>(
    prompt: &WorkerPrompt,
    template: impl FnOnce() -> Result<&'t ChatTemplate, ErrorInfo>,
) -> Result<Vec<Piece>, ErrorInfo> {
    match prompt {
        WorkerPrompt::Raw { text } => Ok(vec![Piece::Content(text.clone())]),
        WorkerPrompt::Chat { messages, prefill } => {
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

/// Lays a chat out, up to where the answer itself begins.
fn lay_out(template: &ChatTemplate, messages: &[ChatMessage]) -> Result<Vec<Piece>, ErrorInfo> {
    let laid_out =
        template.template.lay_out_for_answer(messages).map_err(TemplateError::into_info)?;
    let LaidOut { mut pieces, opening, way } = laid_out;
    if way != Way::AsItIs && template.first_bend() {
        crate::process::complain(&format!(
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
