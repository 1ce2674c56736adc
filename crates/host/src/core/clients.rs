//! Who is connected: hello first, then requests; what a client leaves behind when it goes.

use localcoder_protocol::{
    BUILD_ID, ClientKind, Drain, ErrorCode, ErrorInfo, Hello, HelloAnswer, HelloParams,
    PROTOCOL_VERSION, Request, Status, Stop,
};
use localcoder_transport::{Id, Message};
use serde::Serialize;
use serde_json::Value;

use super::event::{ClientId, Effect};
use super::{CLIENTS_MAX, Host, requests};

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// Set by `hello`.
    kind: Option<ClientKind>,
    pub(super) wants_status: bool,
}

/// Understood before hello and in every version, so that any client can retire any host.
const FROZEN: &[&str] = &[Hello::METHOD, Status::METHOD, Drain::METHOD, Stop::METHOD];

impl Host {
    pub(super) fn client_connected(&mut self, client: ClientId) {
        if self.clients.len() >= CLIENTS_MAX {
            self.effects.push(Effect::Close(client));
            return;
        }
        self.clients.insert(client, Client::default());
        self.alone_since_ms = None;
        self.stay();
        self.status_dirty = true;
    }

    pub(super) fn client_message(&mut self, client: ClientId, message: Message) {
        let Some(state) = self.clients.get(&client) else { return };
        let Message::Request { id, method, params } = message else {
            // Clients have no answers to give, and notifications of later versions are skipped.
            return;
        };
        if state.kind.is_none() && !FROZEN.contains(&method.as_str()) {
            let error =
                ErrorInfo::new(ErrorCode::Protocol, format!("`{method}` came before `hello`"));
            return self.reply(client, id, Err(error));
        }
        requests::dispatch(self, client, id, &method, params);
    }

    pub(super) fn client_malformed(&mut self, client: ClientId, reason: &str) {
        if self.clients.contains_key(&client) {
            let error = ErrorInfo::new(ErrorCode::Protocol, reason)
                .with_hint("a client of another version, or not one of ours, is connected");
            // There is no id to answer to; JSON-RPC would say null, which no client of ours reads.
            self.reply(client, Id::Number(0), Err(error));
        }
    }

    pub(super) fn client_gone(&mut self, client: ClientId) {
        if self.clients.remove(&client).is_none() {
            return;
        }
        self.status_dirty = true;
        if self.clients.is_empty() {
            self.alone_since_ms = Some(self.now_ms);
        }
        self.queue.retain(|job| job.client != Some(client));
        self.forget_surveys_of(client);
        if self.active.as_ref().is_some_and(|job| job.client == Some(client)) {
            self.abandon_active();
        }
    }

    pub(super) fn hello(
        &mut self,
        client: ClientId,
        params: &HelloParams,
    ) -> Result<HelloAnswer, ErrorInfo> {
        if params.protocol_version != PROTOCOL_VERSION {
            return Err(version_mismatch(params.protocol_version, &params.build_id));
        }
        if let Some(state) = self.clients.get_mut(&client) {
            state.kind = Some(params.client);
            state.wants_status = params.wants_status;
        }
        self.status_dirty |= params.wants_status;
        Ok(HelloAnswer {
            protocol_version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
            pid: self.config.pid,
        })
    }

    /// An answer that is plain data.
    pub(super) fn answer(&mut self, client: ClientId, id: Id, answer: &impl Serialize) {
        let value = serde_json::to_value(answer).expect("protocol types serialize");
        self.reply(client, id, Ok(value));
    }

    pub(super) fn reply(&mut self, client: ClientId, id: Id, result: Result<Value, ErrorInfo>) {
        if self.clients.contains_key(&client) {
            self.effects.push(Effect::Send(client, Message::Response { id, result }));
        }
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
        error.with_hint("the host is older: run `localcoder host stop`, then try again")
    } else {
        error.with_hint("this client is older: reload the window, or update this program")
    }
}
