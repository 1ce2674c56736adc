//! Logs what the host's core did, from the events and effects that pass the shell: who connected,
//! what was loaded, how each request ended and what it cost.
//!
//! From a message it takes names, numbers and codes, field by field. Text never goes through here,
//! and an error of a request is logged as its code alone, since its words may name a document.

use std::collections::HashMap;

use localcoder_protocol::{
    Assist, AssistAnswer, CommandSpec, Confined, Device, Devices, DevicesAnswer, ErrorInfo,
    HOST_REQUESTS, Hello, HelloParams, LoadDraft, LoadDraftAnswer, LoadModel, LoadModelAnswer,
    LoadProfile, Request, WORKER_REQUESTS, WorkerHello, WorkerHelloAnswer,
};
use localcoder_transport::{Id, Message};
use serde::Deserialize as _;
use serde_json::Value;

use crate::core::{ClientId, Effect, Event, Reply};

/// Requests that may be awaited at once. The core bounds those it queues; the rest end at once.
const AWAITED_MAX: usize = 1024;
/// A client reports its build; ours are never longer than this.
const BUILD_CHARS_MAX: usize = 40;

#[derive(Default)]
pub(super) struct Journal {
    requests: HashMap<(ClientId, Id), Awaited>,
    calls: HashMap<(u64, Id), Awaited>,
}

struct Awaited {
    method: &'static str,
    since_ms: u64,
}

impl Journal {
    pub(super) fn happened(&mut self, now_ms: u64, event: &Event) {
        match event {
            Event::ClientMessage(client, Message::Request { id, method, params }) => {
                self.asked(now_ms, *client, id, method, params);
            }
            // The reason may quote what was sent, so it is left out.
            Event::ClientMalformed(client, _) => tracing::warn!(client, "a client sends nonsense"),
            Event::ClientGone(client) => {
                tracing::debug!(client, "a client is gone");
                self.requests.retain(|(of, _), _| of != client);
            }
            Event::WorkerStarted { generation, result: Err(error) } => {
                tracing::error!(generation, %error, "a worker can't be started");
            }
            Event::WorkerMessage { generation, message: Message::Response { id, result } } => {
                if let Some(call) = self.calls.remove(&(*generation, id.clone())) {
                    answered(call.method, now_ms - call.since_ms, *generation, result);
                }
            }
            Event::WorkerEnded { generation, .. } => self.worker_ended(now_ms, *generation),
            _ => {}
        }
    }

