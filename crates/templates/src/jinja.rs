//! Jinja as Hugging Face's libraries configure it, which is what templates are written for. Runs on
//! the thread of [`crate::renderer`]; limits steps and output itself, and leaves the other limits
//! to that thread.

use std::io;

use minijinja::value::Value;
use minijinja::{Environment, ErrorKind, context};

use crate::functions;
use crate::limits::{Limit, Limits};
use crate::switches;
use crate::template::TemplateError;

const NAME: &str = "chat";
/// Longest reason that is passed on: an error may quote the template.
const REASON_BYTES_MAX: usize = 300;

#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) bos: String,
    pub(crate) eos: String,
    /// What a template takes for now, in seconds since 1970; the current time if absent.
    pub(crate) date: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) role: &'static str,
    pub(crate) content: String,
}

/// A chat as the template sees it: with placeholders for contents, see [`crate::layout`].
#[derive(Debug, Default)]
pub(crate) struct ShownChat {
    pub(crate) messages: Vec<Shown>,
    pub(crate) opens_answer: bool,
}

#[derive(Debug)]
pub(crate) struct Compiled {
    env: Environment<'static>,
    bos: String,
    eos: String,
    effort: &'static str,
    limits: Limits,
}

/// Has minijinja create what it creates once for all threads, under locks: this thread can't be
/// parked in the middle of it.
pub(crate) fn prepare() {
    static PREPARED: std::sync::Once = std::sync::Once::new();
    PREPARED.call_once(|| {
        // With a number, which uses a table of its own.
        let _ = Environment::new().render_str("{{ 1 }}", ());
    });
}

impl Compiled {
    pub(crate) fn new(source: Source, limits: Limits) -> Result<Self, TemplateError> {
        let mut env = Environment::new();
        // Both as in transformers' `apply_chat_template`, or every template would have line ends
        // that it has nowhere else.
        env.set_trim_blocks(true);
        env.set_lstrip_blocks(true);
        // Templates call Python's methods (`strip`, `split`, `items`), which Jinja itself does not
        // have.
        env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        // The same in all builds: debug mode would copy the template and all variables into an
        // error.
        env.set_debug(false);
        env.set_fuel(Some(limits.steps));
        functions::add_to(&mut env, source.date);
        let effort = switches::effort(&source.text);
        env.add_template_owned(NAME, without_marks(&source.text))
            .map_err(|error| explain(&error, &limits))?;
        Ok(Self { env, bos: source.bos, eos: source.eos, effort, limits })
    }

    /// What the template writes, with the placeholders of messages in it. An error of the
    /// template's own is tried once more with an empty list of tools; if that fails as well, the
    /// first error is reported, since it is the one of a chat without tools as the libraries pass
    /// it.
    pub(crate) fn render(&self, chat: &ShownChat) -> Result<String, TemplateError> {
        match self.render_with(chat, &Value::from(())) {
            // Templates that were written for tools loop over them without checking that there are
            // any.
            Err(TemplateError::Failed(reason)) => self
                .render_with(chat, &Value::from(Vec::<Value>::new()))
                .map_err(|_| TemplateError::Failed(reason)),
            result => result,
        }
    }

    fn render_with(&self, chat: &ShownChat, tools: &Value) -> Result<String, TemplateError> {
        let explain = |error: minijinja::Error| explain(&error, &self.limits);
        let values: Vec<_> = chat
            .messages
            .iter()
            .map(|message| context! { role => message.role, content => message.content })
            .collect();
        let mut output = BoundedOutput { bytes: Vec::new(), most: self.limits.output_bytes };
        let template = self.env.get_template(NAME).map_err(explain)?;
        template
            .render_captured_to(
                context! {
                    messages => values,
                    // Hugging Face always passes them, and templates check whether they are none.
                    tools => tools,
                    documents => (),
                    add_generation_prompt => chat.opens_answer,
                    bos_token => self.bos,
                    eos_token => self.eos,
                    ..switches::off(self.effort)
                },
                &mut output,
            )
            .map_err(explain)?;
        Ok(String::from_utf8_lossy(&output.bytes).into_owned())
    }
}

/// A template without the training marks around what an assistant says. What is between them keeps
/// its own scope for variables.
fn without_marks(template: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{%") {
        // An unclosed block stays as it is; compiling it reports the error.
        let inside = after.split_once("%}").map_or("", |(inside, _)| inside);
        let name = inside.trim_matches(|it: char| it.is_whitespace() || ['-', '+'].contains(&it));
        let instead = match name {
            "generation" => "with",
            "endgeneration" => "endwith",
            _ => name,
        };
        text.push_str(before);
        text.push_str("{%");
        text.push_str(&inside.replacen(name, instead, 1));
        rest = &after[inside.len()..];
    }
    text + rest
}

fn explain(error: &minijinja::Error, limits: &Limits) -> TemplateError {
    match error.kind() {
        ErrorKind::OutOfFuel => TemplateError::Limit(Limit::Steps(limits.steps)),
        ErrorKind::WriteFailure => TemplateError::Limit(Limit::Output(limits.output_bytes)),
        _ => {
            let mut text = error.to_string();
            text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
            TemplateError::Failed(text)
        }
    }
}

struct BoundedOutput {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for BoundedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Before the bytes are copied: the memory limit would park the thread, and a limit on
        // output leaves it usable.
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other("it writes too much"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
