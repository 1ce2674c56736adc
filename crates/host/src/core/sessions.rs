//! Who is connected: hello first, then requests; what each client is sent and how often, and what
//! is cleaned up when it goes. It knows nothing of models.

use std::collections::BTreeMap;

use localcoder_assist::SoFar;
use localcoder_protocol::limits::CLIENTS_MAX;
use localcoder_protocol::{
    BUILD_ID, ClientKind, DeltaParams, DraftParams, Drain, ErrorAction, ErrorCode, ErrorInfo,
    Hello, HelloAnswer, HelloParams, HostStatus, PROTOCOL_VERSION, ProgressParams, Request,
    RequestId, Status, Stop, SuggestionParams, TryEditParams,
};
use localcoder_transport::Id;

use super::event::{ClientId, Effect};
use super::reply::{Notice, Reply};
use super::schedule::{Asker, Report, Trial};

/// Streamed text and progress are sent to a client at most this often.
const REPORT_EVERY_MS: u64 = 33;
/// Changes of the status are sent at most this often.
const STATUS_EVERY_MS: u64 = 100;

/// Understood before hello and in every version, so that any client can retire any host.
const FROZEN: &[&str] = &[Hello::METHOD, Status::METHOD, Drain::METHOD, Stop::METHOD];

#[derive(Debug, Default)]
struct Stream {
    /// Text that has not been sent yet; at most what is written within [`REPORT_EVERY_MS`].
    unsent: String,
    /// Whether any text has arrived.
    begun: bool,
    last_reported_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Client {
    /// Set by `hello`.
    kind: Option<ClientKind>,
    wants_status: bool,
    streams: BTreeMap<RequestId, Stream>,
}

#[derive(Debug, Default)]
struct Feed {
    /// Whether something may have changed. Then the status is built and compared after the event;
    /// most events of an answer leave it alone.
    changed: bool,
    due: bool,
    sent_ms: u64,
    sent: Option<HostStatus>,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    clients: BTreeMap<ClientId, Client>,
    alone_since_ms: Option<u64>,
    /// The request with text that was not sent yet: only one is worked on at a time.
    unsent: Option<(ClientId, RequestId)>,
    feed: Feed,
}

impl Sessions {
    pub(super) fn count(&self) -> usize {
        self.clients.len()
    }

    /// Since when no client has been connected; `None` while one is.
    pub(super) fn alone_since_ms(&self) -> Option<u64> {
        self.alone_since_ms
    }

    pub(super) fn begin(&mut self, now_ms: u64) {
        self.alone_since_ms = Some(now_ms);
    }

    pub(super) fn is_watched(&self) -> bool {
        self.clients.values().any(|client| client.wants_status)
    }

    pub(super) fn connect(&mut self, client: ClientId, effects: &mut Vec<Effect>) -> bool {
        if self.clients.len() >= CLIENTS_MAX {
            // Without a word: there is no request to answer yet.
            effects.push(Effect::Close(client));
            return false;
        }
        self.clients.insert(client, Client::default());
        self.alone_since_ms = None;
        self.status_changed();
        true
    }

    pub(super) fn disconnect(&mut self, now_ms: u64, client: ClientId) -> bool {
        if self.clients.remove(&client).is_none() {
            return false;
        }
        self.unsent.take_if(|(of, _)| *of == client);
        if self.clients.is_empty() {
            self.alone_since_ms = Some(now_ms);
        }
        self.status_changed();
        true
    }

    pub(super) fn admit(&self, client: ClientId, method: &str) -> Option<Result<(), ErrorInfo>> {
        let state = self.clients.get(&client)?;
        Some(if state.kind.is_some() || FROZEN.contains(&method) {
            Ok(())
        } else {
            Err(ErrorInfo::new(ErrorCode::Protocol, format!("`{method}` came before `hello`")))
        })
    }

