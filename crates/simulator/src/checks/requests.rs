//! Invariant 4: every request ends exactly once, nothing is sent about it afterwards, and its
//! client sees the text that was written for it and no other.

use std::collections::BTreeMap;

use localcoder_host::core::ClientId;
use localcoder_protocol::{ErrorCode, ErrorInfo};
use localcoder_transport::{Id, Message};
use serde_json::Value;

use crate::broken::{Outcome, breach};
use crate::marks;
use crate::store::SPECS;
use crate::world::World;

const ONCE: &str = "inv 4: every request ends once";
const OWN: &str = "inv 4: a client sees its own text only";
const AFTER: &str = "inv 4: nothing is said after the end";

const FOR_MODELS: &[&str] =
    &["improve", "explain", "generate", "warm", "prepare", "complete", "complete now"];

#[derive(Debug)]
pub(crate) struct ClientRequest {
    client: ClientId,
    method: &'static str,
    request_id: Option<String>,
    target: Option<String>,
    ended: bool,
    /// Whether no client waits for its answer any more.
    forgotten: bool,
    must_succeed: bool,
    cancelled: bool,
    streamed: String,
}

impl ClientRequest {
    pub(crate) fn new(
        client: ClientId,
        method: &'static str,
        request_id: Option<String>,
        target: Option<String>,
    ) -> Self {
        Self {
            client,
            method,
            request_id,
            target,
            ended: false,
            forgotten: false,
            must_succeed: false,
            cancelled: false,
            streamed: String::new(),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Requests {
    asked: Vec<ClientRequest>,
    open: Vec<usize>,
    malformed: BTreeMap<ClientId, u64>,
    must_succeed: Option<u64>,
    /// The model with which a worker wrote, by call: index into [`SPECS`]. Cleared
    /// when a host starts.
    wrote_with: BTreeMap<u64, usize>,
}

impl Requests {
    pub(crate) fn next_number(&self) -> u64 {
        self.asked.len() as u64 + 1
    }

    pub(crate) fn must_succeed(&mut self, number: u64) {
        self.must_succeed = Some(number);
    }

    pub(crate) fn ask(&mut self, mut asked: ClientRequest) -> u64 {
        let number = self.next_number();
        // Announced by number beforehand, since the request may be answered while it is delivered.
        asked.must_succeed = self.must_succeed == Some(number);
        if let Some(target) = &asked.target
            && let Some(index) = self.running(asked.client, target)
        {
            self.asked[index].cancelled = true;
        }
        self.open.push(self.asked.len());
        self.asked.push(asked);
        number
    }

    pub(crate) fn expect_malformed(&mut self, client: ClientId) {
        *self.malformed.entry(client).or_default() += 1;
    }

    pub(crate) fn host_started(&mut self) {
        self.wrote_with.clear();
    }

    pub(crate) fn writes(&mut self, call: i64, model: usize) {
        self.wrote_with.insert(call.unsigned_abs(), model);
    }

    pub(crate) fn forget_client(&mut self, client: ClientId) {
        let asked = &mut self.asked;
        self.open.retain(|index| {
            let gone = asked[*index].client == client;
            asked[*index].forgotten |= gone;
            !gone
        });
    }

    pub(crate) fn forget_all(&mut self) {
        for index in std::mem::take(&mut self.open) {
            self.asked[index].forgotten = true;
        }
    }

    pub(crate) fn waiting_for_models(&self) -> usize {
        let waits = |index: &&usize| FOR_MODELS.contains(&self.asked[**index].method);
        self.open.iter().filter(waits).count()
    }

    /// How many requests `status` should report: those for which a client waits.
    pub(crate) fn wanted(&self) -> usize {
        let waits = |index: &&usize| {
            let method = self.asked[**index].method;
            !["prepare", "complete"].contains(&method) && FOR_MODELS.contains(&method)
        };
        self.open.iter().filter(waits).count()
    }

    pub(crate) fn first_open(&self) -> Option<String> {
        let index = *self.open.first()?;
        let ClientRequest { client, method, .. } = &self.asked[index];
        Some(format!("request {} (`{method}` of client {client}) has no end", index + 1))
    }

    pub(crate) fn open_request_id(&self, client: ClientId) -> Option<String> {
        let own = |index: &&usize| {
            let asked = &self.asked[**index];
            asked.client == client && asked.request_id.is_some()
        };
        self.asked[*self.open.iter().rfind(own)?].request_id.clone()
    }

    /// The oldest request of this id that has not ended: a second one with the same id is refused
    /// at once.
    fn running(&self, client: ClientId, request_id: &str) -> Option<usize> {
        self.open.iter().copied().find(|index| {
            let asked = &self.asked[*index];
            asked.client == client && asked.request_id.as_deref() == Some(request_id)
        })
    }

    fn end(&mut self, client: ClientId, number: i64) -> Result<usize, String> {
        let index = usize::try_from(number - 1).map_err(|_| format!("number {number}"))?;
        let asked = self.asked.get_mut(index).ok_or(format!("number {number} was never asked"))?;
        if asked.client != client {
            return Err(format!("request {number} of client {} goes to {client}", asked.client));
        }
        if std::mem::replace(&mut asked.ended, true) {
            return Err(format!("request {number} (`{}`) is answered twice", asked.method));
        }
        self.open.retain(|open| *open != index);
        Ok(index)
    }

    fn delta(&mut self, client: ClientId, params: &Value) -> Outcome {
        let request_id = params["requestId"].as_str().unwrap_or_default();
        let Some(index) = self.running(client, request_id) else {
            return breach(AFTER, format!("a delta of `{request_id}` to client {client}"));
        };
        let text = params["text"].as_str().unwrap_or_default();
        let number = index as u64 + 1;
        if let Some(other) = marks::foreign_request(text, number) {
            return breach(OWN, format!("request {number} gets text of {other}: {text:?}"));
        }
        let asked = &mut self.asked[index];
        if !["explain", "generate"].contains(&asked.method) {
            return breach(OWN, format!("`{}` streams text", asked.method));
        }
        asked.streamed.push_str(text);
        Ok(())
    }

    fn progress(&mut self, client: ClientId, params: &Value) -> Outcome {
        let request_id = params["requestId"].as_str().unwrap_or_default();
        match self.running(client, request_id) {
            Some(_) => Ok(()),
            None => breach(AFTER, format!("progress of `{request_id}` to client {client}")),
        }
    }

    /// Checks that an answer's text belongs to its request, comes from one call, and is what was
    /// streamed.
    fn check_text(&self, index: usize, answer: &Value) -> Outcome {
        let (number, asked) = (index as u64 + 1, &self.asked[index]);
        let text = match asked.method {
            "explain" | "generate" => answer["text"].as_str(),
            "improve" => answer["edit"]["replacement"].as_str(),
            _ => return Ok(()),
        };
        let text = text.unwrap_or_default();
        if let Some(other) = marks::foreign_request(text, number) {
            return breach(OWN, format!("request {number} is answered with text of {other}"));
        }
        let calls = marks::calls_in(text);
        if calls.len() > 1 {
            return breach(OWN, format!("the answer of {number} is of several calls: {calls:?}"));
        }
        // An improvement streams no text, so there is nothing to compare its edit with.
        if asked.method != "improve" && asked.streamed != text {
            let streamed = &asked.streamed;
            return breach(
                OWN,
                format!("{number} was streamed as {streamed:?} and answered with {text:?}"),
            );
        }
        let answered_by = answer["model"]["reference"].as_str().unwrap_or_default();
        let wrote = calls.first().and_then(|call| self.wrote_with.get(call));
        if let Some(model) = wrote.filter(|model| SPECS[**model].reference != answered_by) {
            let wrote = SPECS[*model].reference;
            return breach(
                "inv 8: the model that answers is reported",
                format!("{wrote}, not {answered_by}"),
            );
        }
        Ok(())
    }

    /// Checks that the request to be cancelled no longer runs, whether or not the cancel has found
    /// it.
    fn check_cancel(&mut self, index: usize, answer: &Value) -> Outcome {
        let client = self.asked[index].client;
        let Some(target) = self.asked[index].target.clone() else { return Ok(()) };
        match self.running(client, &target) {
            Some(open) => {
                let found = &answer["found"];
                breach(ONCE, format!("{} goes on after a cancel that found {found}", open + 1))
            }
            None => Ok(()),
        }
    }
}

impl World {
    pub(crate) fn client_is_sent(&mut self, client: ClientId, message: Message) -> Outcome {
        if !self.clients.has(client) {
            return breach("bounds: clients", format!("client {client} is not connected"));
        }
        match message {
            // Requests are numbered from 1; under 0 comes the answer to a frame that was not JSON,
            // and therefore had no id.
            Message::Response { id: Id::Number(0), .. } => {
                match self.requests.malformed.get_mut(&client).filter(|count| **count > 0) {
                    Some(count) => *count -= 1,
                    None => return breach(ONCE, "an answer to nothing"),
                }
                Ok(())
            }
            Message::Response { id: Id::Number(number), result } => {
                self.request_ends(client, number, &result)
            }
            Message::Notification { method, params } => match method.as_str() {
                "delta" => self.requests.delta(client, &params),
                "tryEdit" => {
                    self.requests.progress(client, &params)?;
                    self.client_is_to_try(client, &params);
                    Ok(())
                }
                "progress" => self.requests.progress(client, &params),
                "statusChanged" if !self.clients.wants_status(client) => {
                    breach("protocol", format!("client {client} did not want the status"))
                }
                "statusChanged" => self.check_status(&params),
                _ => Ok(()),
            },
            _ => breach("protocol", "a client is sent a call, or an answer with a text as its id"),
        }
    }

    fn request_ends(
        &mut self,
        client: ClientId,
        number: i64,
        result: &Result<Value, ErrorInfo>,
    ) -> Outcome {
        let index = match self.requests.end(client, number) {
            Ok(index) => index,
            Err(what) => return breach(ONCE, what),
        };
        let asked = &self.requests.asked[index];
        let (method, must_succeed, cancelled) = (asked.method, asked.must_succeed, asked.cancelled);
        let ending = match result {
            Ok(_) => "answered",
            Err(error) => error.code.as_str(),
        };
        *self.tally.endings.entry((method, ending)).or_default() += 1;
        match result {
            Ok(answer) => match method {
                "status" => self.check_status(answer),
                "cancel" => self.requests.check_cancel(index, answer),
                _ => self.requests.check_text(index, answer),
            },
            Err(error) if must_succeed => {
                breach("of use: a good request is answered once all is well", error.to_string())
            }
            Err(error) if error.code == ErrorCode::Cancelled && !cancelled => {
                breach("inv 4: only who cancels is cancelled", format!("`{method}` {number}"))
            }
            Err(error) if error.code == ErrorCode::Draining && !self.supervision.may_exit => {
                breach(
                    "exit",
                    format!("`{method}` {number} fails with it, and no client has wanted it"),
                )
            }
            Err(error) if is_of_worker(error) && self.supervision.ended == 0 => {
                breach("inv 4: an error is true", format!("no worker has ended: {error}"))
            }
            Err(error) => check_error(method, error),
        }
    }
}

fn is_of_worker(error: &ErrorInfo) -> bool {
    matches!(error.code, ErrorCode::WorkerCrashed | ErrorCode::WorkerStart)
}

fn check_error(method: &str, error: &ErrorInfo) -> Outcome {
    if error.message.is_empty() {
        return breach("inv 4: an error says what happened", format!("`{method}`"));
    }
    if error.code == ErrorCode::WorkerCrashed && (error.hint.is_none() || error.action.is_none()) {
        return breach("inv 4: an error names the next step", error.to_string());
    }
    Ok(())
}
