//! What all prompts begin with: its state is kept when it was computed once, and a worker that
//! has just loaded the same model begins with it. Only the product's own words are in it, never
//! the user's code.

use localcoder_assist::Prompts;
use localcoder_protocol::{ChatMessage, ErrorInfo, LoadProfile, PrefixAnswer, Role, WorkerPrompt};
use serde_json::Value;

use crate::ModelFile;

/// How far the loaded model is with it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Prefix {
    /// Not asked for: no model, or nothing more to do.
    #[default]
    Done,
    /// The shell looks for it; the key.
    Looking(String),
    /// The worker takes it over; the key.
    Restoring(String),
    /// There is none: to be saved after the next answer. The key.
    Missing(String),
    /// The worker writes it; the key.
    Saving(String),
}

impl Prefix {
    /// Whether a job waits for it. Both take milliseconds.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Self::Looking(_) | Self::Restoring(_))
    }
}

/// All that the numbers of a state depend on, and what it says. Only compared, never read.
pub(super) fn key(
    llama_build: &str,
    device: &str,
    (file, profile): (&ModelFile, &LoadProfile),
) -> String {
    let (written, bytes) = (file.written(), file.info.size_bytes);
    format!(
        "{llama_build}|{:?}|{:?}|{}|{}|{bytes}|{written:?}|{:?}",
        profile.kv,
        profile.gpu_layers,
        device,
        file.path.display(),
        prompt(file),
    )
}

/// A worker without a file to exchange states in answers with an error: then there are none.
pub(super) fn answer(result: Result<Value, ErrorInfo>) -> Option<PrefixAnswer> {
    serde_json::from_value(result.ok()?).ok()
}

/// The beginning of a model's prompts as a prompt of its own.
pub(in crate::core) fn prompt(file: &ModelFile) -> WorkerPrompt {
    let (system, user) = Prompts::of(&file.info).beginning();
    let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
    WorkerPrompt::Chat {
        messages: vec![message(Role::System, system), message(Role::User, user)],
        prefill: String::new(),
        partings: vec![u32::try_from(user.len()).unwrap_or(u32::MAX)],
    }
}
