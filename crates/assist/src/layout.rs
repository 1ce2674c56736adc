//! A prompt that fits, in the form in which it is sent, and the parts of the document in it. `edit`
//! and `budget` put it together.

use localcoder_protocol::{ChatMessage, ContextUse, Role, WorkerPrompt};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub window_tokens: u32,
    pub trained_context_tokens: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub system: String,
    /// Earlier questions and answers as messages; if there are any, the first one has the code.
    pub earlier: Vec<ChatMessage>,
    /// The user's message. Everything that two commands on the same selection share comes first and
    /// the command last, so that the KV cache serves both.
    pub user: String,
    /// How many bytes of it other prompts share: those for the same file, for the same lines around
    /// a selection, and for the same selection. Empty for a conversation, in which everything
    /// before the last question is shared.
    pub partings: Vec<u32>,
    pub prefill: String,
    /// Strings that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// What the answer is expected to resemble: the code and what ends it; empty for an
    /// explanation.
    pub draft: String,
    /// The part of the document in it that precedes the code.
    pub before: String,
    pub max_tokens: u32,
    /// Tokens that are free for an answer; a retry of a cut answer may use them all.
    pub free_tokens: u32,
    pub context: ContextUse,
}

impl Layout {
    #[must_use]
    pub fn worker_prompt(&self) -> WorkerPrompt {
        let mut messages = vec![ChatMessage { role: Role::System, content: self.system.clone() }];
        messages.extend(self.earlier.iter().cloned());
        messages.push(ChatMessage { role: Role::User, content: self.user.clone() });
        let (prefill, partings) = (self.prefill.clone(), self.partings.clone());
        WorkerPrompt::Chat { messages, prefill, partings }
    }
}
