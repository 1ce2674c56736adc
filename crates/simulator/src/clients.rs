//! Clients: they connect, say hello correctly or not, send every kind of request at any time,
//! cancel, send nonsense, and vanish. What they receive is checked by `checks::requests`.

use std::collections::BTreeMap;

use localcoder_host::core::{CLIENTS_MAX, ClientId, Event, QUEUE_MAX};
use localcoder_protocol::limits::REQUEST_ID_BYTES_MAX;
use localcoder_protocol::{Assist, BUILD_ID, CommandSpec, PROTOCOL_VERSION, Request as _};
use localcoder_settings::Key;
use localcoder_transport::{Id, Message};
use serde_json::{Map, Value, json};

use crate::broken::{Outcome, breach};
use crate::checks::requests::ClientRequest;
use crate::faults::Fault;
use crate::marks;
use crate::settings::values_of;
use crate::store::SPECS;
use crate::world::World;
use crate::world_event::WorldEvent;

/// Windows that are open at once in ordinary use.
const WINDOWS_MAX: usize = 6;

#[derive(Debug, Default)]
pub(crate) struct Clients {
    /// Whether each has said a valid hello, and whether it watches for changes.
    connected: BTreeMap<ClientId, (bool, bool)>,
    last: ClientId,
    pub(crate) closed: bool,
}

impl Clients {
    pub(crate) fn connected(&self) -> Vec<ClientId> {
        self.connected.keys().copied().collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.connected.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connected.is_empty()
    }

    pub(crate) fn has(&self, client: ClientId) -> bool {
        self.connected.contains_key(&client)
    }

    pub(crate) fn wants_status(&self, client: ClientId) -> bool {
        self.connected.get(&client).is_some_and(|(greeted, wants)| *greeted && *wants)
    }

    pub(crate) fn all_lost(&mut self) -> usize {
        std::mem::take(&mut self.connected).len()
    }
}

/// How often clients do what, as relative weights: requests, and commands on selected code.
pub(crate) const ACTS: &[(u64, &str)] = &[
    (18, "improve"),
    (14, "explain"),
    (16, "generate"),
    (9, "warm"),
    (9, "prepare"),
    (9, "complete"),
    (3, "complete now"),
    (5, "predictEdit"),
    (1, "snooze"),
    (3, "survey"),
    (3, "unload"),
    (8, "status"),
    (4, "configure"),
    (4, "configureFile"),
    (11, "cancel"),
    (1, "locateEdits"),
    (1, "scopes"),
    (1, "tried"),
    (1, "recordDecision"),
];

/// The method and parameters that are sent: for a command on selected code, the one that takes its
/// id.
pub(crate) fn on_the_wire(act: &str, mut params: Value) -> (&str, Value) {
    match CommandSpec::of(act) {
        Some(spec) => {
            params["command"] = spec.id.into();
            (Assist::METHOD, params)
        }
        None if act == "complete now" => {
            params["explicit"] = true.into();
            ("complete", params)
        }
        None => (act, params),
    }
}

fn decision_about(number: u64) -> Value {
    // It need not name an edit that was shown, and the host must take that, too.
    json!({"editId": format!("{number:016x}"), "decision": {"kind": "kept"}})
}

impl World {
    pub(crate) fn client_connects(&mut self) -> Outcome {
        if self.clients.closed || self.clients.connected.len() >= WINDOWS_MAX {
            return Ok(());
        }
        if self.host.is_none() {
            self.host_starts()?;
        }
        let client = self.connect()?;
        if !self.strikes(Fault::NoHello) {
            let other = self.strikes(Fault::OtherVersion);
            let wants = self.random.per_mille(500);
            self.says_hello(client, other, wants)?;
            if !other && self.random.per_mille(300) {
                let settings = self.draw_settings();
                self.ask(client, "configure", None, json!({"settings": settings}))?;
            }
        }
        let ms = self.random.up_to_ms(4_000);
        self.later(ms, WorldEvent::ClientActs(client));
        Ok(())
    }

    pub(crate) fn connect(&mut self) -> Result<ClientId, crate::broken::Breach> {
        self.clients.last += 1;
        self.tally.clients += 1;
        let client = self.clients.last;
        self.clients.connected.insert(client, (false, false));
        self.deliver(Event::ClientConnected(client))?;
        Ok(client)
    }

