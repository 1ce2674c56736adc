//! A host in memory with a record of what it did, and a worker that answers as the test says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use localcoder_gguf::{FimTokens, Header, KvType, RunShape};
use localcoder_host::ModelFile;
use localcoder_host::core::{ClientId, Death, Effect, Event, Help, Host, HostConfig, WorkerEnding};
use localcoder_model_store::Sampling;
use localcoder_protocol::{
    BUILD_ID, ClientKind, CommandSpec, ErrorCode, ErrorInfo, FinishReason, HEARTBEAT_MS,
    HelloParams, MemoryUse, ModelInfo, PROTOCOL_VERSION, Usage, WORKER_VERSION, WorkerId,
};
use localcoder_settings::Contents;
use localcoder_transport::{Id, Message};
use serde_json::{Value, json};

/// What a worker was asked.
#[derive(Debug, Clone)]
struct WorkerCall {
    generation: u64,
    id: i64,
    method: String,
    params: Value,
}

pub(crate) struct Rig {
    host: Host,
    pub(crate) now_ms: u64,
    sent: Vec<(ClientId, Message)>,
    worker_calls: Vec<WorkerCall>,
    /// Generations of the workers that were started.
    pub(crate) started: Vec<u64>,
    /// Generations of the workers that were killed.
    pub(crate) killed: Vec<u64>,
    /// Generations of the workers that were asked to end, once for each time.
    pub(crate) stopped: Vec<u64>,
    /// The installed model that takes less than any other.
    pub(crate) smaller: Option<&'static str>,
    /// The model that was removed from the disk.
    pub(crate) gone: Option<&'static str>,
    /// The model that could draft for any other.
    pub(crate) draft: Option<&'static str>,
    /// The model that could suggest in place of any other.
    pub(crate) suggester: Option<&'static str>,
    pub(crate) helpers_sought: Vec<Help>,
    pub(crate) exited: bool,
    /// Length of the kept state of the prompts' common beginning.
    pub(crate) prefix_bytes: Option<u64>,
    /// How many tokens of that state the worker takes over.
    pub(crate) prefix_tokens: u32,
    pub(crate) prefixes_found: Vec<String>,
    pub(crate) prefixes_kept: Vec<(String, u64)>,
    /// The measurements that the host wanted kept.
    pub(crate) kept: Option<String>,
    /// The note about a load that has not ended.
    pub(crate) unfinished_load: Option<String>,
    /// What `settings.json` says when it is read again.
    pub(crate) file_settings: Contents,
    /// The counts of edits that the host has requested.
    pub(crate) counted: Vec<Effect>,
    /// The editor settings that the host wanted kept, once for each time.
    pub(crate) editor_settings_kept: Vec<String>,
    /// Whether the worker answers greeting, loading and counting by itself.
    pub(crate) cooperative: bool,
    /// Generations that the host has cancelled; `ended` are those that have ended.
    cancelled: BTreeSet<i64>,
    ended: BTreeSet<i64>,
    /// Workers that are running.
    alive: BTreeSet<u64>,
    /// Whether workers give no sign of life.
    pub(crate) silent: bool,
    /// Whether workers compute nothing.
    pub(crate) stalled: bool,
    progress: u64,
    /// Method of the calls that no worker answers.
    pub(crate) unanswered: &'static str,
    /// The devices that the worker reports.
    pub(crate) devices: Value,
    /// All memory of the machine; `None` if loading a model takes none.
    pub(crate) machine_bytes: Option<u64>,
    /// The loaded models, by generation: reference and memory.
    pub(crate) loaded: BTreeMap<u64, (String, MemoryUse)>,
    /// Whether memory suffices for a load, by its parameters.
    pub(crate) fits: fn(&Value) -> bool,
    /// Whether loading with a quantized cache fails.
    pub(crate) refuses_kv: bool,
    /// How every load on a GPU ends.
    pub(crate) load_error: Option<ErrorInfo>,
    /// The protocol version that the worker reports.
    pub(crate) worker_version: u32,
    /// Whether files are inspected only when the test says so.
    pub(crate) slow_disk: bool,
    inspections: Vec<Event>,
    /// Whether other files have replaced those of the same names.
    pub(crate) replaced: bool,
    /// Free memory of the system; `None` if the system does not report it.
    pub(crate) free_bytes: Option<u64>,
    next_id: i64,
    /// All messages, as lines of a sequence diagram.
    pub(crate) said: Vec<String>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with_settings(json!({}))
    }

    pub(crate) fn with_settings(settings: Value) -> Self {
        Self::start(settings, json!({}), None, None)
    }

    /// A host that follows one which went down while loading a model.
    pub(crate) fn after_unfinished_load(settings: Value, text: Option<String>) -> Self {
        Self::start(settings, json!({}), None, text)
    }

    /// A host that starts with what an earlier one has kept.
    pub(crate) fn with_measurements(kept: Option<String>) -> Self {
        Self::start(json!({}), json!({}), kept, None)
    }

    /// A host that starts with these last settings of the editor.
    pub(crate) fn with_editor_settings(settings: Value) -> Self {
        Self::start(json!({}), settings, None, None)
    }

    /// A host that could not read the editor's last settings.
    pub(crate) fn with_unread_editor_settings(problem: ErrorInfo) -> Self {
        let editor = Contents { problem: Some(problem), ..Contents::default() };
        Self::start_with(Contents::default(), editor, None, None)
    }

    fn start(
        file: Value,
        editor: Value,
        measurements: Option<String>,
        unfinished_load: Option<String>,
    ) -> Self {
        let (Value::Object(file), Value::Object(editor)) = (file, editor) else {
            panic!("settings are objects");
        };
        Self::start_with(file.into(), editor.into(), measurements, unfinished_load)
    }

    fn start_with(
        file_settings: Contents,
        editor_settings: Contents,
        measurements: Option<String>,
        unfinished_load: Option<String>,
    ) -> Self {
        let config = HostConfig {
            pid: 1,
            confined: localcoder_protocol::Confined::default(),
            file_settings,
            editor_settings,
            idle_exit_ms: 60_000,
            seed: 1,
            heartbeat_ms: HEARTBEAT_MS,
            machine: "test".to_owned(),
            measurements,
            unfinished_load,
        };
        Self {
            host: Host::new(config),
            now_ms: 1_000,
            sent: Vec::new(),
            worker_calls: Vec::new(),
            started: Vec::new(),
            killed: Vec::new(),
            stopped: Vec::new(),
            smaller: None,
            gone: None,
            draft: None,
            suggester: None,
            helpers_sought: Vec::new(),
            exited: false,
            prefix_bytes: None,
            prefix_tokens: 27,
            prefixes_found: Vec::new(),
            prefixes_kept: Vec::new(),
            kept: None,
            unfinished_load: None,
            file_settings: Contents::default(),
            counted: Vec::new(),
            editor_settings_kept: Vec::new(),
            cooperative: true,
            cancelled: BTreeSet::new(),
            ended: BTreeSet::new(),
            alive: BTreeSet::new(),
            silent: false,
            stalled: false,
            progress: 0,
            unanswered: "",
            devices: json!([
                {"name": "CPU", "description": "a processor", "gpu": false, "memoryBytes": 0},
            ]),
            load_error: None,
            fits: |_| true,
            refuses_kv: false,
            machine_bytes: None,
            loaded: BTreeMap::new(),
            worker_version: WORKER_VERSION,
            slow_disk: false,
            inspections: Vec::new(),
            replaced: false,
            free_bytes: None,
            next_id: 100,
            said: Vec::new(),
        }
    }

    fn helper_found(&mut self, path: PathBuf, help: Help, named: Option<&str>) -> Event {
        let found = match help {
            Help::Drafts => self.draft,
            Help::Suggests { .. } => named.or(self.suggester),
        };
        self.helpers_sought.push(help);
        let found = Box::new(inspect(found.unwrap_or("missing")));
        let free_bytes = self.free_bytes.or_else(|| self.free_of_machine());
        Event::HelperFound { path, help, found, free_bytes }
    }

    pub(crate) fn event(&mut self, event: Event) {
        let mut events = vec![event];
        let mut rounds = 0;
        while !events.is_empty() {
            rounds += 1;
            assert!(rounds < 10_000, "the host and its world answer one another without an end");
            for effect in self.handled(events.remove(0)) {
                match effect {
                    Effect::Reply { .. } | Effect::Notify(..) => self.sent.extend(effect.message()),
                    Effect::Close(_) => {}
                    Effect::InspectModel { references } => {
                        let there = references.iter().filter(|it| self.gone != Some(it.as_str()));
                        let mut found = there.map(|reference| inspect(reference));
                        let first = found.find(Result::is_ok);
                        let mut result = first.unwrap_or_else(|| inspect(&references[0]));
                        if let Ok(file) = &mut result {
                            file.info.size_bytes += u64::from(self.replaced);
                        }
                        let result = Box::new(result);
                        let free_bytes = self.free_bytes.or_else(|| self.free_of_machine());
                        let inspected = Event::ModelInspected { references, result, free_bytes };
                        let slow = self.slow_disk;
                        if slow { &mut self.inspections } else { &mut events }.push(inspected);
                    }
                    Effect::StartWorker { generation } => {
                        self.started.push(generation);
                        self.alive.insert(generation);
                        events.push(Event::WorkerStarted { generation, result: Ok(500) });
                    }
                    Effect::SendWorker { generation, message } => {
                        events.extend(self.worker_asked(generation, message));
                    }
                    Effect::StopWorker { generation } | Effect::TerminateWorker { generation } => {
                        self.stopped.push(generation);
                        if self.cooperative {
                            self.loaded.remove(&generation);
                            self.alive.remove(&generation);
                            let ending = WorkerEnding::default();
                            events.push(Event::WorkerEnded { generation, ending });
                        }
                    }
                    Effect::KillWorker { generation } => self.killed.push(generation),
                    Effect::FindHelper { path, help, named } => {
                        events.push(self.helper_found(path, help, named.as_deref()));
                    }
                    Effect::FindSmaller { path, .. } => {
                        let found = self.smaller.map(|reference| inspect(reference).unwrap());
                        events.push(Event::SmallerFound { path, found: Box::new(found) });
                    }
                    Effect::FindPrefix { generation, key } => {
                        let bytes = self.prefix_bytes;
                        self.prefixes_found.push(key.clone());
                        events.push(Event::PrefixFound { generation, key, bytes });
                    }
                    Effect::KeepPrefix { key, bytes, .. } => self.prefixes_kept.push((key, bytes)),
                    Effect::ReadSettings { client, id } => {
                        let contents = Box::new(self.file_settings.clone());
                        events.push(Event::SettingsRead { client, id, contents });
                    }
                    Effect::KeepMeasurements(text) => self.kept = Some(text),
                    Effect::KeepEditorSettings(text) => self.editor_settings_kept.push(text),
                    Effect::LoadBegins(text) => self.unfinished_load = Some(text),
                    Effect::LoadEnded => self.unfinished_load = None,
                    Effect::CountShown(_) | Effect::CountDecision { .. } => {
                        self.counted.push(effect);
                    }
                    Effect::Exit => self.exited = true,
                }
            }
        }
    }

    fn handled(&mut self, event: Event) -> Vec<Effect> {
        self.said.extend(arrow_of_event(&event));
        let effects = self.host.handle(self.now_ms, event);
        self.said.extend(effects.iter().filter_map(arrow_of_effect));
        effects
    }

    fn worker_asked(&mut self, generation: u64, message: Message) -> Option<Event> {
        let Message::Request { id: Id::Number(id), method, params } = message else {
            panic!("the host only calls its worker")
        };
        let answer = self.cooperation(generation, &method, &params);
        match method.as_str() {
            "cancel" => {
                self.cancelled.insert(params["requestId"].as_i64().unwrap());
            }
            "loadModel" if answer.is_some() => {
                let reference = params["modelRef"].as_str().unwrap().to_owned();
                self.loaded.insert(generation, (reference, self.loads_as(&params).1));
                self.check_memory();
            }
            "unloadModel" => {
                self.loaded.remove(&generation);
            }
            _ => {}
        }
        let loads = self.cooperative && method == "loadModel";
        let on_gpu = loads && params["profile"]["gpuLayers"] != 0;
        let too_large = || ErrorInfo::new(ErrorCode::OutOfMemory, "there is not enough memory");
        let refused = self.load_error.clone().filter(|_| on_gpu);
        let has_kv = loads && params["profile"]["kv"] == "q8_0";
        let no_kv = || ErrorInfo::new(ErrorCode::ModelLoadFailed, "no such cache");
        let refused = refused.or_else(|| (has_kv && self.refuses_kv).then(no_kv));
        let refused = refused.or_else(|| (loads && !(self.fits)(&params)).then(too_large));
        if let Some(error) = refused {
            self.loaded.remove(&generation);
            self.worker_calls.push(WorkerCall { generation, id, method, params });
            return Some(worker_answer(generation, id, Err(error)));
        }
        self.worker_calls.push(WorkerCall { generation, id, method, params });
        answer.map(|answer| worker_answer(generation, id, Ok(answer)))
    }

    /// The window that a load creates, and the memory that it takes.
    fn loads_as(&self, params: &Value) -> (u64, MemoryUse) {
        let file = inspect(params["modelRef"].as_str().unwrap()).unwrap();
        let asked = params["profile"]["contextTokens"].as_u64().unwrap();
        let window = asked.min(u64::from(file.info.trained_context_tokens));
        let Some(header) = &file.header else {
            let memory = MemoryUse { weights_bytes: 300, kv_bytes: 200, compute_bytes: 100 };
            return (window, memory);
        };
        let estimate = header.estimate(RunShape {
            context_tokens: u32::try_from(window).unwrap(),
            batch_tokens: 256,
            output_tokens: 32,
            kv: KvType::F16,
            flash_attention: false,
        });
        let memory = MemoryUse {
            weights_bytes: estimate.weights_bytes,
            kv_bytes: estimate.kv_bytes,
            compute_bytes: estimate.compute_bytes,
        };
        (window, memory)
    }

    fn has_gpu(&self) -> bool {
        self.devices.as_array().unwrap().iter().any(|device| device["gpu"] == true)
    }

    /// Free memory of the machine; pages of files count as free, as they do for systems.
    fn free_of_machine(&self) -> Option<u64> {
        let taken = self.loaded.values().map(|(_, it)| it.kv_bytes + it.compute_bytes);
        Some(self.machine_bytes?.saturating_sub(taken.sum()))
    }

    /// Checks that no model is loaded twice, and that all of them fit into the memory.
    fn check_memory(&self) {
        let mut references: Vec<&String> = self.loaded.values().map(|(it, _)| it).collect();
        references.sort_unstable();
        references.dedup();
        assert_eq!(references.len(), self.loaded.len(), "twice: {:?}", self.loaded);
        if let Some(all) = self.machine_bytes {
            let taken: u64 = self.loaded.values().map(|(_, memory)| memory.total_bytes()).sum();
            assert!(taken <= all, "{taken} of {all}: {:?}", self.loaded);
        }
    }

    /// The host's status as a client gets it.
    pub(crate) fn status(&mut self, client: ClientId) -> Value {
        let id = self.request(client, "status", json!({}));
        self.answer(id).unwrap()
    }

    /// Names of the models that are loaded, in the order of their workers.
    pub(crate) fn residents(&self) -> Vec<&str> {
        self.loaded.values().map(|(reference, _)| reference.as_str()).collect()
    }

    fn cooperation(&self, generation: u64, method: &str, params: &Value) -> Option<Value> {
        let worker = WorkerId { slot: 0, generation };
        match method {
            _ if !self.cooperative || method == self.unanswered => None,
            "hello" => Some(json!({
                "workerVersion": self.worker_version, "buildId": BUILD_ID, "pid": 500,
                "llamaBuild": "test", "worker": worker,
            })),
            "devices" => Some(json!({"worker": worker, "devices": self.devices})),
            "unloadModel" | "unloadDraft" => Some(json!({})),
            "loadDraft" => {
                let memory = MemoryUse {
                    weights_bytes: 10_000_000,
                    kv_bytes: 2_000_000,
                    compute_bytes: 1_000_000,
                };
                let answer = json!({
                    "worker": worker, "memory": memory, "stepUs": 900, "loadMs": 1,
                });
                Some(answer)
            }
            "loadModel" => {
                let (context_tokens, memory) = self.loads_as(params);
                let on_cpu = params["profile"]["gpuLayers"] == 0 || !self.has_gpu();
                Some(json!({
                    "worker": worker, "contextTokens": context_tokens, "threads": 1, "loadMs": 1,
                    "device": if on_cpu { "CPU" } else { "GPU" }, "memory": memory,
                }))
            }
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
        self.connect_as(client, false);
    }

    /// Connects a client that watches for changes.
    pub(crate) fn watch(&mut self, client: ClientId) {
        self.connect_as(client, true);
    }

    fn connect_as(&mut self, client: ClientId, wants_status: bool) {
        self.event(Event::ClientConnected(client));
        let hello = HelloParams {
            protocol_version: PROTOCOL_VERSION,
            build_id: BUILD_ID.to_owned(),
            pid: 7,
            client: ClientKind::Other,
            wants_status,
        };
        let id = self.request(client, "hello", serde_json::to_value(hello).unwrap());
        self.answer(id).unwrap();
    }

    /// `method`: that of a request, or the id of a command on selected code.
    pub(crate) fn request(&mut self, client: ClientId, method: &str, mut params: Value) -> i64 {
        self.next_id += 1;
        let method = match CommandSpec::of(method) {
            Some(spec) => {
                params["command"] = spec.id.into();
                "assist"
            }
            None => method,
        };
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

    /// All answers to a request.
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

    /// The only answer to a request.
    pub(crate) fn answer(&self, id: i64) -> Result<Value, ErrorInfo> {
        let mut answers = self.answers(id);
        assert_eq!(answers.len(), 1, "a request ends exactly once");
        answers.remove(0)
    }

    /// Parameters of every call of this method to the worker.
    pub(crate) fn calls(&self, method: &str) -> Vec<&Value> {
        let calls = self.worker_calls.iter().filter(|call| call.method == method);
        calls.map(|call| &call.params).collect()
    }

    /// The position of the worker's first call of this method, counted from 0.
    pub(crate) fn order_of(&self, method: &str) -> Option<usize> {
        self.worker_calls.iter().position(|call| call.method == method)
    }

    /// The id of the worker's last call of this method.
    pub(crate) fn open_call(&self, method: &str) -> i64 {
        self.last_call(method).id
    }

    fn last_call(&self, method: &str) -> &WorkerCall {
        let call = self.worker_calls.iter().rev().find(|call| call.method == method);
        call.unwrap_or_else(|| panic!("the worker was not asked to `{method}`"))
    }

    /// Whether a generation runs that has not ended.
    pub(crate) fn is_writing(&self) -> bool {
        let asked = self.worker_calls.iter().rev().find(|call| call.method == "generate");
        asked.is_some_and(|call| {
            !self.ended.contains(&call.id) && !self.cancelled.contains(&call.id)
        })
    }

    /// Parameters of the generations that the host has cancelled.
    pub(crate) fn cancelled_calls(&self) -> Vec<Value> {
        let calls = self.worker_calls.iter().filter(|call| self.cancelled.contains(&call.id));
        calls.map(|call| call.params.clone()).collect()
    }

    /// The workers end what they were told to cancel.
    pub(crate) fn end_what_was_cancelled(&mut self) {
        while let Some(call) =
            self.cancelled.iter().find(|call| !self.ended.contains(call)).copied()
        {
            self.end_cancelled(call);
        }
    }

    fn generation(&self) -> u64 {
        *self.started.last().expect("a worker was started")
    }

    /// The worker that was last asked for a text, and the id of that call.
    fn writing(&self) -> (u64, i64) {
        let call = self.last_call("generate");
        (call.generation, call.id)
    }

    /// The worker writes text for the last generation.
    pub(crate) fn write(&mut self, text: &str) {
        let (generation, call) = self.writing();
        let worker = WorkerId { slot: 0, generation };
        let params = json!({"worker": worker, "requestId": call, "text": text});
        let message = Message::Notification { method: "token".to_owned(), params };
        self.event(Event::WorkerMessage { generation, message });
    }

    /// The worker ends the last generation.
    pub(crate) fn finish(&mut self) {
        self.finish_with(Usage { generated_tokens: 3, ..Usage::default() });
    }

    /// The worker ends the last generation, with this usage.
    pub(crate) fn finish_with(&mut self, usage: Usage) {
        self.finish_because(FinishReason::EndOfTurn, usage);
    }

    /// The worker ends the last generation because its tokens were used up.
    pub(crate) fn finish_cut(&mut self) {
        let usage = Usage { generated_tokens: 3, ..Usage::default() };
        self.finish_because(FinishReason::TokenLimit, usage);
    }

    fn finish_because(&mut self, finish: FinishReason, usage: Usage) {
        let (generation, call) = self.writing();
        self.ended.insert(call);
        let answer = json!({
            "worker": WorkerId { slot: 0, generation },
            "finish": finish,
            "heldTokens": 7,
            "measured": {"repackingPays": true, "stepCosts": [{"rows": 1, "timeUs": 900}]},
            "usage": usage,
        });
        self.event(worker_answer(generation, call, Ok(answer)));
    }

    /// The files whose inspection was held back are inspected.
    pub(crate) fn inspect(&mut self) {
        for event in std::mem::take(&mut self.inspections) {
            self.event(event);
        }
    }

    /// The worker answers the last load.
    pub(crate) fn answer_load(&mut self) {
        let WorkerCall { generation, id, method, params } = self.last_call("loadModel").clone();
        let answer = self.cooperation(generation, &method, &params).unwrap();
        self.ended.insert(id);
        self.event(worker_answer(generation, id, Ok(answer)));
    }

    /// The worker ends the last generation with an error.
    pub(crate) fn fail(&mut self, code: ErrorCode) {
        let (generation, call) = self.writing();
        self.ended.insert(call);
        let error = ErrorInfo::new(code, "the engine says no");
        self.event(worker_answer(generation, call, Err(error)));
    }

    /// The worker answers a call as cancelled.
    pub(crate) fn end_cancelled(&mut self, call: i64) {
        let error = ErrorInfo::new(ErrorCode::Cancelled, "stopped");
        self.ended.insert(call);
        let asked = self.worker_calls.iter().find(|asked| asked.id == call);
        let generation = asked.expect("the worker was asked").generation;
        self.event(worker_answer(generation, call, Err(error)));
    }

    /// The worker that was started last dies.
    pub(crate) fn kill(&mut self) {
        self.kill_generation(self.generation());
    }

    /// The system kills the worker that was started last, because memory runs out.
    pub(crate) fn kill_for_memory(&mut self) {
        let generation = self.generation();
        self.loaded.remove(&generation);
        self.alive.remove(&generation);
        let ending = WorkerEnding::from(Death::OutOfMemory);
        self.event(Event::WorkerEnded { generation, ending });
    }

    pub(crate) fn kill_generation(&mut self, generation: u64) {
        self.loaded.remove(&generation);
        self.alive.remove(&generation);
        let ending =
            WorkerEnding { death: Death::Signal(9), last_lines: vec!["last words".to_owned()] };
        self.event(Event::WorkerEnded { generation, ending });
    }

    /// Every living worker with something to do gives a sign of life.
    fn beat(&mut self) {
        if self.silent {
            return;
        }
        self.progress += u64::from(!self.stalled);
        let open = |call: &&WorkerCall| {
            let waits = call.method == "generate" || call.method == self.unanswered;
            waits && !self.ended.contains(&call.id) && self.alive.contains(&call.generation)
        };
        let busy: BTreeSet<u64> =
            self.worker_calls.iter().filter(open).map(|call| call.generation).collect();
        for generation in busy {
            let worker = WorkerId { slot: 0, generation };
            let params = json!({"worker": worker, "progress": self.progress});
            let message = Message::Notification { method: "heartbeat".to_owned(), params };
            self.event(Event::WorkerMessage { generation, message });
        }
    }

    /// Lets time pass; the host gets a tick whenever one is due.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(due) = self.host.next_deadline_ms().filter(|due| *due < end) {
            assert!(due > self.now_ms, "a deadline in the past would make the host spin");
            self.now_ms = due;
            self.beat();
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

/// The header of the bundled model.
pub(crate) fn demo_header() -> Header {
    static HEADER: LazyLock<Header> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let bytes = std::fs::read(path).unwrap();
        Header::read(bytes.as_slice(), bytes.len() as u64).unwrap()
    });
    HEADER.clone()
}

