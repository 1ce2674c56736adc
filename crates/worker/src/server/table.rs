//! Every request by name, and who answers it: the reader's thread at once, or the engine in order
//! of arrival.

use localcoder_protocol::{
    BUILD_ID, CancelAnswer, CountTokens, Devices, ErrorAction, ErrorCode, ErrorInfo, LoadDraft,
    LoadModel, Ping, PingAnswer, Request, RestorePrefix, SavePrefix, ScoreText, UnloadDraft,
    UnloadModel, WORKER_VERSION, WorkerCancel, WorkerGenerate, WorkerHello, WorkerHelloAnswer,
};
use localcoder_transport::Id;
use serde_json::Value;

use super::Shared;
use crate::engine::Job;
use crate::llama;

#[derive(Debug, Clone, Copy)]
pub(super) enum Handler {
    /// The reader's thread. Must not wait.
    Now(fn(&Shared, Value) -> Result<Value, ErrorInfo>),
    /// The engine, when it comes to it.
    Engine(fn(&Shared, &Id, Value) -> Result<Job, ErrorInfo>),
}

const TABLE: &[(&str, Handler)] = &[
    (WorkerHello::METHOD, Handler::Now(hello)),
    (Ping::METHOD, Handler::Now(ping)),
    (WorkerCancel::METHOD, Handler::Now(cancel)),
    (
        Devices::METHOD,
        Handler::Engine(|_, _, params| read::<Devices>(params).map(|_| Job::Devices)),
    ),
    (LoadModel::METHOD, Handler::Engine(load)),
    (LoadDraft::METHOD, Handler::Engine(load_draft)),
    (
        UnloadDraft::METHOD,
        Handler::Engine(|_, _, params| read::<UnloadDraft>(params).map(|_| Job::UnloadDraft)),
    ),
    (ScoreText::METHOD, Handler::Engine(|_, _, params| Ok(Job::Score(read::<ScoreText>(params)?)))),
    (
        UnloadModel::METHOD,
        Handler::Engine(|_, _, params| read::<UnloadModel>(params).map(|_| Job::Unload)),
    ),
    (
        CountTokens::METHOD,
        Handler::Engine(|_, _, params| Ok(Job::Count(read::<CountTokens>(params)?))),
    ),
    (
        SavePrefix::METHOD,
        Handler::Engine(|_, _, params| Ok(Job::SavePrefix(read::<SavePrefix>(params)?))),
    ),
    (
        RestorePrefix::METHOD,
        Handler::Engine(|_, _, params| Ok(Job::RestorePrefix(read::<RestorePrefix>(params)?))),
    ),
    (WorkerGenerate::METHOD, Handler::Engine(generate)),
];

/// The handler of a method. Before the hello there is only that of the hello.
pub(super) fn find(method: &str, introduced: bool) -> Result<Handler, ErrorInfo> {
    let (name, handler) = TABLE.iter().find(|(name, _)| *name == method).ok_or_else(|| {
        let known = TABLE.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let shown = &method[..method.floor_char_boundary(64)];
        ErrorInfo::new(ErrorCode::Protocol, format!("the worker knows no request `{shown}`"))
            .with_hint(format!("it knows {known}"))
    })?;
    if !introduced && *name != WorkerHello::METHOD {
        return Err(ErrorInfo::new(ErrorCode::Protocol, format!("`{name}` came before `hello`"))
            .with_hint("say hello first"));
    }
    Ok(*handler)
}

fn read<R: Request>(params: Value) -> Result<R::Params, ErrorInfo> {
    serde_json::from_value(params).map_err(|error| {
        let message = format!("the parameters of `{}` are malformed", R::METHOD);
        ErrorInfo::new(ErrorCode::Protocol, message).with_cause(error.to_string())
    })
}

fn write<R: Request>(answer: &R::Answer) -> Value {
    serde_json::to_value(answer).expect("protocol types serialize")
}

fn hello(shared: &Shared, params: Value) -> Result<Value, ErrorInfo> {
    // The version is checked before all the rest, whose shape may differ in another version.
    let version = params.get("workerVersion").and_then(Value::as_u64);
    if let Some(version) = version
        && version != u64::from(WORKER_VERSION)
    {
        let older = if version < u64::from(WORKER_VERSION) { "host" } else { "worker" };
        return Err(ErrorInfo::new(
            ErrorCode::VersionMismatch,
            format!("the host speaks version {version}, the worker {WORKER_VERSION}"),
        )
        .with_cause(format!("the {older} is the older one; this worker is build {BUILD_ID}"))
        .with_hint("install both from one package, then try again")
        .with_action(ErrorAction::RestartEngine));
    }
    let params = read::<WorkerHello>(params)?;
    shared.introduce(params.worker, params.heartbeat_ms);
    Ok(write::<WorkerHello>(&WorkerHelloAnswer {
        worker_version: WORKER_VERSION,
        build_id: BUILD_ID.to_owned(),
        pid: std::process::id(),
        llama_build: llama::build_version(),
        worker: params.worker,
        confined: shared.confined().clone(),
    }))
}

fn ping(shared: &Shared, params: Value) -> Result<Value, ErrorInfo> {
    read::<Ping>(params)?;
    Ok(write::<Ping>(&PingAnswer {
        worker: shared.worker(),
        loaded: shared.is_loaded(),
        busy: shared.is_busy(),
    }))
}

fn cancel(shared: &Shared, params: Value) -> Result<Value, ErrorInfo> {
    let params = read::<WorkerCancel>(params)?;
    Ok(write::<WorkerCancel>(&CancelAnswer { found: shared.cancel(params.request_id) }))
}

/// Takes the file too: it was passed before the request was sent, so it is there.
fn load(shared: &Shared, id: &Id, params: Value) -> Result<Job, ErrorInfo> {
    let given = shared.given_with(id);
    Ok(Job::Load(read::<LoadModel>(params)?, given))
}

fn load_draft(shared: &Shared, id: &Id, params: Value) -> Result<Job, ErrorInfo> {
    let given = shared.given_with(id);
    Ok(Job::LoadDraft(read::<LoadDraft>(params)?, given))
}

fn generate(shared: &Shared, _: &Id, params: Value) -> Result<Job, ErrorInfo> {
    let params = read::<WorkerGenerate>(params)?;
    // On the reader's thread: see `Shared::generation_started`. Whatever happens to the job after
    // this must end the generation, also if the queue is full.
    shared.generation_started(params.request_id)?;
    Ok(Job::Generate(params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::WORKER_REQUESTS;
    use localcoder_transport::Outbox;
    use serde_json::json;

    #[test]
    fn every_request_of_the_protocol_has_a_handler_and_no_other() {
        let mut known: Vec<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        let mut declared: Vec<&str> = WORKER_REQUESTS.iter().map(|row| row.method).collect();
        known.sort_unstable();
        declared.sort_unstable();
        assert_eq!(known, declared);
    }

    #[test]
    fn another_version_is_refused_whatever_else_it_sends() {
        let shared =
            Shared::new(Outbox::memory(1).0, None, localcoder_protocol::Confined::default());
        for (version, older) in [(WORKER_VERSION + 1, "worker"), (0, "host")] {
            let error = hello(&shared, json!({"workerVersion": version, "x": 1})).unwrap_err();
            assert_eq!(error.code, ErrorCode::VersionMismatch);
            assert!(error.cause.unwrap().contains(older));
        }
        assert!(!shared.is_introduced());
        assert_eq!(hello(&shared, json!({})).unwrap_err().code, ErrorCode::Protocol);
    }
}
