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

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Death {
    #[default]
    Unknown,
    Exit(i32),
    Signal(i32),
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

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerEnding {
    pub death: Death,
    /// The last lines it wrote to stderr, the newest last.
    pub last_lines: Vec<String>,
}

impl From<Death> for WorkerEnding {
    fn from(death: Death) -> Self {
        Self { death, last_lines: Vec::new() }
    }
}

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

/// What happened. Each is handled completely before the next one, in the order in which the shell
/// got them; one that comes too late, of a client or a worker that is gone, is ignored.
#[derive(Debug)]
pub enum Event {
    ClientConnected(ClientId),
    ClientMessage(ClientId, Message),
    ClientMalformed(ClientId, String),
    ClientGone(ClientId),
    /// Answer to [`Effect::InspectModel`].
    ModelInspected {
        references: Vec<String>,
        result: Box<Result<ModelFile, ErrorInfo>>,
        free_bytes: Option<u64>,
    },
    /// Answer to [`Effect::FindHelper`].
    HelperFound {
        path: PathBuf,
        help: Help,
        found: Box<Result<ModelFile, ErrorInfo>>,
        free_bytes: Option<u64>,
    },
    /// Answer to [`Effect::FindSmaller`].
    SmallerFound {
        path: PathBuf,
        /// The largest model that takes less, checked; `None` if there is none.
        found: Box<Option<ModelFile>>,
    },
    /// Answer to [`Effect::ReadSettings`].
    SettingsRead {
        client: ClientId,
        id: Id,
        contents: Box<Contents>,
    },
    /// Answer to [`Effect::StartWorker`]: the process runs, or could not be started.
    WorkerStarted {
        generation: u64,
        /// Its process id, or why there is none.
        result: Result<u32, ErrorInfo>,
    },
    /// A worker sent a message. Which worker is said by the number, since another one may run in
    /// its slot by now.
    WorkerMessage {
        generation: u64,
        message: Message,
    },
    /// A worker process ended: exactly once for each one that was started, after its last message.
    WorkerEnded {
        generation: u64,
        ending: WorkerEnding,
    },
    /// The wanted state is in the worker's exchange file, or there is none.
    PrefixFound {
        generation: u64,
        key: String,
        /// The state's length; `None` if there is none.
        bytes: Option<u64>,
    },
    /// The system begins or stops saving power.
    PowerSaving(bool),
    MemoryShort(bool),
    Woke,
    /// Time has passed: the deadline of [`super::Host::next_deadline_ms`] was reached.
    Tick,
    /// The system asks the host to end.
    Terminate,
}

/// What the shell must do, in this order: what is to be kept before a load is on the disk when the
/// worker is asked.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Answer a client's request; the shell disconnects a client that does not keep up.
    Reply {
        client: ClientId,
        id: Id,
        result: Result<Reply, ErrorInfo>,
    },
    Notify(ClientId, Notice),
    Close(ClientId),
    /// Check a model file; answered by [`Event::ModelInspected`].
    InspectModel {
        /// Each is `demo`, an installed model's id or a path; the first that exists is meant.
        references: Vec<String>,
    },
    /// Look for an installed model that takes less memory; answered by [`Event::SmallerFound`].
    FindSmaller {
        path: PathBuf,
        /// The limit: the length of that model's file, or the free memory if that is less.
        bytes: u64,
    },
    /// Look for a smaller model that takes work off this one; answered by [`Event::HelperFound`].
    FindHelper {
        path: PathBuf,
        help: Help,
        /// The one that the user named; if `None`, any that is installed and much smaller.
        named: Option<String>,
    },
    /// Start a worker process; answered by [`Event::WorkerStarted`].
    StartWorker {
        generation: u64,
    },
    SendWorker {
        generation: u64,
        message: Message,
    },
    /// Close a worker's input, which tells it to end; [`Event::WorkerEnded`] follows.
    StopWorker {
        generation: u64,
    },
    /// Ask a worker to end by a signal that it can ignore.
    TerminateWorker {
        generation: u64,
    },
    /// Kill a worker; [`Event::WorkerEnded`] follows.
    KillWorker {
        generation: u64,
    },
    /// Put the state that was kept under a key into a worker's exchange file; answered by
    /// [`Event::PrefixFound`].
    FindPrefix {
        generation: u64,
        key: String,
    },
    KeepPrefix {
        generation: u64,
        key: String,
        bytes: u64,
    },
    /// Read `settings.json` again before anything else happens: a client has reported, by the
    /// request of this id, that it was changed.
    ReadSettings {
        client: ClientId,
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
    CountShown(Box<Shown>),
    CountDecision {
        /// The edit; it need not be one that was counted.
        edit_id: EditId,
        decision: Decision,
    },
    Exit,
}

impl Effect {
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