const FIM: FimTokens = FimTokens { prefix: 1, suffix: 2, middle: 3, repository: None, file: None };

/// `size-N-NAME`: a model of N megabytes that takes a window of 8,192 tokens; `large-…`: one of 14
/// billion parameters; `fim-…` and `…-fim`: one with tokens for gaps.
fn inspect(reference: &str) -> Result<ModelFile, ErrorInfo> {
    if reference == "missing" || reference.starts_with("qwen") || reference.starts_with("llama") {
        let text = format!("no model `{reference}` is installed");
        return Err(ErrorInfo::new(ErrorCode::ModelNotFound, text));
    }
    let megabytes: Option<u64> =
        reference.strip_prefix("size-").and_then(|rest| rest.split('-').next()?.parse().ok());
    let header = match reference {
        _ if megabytes.is_some() || reference.starts_with("large-") => {
            let mut header = demo_header();
            header.tensor_bytes = megabytes.unwrap_or(1) * 1_000_000;
            if reference.starts_with("large-") {
                header.parameters = 14_700_000_000;
            }
            header.fim = reference.ends_with("-fim").then_some(FIM);
            Some(Arc::new(header))
        }
        _ if reference.starts_with("fim-") => {
            let mut header = demo_header();
            header.fim = Some(FIM);
            Some(Arc::new(header))
        }
        _ => reference.starts_with("measured").then(|| Arc::new(demo_header())),
    };
    let info = ModelInfo {
        reference: reference.to_owned(),
        name: reference.to_owned(),
        architecture: "qwen2".to_owned(),
        size_bytes: megabytes.unwrap_or(1) * 1_000_000,
        trained_context_tokens: if megabytes.is_some() { 8192 } else { 2048 },
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
        pinned: None,
        modified: None,
        header,
        chat_template: (reference == "lively").then(|| "{{ messages }}".to_owned()),
        sampling,
    })
}