    pub(crate) fn says_hello(&mut self, client: ClientId, other: bool, wants: bool) -> Outcome {
        let params = json!({
            "protocolVersion": PROTOCOL_VERSION + u32::from(other), "buildId": BUILD_ID, "pid": 7,
            "client": "editor", "wantsStatus": wants,
        });
        if let Some(state) = self.clients.connected.get_mut(&client).filter(|_| !other) {
            *state = (true, wants);
        }
        self.ask(client, "hello", None, params)
    }

    pub(crate) fn client_acts(&mut self, client: ClientId) -> Outcome {
        if !self.clients.has(client) || self.faults_ended {
            return Ok(());
        }
        self.acts_left = self.acts_left.saturating_sub(1);
        if self.strikes(Fault::Vanishes) {
            return self.client_vanishes(client);
        }
        self.errs(client)?;
        let mut drawn = self.random.below(ACTS.iter().map(|(weight, _)| weight).sum());
        let act = ACTS.iter().find(|(weight, _)| {
            let it = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            it
        });
        let method = act.map_or("status", |(_, method)| *method);
        self.does(client, method)?;
        // Up to 15 minutes, the largest `IdleUnloadMinutes` in `settings`, so that models are also
        // unloaded for being idle.
        let most = *self.random.pick(&[100, 2_000, 2_000, 30_000, 900_000]);
        let ms = self.random.up_to_ms(most);
        self.later(ms, WorldEvent::ClientActs(client));
        Ok(())
    }

    pub(crate) fn client_vanishes(&mut self, client: ClientId) -> Outcome {
        self.clients.connected.remove(&client);
        self.requests.forget_client(client);
        if self.clients.is_empty() && !self.faults_ended {
            // Sometimes longer than [`crate::world::IDLE_EXIT_MS`], so that the host ends by itself
            // and the next client starts another.
            let most = *self.random.pick(&[3_000, 3_000, 200_000]);
            let ms = self.random.up_to_ms(most);
            self.later(ms, WorldEvent::ClientConnects);
        }
        self.deliver(Event::ClientGone(client))
    }

    fn errs(&mut self, client: ClientId) -> Outcome {
        if self.strikes(Fault::Malformed) {
            self.requests.expect_malformed(client);
            self.deliver(Event::ClientMalformed(client, "the frame is not JSON".to_owned()))?;
        }
        if self.strikes(Fault::UnknownMethod) {
            self.ask(client, "unknown", None, json!({}))?;
        }
        if self.strikes(Fault::BadParams) {
            self.ask(client, "improve", None, json!({"requestId": 5, "document": []}))?;
        }
        if self.strikes(Fault::Answers) {
            let answer = Message::Response { id: Id::Number(1), result: Ok(json!({})) };
            self.deliver(Event::ClientMessage(client, answer))?;
            let params = json!({"requestId": "r1"});
            let notification = Message::Notification { method: "cancel".to_owned(), params };
            self.deliver(Event::ClientMessage(client, notification))?;
        }
        if self.strikes(Fault::FloodOfRequests) {
            for _ in 0..QUEUE_MAX + 8 {
                let method = *self.random.pick(&["warm", "generate"]);
                self.does(client, method)?;
            }
        }
        if self.strikes(Fault::FloodOfClients) {
            let before = self.clients.last;
            for _ in 0..CLIENTS_MAX + 4 {
                self.connect()?;
            }
            // Some of them were closed by the host already, and only those that are left can
            // vanish.
            let came = self.clients.connected().into_iter().filter(|client| *client > before);
            for client in came.collect::<Vec<_>>() {
                self.client_vanishes(client)?;
            }
        }
        if self.strikes(Fault::Drained) {
            self.supervision.may_exit = true;
            self.ask(client, "drain", None, json!({}))?;
        }
        if self.strikes(Fault::Stopped) {
            self.supervision.may_exit = true;
            self.ask(client, "stop", None, json!({}))?;
        }
        Ok(())
    }

