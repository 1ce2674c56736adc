//! Hello, ping, and messages that are malformed.

use localcoder_protocol::{
    CountTokens, CountTokensParams, Devices, ErrorCode, Nothing, Ping, PingAnswer, Request, Role,
    UnloadModel, WORKER_VERSION, WorkerCancel, WorkerCancelParams, WorkerGenerate, WorkerHello,
    WorkerHelloParams, WorkerPrompt,
};
use localcoder_transport::{ClientEvent, Message, read_frame, write_frame};
use serde_json::{Value, json};

use crate::harness::{HEARTBEAT_MS, PROFILE, WORKER, Worker, chat, command, long_text, wait};

#[test]
fn hello_names_the_worker_and_the_engine() {
    let mut worker = Worker::spawn();
    let answer = worker.hello().unwrap();
    assert_eq!(answer.worker, WORKER);
    assert_eq!(answer.worker_version, WORKER_VERSION);
    assert_eq!(answer.pid, worker.child.id());
    assert!(answer.llama_build.starts_with("llama"), "{}", answer.llama_build);
    let ping = worker.call::<Ping>(&Nothing {}, |_, _| {}).unwrap();
    assert_eq!(ping, PingAnswer { worker: WORKER, loaded: false, busy: false });
}

#[test]
fn it_tells_where_a_model_could_run() {
    let mut worker = Worker::ready();
    let answer = worker.call::<Devices>(&Nothing {}, |_, _| {}).unwrap();
    let cpu = answer.devices.iter().find(|device| !device.gpu).expect("there is a processor");
    assert!(!cpu.name.is_empty() && cpu.memory_bytes > 0, "{cpu:?}");
    let order: Vec<bool> = answer.devices.iter().map(|device| !device.gpu).collect();
    assert!(order.is_sorted(), "GPUs come first: {:?}", answer.devices);
}

#[test]
fn another_version_is_refused_and_the_worker_stays() {
    let mut worker = Worker::spawn();
    let params = WorkerHelloParams {
        worker_version: WORKER_VERSION + 1,
        worker: WORKER,
        heartbeat_ms: HEARTBEAT_MS,
    };
    let error = worker.call::<WorkerHello>(&params, |_, _| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::VersionMismatch);
    assert!(error.message.contains(&WORKER_VERSION.to_string()) && error.hint.is_some());
    worker.hello().unwrap();
}

#[test]
fn nothing_is_done_before_hello() {
    let mut worker = Worker::spawn();
    let error = worker.call::<Ping>(&Nothing {}, |_, _| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::Protocol);
}

#[test]
fn without_a_model_there_is_nothing_to_ask() {
    let mut worker = Worker::ready();
    let texts = CountTokensParams { texts: vec!["a".into()] };
    let error = worker.call::<CountTokens>(&texts, |_, _| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::NoModel);
    assert_eq!(worker.generate(&chat(1, "a")).result.unwrap_err().code, ErrorCode::NoModel);
    worker.call::<UnloadModel>(&Nothing {}, |_, _| {}).unwrap();
    let params = WorkerCancelParams { request_id: 1 };
    assert!(!worker.call::<WorkerCancel>(&params, |_, _| {}).unwrap().found);
}

#[test]
fn a_ping_is_answered_while_a_generation_runs_and_a_second_generation_is_not() {
    let mut worker =
        Worker::loaded(localcoder_protocol::LoadProfile { batch_tokens: 2, ..PROFILE });
    let first = chat(1, &long_text(100));
    let generation = worker.start::<WorkerGenerate>(&first);
    // Wait until it is running: its first progress has arrived.
    while !matches!(worker.event(), ClientEvent::Notification(..)) {}
    let second = worker.start::<WorkerGenerate>(&chat(2, "a"));
    let ping = worker.start::<Ping>(&Nothing {});
    let mut answers = Vec::new();
    while answers.len() < 3 {
        if let ClientEvent::Answer(id, result) = worker.event() {
            answers.push((id, result));
        }
    }
    let order: Vec<i64> = answers.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, [second, ping, generation]);
    assert_eq!(answers[0].1.as_ref().unwrap_err().code, ErrorCode::Busy);
    let pinged: PingAnswer = serde_json::from_value(answers[1].1.clone().unwrap()).unwrap();
    assert_eq!(pinged, PingAnswer { worker: WORKER, loaded: true, busy: true });
    assert!(answers[2].1.is_ok());
}