/// An event as an arrow between the participants.
fn arrow_of_event(event: &Event) -> Option<String> {
    match event {
        Event::ClientMessage(_, message) => arrow("extension", "host", message),
        Event::WorkerMessage { message, .. } => arrow("worker", "host", message),
        Event::ModelInspected { .. } => Some("shell-->>host: the model's file".to_owned()),
        _ => None,
    }
}

/// An effect as an arrow between the participants.
fn arrow_of_effect(effect: &Effect) -> Option<String> {
    match effect {
        Effect::SendWorker { message, .. } => arrow("host", "worker", message),
        Effect::InspectModel { .. } => Some("host->>shell: look at the model's file".to_owned()),
        Effect::StartWorker { .. } => Some("host->>shell: start a worker".to_owned()),
        Effect::CountShown(_) => Some("host->>shell: count an edit that is shown".to_owned()),
        _ => effect.message().and_then(|(_, message)| arrow("host", "extension", &message)),
    }
}

fn arrow(from: &str, to: &str, message: &Message) -> Option<String> {
    match message {
        Message::Request { method, .. } => Some(format!("{from}->>{to}: {method}")),
        Message::Notification { method, .. } => Some(format!("{from}-){to}: {method}")),
        Message::Response { .. } => Some(format!("{from}-->>{to}: the answer")),
    }
}
