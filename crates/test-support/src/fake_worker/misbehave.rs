//! What a fake worker can do wrong. Most of these functions do not return. Called by the engine
//! when it reaches a moment of the script.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo, Token, TokenParams, WorkerId};
use localcoder_transport::{Id, Message};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};

use super::script::{Fatal, Fault};
use super::speak::Shared;

const FLOOD_BYTES: usize = 100_000_000;

#[derive(Debug)]
pub(super) enum Done {
    GoOn,
    Refuse(ErrorInfo),
    WrongVersion,
}

/// Does what the fault says. `request_id` is the generation that runs; 0 if none does.
pub(super) fn misbehave(shared: &Shared, fault: Fault, request_id: u64) -> Done {
    match fault {
        Fault::Signal(fatal) => die_by(fatal),
        Fault::Exit(code) => quit(code),
        Fault::Stop => {
            let _ = kill_process(getpid(), Signal::STOP);
        }
        Fault::Silent => {
            // The reader and the heartbeat are threads of their own and see it by this flag.
            shared.silent.store(true, Ordering::Release);
            stand_still();
        }
        Fault::Stall => stand_still(),
        Fault::OomLine => {
            write_stderr(b"terminate called after throwing an instance of 'std::bad_alloc'\n");
            die_by(Fatal::Abrt);
        }
        Fault::OomError => {
            let error = ErrorInfo::new(ErrorCode::OutOfMemory, "there was not enough memory")
                .with_cause("an injected failure to allocate")
                .with_hint("close other programs");
            return Done::Refuse(error);
        }
        Fault::LoadError(code) => return Done::Refuse(load_error(code)),
        Fault::Garbage => {
            shared.write_raw(b"ggml: this is not a frame\n\0\xff\xfe{\n");
            stand_still();
        }
        Fault::Nonsense => nonsense(shared),
        Fault::Flood => flood(shared.plan.flood_bytes.unwrap_or(FLOOD_BYTES)),
        Fault::WrongVersion => return Done::WrongVersion,
        Fault::LateToken => late_tokens(shared, request_id),
        Fault::IgnoreCancel => shared.ignores_cancel.store(true, Ordering::Release),
    }
    Done::GoOn
}

fn die_by(fatal: Fatal) -> ! {
    let signal = match fatal {
        Fatal::Kill => Signal::KILL,
        Fatal::Segv => Signal::SEGV,
        Fatal::Abrt => Signal::ABORT,
        Fatal::Bus => Signal::BUS,
        Fatal::Ill => Signal::ILL,
        Fatal::Fpe => Signal::FPE,
    };
    // Repeated, since the first signal may only remove the standard library's own handler.
    loop {
        let _ = kill_process(getpid(), signal);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[expect(clippy::exit, reason = "this is the fault that was asked for")]
pub(super) fn quit(code: i32) -> ! {
    std::process::exit(code)
}

fn stand_still() -> ! {
    loop {
        std::thread::park();
    }
}

fn write_stderr(bytes: &[u8]) {
    let _ = std::io::stderr().write_all(bytes);
}

fn load_error(code: ErrorCode) -> ErrorInfo {
    ErrorInfo::new(code, "the model could not be loaded")
        .with_cause("an injected failure")
        .with_hint("choose another model")
        .with_action(ErrorAction::OpenSettings)
}

fn flood(bytes: usize) {
    let line = [b"x".repeat(127), b"\n".to_vec()].concat().repeat(512);
    for _ in 0..bytes / 2 / line.len() {
        write_stderr(&line);
    }
    let unbroken = b"y".repeat(line.len());
    for _ in 0..bytes / 2 / unbroken.len() {
        write_stderr(&unbroken);
    }
    write_stderr(b"\n");
}

fn nonsense(shared: &Shared) {
    for frame in [&b"{"[..], b"[]", b"null", br#"{"jsonrpc":"2.0"}"#, br#"{"jsonrpc":"1.0"}"#] {
        shared.write_frame(frame);
    }
    let notification =
        |method: &str, params: Value| Message::Notification { method: method.to_owned(), params };
    shared.send(&notification("tokens", json!({"text": 1})));
    shared.send(&notification("token", json!({"text": 1})));
    shared.send(&notification("loadProgress", json!([])));
    shared.send(&notification("heartbeat", json!({"progress": -1})));
    shared.send(&Message::Response { id: Id::Number(i64::MAX), result: Ok(json!("STRAY")) });
    shared.send(&Message::Response { id: Id::Text("x".to_owned()), result: Ok(json!(1)) });
    // The wrong way around: the host asks its workers, and must not take orders from one.
    let request = Message::Request { id: Id::Number(1), method: "stop".into(), params: json!({}) };
    shared.send(&request);
}

fn late_tokens(shared: &Shared, request_id: u64) {
    let worker = shared.worker();
    let before = WorkerId { generation: worker.generation.wrapping_sub(1), ..worker };
    let named = [(worker, request_id + 1_000), (worker, request_id - 1), (before, request_id)];
    for (worker, request_id) in named {
        let params = TokenParams { worker, request_id, text: "STRAY".to_owned() };
        shared.send(&Message::notification::<Token>(&params));
    }
}
