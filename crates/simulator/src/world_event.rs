//! What is going to happen in the world and when: a heap by time, and by order where times are
//! equal.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::path::PathBuf;

use localcoder_host::core::ClientId;
use localcoder_transport::Message;
use serde_json::Value;

/// Something that is going to happen.
#[derive(Debug)]
pub(crate) enum WorldEvent {
    /// A new client; where no host runs it starts one.
    ClientConnects,
    /// A client does something.
    ClientActs(ClientId),
    /// A client does not want an answer any more.
    ClientCancels { client: ClientId, request_id: String },
    /// A client tells how its test went on an edit.
    ClientHasTried { client: ClientId, params: Value },
    /// A model file was looked at.
    Inspected(Vec<String>),
    /// A model that could draft for another was looked for.
    DraftSought { path: PathBuf, named: Option<String> },
    /// A smaller model was looked for.
    SmallerSought { path: PathBuf, bytes: u64 },
    /// The state that a worker could begin with was looked for.
    PrefixLooked { generation: u64, key: String },
    /// A process was started, or could not be.
    WorkerStarts(u64),
    /// A worker continues a call.
    WorkerSteps { generation: u64, call: i64 },
    /// A worker with something to do tells that it lives.
    WorkerBeats(u64),
    /// A worker's process ends.
    WorkerDies(u64),
    /// The host learns it.
    WorkerEndReported(u64),
    /// A worker says something that belongs to nothing.
    WorkerSays { generation: u64, message: Box<Message> },
    /// Something happens to the machine or its files.
    FaultsChange,
    /// The system tells that it was asleep.
    Woke,
}

impl WorldEvent {
    /// Whether it ends with the host.
    fn is_hosts(&self) -> bool {
        !matches!(self, Self::ClientConnects | Self::FaultsChange)
    }
}

#[derive(Debug)]
struct Entry {
    at_ms: u64,
    order: u64,
    event: WorldEvent,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at_ms: u64, event: WorldEvent) {
        self.order += 1;
        self.heap.push(Reverse(Entry { at_ms, order: self.order, event }));
    }

    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.at_ms)
    }

    pub(crate) fn take(&mut self) -> Option<WorldEvent> {
        self.heap.pop().map(|Reverse(entry)| entry.event)
    }

    /// The host is gone, and with it all that concerned it.
    pub(crate) fn forget_host(&mut self) {
        self.heap.retain(|Reverse(entry)| !entry.event.is_hosts());
    }

    /// Moves everything to a later time: the machine was asleep for `ms`.
    pub(crate) fn delay_all(&mut self, ms: u64) {
        let entries = std::mem::take(&mut self.heap).into_vec();
        let later =
            |Reverse(entry): Reverse<Entry>| Reverse(Entry { at_ms: entry.at_ms + ms, ..entry });
        self.heap = entries.into_iter().map(later).collect();
    }
}