    pub(super) fn malformed(&mut self, client: ClientId, reason: &str, effects: &mut Vec<Effect>) {
        let error = ErrorInfo::new(ErrorCode::Protocol, reason)
            .with_hint("a client of another version, or not one of ours, is connected");
        // There is no id to answer to; JSON-RPC would say null, which no client of ours reads.
        self.reply(client, Id::Number(0), Err(error), effects);
    }

    pub(super) fn hello(
        &mut self,
        client: ClientId,
        params: &HelloParams,
        pid: u32,
    ) -> Result<HelloAnswer, ErrorInfo> {
        // The connection stays: whoever speaks another version may still look at this host and end
        // it.
        if params.protocol_version != PROTOCOL_VERSION {
            return Err(version_mismatch(params.protocol_version, &params.build_id));
        }
        if let Some(state) = self.clients.get_mut(&client) {
            state.kind = Some(params.client);
            state.wants_status = params.wants_status;
        }
        // A client that begins to watch is sent the status, though nothing has changed.
        self.feed.due |= params.wants_status;
        let build_id = BUILD_ID.to_owned();
        Ok(HelloAnswer { protocol_version: PROTOCOL_VERSION, build_id, pid })
    }

    pub(super) fn reply(
        &self,
        client: ClientId,
        id: Id,
        result: Result<Reply, ErrorInfo>,
        effects: &mut Vec<Effect>,
    ) {
        // It may have gone while its request ran.
        if self.clients.contains_key(&client) {
            effects.push(Effect::Reply { client, id, result });
        }
    }

    /// Ends a request that was in progress: an answer comes after all of its text, an error at
    /// once.
    pub(super) fn finish(
        &mut self,
        asker: Asker,
        result: Result<Reply, ErrorInfo>,
        effects: &mut Vec<Effect>,
    ) {
        let Asker { client, id, request_id } = asker;
        if let Some(request_id) = request_id {
            self.unsent.take_if(|it| it.0 == client && it.1 == request_id);
            let state = self.clients.get_mut(&client);
            let stream = state.and_then(|state| state.streams.remove(&request_id));
            let text = stream.map(|stream| stream.unsent).unwrap_or_default();
            // What has gathered belongs before the answer. With an error it is dropped, since the
            // client drops what it has.
            if result.is_ok() && !text.is_empty() {
                let delta = Notice::Delta(DeltaParams { request_id, text });
                effects.push(Effect::Notify(client, delta));
            }
        }
        self.reply(client, id, result, effects);
    }

    /// A request starts over: what its client received of it does not count. Text that has gathered
    /// is dropped, and the first piece of the next attempt is sent at once again.
    pub(super) fn restarted(&mut self, asker: &Asker) {
        let Some(request_id) = &asker.request_id else { return };
        if let Some(client) = self.clients.get_mut(&asker.client) {
            client.streams.remove(request_id);
        }
        self.unsent.take_if(|it| it.0 == asker.client && it.1 == *request_id);
    }

    fn stream(&mut self, client: ClientId, request_id: &str) -> Option<&mut Stream> {
        let streams = &mut self.clients.get_mut(&client)?.streams;
        // The key is cloned only for the first of many pieces.
        if !streams.contains_key(request_id) {
            streams.insert(request_id.to_owned(), Stream::default());
        }
        streams.get_mut(request_id)
    }

    pub(super) fn report(&mut self, now_ms: u64, report: Report, effects: &mut Vec<Effect>) {
        let Report { asker, stage, fraction, message, throttled } = report;
        let (client, Some(request_id)) = (asker.client, asker.request_id) else { return };
        let Some(stream) = self.stream(client, &request_id) else { return };
        if throttled && stream.last_reported_ms.is_some_and(|told| now_ms < told + REPORT_EVERY_MS)
        {
            return;
        }
        stream.last_reported_ms = Some(now_ms);
        let params = ProgressParams { request_id, stage, fraction, message };
        effects.push(Effect::Notify(client, Notice::Progress(params)));
    }

