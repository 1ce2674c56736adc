//! Placeholders for the contents of messages go into a template, and the pieces of a prompt come
//! out of its output. So a template never sees the user's text, and that text never becomes a
//! control token. The template does see the white space around each text, which many templates trim
//! in their own ways. Pure functions.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use localcoder_protocol::{ChatMessage, Role};

use crate::jinja::{Shown, ShownChat};
use crate::limits::Limit;
use crate::template::TemplateError;

/// A few hundred kilobytes of messages that are inserted thousands of times would fill the memory.
/// Real templates insert each message once, and some insert the first one with every turn.
const REPEATS_MAX: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// From the template: control tokens in it are parsed.
    Template(String),
    /// From the user or the product: control tokens in it are not parsed.
    Content(String),
}

/// A chat, and the placeholders for its contents: what the template gets in their place. Made for
/// each rendering, so that a template can't know the placeholders of the next one.
#[derive(Debug)]
pub(crate) struct Layout<'m> {
    messages: &'m [ChatMessage],
    prefix: String,
}

impl<'m> Layout<'m> {
    pub(crate) fn new(messages: &'m [ChatMessage]) -> Self {
        // Random, so that no text of a template looks like one of them.
        let nonce = RandomState::new().build_hasher().finish();
        Self { messages, prefix: format!("lc{nonce:016x}q") }
    }

    pub(crate) fn shown(&self, opens_answer: bool) -> ShownChat {
        let show = |(index, message): (usize, &ChatMessage)| {
            // Templates omit empty contents, but a placeholder is never empty.
            let content = if message.content.is_empty() {
                String::new()
            } else {
                let (lead, trail) = margins(&message.content);
                // The `q` ends the number: a digit of the template could follow.
                format!("{lead}{}{index}q{trail}", self.prefix)
            };
            Shown { role: role_name(message.role), content }
        };
        let messages = self.messages.iter().enumerate().map(show).collect();
        ShownChat { messages, opens_answer }
    }

    /// Cuts the rendered text at its placeholders and inserts the contents.
    ///
    /// # Errors
    /// A placeholder is damaged, or one of a message that says something is missing: then the
    /// model would not get what the user wrote. Or the template inserts the messages so often that
    /// they would fill the memory, which its own limits don't see, since it has placeholders only.
    pub(crate) fn pieces(&self, rendered: &str) -> Result<Vec<Piece>, TemplateError> {
        let messages = self.messages;
        let said: usize = messages.iter().map(|message| message.content.len()).sum();
        let mut left = said.saturating_mul(REPEATS_MAX);
        let mut pieces = Vec::new();
        let mut seen = vec![false; messages.len()];
        let mut rest = rendered;
        while let Some((before, after)) = rest.split_once(&self.prefix) {
            let (index, after) = after
                .split_once('q')
                .and_then(|(index, after)| Some((index.parse::<usize>().ok()?, after)))
                .filter(|(index, _)| *index < messages.len())
                .ok_or_else(|| TemplateError::Failed("it cuts what messages say".to_owned()))?;
            let content = messages[index].content.as_str();
            left = left
                .checked_sub(content.len())
                .ok_or(TemplateError::Limit(Limit::Repeats(REPEATS_MAX)))?;
            // White space that was not reproduced was trimmed by the template; what is there
            // instead is the template's own.
            let (lead, trail) = margins(content);
            let (before, content) = match before.strip_suffix(lead) {
                Some(before) => (before, content),
                None => (before, &content[lead.len()..]),
            };
            let content = match after.strip_prefix(trail) {
                Some(_) => content,
                None => &content[..content.len() - trail.len()],
            };
            rest = after.strip_prefix(trail).unwrap_or(after);
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
}

/// The white space at both ends of a text; a text of nothing else has it all at its beginning.
fn margins(text: &str) -> (&str, &str) {
    let inner = text.trim_start();
    (&text[..text.len() - inner.len()], &inner[inner.trim_end().len()..])
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
