//! All that can happen to the host, and all that it can do about it. Both are closed: what is
//! not here does not happen.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use localcoder_protocol::{Decision, EditId, ErrorInfo};
use localcoder_settings::Contents;
use localcoder_transport::{Id, Message};

use super::reply::{Notice, Reply};
use crate::ModelFile;
use crate::ledger::Shown;

/// Names a connection for the host's lifetime.
pub type ClientId = u64;

/// How a worker process died.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Death {
    /// Not known.
    #[default]
    Unknown,
    /// By itself, with this code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// The system has ended it for lack of memory.
    OutOfMemory,
    /// It was ended because what it wrote can't be understood: what is wrong with it.
    Malformed(String),
    /// The host has ended it: why, as the rest of "it was ended because".
    Ended(String),
    /// It could not be ended, and the host continues without it.
    LeftAlone,
}

/// As the cause of an error.
impl Display for Death {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("its exit status is unknown"),
            Self::Exit(code) => write!(f, "exit code {code}"),
            Self::Signal(6) => {
                f.write_str("it stopped itself (SIGABRT) after an error in the engine")
            }
            Self::Signal(7) => {
                f.write_str("a bus error (SIGBUS): the model file was cut while it was in use")
            }
            Self::Signal(9) => {
                f.write_str("it was killed (SIGKILL): by the system for lack of memory, or by hand")
            }
            Self::Signal(11) => f.write_str("a memory error in the engine (SIGSEGV)"),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
            Self::OutOfMemory => f.write_str("the system ended it because memory ran out"),
            Self::Malformed(why) => {
                write!(f, "it was ended because it can't be understood: {why}")
            }
            Self::Ended(why) => write!(f, "it was ended because {why}"),
            Self::LeftAlone => f.write_str("it could not be ended, and is left alone"),
        }
    }
}

/// The end of a worker process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerEnding {
    /// How it died.
    pub death: Death,
    /// The last lines it wrote to stderr, the newest last.
    pub last_lines: Vec<String>,
}

