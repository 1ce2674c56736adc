//! The state of what all prompts begin with. It is kept once it was computed, and a worker that has
//! just loaded the same model starts from it. Only the product's own words are in it, never the
//! user's code.

use localcoder_assist::Prompts;
use localcoder_protocol::{ChatMessage, ErrorInfo, LoadProfile, PrefixAnswer, Role, WorkerPrompt};
use serde_json::Value;

use crate::ModelFile;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) enum Prefix {
    #[default]
    Done,
    Looking(String),
    Restoring(String),
    /// There is no state for this key; it must be saved after the next answer, when the worker's
    /// cache holds it anyway.
    Missing(String),
    Saving(String),
}

impl Prefix {
    /// Whether a job has to wait for it. Looking and reading both take milliseconds, and a job that
    /// did not wait would read the same text itself.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Self::Looking(_) | Self::Restoring(_))
    }
}

/// Everything that the numbers of a state depend on, and the text it stands for. Only compared,
/// never parsed.
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

/// The worker's answer; `None` if it failed, as it does in a worker without an exchange file.
pub(super) fn answer(result: Result<Value, ErrorInfo>) -> Option<PrefixAnswer> {
    serde_json::from_value(result.ok()?).ok()
}

/// The common beginning of a model's prompts as a prompt of its own. It must be the same text that
/// the jobs' prompts begin with, or nothing of the state is used.
pub(in crate::core) fn prompt(file: &ModelFile) -> WorkerPrompt {
    let (system, user) = Prompts::of(&file.info).beginning();
    let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
    WorkerPrompt::Chat {
        messages: vec![message(Role::System, system), message(Role::User, user)],
        prefill: String::new(),
        partings: vec![u32::try_from(user.len()).unwrap_or(u32::MAX)],
    }
}
