//! What will happen in the world and when: a heap by time, and by order of insertion for equal
//! times.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::path::PathBuf;

use localcoder_host::core::{ClientId, Help};
use localcoder_transport::Message;
use serde_json::Value;

#[derive(Debug)]
pub(crate) enum WorldEvent {
    /// A new client connects; if no host runs, it starts one.
    ClientConnects,
    /// A client does something.
    ClientActs(ClientId),
    /// A client cancels a request.
    ClientCancels { client: ClientId, request_id: String },
    /// A client reports the result of its test on an edit.
    ClientHasTried { client: ClientId, params: Value },
    /// A model file was inspected.
    Inspected(Vec<String>),
    /// The search for a model that helps another has ended.
    HelperSought { path: PathBuf, help: Help, named: Option<String> },
    /// The search for a smaller model has ended.
    SmallerSought { path: PathBuf, bytes: u64 },
    /// The search for a kept state has ended.
    PrefixLooked { generation: u64, key: String },
    /// A process was started, or could not be.
    WorkerStarts(u64),
    /// A worker continues a call.
    WorkerSteps { generation: u64, call: i64 },
    /// A worker with something to do sends a heartbeat.
    WorkerBeats(u64),
    /// A worker's process ends.
    WorkerDies(u64),
    /// The host learns that a worker's process has ended.
    WorkerEndReported(u64),
    /// A worker sends a message that belongs to nothing.
    WorkerSays { generation: u64, message: Box<Message> },
    /// Something happens to the machine or its files.
    FaultsChange,
    /// The system reports that it was asleep.
    Woke,
}

impl WorldEvent {
    /// Whether the event ends with the host.
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
        // A binary heap says nothing about entries of equal time. Without the order of insertion a
        // seed would depend on the heap's insides, and a worker's messages could overtake each
        // other.
        self.order += 1;
        self.heap.push(Reverse(Entry { at_ms, order: self.order, event }));
    }

    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.at_ms)
    }

    pub(crate) fn take(&mut self) -> Option<WorldEvent> {
        self.heap.pop().map(|Reverse(entry)| entry.event)
    }

    /// The host is gone, along with all events that concerned it.
    pub(crate) fn forget_host(&mut self) {
        self.heap.retain(|Reverse(entry)| !entry.event.is_hosts());
    }

    /// Moves everything to a later time: the machine was asleep for `ms`.
    pub(crate) fn delay_all(&mut self, ms: u64) {
        // The entries keep their order numbers: sleep shifts the schedule, it does not reshuffle
        // it.
        let entries = std::mem::take(&mut self.heap).into_vec();
        let later =
            |Reverse(entry): Reverse<Entry>| Reverse(Entry { at_ms: entry.at_ms + ms, ..entry });
        self.heap = entries.into_iter().map(later).collect();
    }
}