    pub(super) fn try_edit(&self, asker: &Asker, trial: Trial, effects: &mut Vec<Effect>) {
        let Some(request_id) = asker.request_id.clone() else { return };
        if self.clients.contains_key(&asker.client) {
            let Trial { number, edits } = trial;
            let params = TryEditParams { request_id, trial: number, edits };
            effects.push(Effect::Notify(asker.client, Notice::TryEdit(params)));
        }
    }

    pub(super) fn draft(&self, asker: Asker, so_far: SoFar, effects: &mut Vec<Effect>) {
        let (client, Some(request_id)) = (asker.client, asker.request_id) else { return };
        if self.clients.contains_key(&client) {
            let SoFar { range, text } = so_far;
            let draft = DraftParams { request_id, range, text };
            effects.push(Effect::Notify(client, Notice::Draft(draft)));
        }
    }

    /// Takes a piece of an answer. The first is sent at once, since it is what the user waits for;
    /// later ones gather for a moment.
    pub(super) fn delta(
        &mut self,
        now_ms: u64,
        asker: Asker,
        text: &str,
        effects: &mut Vec<Effect>,
    ) {
        let (client, Some(request_id)) = (asker.client, asker.request_id) else { return };
        if text.is_empty() {
            return;
        }
        let Some(stream) = self.stream(client, &request_id) else { return };
        // A progress report of a moment ago must not delay the first piece.
        if !std::mem::replace(&mut stream.begun, true) {
            stream.last_reported_ms = None;
        }
        stream.unsent.push_str(text);
        self.unsent = Some((client, request_id));
        self.flush(now_ms, effects);
    }

    fn unsent_due_ms(&self, now_ms: u64) -> Option<u64> {
        let (client, request_id) = self.unsent.as_ref()?;
        let stream = self.clients.get(client)?.streams.get(request_id)?;
        Some(stream.last_reported_ms.map_or(now_ms, |told| told + REPORT_EVERY_MS))
    }

    pub(super) fn flush(&mut self, now_ms: u64, effects: &mut Vec<Effect>) {
        if self.unsent_due_ms(now_ms).is_none_or(|due| due > now_ms) {
            return;
        }
        let Some((client, request_id)) = self.unsent.take() else { return };
        let Some(stream) = self.stream(client, &request_id) else { return };
        stream.last_reported_ms = Some(now_ms);
        let text = std::mem::take(&mut stream.unsent);
        let delta = Notice::Delta(DeltaParams { request_id, text });
        effects.push(Effect::Notify(client, delta));
    }

    pub(super) fn suggest(&self, params: &SuggestionParams, effects: &mut Vec<Effect>) {
        self.notify_watching(|| Notice::Suggestion(params.clone()), effects);
    }

    fn notify_watching(&self, notice: impl Fn() -> Notice, effects: &mut Vec<Effect>) {
        let watching = self.clients.iter().filter(|(_, client)| client.wants_status);
        effects.extend(watching.map(|(id, _)| Effect::Notify(*id, notice())));
    }

    pub(super) fn status_changed(&mut self) {
        self.feed.changed = true;
    }

    /// The status must be sent again, even if it reads the same.
    pub(super) fn status_due(&mut self) {
        self.feed.due = true;
    }

    pub(super) fn deadline_ms(&self, now_ms: u64) -> Option<u64> {
        let status = self.feed.due.then_some(self.feed.sent_ms + STATUS_EVERY_MS);
        status.into_iter().chain(self.unsent_due_ms(now_ms)).min()
    }

    pub(super) fn wants_status(&self) -> bool {
        self.feed.changed || self.feed.due
    }

