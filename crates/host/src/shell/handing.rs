//! Loads whose file is being opened. A worker opens no files itself: each is checked and handed to
//! it before the load that names it. Messages to that worker wait meanwhile, so that they stay in
//! order.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;

use localcoder_protocol::{LoadDraft, LoadModel, Request as _};
use localcoder_transport::{Id, Message};

use super::inspector::Load;

#[derive(Debug, Default)]
pub(super) struct Handing(HashMap<u64, VecDeque<Message>>);

#[derive(Debug, PartialEq)]
pub(super) enum Next {
    Send(Message),
    Open(Load, PathBuf),
    /// It waits for its turn after the others.
    Wait,
}

impl Handing {
    pub(super) fn next(&mut self, generation: u64, message: Message) -> Next {
        if let Some(waiting) = self.0.get_mut(&generation) {
            // Whatever it is: the worker must get its messages in the order in which they were
            // sent.
            waiting.push_back(message);
            return Next::Wait;
        }
        let Some((request, path)) = load(&message) else { return Next::Send(message) };
        self.0.insert(generation, VecDeque::from([message]));
        Next::Open(Load { generation, request }, path)
    }

    /// Everything that waited for a load's file: the load itself, and what came after it. `None` if
    /// the worker is gone.
    pub(super) fn opened(&mut self, load: Load) -> Option<(Message, VecDeque<Message>)> {
        let is_it = |message: &Message| self::load(message).is_some_and(|it| it.0 == load.request);
        // A load of an earlier worker, or one that was given up, is not what waits now.
        self.0.get(&load.generation)?.front().filter(|message| is_it(message))?;
        let mut waiting = self.0.remove(&load.generation)?;
        Some((waiting.pop_front()?, waiting))
    }

    pub(super) fn forget(&mut self, generation: u64) {
        self.0.remove(&generation);
    }
}

/// The number of a load and the path in it; `None` if the message is not a load of either kind.
fn load(message: &Message) -> Option<(i64, PathBuf)> {
    let Message::Request { id: Id::Number(number), method, params } = message else { return None };
    if ![LoadModel::METHOD, LoadDraft::METHOD].contains(&method.as_str()) {
        return None;
    }
    Some((*number, PathBuf::from(params.get("modelRef")?.as_str()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(number: i64, method: &str) -> Message {
        let params = json!({"modelRef": "/m.gguf"});
        Message::Request { id: Id::Number(number), method: method.to_owned(), params }
    }

    #[test]
    fn what_comes_after_a_load_waits_with_it_and_other_workers_do_not() {
        let mut handing = Handing::default();
        let load = Load { generation: 1, request: 5 };
        let asked = request(5, LoadModel::METHOD);
        assert_eq!(handing.next(1, asked.clone()), Next::Open(load, "/m.gguf".into()));
        assert_eq!(handing.next(1, request(6, "countTokens")), Next::Wait);
        assert_eq!(handing.next(2, request(6, "ping")), Next::Send(request(6, "ping")));
        let (first, rest) = handing.opened(load).unwrap();
        assert_eq!((first, rest), (asked, VecDeque::from([request(6, "countTokens")])));
        assert_eq!(handing.next(1, request(7, "ping")), Next::Send(request(7, "ping")));
    }

    #[test]
    fn a_draft_model_is_handed_like_any_other() {
        let mut handing = Handing::default();
        let asked = request(5, LoadDraft::METHOD);
        let load = Load { generation: 1, request: 5 };
        assert_eq!(handing.next(1, asked.clone()), Next::Open(load, "/m.gguf".into()));
        assert_eq!(handing.opened(load).unwrap().0, asked);
    }

    #[test]
    fn a_file_that_is_open_too_late_is_for_nobody() {
        let mut handing = Handing::default();
        let load = Load { generation: 1, request: 5 };
        handing.next(1, request(5, LoadModel::METHOD));
        handing.forget(1);
        assert!(handing.opened(load).is_none());
        // Nor for the next load of the same worker.
        handing.next(1, request(9, LoadModel::METHOD));
        assert!(handing.opened(load).is_none());
        assert!(handing.opened(Load { request: 9, ..load }).is_some());
    }
}