    pub(super) fn wanted(&mut self, now_ms: u64, effect: &Effect) {
        match effect {
            Effect::Reply { client, id, result } => {
                if let Some(request) = self.requests.remove(&(*client, id.clone())) {
                    ended(&request, now_ms - request.since_ms, *client, result);
                }
            }
            Effect::SendWorker { generation, message: Message::Request { id, method, params } } => {
                let Some(method) = method_of(WORKER_REQUESTS, method) else { return };
                if method == LoadModel::METHOD {
                    load_begins(*generation, params);
                }
                // Only what is not logged suffers: without a bound, a client that never reads would
                // make this grow.
                if self.calls.len() < AWAITED_MAX {
                    let call = Awaited { method, since_ms: now_ms };
                    self.calls.insert((*generation, id.clone()), call);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, now_ms: u64, client: ClientId, id: &Id, method: &str, params: &Value) {
        if method == Hello::METHOD {
            hello(client, params);
        }
        // The name is looked up in our own table: what a client sends as a method may be any text,
        // and the log has none of the user's.
        let Some(method) = method_of(HOST_REQUESTS, method) else { return };
        let command = params["command"].as_str().filter(|_| method == Assist::METHOD);
        // All commands are one method, so the command is logged as the kind.
        let method = command.and_then(CommandSpec::of).map_or(method, |spec| spec.id);
        tracing::debug!(client, kind = method, "a request begins");
        if self.requests.len() < AWAITED_MAX {
            self.requests.insert((client, id.clone()), Awaited { method, since_ms: now_ms });
        }
    }

    fn worker_ended(&mut self, now_ms: u64, generation: u64) {
        // What was asked and not answered is gone with its worker; only a load is worth a line.
        for ((of, _), call) in &self.calls {
            if *of == generation && call.method == LoadModel::METHOD {
                let ms = now_ms - call.since_ms;
                tracing::warn!(generation, ms, "a load ended with its worker");
            }
        }
        self.calls.retain(|(of, _), _| *of != generation);
    }
}

/// Our own name of a method: what a client sends as one may be any text.
fn method_of(
    table: &'static [localcoder_protocol::RequestMethod],
    name: &str,
) -> Option<&'static str> {
    table.iter().map(|row| row.method).find(|method| *method == name)
}

fn hello(client: ClientId, params: &Value) {
    let Ok(params) = HelloParams::deserialize(params) else { return };
    let HelloParams { protocol_version: protocol, build_id, pid, client: kind, .. } = params;
    let build: String = build_id.chars().take(BUILD_CHARS_MAX).collect();
    tracing::info!(client, ?kind, pid, build, protocol, "a client says hello");
}

/// A client's request has ended. The cost is logged for those that a model answered; the others are
/// many and seldom of interest.
fn ended(request: &Awaited, ms: u64, client: ClientId, result: &Result<Reply, ErrorInfo>) {
    let kind = request.method;
    let reply = match result {
        Ok(reply) => reply,
        Err(error) => {
            let outcome = error.code.as_str();
            tracing::info!(client, kind, outcome, ms, "a request has failed");
            return;
        }
    };
    let (model, usage, finish, attempts) = match reply {
        Reply::Assist(answer) => match &**answer {
            AssistAnswer::Edit(edit) => (&edit.model, edit.usage, None, Some(edit.attempts)),
            AssistAnswer::Text(text) => (&text.model, text.usage, Some(text.finish), None),
        },
        Reply::Generate(answer) => (&answer.model, answer.usage, Some(answer.finish), None),
        Reply::Warm(_) | Reply::Prepare(_) => {
            tracing::info!(client, kind, outcome = "ok", ms, "a request has ended");
            return;
        }
        _ => {
            tracing::debug!(client, kind, ms, "a request has ended");
            return;
        }
    };
    tracing::info!(
        client,
        kind,
        outcome = "ok",
        ms,
        model = model.reference,
        prompt_tokens = usage.prompt_tokens,
        cached_tokens = usage.cached_tokens,
        written_tokens = usage.generated_tokens,
        attempts,
        finish = finish.map(tracing::field::debug),
        "a request has ended"
    );
}

fn load_begins(generation: u64, params: &Value) {
    let Ok(profile) = LoadProfile::deserialize(&params["profile"]) else { return };
    let LoadProfile { context_tokens, batch_tokens, threads, gpu_layers, kv, repack } = profile;
    tracing::info!(
        generation,
        model = params["modelRef"].as_str(),
        context_tokens,
        batch_tokens,
        threads,
        gpu_layers,
        ?kv,
        repack,
        "a load begins"
    );
}

fn answered(method: &str, ms: u64, generation: u64, result: &Result<Value, ErrorInfo>) {
    match result {
        Err(error) if [LoadModel::METHOD, LoadDraft::METHOD].contains(&method) => {
            // The error's words may name the file and the machine.
            let (code, cause) = (error.code.as_str(), error.cause.as_deref());
            tracing::warn!(
                generation,
                kind = method,
                ms,
                code,
                cause,
                "a load has failed: {}",
                error.message
            );
        }
        Err(error) => {
            let code = error.code.as_str();
            tracing::debug!(generation, kind = method, ms, code, "a call of a worker has failed");
        }
        Ok(answer) if method == LoadModel::METHOD => load_ended(generation, ms, answer),
        Ok(answer) if method == LoadDraft::METHOD => {
            let Ok(answer) = LoadDraftAnswer::deserialize(answer) else { return };
            let LoadDraftAnswer { memory, step_us, load_ms, .. } = answer;
            let bytes = memory.total_bytes();
            tracing::info!(generation, ms, load_ms, bytes, step_us, "a draft model is loaded");
        }
        Ok(answer) if method == WorkerHello::METHOD => {
            if let Ok(hello) = WorkerHelloAnswer::deserialize(answer) {
                let WorkerHelloAnswer { pid, build_id: build, llama_build, confined, .. } = hello;
                let Confined { calls, files, why } = confined;
                tracing::info!(generation, pid, build, llama_build, ms, "a worker is ready");
                tracing::info!(generation, calls, files, why, "what the system refuses it");
            }
        }
        Ok(answer) if method == Devices::METHOD => {
            let Ok(answer) = DevicesAnswer::deserialize(answer) else { return };
            for Device { name, description, memory_bytes, .. } in &answer.devices {
                tracing::info!(generation, name, description, memory_bytes, "a device");
            }
        }
        Ok(_) => {}
    }
}

fn load_ended(generation: u64, ms: u64, answer: &Value) {
    let Ok(answer) = LoadModelAnswer::deserialize(answer) else { return };
    let LoadModelAnswer { context_tokens, threads, device, memory, load_ms, .. } = answer;
    tracing::info!(
        generation,
        ms,
        load_ms,
        device,
        threads,
        context_tokens,
        weights_bytes = memory.weights_bytes,
        kv_bytes = memory.kv_bytes,
        compute_bytes = memory.compute_bytes,
        "a load has ended"
    );
}