/// Sends raw messages that a `Client` can't send.
struct Raw {
    child: std::process::Child,
    reader: std::io::BufReader<std::process::ChildStdout>,
}

impl Raw {
    fn new() -> Self {
        let mut child = command().stderr(std::process::Stdio::null()).spawn().unwrap();
        let reader = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut raw = Self { child, reader };
        let hello = json!({
            "workerVersion": WORKER_VERSION, "worker": WORKER, "heartbeatMs": HEARTBEAT_MS,
        });
        raw.send(&request(0, "hello", &hello));
        assert!(raw.receive().is_ok());
        raw
    }

    fn send(&mut self, body: &[u8]) {
        write_frame(self.child.stdin.as_mut().unwrap(), body).unwrap();
    }

    fn receive(&mut self) -> Result<Value, ErrorCode> {
        let bytes = read_frame(&mut self.reader, 1 << 20).unwrap().expect("the worker lives");
        match Message::from_bytes(&bytes).unwrap() {
            Message::Response { result, .. } => result.map_err(|error| error.code),
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Checks that the worker still answers.
    fn is_well(&mut self) {
        self.send(&request(9, Ping::METHOD, &json!({})));
        while self.receive().is_err() {}
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(id: i64, method: &str, params: &Value) -> Vec<u8> {
    serde_json::to_vec(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
        .unwrap()
}

#[test]
fn requests_that_are_malformed_are_answered_with_a_protocol_error() {
    let mut raw = Raw::new();
    let nesting = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (method, params) in [
        ("formatDisk", json!({})),
        ("", json!(null)),
        ("ping", json!([1])),
        ("loadModel", json!({"modelRef": 3})),
        ("generate", json!({"requestId": -1})),
        ("cancel", json!("x")),
        ("countTokens", serde_json::from_str(&nesting).unwrap()),
        ("hello", json!(null)),
    ] {
        raw.send(&request(1, method, &params));
        assert_eq!(raw.receive(), Err(ErrorCode::Protocol), "{method}");
    }
    raw.is_well();
}

#[test]
fn frames_of_any_bytes_do_no_harm() {
    let mut raw = Raw::new();
    // A multiplicative generator: the same bytes in every run.
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 40).unwrap()
    };
    let mut params = chat(1, "a");
    if let WorkerPrompt::Chat { messages, .. } = &mut params.prompt {
        messages.retain(|message| message.role == Role::User);
    }
    let valid = request(1, "generate", &serde_json::to_value(&params).unwrap());
    for round in 0..3_000 {
        let mut body = valid.clone();
        if round % 3 == 0 {
            body = (0..random() % 64).map(|_| u8::try_from(random() % 256).unwrap()).collect();
        } else {
            for _ in 0..=random() % 4 {
                let at = random() % body.len();
                body[at] = u8::try_from(random() % 256).unwrap();
            }
            body.truncate(body.len() - (random() % 8) * (round % 2));
        }
        raw.send(&body);
        // Answers must be read, or both sides would wait forever.
        if round % 50 == 0 {
            raw.is_well();
        }
    }
    raw.is_well();
}

#[test]
fn bytes_that_are_not_frames_end_it_with_a_message() {
    let mut worker = command();
    for bytes in [
        &b"Content-Length: 4194305\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff\xfe garbage without any line end",
        b"Content-Length: -5\r\n\r\n",
    ] {
        use std::io::{Read as _, Write as _};
        let mut child = worker.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(bytes).unwrap();
        if !bytes.ends_with(b"\n") {
            drop(stdin);
        }
        assert_eq!(wait(&mut child).code(), Some(ErrorCode::Protocol.exit_code().into()));
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(said.contains("the host can't be understood"), "{said}");
    }
}
