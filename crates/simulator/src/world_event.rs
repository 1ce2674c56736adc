//! What will happen in the world and when: a heap by time, and by order of insertion for equal
//! times.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::path::PathBuf;

use localcoder_host::core::{ClientId, Help};
use localcoder_transport::Message;
use serde_json::Value;

/// What comes to pass in the world, at a time drawn beforehand. A worker's end takes two of them:
/// `WorkerDies` ends the process, and `WorkerEndReported` is when the host learns of it.
/// `WorkerSays` brings what a dead process left in its pipe; a live one speaks in `WorkerSteps`.
#[derive(Debug)]
pub(crate) enum WorldEvent {
    ClientConnects,
    ClientActs(ClientId),
    ClientCancels { client: ClientId, request_id: String },
    ClientHasTried { client: ClientId, params: Value },
    Inspected(Vec<String>),
    HelperSought { path: PathBuf, help: Help, named: Option<String> },
    SmallerSought { path: PathBuf, bytes: u64 },
    PrefixLooked { generation: u64, key: String },
    WorkerStarts(u64),
    WorkerSteps { generation: u64, call: i64 },
    WorkerBeats(u64),
    WorkerDies(u64),
    WorkerEndReported(u64),
    WorkerSays { generation: u64, message: Box<Message> },
    FaultsChange,
    Woke,
}

impl WorldEvent {
    fn is_hosts(&self) -> bool {
        // Only these two concern the world itself, and survive the end of a host.
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

    pub(crate) fn forget_host(&mut self) {
        self.heap.retain(|Reverse(entry)| !entry.event.is_hosts());
    }

    pub(crate) fn delay_all(&mut self, ms: u64) {
        // The entries keep their order numbers: sleep shifts the schedule, it does not reshuffle
        // it.
        let entries = std::mem::take(&mut self.heap).into_vec();
        let later =
            |Reverse(entry): Reverse<Entry>| Reverse(Entry { at_ms: entry.at_ms + ms, ..entry });
        self.heap = entries.into_iter().map(later).collect();
    }
}