    fn draw_request_id(&mut self, client: ClientId, number: u64) -> String {
        if !self.strikes(Fault::BadRequestId) {
            return format!("r{number}");
        }
        let taken = self.requests.open_request_id(client);
        let too_long = REQUEST_ID_BYTES_MAX + 1;
        taken.unwrap_or_else(|| "x".repeat(too_long * usize::from(number.is_multiple_of(2))))
    }

    fn draw_completion(&mut self, request_id: &str, document: &Value) -> Value {
        let position = json!({"line": self.random.between(1, 3), "character": 100});
        json!({"requestId": request_id, "document": document, "position": position})
    }

    /// A change of the document's first line. If the next line has the same text, a next edit may
    /// follow from it.
    fn draw_change(&mut self, request_id: &str, document: &Value) -> Value {
        let line = document["text"].as_str().and_then(|text| text.split('\n').next());
        let (line, before) = (line.unwrap_or(""), format!("old {}", self.random.below(9)));
        json!({
            "requestId": request_id,
            "document": document,
            "position": {"line": 1, "character": 0},
            "edits": [{"path": document["path"], "before": before, "after": line, "line": 1}],
        })
    }

    fn does(&mut self, client: ClientId, method: &'static str) -> Outcome {
        let number = self.requests.next_number();
        let request_id = self.draw_request_id(client, number);
        let (document, selection) = self.draw_document(number);
        let completes = method.starts_with("complete") || method == "predictEdit";
        let streams = completes || ["improve", "explain", "generate", "prepare"].contains(&method);
        let mut params = match method {
            "predictEdit" => self.draw_change(&request_id, &document),
            _ if completes => self.draw_completion(&request_id, &document),
            "improve" | "explain" | "prepare" => {
                json!({"requestId": request_id, "document": document, "selection": selection})
            }
            "generate" => {
                let raw = self.random.per_mille(300);
                let prompt = format!("Write {}.", marks::of_request(number));
                json!({"requestId": request_id, "prompt": prompt, "raw": raw})
            }
            "tried" => {
                let open = self.requests.open_request_id(client);
                let run = self.draw_test_run();
                json!({"requestId": open.unwrap_or_else(|| "r0".to_owned()), "trial": 1, "run": run})
            }
            "recordDecision" => decision_about(number),
            "warm" => json!({"ahead": self.random.per_mille(500)}),
            "survey" => json!({"models": [self.draw_model()]}),
            "unload" => json!({"model": self.draw_model()}),
            "configure" => json!({"settings": self.draw_settings()}),
            "configureFile" => {
                self.disk.file_settings = self.draw_settings();
                // A client that has written the file either sends its content or has the host read
                // it.
                match self.random.per_mille(500) {
                    true => json!({"settings": self.disk.file_settings}),
                    false => json!({}),
                }
            }
            "cancel" => {
                let open = self.requests.open_request_id(client);
                json!({"requestId": open.unwrap_or_else(|| "r0".to_owned())})
            }
            "locateEdits" => json!({
                "document": document,
                "edits": [{
                    "range": {"start": 1, "end": 1}, "original": "x\n", "replacement": "y\n",
                    "anchor": {"documentSha256": "", "before": [], "after": [], "alone": true, "unique": true},
                }],
            }),
            "scopes" => json!({
                "document": document,
                "selection": {"start": 1, "end": 1},
                "empty": self.random.per_mille(500),
            }),
            "snooze" => json!({"minutes": self.random.below(3)}),
            _ => json!({}),
        };
        if method == "improve" && self.random.per_mille(300) {
            params["test"] = self.draw_test_run();
        }
        if streams && self.random.per_mille(120) && !self.faults_ended {
            let ms = self.random.up_to_ms(5_000);
            let request_id = request_id.clone();
            self.later(ms, WorldEvent::ClientCancels { client, request_id });
        }
        let names = completes || ["improve", "explain", "generate", "warm"].contains(&method);
        if names && self.random.per_mille(250) {
            params["model"] = self.draw_model().into();
        }
        if names && method != "warm" && self.random.per_mille(120) {
            params["settings"] = self.draw_settings().into();
        }
        self.ask(client, method, streams.then_some(request_id), params)
    }