    /// Sends the status to the clients that watch it, if it has changed and the last one is old
    /// enough.
    pub(super) fn send_status(
        &mut self,
        now_ms: u64,
        status: &HostStatus,
        effects: &mut Vec<Effect>,
    ) {
        // Uptime and free memory change all the time: on their own they are not worth a message.
        let comparable = HostStatus { uptime_ms: 0, free_bytes: None, ..status.clone() };
        self.feed.changed = false;
        self.feed.due |= self.feed.sent.as_ref() != Some(&comparable);
        if !self.feed.due || now_ms < self.feed.sent_ms + STATUS_EVERY_MS {
            return;
        }
        self.feed = Feed { changed: false, due: false, sent_ms: now_ms, sent: Some(comparable) };
        self.notify_watching(|| Notice::Status(Box::new(status.clone())), effects);
    }
}

fn version_mismatch(theirs: u32, their_build: &str) -> ErrorInfo {
    let error = ErrorInfo::new(
        ErrorCode::VersionMismatch,
        format!(
            "the running LocalCoder host speaks protocol {PROTOCOL_VERSION} (build {BUILD_ID}), \
             this client speaks {theirs} (build {their_build})"
        ),
    );
    if theirs > PROTOCOL_VERSION {
        error
            .with_hint("the host is older: start the engine again")
            .with_action(ErrorAction::RestartEngine)
    } else {
        error.with_hint("this client is older: reload the window, or update this program")
    }
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::{CancelAnswer, Stage};

    use super::*;

    fn asker() -> Asker {
        Asker { client: 1, id: Id::Number(7), request_id: Some("a".to_owned()) }
    }

    fn connected() -> Sessions {
        let mut sessions = Sessions::default();
        assert!(sessions.connect(1, &mut Vec::new()));
        sessions
    }

    fn texts(effects: &[Effect]) -> Vec<&str> {
        let text = |effect| match effect {
            &Effect::Notify(_, Notice::Delta(ref delta)) => Some(delta.text.as_str()),
            _ => None,
        };
        effects.iter().filter_map(text).collect()
    }

    #[test]
    fn the_first_piece_goes_out_at_once_others_gather_and_an_answer_comes_after_all_of_them() {
        let (mut sessions, mut effects) = (connected(), Vec::new());
        let report = Report {
            asker: asker(),
            stage: Stage::Prefill,
            fraction: None,
            message: String::new(),
            throttled: false,
        };
        sessions.report(0, report, &mut effects);
        for (now, piece) in [(1, "a"), (2, "b"), (3, "c")] {
            sessions.delta(now, asker(), piece, &mut effects);
        }
        assert_eq!((texts(&effects), sessions.deadline_ms(3)), (vec!["a"], Some(34)));
        sessions.flush(34, &mut effects);
        assert_eq!(texts(&effects), ["a", "bc"]);
        sessions.delta(35, asker(), "d", &mut effects);
        let reply = Reply::Cancel(CancelAnswer { found: true });
        sessions.finish(asker(), Ok(reply), &mut effects);
        assert_eq!(texts(&effects), ["a", "bc", "d"]);
        assert!(matches!(effects.last(), Some(Effect::Reply { .. })));
        assert_eq!(sessions.deadline_ms(36), None, "nothing is left of it");
    }

    #[test]
    fn an_error_comes_at_once_and_what_was_written_until_then_is_dropped() {
        let (mut sessions, mut effects) = (connected(), Vec::new());
        sessions.delta(0, asker(), "a", &mut effects);
        sessions.delta(1, asker(), "b", &mut effects);
        let error = ErrorInfo::new(ErrorCode::Cancelled, "stopped");
        sessions.finish(asker(), Err(error), &mut effects);
        assert_eq!((texts(&effects), effects.len()), (vec!["a"], 2));
    }

    #[test]
    fn a_client_too_many_is_closed_and_nothing_is_sent_to_one_that_is_gone() {
        let (mut sessions, mut effects) = (Sessions::default(), Vec::new());
        for client in 0..CLIENTS_MAX as u64 {
            assert!(sessions.connect(client, &mut effects));
        }
        assert!(!sessions.connect(1_000, &mut effects));
        assert_eq!(effects, [Effect::Close(1_000)]);
        assert!(sessions.disconnect(5, 1) && !sessions.disconnect(5, 1));
        effects.clear();
        sessions.delta(6, asker(), "a", &mut effects);
        sessions.finish(asker(), Ok(Reply::Nothing), &mut effects);
        assert_eq!(effects, []);
    }
}