impl From<Death> for WorkerEnding {
    fn from(death: Death) -> Self {
        Self { death, last_lines: Vec::new() }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A client connected.
    ClientConnected(ClientId),
    /// A client sent a message.
    ClientMessage(ClientId, Message),
    /// A client sent a frame that is not a message.
    ClientMalformed(ClientId, String),
    /// A client is gone.
    ClientGone(ClientId),
    /// Answer to [`Effect::InspectModel`].
    ModelInspected {
        /// As asked.
        references: Vec<String>,
        /// The checked file of the first that is there.
        result: Box<Result<ModelFile, ErrorInfo>>,
        /// Memory that could be had at that moment, where the system tells.
        free_bytes: Option<u64>,
    },
    /// Answer to [`Effect::FindDraft`].
    DraftFound {
        /// For which model.
        path: PathBuf,
        /// One, or why there is none.
        found: Box<Result<ModelFile, ErrorInfo>>,
        /// Memory that could be had then, where the system tells.
        free_bytes: Option<u64>,
    },
    /// Answer to [`Effect::FindSmaller`].
    SmallerFound {
        /// As asked.
        path: PathBuf,
        /// The largest that is smaller, checked.
        found: Box<Option<ModelFile>>,
    },
    /// Answer to [`Effect::ReadSettings`].
    SettingsRead {
        /// As asked.
        client: ClientId,
        /// As asked.
        id: Id,
        /// What `settings.json` says now, or why it can't be read.
        contents: Box<Contents>,
    },
    /// Answer to [`Effect::StartWorker`]: the process runs, or why not.
    WorkerStarted {
        /// As asked.
        generation: u64,
        /// Its process id.
        result: Result<u32, ErrorInfo>,
    },
    /// A worker sent a message.
    WorkerMessage {
        /// Which worker.
        generation: u64,
        /// What it sent.
        message: Message,
    },
    /// A worker process ended.
    WorkerEnded {
        /// Which worker.
        generation: u64,
        /// How.
        ending: WorkerEnding,
    },
    /// The state that was looked for is in the worker's exchange file, or there is none.
    PrefixFound {
        /// Whose exchange file.
        generation: u64,
        /// What was looked for.
        key: String,
        /// Its length, where there is one.
        bytes: Option<u64>,
    },
    /// The system begins or ends to save power.
    PowerSaving(bool),
    /// Memory begins or ends to run short.
    MemoryShort(bool),
    /// The machine was asleep.
    Woke,
    /// Time has passed: the deadline of [`super::Host::next_deadline_ms`] was reached.
    Tick,
    /// The system asks the host to end.
    Terminate,
}

/// What the shell must do, in order.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Answer a client's request; one that does not keep up is disconnected by the shell.
    Reply {
        /// Which client.
        client: ClientId,
        /// Its number of the request.
        id: Id,
        /// The answer.
        result: Result<Reply, ErrorInfo>,
    },
    /// Tell a client something that it did not ask for.
    Notify(ClientId, Notice),
    /// Close a connection after what was sent to it.
    Close(ClientId),
    /// Check a model file; answered by [`Event::ModelInspected`].
    InspectModel {
        /// Each `demo`, an installed model's id or a path; the first that is there is meant.
        references: Vec<String>,
    },
    /// Look for an installed model that takes less; answered by [`Event::SmallerFound`].
    FindSmaller {
        /// Less than this one.
        path: PathBuf,
        /// Its length, or what is free where that is less.
        bytes: u64,
    },
    /// Look for a model that could draft for this one; answered by [`Event::DraftFound`].
    FindDraft {
        /// For which.
        path: PathBuf,
        /// The one that the user has named; else any that is installed and much smaller.
        named: Option<String>,
    },
    /// Start a worker process; answered by [`Event::WorkerStarted`].
    StartWorker {
        /// Its name in every later event.
        generation: u64,
    },
    /// Send a message to a worker.
    SendWorker {
        /// Which worker.
        generation: u64,
        /// The message.
        message: Message,
    },
    /// Close a worker's input, which tells it to end; [`Event::WorkerEnded`] follows.
    StopWorker {
        /// Which worker.
        generation: u64,
    },
    /// Tell a worker to end by a signal that it could refuse.
    TerminateWorker {
        /// Which worker.
        generation: u64,
    },
    /// Kill a worker; [`Event::WorkerEnded`] follows.
    KillWorker {
        /// Which worker.
        generation: u64,
    },
    /// Put the state that was kept under a key into a worker's exchange file; answered by
    /// [`Event::PrefixFound`].
    FindPrefix {
        /// Whose exchange file.
        generation: u64,
        /// What it belongs to.
        key: String,
    },
    /// Keep the state that a worker has written into its exchange file.
    KeepPrefix {
        /// Whose exchange file.
        generation: u64,
        /// What it belongs to.
        key: String,
        /// Its length.
        bytes: u64,
    },
    /// Read `settings.json` again, before anything else happens: a client has told that it was
    /// changed, by the request of this id.
    ReadSettings {
        /// The client that sent it.
        client: ClientId,
        /// By which request.
        id: Id,
    },
    /// Keep this text for [`super::HostConfig::measurements`] of the next host.
    KeepMeasurements(String),
    /// Keep this text for [`super::HostConfig::editor_settings`] of the next host.
    KeepEditorSettings(String),
    /// Keep this text for [`super::HostConfig::unfinished_load`], before anything that follows.
    LoadBegins(String),
    /// Forget it: the load has ended, well or not, and this host has seen it.
    LoadEnded,
    /// Count an edit that is shown.
    CountShown(Box<Shown>),
    /// Count what became of one.
    CountDecision {
        /// Which; it need not be one that was counted.
        edit_id: EditId,
        /// What.
        decision: Decision,
    },
    /// End the host after what was sent.
    Exit,
}

impl Effect {
    /// What goes to a client, where anything does.
    #[must_use]
    pub fn message(&self) -> Option<(ClientId, Message)> {
        match self {
            Self::Reply { client, id, result } => {
                let result = result.as_ref().map(Reply::to_value).map_err(Clone::clone);
                Some((*client, Message::Response { id: id.clone(), result }))
            }
            Self::Notify(client, notice) => Some((*client, notice.to_message())),
            _ => None,
        }
    }
}
