//! Drafts: right or wrong, they make writing faster and change nothing in what is written.

use localcoder_protocol::Notification as _;
use localcoder_protocol::{
    FinishReason, LoadProfile, Token, Usage, WorkerCancel, WorkerCancelParams, WorkerGenerate,
    WorkerGenerateParams, WorkerSampling,
};
use localcoder_transport::ClientEvent;

use crate::harness::{PROFILE, Worker, chat, long_text, noise};

const FUNCTIONS: [&str; 4] = [
    "def total(items):\n    result = 0\n    for item in items:\n        result = result + item\n    return result",
    "def is_open(self):\n    if self.open == True:\n        return True\n    else:\n        return False",
    "def names(rows):\n    found = []\n    for row in rows:\n        found.append(row.name)\n    return found",
    "def load(path):\n    with open(path) as file:\n        text = file.read()\n    return text",
];

/// An edit as the product asks for it.
fn edit(request_id: u64, code: &str) -> WorkerGenerateParams {
    let content = format!(
        "File: a.py\n\nSelected code:\n```python\n{code}\n```\n\nImprove the selected code without \
         changing what it does. If it is already good, repeat it unchanged. Answer with the code only."
    );
    WorkerGenerateParams {
        max_tokens: 200,
        plain: true,
        stop: vec!["\n```".into()],
        ..chat(request_id, &content)
    }
}

fn drafted(params: WorkerGenerateParams, draft: &str) -> WorkerGenerateParams {
    WorkerGenerateParams { draft: format!("{draft}\n```"), plain: false, ..params }
}

/// The text and what it cost.
fn write(worker: &mut Worker, params: &WorkerGenerateParams) -> (String, Usage, FinishReason) {
    let generated = worker.generate(params);
    let answer = generated.answer();
    (generated.text.clone(), answer.usage, answer.finish)
}

#[test]
fn an_edit_is_the_same_with_a_draft_and_takes_fewer_rounds() {
    let mut worker = Worker::loaded(PROFILE);
    let (mut rounds, mut generated, mut accepted) = (0, 0, 0);
    for code in FUNCTIONS {
        let plain = write(&mut worker, &edit(1, code));
        assert_eq!(plain.1.drafted_tokens, 0);
        assert!(plain.1.rounds + 1 >= plain.1.generated_tokens);
        // From here on the prompt is in the cache, as it was not for the first: tests both.
        for draft in [code, "nothing like it\n at all", FUNCTIONS[0]] {
            let with = write(&mut worker, &drafted(edit(2, code), draft));
            assert_eq!((&with.0, with.2), (&plain.0, plain.2), "{code}");
            assert_eq!(with.1.generated_tokens, plain.1.generated_tokens);
            assert!(with.1.accepted_tokens <= with.1.drafted_tokens);
            assert!(with.1.rounds + with.1.accepted_tokens + 1 >= with.1.generated_tokens);
            if draft == code {
                rounds += with.1.rounds;
                generated += with.1.generated_tokens;
                accepted += with.1.accepted_tokens;
            }
        }
        let again = write(&mut worker, &edit(3, code));
        assert_eq!(again.0, plain.0, "the cache is as if nothing had been guessed");
        assert_eq!(again.1.cached_tokens, again.1.prompt_tokens - 1);
    }
    assert!(accepted > 0 && rounds * 2 < generated, "{rounds} rounds for {generated} tokens");
}

#[test]
fn a_seed_gives_the_same_text_with_a_draft() {
    let mut worker = Worker::loaded(PROFILE);
    for seed in 1..6 {
        let sampling = WorkerSampling { temperature: 0.8, top_p: 0.95, repeat_penalty: 1.1, seed };
        let params = WorkerGenerateParams { sampling, ..edit(1, FUNCTIONS[0]) };
        // From the second request on, the cache is the same for both.
        let _ = write(&mut worker, &params);
        let plain = write(&mut worker, &params);
        let with = write(&mut worker, &drafted(params, FUNCTIONS[0]));
        assert_eq!(with.0, plain.0, "seed {seed}");
    }
}

#[test]
fn limits_hold_with_a_draft() {
    let mut worker = Worker::loaded(PROFILE);
    for max_tokens in [0, 1, 2, 7, 8] {
        let params =
            WorkerGenerateParams { max_tokens, ..drafted(edit(1, FUNCTIONS[0]), FUNCTIONS[0]) };
        let (_, usage, finish) = write(&mut worker, &params);
        assert_eq!((usage.generated_tokens, finish), (max_tokens, FinishReason::TokenLimit));
        assert!(usage.drafted_tokens < max_tokens.max(1));
    }
    let mut small = Worker::loaded(LoadProfile { context_tokens: 256, ..PROFILE });
    for seed in 1..40 {
        let params =
            WorkerGenerateParams { max_tokens: 1_000, draft: long_text(60), ..noise(1, seed) };
        let (_, usage, finish) = write(&mut small, &params);
        if finish == FinishReason::ContextFull {
            assert_eq!(usage.prompt_tokens + usage.generated_tokens, 257);
            return;
        }
    }
    panic!("no seed filled the window");
}

#[test]
fn a_cancel_among_drafts_leaves_a_cache_that_is_right() {
    let mut worker = Worker::loaded(PROFILE);
    let expected = write(&mut worker, &edit(1, FUNCTIONS[2])).0;
    for _ in 0..20 {
        let id = worker.start::<WorkerGenerate>(&drafted(edit(2, FUNCTIONS[2]), FUNCTIONS[2]));
        loop {
            match worker.event() {
                ClientEvent::Answer(answered, _) if answered == id => break,
                ClientEvent::Notification(method, _) if method == Token::METHOD => {
                    worker.start::<WorkerCancel>(&WorkerCancelParams { request_id: 2 });
                }
                _ => {}
            }
        }
        assert_eq!(write(&mut worker, &edit(3, FUNCTIONS[2])).0, expected);
    }
}
