//! A host in memory with what it did, and a worker that answers as the test says.

use std::path::PathBuf;
use std::sync::Arc;

use localcoder_gguf::Header;
use localcoder_host::ModelFile;
use localcoder_host::core::{ClientId, Effect, Event, Host, HostConfig, WorkerEnding};
use localcoder_model_store::Sampling;
use localcoder_protocol::{
    BUILD_ID, ClientKind, ErrorCode, ErrorInfo, FinishReason, HelloParams, ModelInfo,
    PROTOCOL_VERSION, Usage, WORKER_VERSION, WorkerId,
};
use localcoder_transport::{Id, Message};
use serde_json::{Value, json};

/// See the module.
pub(crate) struct Rig {
    host: Host,
    pub(crate) now_ms: u64,
    sent: Vec<(ClientId, Message)>,
    worker_calls: Vec<(i64, String, Value)>,
    /// Generations of workers that were started.
    pub(crate) started: Vec<u64>,
    /// Generations of workers that were killed.
    pub(crate) killed: Vec<u64>,
    pub(crate) exited: bool,
    /// Length of the kept state of what all prompts begin with.
    pub(crate) prefix_bytes: Option<u64>,
    /// How many tokens of it the worker takes over.
    pub(crate) prefix_tokens: u32,
    pub(crate) prefixes_found: Vec<String>,
    pub(crate) prefixes_kept: Vec<(String, u64)>,
    /// What the host wanted kept.
    pub(crate) kept: Option<String>,
    /// Settings of the editor that it wanted kept, each time.
    pub(crate) editor_settings_kept: Vec<String>,
    /// Answers greeting, loading and counting by itself.
    pub(crate) cooperative: bool,
    /// Memory that the system has left; `None` where it does not tell.
    pub(crate) free_bytes: Option<u64>,
    next_id: i64,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with_settings(json!({}))
    }

    pub(crate) fn with_settings(settings: Value) -> Self {
        Self::start(settings, json!({}), None)
    }

    /// A host with what an earlier one has kept.
    pub(crate) fn with_measurements(kept: Option<String>) -> Self {
        Self::start(json!({}), json!({}), kept)
    }

    /// A host whose editor had set these last.
    pub(crate) fn with_editor_settings(settings: Value) -> Self {
        Self::start(json!({}), settings, None)
    }

    fn start(file: Value, editor: Value, measurements: Option<String>) -> Self {
        let (Value::Object(file_settings), Value::Object(editor_settings)) = (file, editor) else {
            panic!("settings are objects");
        };
        let config = HostConfig {
            pid: 1,
            file_settings,
            editor_settings,
            idle_exit_ms: 60_000,
            seed: 1,
            machine: "test".to_owned(),
            measurements,
        };
        Self {
            host: Host::new(config),
            now_ms: 1_000,
            sent: Vec::new(),
            worker_calls: Vec::new(),
            started: Vec::new(),
            killed: Vec::new(),
            exited: false,
            prefix_bytes: None,
            prefix_tokens: 27,
            prefixes_found: Vec::new(),
            prefixes_kept: Vec::new(),
            kept: None,
            editor_settings_kept: Vec::new(),
            cooperative: true,
            free_bytes: None,
            next_id: 100,
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        let mut events = vec![event];
        while !events.is_empty() {
            for effect in self.host.handle(self.now_ms, events.remove(0)) {
                match effect {
                    Effect::Send(client, message) => self.sent.push((client, message)),
                    Effect::Close(_) => {}
                    Effect::InspectModel { reference } => {
                        let result = inspect(&reference);
                        let (result, free_bytes) = (Box::new(result), self.free_bytes);
                        events.push(Event::ModelInspected { reference, result, free_bytes });
                    }
                    Effect::StartWorker { generation } => {
                        self.started.push(generation);
                        events.push(Event::WorkerStarted { generation, result: Ok(500) });
                    }
                    Effect::SendWorker { generation, message } => {
                        events.extend(self.worker_asked(generation, message));
                    }
                    Effect::KillWorker { generation } => self.killed.push(generation),
                    Effect::FindPrefix { generation, key } => {
                        let bytes = self.prefix_bytes;
                        self.prefixes_found.push(key.clone());
                        events.push(Event::PrefixFound { generation, key, bytes });
                    }
                    Effect::KeepPrefix { key, bytes, .. } => self.prefixes_kept.push((key, bytes)),
                    Effect::KeepMeasurements(text) => self.kept = Some(text),
                    Effect::KeepEditorSettings(text) => self.editor_settings_kept.push(text),
                    Effect::Exit => self.exited = true,
                }
            }
        }
    }

    fn worker_asked(&mut self, generation: u64, message: Message) -> Option<Event> {
        let Message::Request { id: Id::Number(id), method, params } = message else {
            panic!("the host only calls its worker")
        };
        let answer = self.cooperation(generation, &method, &params);
        self.worker_calls.push((id, method, params));
        answer.map(|answer| worker_answer(generation, id, Ok(answer)))
    }

    fn cooperation(&self, generation: u64, method: &str, params: &Value) -> Option<Value> {
        let worker = WorkerId { slot: 0, generation };
        match method {
            _ if !self.cooperative => None,
            "hello" => Some(json!({
                "workerVersion": WORKER_VERSION, "buildId": BUILD_ID, "pid": 500,
                "llamaBuild": "test", "worker": worker,
            })),
            "loadModel" => Some(json!({
                "worker": worker, "contextTokens": 2048, "threads": 1, "device": "CPU", "loadMs": 1,
                "memory": {"weightsBytes": 3, "kvBytes": 2, "computeBytes": 1},
            })),
            "countTokens" => {
                let texts = params["texts"].as_array().unwrap();
                let counts: Vec<usize> =
                    texts.iter().map(|text| text.as_str().unwrap().len() / 3 + 1).collect();
                Some(json!({"worker": worker, "counts": counts}))
            }
            "restorePrefix" => {
                Some(json!({"worker": worker, "tokens": self.prefix_tokens, "bytes": 5}))
            }
            "savePrefix" => Some(json!({"worker": worker, "tokens": 27, "bytes": 99})),
            "cancel" => Some(json!({"found": true})),
            "ping" => Some(json!({"worker": worker, "loaded": true, "busy": true})),
            _ => None,
        }
    }

    pub(crate) fn connect(&mut self, client: ClientId) {
        self.event(Event::ClientConnected(client));
        let hello = HelloParams {
            protocol_version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
            pid: 7,
            client: ClientKind::Other,
            wants_status: false,
        };
        let id = self.request(client, "hello", serde_json::to_value(hello).unwrap());
        self.answer(id).unwrap();
    }

    pub(crate) fn request(&mut self, client: ClientId, method: &str, params: Value) -> i64 {
        self.next_id += 1;
        let message =
            Message::Request { id: Id::Number(self.next_id), method: method.to_owned(), params };
        self.event(Event::ClientMessage(client, message));
        self.next_id
    }

    pub(crate) fn explain(&mut self, client: ClientId, request_id: &str) -> i64 {
        let params = json!({
            "requestId": request_id,
            "document": {"path": "a.py", "text": "def f(x):\n    return x\n"},
            "selection": {"start": 1, "end": 2},
        });
        self.request(client, "explain", params)
    }

    /// All answers to a call.
    pub(crate) fn answers(&self, id: i64) -> Vec<Result<Value, ErrorInfo>> {
        self.sent
            .iter()
            .filter_map(|(_, message)| match message {
                Message::Response { id: Id::Number(answered), result } if *answered == id => {
                    Some(result.clone())
                }
                _ => None,
            })
            .collect()
    }

    /// The one answer to a call.
    pub(crate) fn answer(&self, id: i64) -> Result<Value, ErrorInfo> {
        let mut answers = self.answers(id);
        assert_eq!(answers.len(), 1, "a request ends exactly once");
        answers.remove(0)
    }

    /// Parameters of every call of the worker by that name.
    pub(crate) fn calls(&self, method: &str) -> Vec<&Value> {
        let calls = self.worker_calls.iter().filter(|(_, name, _)| name == method);
        calls.map(|(_, _, params)| params).collect()
    }

    /// When the worker was first called by that name, counted from 0.
    pub(crate) fn order_of(&self, method: &str) -> Option<usize> {
        self.worker_calls.iter().position(|(_, name, _)| name == method)
    }

    /// The number of the last call of the worker by that name.
    pub(crate) fn open_call(&self, method: &str) -> i64 {
        let call = self.worker_calls.iter().rev().find(|(_, name, _)| name == method);
        call.unwrap_or_else(|| panic!("the worker was not asked to `{method}`")).0
    }

    fn generation(&self) -> u64 {
        *self.started.last().expect("a worker was started")
    }

    /// The worker writes text for the last generation.
    pub(crate) fn write(&mut self, text: &str) {
        let (generation, call) = (self.generation(), self.open_call("generate"));
        let worker = WorkerId { slot: 0, generation };
        let params = json!({"worker": worker, "requestId": call, "text": text});
        let message = Message::Notification { method: "token".to_owned(), params };
        self.event(Event::WorkerMessage { generation, message });
    }

    /// The worker ends the last generation.
    pub(crate) fn finish(&mut self) {
        let (generation, call) = (self.generation(), self.open_call("generate"));
        let answer = json!({
            "worker": WorkerId { slot: 0, generation },
            "finish": FinishReason::EndOfTurn,
            "heldTokens": 7,
            "measured": {"repackingPays": true, "stepCosts": [{"rows": 1, "timeUs": 900}]},
            "usage": Usage { generated_tokens: 3, ..Usage::default() },
        });
        self.event(worker_answer(generation, call, Ok(answer)));
    }

    /// The worker answers a call as cancelled.
    pub(crate) fn end_cancelled(&mut self, call: i64) {
        let error = ErrorInfo::new(ErrorCode::Cancelled, "stopped");
        self.event(worker_answer(self.generation(), call, Err(error)));
    }

    /// The worker dies.
    pub(crate) fn kill(&mut self) {
        let ending = WorkerEnding {
            description: "it was killed".to_owned(),
            last_lines: vec!["last words".to_owned()],
        };
        self.event(Event::WorkerEnded { generation: self.generation(), ending });
    }

    /// Lets time pass, ticking whenever the host wants to be woken.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(due) = self.host.next_deadline_ms().filter(|due| *due < end) {
            assert!(due > self.now_ms, "a deadline in the past would make the host spin");
            self.now_ms = due;
            self.event(Event::Tick);
            if self.exited {
                return;
            }
        }
        self.now_ms = end.max(self.now_ms);
        self.event(Event::Tick);
    }

    pub(crate) fn notifications<'a>(
        &'a self,
        wanted: &'a str,
    ) -> impl Iterator<Item = (ClientId, &'a Value)> {
        self.sent.iter().filter_map(move |(client, message)| match message {
            Message::Notification { method, params } if method == wanted => Some((*client, params)),
            _ => None,
        })
    }

    pub(crate) fn deltas(&self) -> String {
        self.notifications("delta").filter_map(|(_, params)| params["text"].as_str()).collect()
    }
}

