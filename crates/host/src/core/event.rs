//! All that can happen to the host, and all that it can do about it. Both lists are complete: the
//! host learns of nothing and does nothing in any other way.

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
    /// It is not known how.
    #[default]
    Unknown,
    /// It exited by itself, with this code.
    Exit(i32),
    /// It was ended by this signal.
    Signal(i32),
    /// The system ended it for lack of memory.
    OutOfMemory,
    /// The host ended it because what it wrote can't be understood; says what is wrong with it.
    Malformed(String),
    /// The host ended it; says why, to complete the sentence "it was ended because".
    Ended(String),
    /// It could not be ended, and the host continues without it.
    LeftAlone,
}

/// Reads as the cause of an error.
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

/// What a smaller model does for the one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// It guesses what that one writes next.
    Drafts,
    /// It suggests at the cursor in that one's place.
    Suggests {
        /// The largest file that is likely to be fast enough.
        bytes_most: u64,
    },
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
        /// The references of the question.
        references: Vec<String>,
        /// The checked file of the first reference that exists.
        result: Box<Result<ModelFile, ErrorInfo>>,
        /// Memory that was available at that moment, if the system reports it.
        free_bytes: Option<u64>,
    },
    /// Answer to [`Effect::FindHelper`].
    HelperFound {
        /// The model that is to be helped.
        path: PathBuf,
        /// The help in the question.
        help: Help,
        /// A model that can, or why there is none.
        found: Box<Result<ModelFile, ErrorInfo>>,
        /// Memory that was available then, if the system reports it.
        free_bytes: Option<u64>,
    },
    /// Answer to [`Effect::FindSmaller`].
    SmallerFound {
        /// The path in the question.
        path: PathBuf,
        /// The largest model that takes less, checked; `None` if there is none.
        found: Box<Option<ModelFile>>,
    },
    /// Answer to [`Effect::ReadSettings`].
    SettingsRead {
        /// The client in the effect.
        client: ClientId,
        /// The request's id in the effect.
        id: Id,
        /// What `settings.json` says now, or why it can't be read.
        contents: Box<Contents>,
    },
    /// Answer to [`Effect::StartWorker`]: the process runs, or could not be started.
    WorkerStarted {
        /// The number in the effect.
        generation: u64,
        /// Its process id, or why there is none.
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
        /// How it ended.
        ending: WorkerEnding,
    },
    /// The wanted state is in the worker's exchange file, or there is none.
    PrefixFound {
        /// The worker whose exchange file it is.
        generation: u64,
        /// The key of the wanted state.
        key: String,
        /// The state's length; `None` if there is none.
        bytes: Option<u64>,
    },
    /// The system begins or stops saving power.
    PowerSaving(bool),
    /// Memory begins or stops running short.
    MemoryShort(bool),
    /// The machine has woken from sleep.
    Woke,
    /// Time has passed: the deadline of [`super::Host::next_deadline_ms`] was reached.
    Tick,
    /// The system asks the host to end.
    Terminate,
}

/// What the shell must do, in order.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Answer a client's request; the shell disconnects a client that does not keep up.
    Reply {
        /// Which client.
        client: ClientId,
        /// The request's id.
        id: Id,
        /// The answer.
        result: Result<Reply, ErrorInfo>,
    },
    /// Notify a client of something that it did not ask for.
    Notify(ClientId, Notice),
    /// Close a connection after everything was sent.
    Close(ClientId),
    /// Check a model file; answered by [`Event::ModelInspected`].
    InspectModel {
        /// Each is `demo`, an installed model's id or a path; the first that exists is meant.
        references: Vec<String>,
    },
    /// Look for an installed model that takes less memory; answered by [`Event::SmallerFound`].
    FindSmaller {
        /// The model that takes too much.
        path: PathBuf,
        /// The limit: the length of that model's file, or the free memory if that is less.
        bytes: u64,
    },
    /// Look for a smaller model that takes work off this one; answered by [`Event::HelperFound`].
    FindHelper {
        /// The model that is to be helped.
        path: PathBuf,
        /// What the smaller one is for.
        help: Help,
        /// The one that the user named; if `None`, any that is installed and much smaller.
        named: Option<String>,
    },
    /// Start a worker process; answered by [`Event::WorkerStarted`].
    StartWorker {
        /// Identifies the worker in every later event.
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
    /// Ask a worker to end by a signal that it can ignore.
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
        /// The worker whose exchange file it is.
        generation: u64,
        /// The key of the state.
        key: String,
    },
    /// Keep the state that a worker has written to its exchange file.
    KeepPrefix {
        /// The worker whose exchange file it is.
        generation: u64,
        /// The key of the state.
        key: String,
        /// The state's length.
        bytes: u64,
    },
    /// Read `settings.json` again before anything else happens: a client has reported, by the
    /// request of this id, that it was changed.
    ReadSettings {
        /// The client that sent it.
        client: ClientId,
        /// The request's id.
        id: Id,
    },
    /// Keep this text for [`super::HostConfig::measurements`] of the next host.
    KeepMeasurements(String),
    /// Keep this text for [`super::HostConfig::editor_settings`] of the next host.
    KeepEditorSettings(String),
    /// Keep this text for [`super::HostConfig::unfinished_load`], before any later effect is
    /// carried out.
    LoadBegins(String),
    /// Forget that text: the load has ended, well or not, and this host has survived it.
    LoadEnded,
    /// Count an edit that is shown.
    CountShown(Box<Shown>),
    /// Count what became of an edit that was shown.
    CountDecision {
        /// The edit; it need not be one that was counted.
        edit_id: EditId,
        /// The user's decision.
        decision: Decision,
    },
    /// End the host after everything was sent.
    Exit,
}

impl Effect {
    /// The message that goes to a client; `None` for effects that send none.
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