    pub(crate) fn ask(
        &mut self,
        client: ClientId,
        method: &'static str,
        request_id: Option<String>,
        params: Value,
    ) -> Outcome {
        if !self.clients.has(client) || self.host.is_none() {
            return Ok(());
        }
        self.tally.requests += 1;
        let target = params["requestId"].as_str().filter(|_| method == "cancel");
        // Recorded before it is delivered: its answer may be among the effects of the delivery.
        let asked = ClientRequest::new(client, method, request_id, target.map(str::to_owned));
        let number = self.requests.ask(asked);
        let settings = match method {
            "configureFile" => &json!({"settings": self.disk.file_settings}),
            _ => &params,
        };
        self.loads.settings_seen(method, settings);
        if method.starts_with("complete")
            || [
                "predictEdit",
                "improve",
                "explain",
                "generate",
                "warm",
                "prepare",
                "configure",
                "configureFile",
            ]
            .contains(&method)
        {
            self.supervision.wanted();
            self.loads.wanted(params["ahead"] == true);
        }
        let id = Id::Number(i64::try_from(number).unwrap_or(0));
        let (method, params) = on_the_wire(method, params);
        let message = Message::Request { id, method: method.to_owned(), params };
        self.deliver(Event::ClientMessage(client, message))
    }

    pub(crate) fn client_is_closed(&mut self, client: ClientId) -> Outcome {
        // The only reason for which a host may hang up on a client.
        if self.clients.connected.len() <= CLIENTS_MAX {
            return breach("bounds: clients", "a connection is closed though there is room");
        }
        self.clients.connected.remove(&client);
        self.requests.forget_client(client);
        Ok(())
    }

    pub(crate) fn client_is_to_try(&mut self, client: ClientId, wanted: &Value) {
        if self.strikes(Fault::TestSilent) {
            // The request that waits for the result must end all the same.
            return;
        }
        let most = if self.strikes(Fault::TestSlow) { 60_000 } else { 2_000 };
        let ms = self.random.up_to_ms(most);
        let params = json!({
            "requestId": wanted["requestId"],
            "trial": wanted["trial"],
            "run": self.draw_test_run(),
        });
        self.later(ms, WorldEvent::ClientHasTried { client, params });
    }

    fn draw_test_run(&mut self) -> Value {
        let outcome = *self.random.pick(&["passed", "failed", "failed", "notRun"]);
        json!({"name": "test_a.py", "outcome": outcome, "said": "", "ms": 100})
    }

    fn draw_model(&mut self) -> &'static str {
        self.random.pick(SPECS).reference
    }

    fn draw_document(&mut self, number: u64) -> (Value, Value) {
        let mark = marks::of_request(number);
        let text = format!("import os\n\n\ndef {mark}(x):\n    return x # {mark}\n");
        let end = self.random.between(4, 6);
        let path = *self.random.pick(&["a.py", "a.py", "notes.txt"]);
        (json!({"path": path, "text": text}), json!({"start": 4, "end": end}))
    }

    pub(crate) fn draw_settings(&mut self) -> Map<String, Value> {
        let mut settings = Map::new();
        for key in Key::ALL {
            let values = values_of(*key);
            if !values.is_empty() && self.random.per_mille(330) {
                settings.insert(key.name().to_owned(), self.random.pick(&values).clone());
            }
        }
        settings
    }

    /// After the storm, the host must still work for a client that asks: a core that refuses every
    /// request would break no other invariant.
    pub(crate) fn check_still_serves(&mut self) -> Outcome {
        if self.random.per_mille(600) {
            return Ok(());
        }
        // After this time, earlier crashes no longer count against a model.
        let later = self.now_ms + 6 * 60 * 1_000;
        self.live_until(later)?;
        if self.host.is_none() {
            self.host_starts()?;
        }
        let client = self.connect()?;
        self.says_hello(client, false, false)?;
        self.ask(client, "configureFile", None, json!({"settings": {}}))?;
        let settings = json!({"codeModel": "small", "acceleration": "cpu", "mode": "stability"});
        self.ask(client, "configure", None, json!({"settings": settings}))?;
        let number = self.requests.next_number();
        let prompt = format!("Write {}.", marks::of_request(number));
        let params = json!({"requestId": "last", "prompt": prompt, "model": "small"});
        self.requests.must_succeed(number);
        self.ask(client, "generate", Some("last".to_owned()), params)?;
        self.come_to_the_end()
    }
}
