//! The pool by itself: what it is asked becomes effects, and what a worker does becomes outcomes.

use localcoder_protocol::{BUILD_ID, HEARTBEAT_MS, KvStorage, MemoryUse};
use serde_json::json;

use super::*;
use crate::model_file::sample;

const PROFILE: LoadProfile = LoadProfile {
    context_tokens: 4096,
    batch_tokens: 256,
    threads: 0,
    gpu_layers: None,
    kv: KvStorage::F16,
    repack: true,
};

fn last_call(effects: &[Effect]) -> (i64, &str) {
    let call = |effect| match effect {
        &Effect::SendWorker {
            message: Message::Request { id: Id::Number(id), ref method, .. },
            ..
        } => Some((id, method.as_str())),
        _ => None,
    };
    effects.iter().rev().find_map(call).expect("something was called")
}

fn answer(
    pool: &mut Pool,
    effects: &mut Vec<Effect>,
    result: Result<Value, ErrorInfo>,
) -> Option<At> {
    let (id, _) = last_call(effects);
    let message = Message::Response { id: Id::Number(id), result };
    pool.worker_message(1, 1, message, effects)
}

fn loaded() -> (Pool, Vec<Effect>) {
    let (mut pool, mut effects) = (Pool::new(HEARTBEAT_MS, 1), Vec::new());
    pool.start(0, 0, &mut effects);
    assert_eq!(effects, [Effect::StartWorker { generation: 1 }]);
    let _ = pool.worker_started(0, 1, Ok(500), &mut effects);
    let worker = json!({"slot": 0, "generation": 1});
    let hello = json!({
        "workerVersion": WORKER_VERSION, "buildId": BUILD_ID, "pid": 500, "llamaBuild": "test",
        "worker": worker,
    });
    let _ = answer(&mut pool, &mut effects, Ok(hello));
    assert_eq!(last_call(&effects).1, "devices");
    let _ = answer(&mut pool, &mut effects, Ok(json!({"worker": worker, "devices": []})));
    let load = Load { slot: 0, file: sample(), profile: PROFILE, measured: Measured::default() };
    pool.load(0, load, &mut effects);
    let memory = MemoryUse { weights_bytes: 3, kv_bytes: 2, compute_bytes: 1 };
    let answered = json!({
        "worker": worker, "contextTokens": 4096, "threads": 1, "loadMs": 1, "device": "CPU",
        "memory": memory,
    });
    let outcome = answer(&mut pool, &mut effects, Ok(answered));
    assert!(matches!(outcome, Some((0, Outcome::Loaded { .. }))), "{outcome:?}");
    (pool, effects)
}

#[test]
fn a_load_is_noted_before_it_begins_and_forgotten_when_it_ends() {
    let (pool, effects) = loaded();
    let at = |is: fn(&Effect) -> bool| effects.iter().position(is).unwrap();
    let begins = at(|effect| matches!(effect, Effect::LoadBegins(_)));
    let asked = effects.iter().rposition(|it| matches!(it, Effect::SendWorker { .. })).unwrap();
    assert!(begins < asked && asked < at(|effect| matches!(effect, Effect::LoadEnded)));
    assert_eq!(pool.view(1).engine(0).loaded().unwrap().context_tokens, 4096);
}

#[test]
fn what_a_cancelled_call_still_says_is_for_nobody() {
    let (mut pool, mut effects) = loaded();
    pool.ask(1, 0, Question::Count(vec!["x".to_owned()]), &mut effects);
    let (counted, _) = last_call(&effects);
    pool.cancel(1, 0, &mut effects);
    assert_eq!(last_call(&effects).1, "cancel");
    assert!(pool.view(1).engine(0).settles(), "nothing else begins before it has ended");
    let late = json!({"worker": {"slot": 0, "generation": 1}, "counts": [1]});
    let message = Message::Response { id: Id::Number(counted), result: Ok(late) };
    let outcome = pool.worker_message(2, 1, message, &mut effects);
    assert!(matches!(outcome, Some((0, Outcome::Settled))), "{outcome:?}");
}

#[test]
fn a_worker_that_dies_while_it_answers_takes_its_model_with_it_and_is_started_again() {
    let (mut pool, mut effects) = loaded();
    pool.ask(1, 0, Question::Count(vec!["x".to_owned()]), &mut effects);
    let ending = WorkerEnding::default();
    let Some((0, Outcome::Died(died))) = pool.worker_ended(2, 1, &ending, &mut effects) else {
        panic!("it was not asked to end")
    };
    assert_eq!((died.doing, died.restarts, died.recent_crashes), (Doing::Answering, true, 1));
    assert_eq!(died.lost.unwrap().0, sample());
    let engine = pool.view(2);
    assert!(engine.engine(0).loaded().is_none() && engine.engine(0).restarts_soon());
    assert!(pool.worker_ended(3, 1, &ending, &mut effects).is_none(), "it ends once");
}

#[test]
fn an_end_that_the_host_wanted_is_not_a_crash() {
    let (mut pool, mut effects) = loaded();
    pool.leave(1, &mut effects);
    assert_eq!(effects.last(), Some(&Effect::StopWorker { generation: 1 }));
    let outcome = pool.worker_ended(2, 1, &WorkerEnding::default(), &mut effects);
    assert!(matches!(outcome, Some((0, Outcome::Left))), "{outcome:?}");
    assert!(!pool.runs() && pool.deadline_ms().is_none());
}
