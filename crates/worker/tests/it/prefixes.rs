//! The state of what all prompts begin with, passed from one worker to the next.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use localcoder_protocol::{
    ChatMessage, ErrorCode, PrefixAnswer, RestorePrefix, RestorePrefixParams, Role, SavePrefix,
    SavePrefixParams, WorkerGenerateParams, WorkerPrompt,
};

use crate::harness::{PROFILE, Worker, chat};

/// A system message as long as the product's own may become.
fn system() -> String {
    "You work on the code that the user selected, and on nothing else. ".repeat(8)
}

fn question(request_id: u64, code: &str) -> WorkerGenerateParams {
    let mut params = chat(request_id, &format!("File: {code}"));
    let WorkerPrompt::Chat { messages, .. } = &mut params.prompt else { panic!("it is a chat") };
    messages[0].content = system();
    params
}

fn beginning() -> WorkerPrompt {
    let message = |role, content: String| ChatMessage { role, content };
    let messages = vec![message(Role::System, system()), message(Role::User, "File: ".to_owned())];
    WorkerPrompt::Chat { messages, prefill: String::new(), partings: Vec::new() }
}

fn save(worker: &mut Worker) -> PrefixAnswer {
    worker.call::<SavePrefix>(&SavePrefixParams { prompt: beginning() }, |_, _| {}).unwrap()
}

fn restore(worker: &mut Worker, bytes: u64) -> PrefixAnswer {
    let params = RestorePrefixParams { prompt: beginning(), bytes };
    worker.call::<RestorePrefix>(&params, |_, _| {}).unwrap()
}

fn saved(file: &File) -> PrefixAnswer {
    let mut worker = Worker::with_exchange(file);
    assert_eq!(save(&mut worker).tokens, 0, "nothing is computed for it");
    worker.generate(&question(1, "secret.py\nsecret = 1\n"));
    save(&mut worker)
}

#[test]
fn the_next_worker_begins_with_it_and_writes_the_same() {
    let file = tempfile::tempfile().unwrap();
    let answer = saved(&file);
    assert!(answer.tokens > 50 && answer.bytes > 1_000, "{answer:?}");
    assert_eq!(file.metadata().unwrap().len(), answer.bytes);

    let code = "b.py\ndef f(x):\n    return x == None\n";
    let fresh = Worker::loaded(PROFILE).generate(&question(1, code));
    let mut next = Worker::with_exchange(&file);
    assert_eq!(restore(&mut next, answer.bytes).tokens, answer.tokens);
    let warm = next.generate(&question(1, code));
    assert_eq!(warm.text, fresh.text);
    assert_eq!(warm.answer().usage.cached_tokens, answer.tokens, "and no token of the user's");
    assert_eq!(restore(&mut next, answer.bytes).tokens, 0, "what is there is not overwritten");
}

#[test]
fn a_state_that_is_damaged_or_of_other_words_is_not_used() {
    let file = tempfile::tempfile().unwrap();
    let PrefixAnswer { bytes, .. } = saved(&file);
    let mut worker = Worker::with_exchange(&file);
    assert_eq!(restore(&mut worker, bytes / 2).tokens, 0, "cut off");
    file.write_all_at(b"garbage!", 0).unwrap();
    assert_eq!(restore(&mut worker, bytes).tokens, 0);
    assert_eq!(restore(&mut worker, u64::MAX).tokens, 0);
    let params = RestorePrefixParams { prompt: beginning(), bytes: bytes * 2 };
    let error = worker.call::<RestorePrefix>(&params, |_, _| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::Internal, "shorter than was said");
    let answer = worker.generate(&question(1, "b.py\nx = 1\n"));
    assert_eq!(answer.answer().usage.cached_tokens, 0);
}

#[test]
fn a_worker_without_the_file_says_so() {
    let mut worker = Worker::loaded(PROFILE);
    worker.generate(&question(1, "a.py\nx = 1\n"));
    let params = SavePrefixParams { prompt: beginning() };
    let error = worker.call::<SavePrefix>(&params, |_, _| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::Protocol);
}