fn worker_answer(generation: u64, id: i64, result: Result<Value, ErrorInfo>) -> Event {
    let message = Message::Response { id: Id::Number(id), result };
    Event::WorkerMessage { generation, message }
}

/// Of the bundled model.
pub(crate) fn demo_header() -> Header {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
    let bytes = std::fs::read(path).unwrap();
    Header::read(bytes.as_slice(), bytes.len() as u64).unwrap()
}

fn inspect(reference: &str) -> Result<ModelFile, ErrorInfo> {
    if reference == "missing" {
        return Err(ErrorInfo::new(ErrorCode::ModelNotFound, "there is no such model"));
    }
    let info = ModelInfo {
        reference: reference.to_owned(),
        name: reference.to_owned(),
        architecture: "qwen2".to_owned(),
        size_bytes: 1,
        trained_context_tokens: 2048,
        demo: false,
        attribution: Vec::new(),
    };
    let sampling = match reference {
        "lively" => Sampling { temperature: Some(0.7), ..Sampling::default() },
        _ => Sampling::default(),
    };
    Ok(ModelFile {
        path: PathBuf::from(reference),
        info,
        modified: None,
        header: (reference == "measured").then(|| Arc::new(demo_header())),
        chat_template: (reference == "lively").then(|| "{{ messages }}".to_owned()),
        sampling,
    })
}
