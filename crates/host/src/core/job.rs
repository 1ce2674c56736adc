//! One request that needs a model, from queue to answer.

use localcoder_assist::{Attempt, Explanation, Layout, Task};
use localcoder_protocol::{FinishReason, GenerateParams, RequestId, Usage};
use localcoder_settings::Settings;
use localcoder_transport::Id;

use super::ClientId;
use super::slots::SlotId;
use crate::ModelFile;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Work {
    /// Only load the model.
    Warm,
    /// Only compute a little, so that the next answer comes as soon as it can: what was not used
    /// for a while is no longer at hand.
    Rearm,
    /// Only read the code.
    Prepare(Box<Task>),
    /// Rewrite.
    Improve(Box<Task>),
    /// Explain.
    Explain(Box<Task>),
    /// Raw generation.
    Generate(Box<GenerateParams>),
}

/// How far it is. Steps only go forward, but for a retry from `Generating` to itself, and from
/// `NeedsModel` to `Queued` where what is free has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing was done yet.
    Queued,
    /// The model's file is being checked.
    Inspecting,
    /// The worker or the model is not ready.
    NeedsModel,
    /// The worker counts tokens.
    Counting,
    /// The worker writes.
    Generating,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Job {
    /// Whom to answer; nobody where the host itself wants the model back.
    pub(super) client: Option<ClientId>,
    /// The call to answer.
    pub(super) id: Id,
    pub(super) request_id: Option<RequestId>,
    /// Models that would do, the best first.
    pub(super) references: Vec<String>,
    /// As they were when it was asked for, with its own values.
    pub(super) settings: Box<Settings>,
    pub(super) work: Work,
    /// Whether nobody waits for it.
    pub(super) ahead: bool,
    /// Whether a worker has died of it, or while it worked on it.
    began_again: bool,
    pub(super) step: Step,
    /// Where its model is, comes, or is to come.
    pub(super) slot: Option<SlotId>,
    /// The worker call it waits for.
    pub(super) call: Option<i64>,
    pub(super) file: Option<ModelFile>,
    /// Memory that could be had when the file was looked at.
    pub(super) free_bytes: Option<u64>,
    /// When that was.
    pub(super) inspected_ms: u64,
    pub(super) layout: Option<Layout>,
    pub(super) attempt: Attempt,
    /// Of all attempts together.
    pub(super) usage: Usage,
    /// What the model has written in this attempt; of an explanation, what is fit to be shown.
    pub(super) text: String,
    /// Keeps thoughts and control tokens out of a streamed explanation.
    pub(super) explanation: Explanation,
    /// The answer of the first attempt, where it was doubtful.
    pub(super) first: Option<(String, FinishReason)>,
    /// The end of `text` that the client has not been sent.
    pub(super) unsent: String,
    /// When the client was last told anything.
    pub(super) told_ms: Option<u64>,
}

impl Job {
    pub(super) fn new(
        client: Option<ClientId>,
        id: Id,
        request_id: Option<RequestId>,
        references: Vec<String>,
        work: Work,
        settings: Settings,
    ) -> Self {
        Self {
            client,
            id,
            request_id,
            references,
            settings: Box::new(settings),
            work,
            ahead: false,
            began_again: false,
            step: Step::Queued,
            slot: None,
            call: None,
            file: None,
            free_bytes: None,
            inspected_ms: 0,
            layout: None,
            attempt: Attempt::First,
            usage: Usage::default(),
            text: String::new(),
            explanation: Explanation::default(),
            first: None,
            unsent: String::new(),
            told_ms: None,
        }
    }

    /// Whether it gives way to every other job and is of no interest to a user.
    pub(super) fn is_preparation(&self) -> bool {
        matches!(self.work, Work::Prepare(_) | Work::Rearm)
    }

    /// Whether it may be begun again after its worker has died: once, and only where the client
    /// has seen nothing of an answer.
    pub(super) fn may_begin_again(&self) -> bool {
        let shown = self.streams() && !self.text.is_empty();
        !self.began_again && !shown && !self.is_preparation()
    }

    /// The same from the beginning.
    pub(super) fn again(self) -> Self {
        let Self { client, id, request_id, references, work, settings, ahead, .. } = self;
        let job = Self::new(client, id, request_id, references, work, *settings);
        Self { ahead, began_again: true, ..job }
    }

    /// Whether the user named this very model, so that no other will do.
    pub(super) fn names_its_model(&self) -> bool {
        self.references.len() == 1
    }

    /// Whether a client means this job by `request_id`.
    pub(super) fn is(&self, client: ClientId, request_id: &str) -> bool {
        self.client == Some(client) && self.request_id.as_deref() == Some(request_id)
    }

    /// Whether the client is sent what the model writes.
    pub(super) fn streams(&self) -> bool {
        matches!(self.work, Work::Explain(_) | Work::Generate(_))
    }

    /// Takes text that the client shall see; the first goes out at once.
    pub(super) fn stream(&mut self, text: &str) {
        if self.text.is_empty() && !text.is_empty() {
            self.told_ms = None;
        }
        self.text.push_str(text);
        self.unsent.push_str(text);
    }

    pub(super) fn add_usage(&mut self, usage: Usage) {
        self.usage.prompt_tokens += usage.prompt_tokens;
        self.usage.cached_tokens += usage.cached_tokens;
        self.usage.generated_tokens += usage.generated_tokens;
        self.usage.prefill_ms += usage.prefill_ms;
        self.usage.decode_ms += usage.decode_ms;
        self.usage.rounds += usage.rounds;
        self.usage.drafted_tokens += usage.drafted_tokens;
        self.usage.accepted_tokens += usage.accepted_tokens;
    }
}
