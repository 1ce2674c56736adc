//! The model's own chat template, rendered with placeholders for what the messages say.
//!
//! A template is code out of a downloaded file. It gets no function that touches anything, a
//! bounded number of steps and a bounded output, and never sees the user's text.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use localcoder_protocol::limits::CHAT_TEMPLATE_BYTES_MAX;
use localcoder_protocol::{ChatMessage, ErrorAction, ErrorCode, ErrorInfo, Role};
use minijinja::{Environment, context};

use super::{Piece, functions};

/// Instructions a template may run. A long chat takes a few thousand.
const FUEL: u64 = 1_000_000;
/// Most bytes that a template may write. Contents are not among them.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// White space that no template writes itself. One stands on each side of a placeholder, so
/// that a template that trims contents gives itself away and the content is trimmed in its turn.
const MARGIN: char = '\u{2003}';
const NAME: &str = "chat";

/// A compiled template.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    env: Environment<'static>,
    bos: String,
    eos: String,
    folded: AtomicBool,
}

/// Why a chat could not be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// It is no template, refused the chat, or ran into a limit.
    Failed(String),
    /// What a message says does not come out of it as it went in.
    Vanished(Role),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(reason) => f.write_str(reason),
            Self::Vanished(role) => write!(f, "it leaves out or changes the {role:?} message"),
        }
    }
}

impl TemplateError {
    /// For the host.
    pub(crate) fn into_info(self) -> ErrorInfo {
        ErrorInfo::new(ErrorCode::ModelUnsupported, "the model's chat template can't be used")
            .with_cause(self.to_string())
            .with_hint("choose another build of this model, or another model")
            .with_action(ErrorAction::OpenSettings)
    }
}

impl ChatTemplate {
    /// Compiles a template. `bos` and `eos` are the names of the tokens that begin and end a
    /// text, as templates write them.
    pub(crate) fn compile(source: String, bos: String, eos: String) -> Result<Self, TemplateError> {
        if source.len() > CHAT_TEMPLATE_BYTES_MAX {
            let bytes = source.len();
            return Err(TemplateError::Failed(format!("it has {bytes} bytes, which is too many")));
        }
        let mut env = Environment::new();
        // As Hugging Face's libraries set Jinja up, which is what templates are written for.
        env.set_trim_blocks(true);
        env.set_lstrip_blocks(true);
        env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        env.set_fuel(Some(FUEL));
        functions::add_to(&mut env);
        env.add_template_owned(NAME, source).map_err(failed)?;
        Ok(Self { env, bos, eos, folded: AtomicBool::new(false) })
    }

    /// Whether this is the first time that a system message has to be folded: told once.
    pub(super) fn first_fold(&self) -> bool {
        !self.folded.swap(true, Ordering::Relaxed)
    }

    /// Lays the messages out, ready for the assistant's turn.
    pub(crate) fn render(&self, messages: &[ChatMessage]) -> Result<Vec<Piece>, TemplateError> {
        let nonce = RandomState::new().build_hasher().finish();
        let prefix = format!("lc{nonce:016x}q");
        let values: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(index, message)| {
                // Templates leave out what is empty, which a placeholder never is.
                let content = if message.content.is_empty() {
                    String::new()
                } else {
                    format!("{MARGIN}{prefix}{index}q{MARGIN}")
                };
                context! { role => role_name(message.role), content }
            })
            .collect();
        let mut output = BoundedOutput(Vec::new());
        let template = self.env.get_template(NAME).map_err(failed)?;
        template
            .render_captured_to(
                context! {
                    messages => values,
                    add_generation_prompt => true,
                    // Models that can think first are asked not to: the answer is the code.
                    enable_thinking => false,
                    bos_token => self.bos,
                    eos_token => self.eos,
                },
                &mut output,
            )
            .map_err(failed)?;
        let text = String::from_utf8_lossy(&output.0);
        split(&text, &prefix, messages)
    }
}

/// Cuts the rendered text at its placeholders and puts the contents in.
fn split(
    rendered: &str,
    prefix: &str,
    messages: &[ChatMessage],
) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut seen = vec![false; messages.len()];
    let mut rest = rendered;
    while let Some((before, after)) = rest.split_once(prefix) {
        let (index, after) = after
            .split_once('q')
            .and_then(|(index, after)| Some((index.parse::<usize>().ok()?, after)))
            .filter(|(index, _)| *index < messages.len())
            .ok_or_else(|| TemplateError::Failed("it cuts what messages say".to_owned()))?;
        let mut content = messages[index].content.as_str();
        let before = before.strip_suffix(MARGIN).unwrap_or_else(|| {
            content = content.trim_start();
            before
        });
        rest = after.strip_prefix(MARGIN).unwrap_or_else(|| {
            content = content.trim_end();
            after
        });
        seen[index] = true;
        push(&mut pieces, Piece::Template(before.to_owned()));
        push(&mut pieces, Piece::Content(content.to_owned()));
    }
    push(&mut pieces, Piece::Template(rest.to_owned()));
    for (message, seen) in messages.iter().zip(seen) {
        if !seen && !message.content.is_empty() {
            return Err(TemplateError::Vanished(message.role));
        }
    }
    Ok(pieces)
}

fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    let (Piece::Template(text) | Piece::Content(text)) = &piece;
    if !text.is_empty() {
        pieces.push(piece);
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for use in map_err")]
fn failed(error: minijinja::Error) -> TemplateError {
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(300));
    TemplateError::Failed(text)
}

/// What a template writes, up to a limit.
struct BoundedOutput(Vec<u8>);

impl io::Write for BoundedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(io::Error::other("it writes too much"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
