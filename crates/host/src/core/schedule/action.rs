//! What the schedule decides, as values. The host carries them out in order: some are for the pool,
//! some for clients, some for the shell.

use std::path::PathBuf;

use localcoder_assist::{Held, SoFar};
use localcoder_protocol::{Edit, ErrorInfo, LoadProfile, RequestId, Stage, SuggestionParams};
use localcoder_settings::Settings;
use localcoder_transport::Id;

use crate::ModelFile;
use crate::core::event::{ClientId, Help};
use crate::core::jobs::{Completed, Predicted};
use crate::core::pool::{Load, Question, SlotId};
use crate::core::reply::Reply;
use crate::ledger::Shown;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::core) struct Asker {
    pub(in crate::core) client: ClientId,
    /// The id of the request in the protocol.
    pub(in crate::core) id: Id,
    /// The name that the client gave the request, by which it cancels it. Progress is only sent to
    /// requests that have one.
    pub(in crate::core) request_id: Option<RequestId>,
}

#[derive(Debug)]
pub(in crate::core) struct Report {
    pub(in crate::core) asker: Asker,
    pub(in crate::core) stage: Stage,
    /// From 0 to 1 within the stage, if known.
    pub(in crate::core) fraction: Option<f32>,
    pub(in crate::core) message: String,
    /// Whether it may be left out if another report was sent a moment ago.
    pub(in crate::core) throttled: bool,
}

#[derive(Debug)]
pub(in crate::core) struct Trial {
    pub(in crate::core) number: u32,
    pub(in crate::core) edits: Vec<Edit>,
}

/// What the schedule decides. The host carries out a list of these in its order, so the order in
/// which they are pushed is a part of the decision: a cancel before the release of its slot, the
/// last piece of a text before its reply.
#[derive(Debug)]
pub(in crate::core) enum Action {
    /// Start the worker of a slot.
    Start(SlotId),
    /// Load a model.
    Load(Box<Load>),
    /// Unload a slot's model. The worker stays.
    Unload(SlotId),
    /// Ask the model something for the current request.
    Ask(SlotId, Question),
    /// Stop the current question, if one is open; its answer is not needed any more.
    Cancel(SlotId),
    /// The model was in use until now: its idle time starts.
    Release(SlotId),
    /// Save the state of the prompts' common beginning.
    SavePrefix(SlotId),
    /// Count a failure as a crash of this model in this profile, though its worker lives: a GPU
    /// that writes nonsense does not end its process.
    CountCrash(Box<ModelFile>, LoadProfile),
    /// Load these models again before their next use: their profile has changed.
    Outdate(Vec<PathBuf>),
    /// Forget earlier crashes.
    ForgetCrashes,
    /// Inspect the first of these models that exists.
    Inspect(Vec<String>),
    /// Look for a draft model for this one: the named one, or any that is installed.
    FindHelper { path: PathBuf, help: Help, named: Option<String> },
    /// Load a draft model for the model in a slot.
    LoadDraft(SlotId, Box<ModelFile>),
    /// Unload a slot's draft model.
    UnloadDraft(SlotId),
    /// Look for an installed model that takes less memory.
    FindSmaller { path: PathBuf, bytes: u64 },
    /// Send a client the progress of its request.
    Report(Box<Report>),
    /// Have a client run its test on these edits.
    TryEdit(Asker, Box<Trial>),
    /// Send a client a piece of its answer.
    Stream(Asker, String),
    /// Show a client its edit as far as it has been written.
    Draft(Asker, SoFar),
    /// The request starts over: what its client was sent so far does not count. Comes before any
    /// progress of the second attempt, so that text which has gathered for the first is dropped.
    Restarted(Asker),
    /// Count an edit that is shown.
    CountShown(Box<Shown>),
    /// Keep the content of a client's last prompt for ghost text.
    Hold(ClientId, Box<Held>),
    /// A request for ghost text has ended; includes the models and settings that it was made with.
    Completed(Option<Asker>, Box<Completed>, Box<(Vec<String>, Settings)>),
    /// A request for a next edit has ended.
    Predicted(Asker, Box<Predicted>),
    /// A request has ended. Each gets exactly one of these, [`Action::Completed`] or
    /// [`Action::Predicted`], unless its client is gone.
    Reply(Asker, Result<Reply, ErrorInfo>),
    /// Send editors a suggestion of a setting to change.
    Suggest(SuggestionParams),
}
