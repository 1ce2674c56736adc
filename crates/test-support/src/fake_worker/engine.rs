//! The fake worker's engine: it computes nothing, at the pace and with the messages of a real one.
//! A text repeats the code in the prompt, or contains the request's number and the prompt itself.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use localcoder_protocol::{
    CountTokens, CountTokensAnswer, Device, Devices, DevicesAnswer, DraftUse, ErrorCode, ErrorInfo,
    FinishReason, InfillPart, LoadModel, LoadModelAnswer, LoadModelParams, LoadProgress,
    LoadProgressParams, Measured, MemoryUse, Nothing, PrefillProgress, PrefillProgressParams,
    PrefixAnswer, Request, RestorePrefix, SavePrefix, Token, TokenParams, UnloadModel, Usage,
    WorkerGenerate, WorkerGenerateAnswer, WorkerGenerateParams, WorkerPrompt,
};
use localcoder_transport::{Id, Message};
use serde_json::Value;

use super::misbehave::Done;
use super::script::Moment;
use super::speak::{Job, Shared};

const LOAD_STEPS: u16 = 20;
const PREFILL_STEPS: u32 = 4;
const LOAD_MS: u64 = 20;
const PER_TOKEN_MS: u64 = 1;
const TOKENS: u32 = 8;
/// How long after an answer it counts as idle.
const IDLE_AFTER: Duration = Duration::from_millis(30);

pub(super) fn run(shared: &Shared, jobs: &Receiver<Job>) {
    let mut answered = false;
    loop {
        let job = match jobs.recv_timeout(IDLE_AFTER) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                if std::mem::take(&mut answered) {
                    let _ = shared.pass(Moment::Idle, 0);
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        answered |= job.1 == WorkerGenerate::METHOD;
        answer(shared, job);
        shared.open_jobs.fetch_sub(1, Ordering::AcqRel);
        shared.progress.fetch_add(1, Ordering::AcqRel);
    }
}

fn answer(shared: &Shared, (id, method, params): Job) {
    let worker = shared.worker();
    if method == Devices::METHOD {
        let (name, description) = ("CPU".to_owned(), "nothing computes here".to_owned());
        let devices = vec![Device { name, description, gpu: false, memory_bytes: 0 }];
        shared.answer::<Devices>(id, Ok(DevicesAnswer { worker, devices }));
    } else if method == LoadModel::METHOD {
        shared.answer::<LoadModel>(id, read::<LoadModel>(params).and_then(|it| load(shared, &it)));
    } else if method == UnloadModel::METHOD {
        let result = shared.pass(Moment::Unload, 0);
        shared.loaded.store(false, Ordering::Release);
        shared.answer::<UnloadModel>(id, result.map(|()| Nothing {}));
    } else if method == CountTokens::METHOD {
        let result = read::<CountTokens>(params).and_then(|params| {
            shared.pass(Moment::Count, 0)?;
            let counts = params.texts.iter().map(|text| tokens_of(text)).collect();
            Ok(CountTokensAnswer { worker, counts })
        });
        shared.answer::<CountTokens>(id, result);
    } else if method == WorkerGenerate::METHOD {
        generate(shared, id, params);
    } else if method == SavePrefix::METHOD || method == RestorePrefix::METHOD {
        shared.answer::<SavePrefix>(id, Ok(PrefixAnswer { worker, tokens: 0, bytes: 0 }));
    } else {
        let error = ErrorInfo::new(ErrorCode::Protocol, format!("`{method}` is not known"));
        shared.send(&Message::Response { id, result: Err(error) });
    }
}

fn read<R: Request>(params: Value) -> Result<R::Params, ErrorInfo> {
    serde_json::from_value(params).map_err(|error| {
        ErrorInfo::new(ErrorCode::Protocol, "the parameters are malformed")
            .with_cause(error.to_string())
    })
}

fn tokens_of(text: &str) -> u32 {
    u32::try_from(text.len() / 3 + 1).unwrap_or(u32::MAX)
}

fn load(shared: &Shared, params: &LoadModelParams) -> Result<LoadModelAnswer, ErrorInfo> {
    shared.note("load");
    let load_ms = shared.plan.load_ms.unwrap_or(LOAD_MS);
    let worker = shared.worker();
    let mut before = 0.0;
    for step in 1..=LOAD_STEPS {
        std::thread::sleep(Duration::from_micros(load_ms * 1_000 / u64::from(LOAD_STEPS)));
        shared.progress.fetch_add(1, Ordering::AcqRel);
        let fraction = f32::from(step) / f32::from(LOAD_STEPS);
        let params = LoadProgressParams { worker, fraction };
        shared.send(&Message::notification::<LoadProgress>(&params));
        // A fraction need not be one of the steps, so each step covers the range since the last.
        let is = |it: Moment| matches!(it, Moment::Load(at) if before < at && at <= fraction);
        if let Done::Refuse(error) = shared.reach(is, 0) {
            return Err(error);
        }
        before = fraction;
    }
    shared.loaded.store(true, Ordering::Release);
    shared.note("loaded");
    let memory = MemoryUse { weights_bytes: 4 << 20, kv_bytes: 1 << 20, compute_bytes: 1 << 20 };
    Ok(LoadModelAnswer {
        worker,
        context_tokens: params.profile.context_tokens,
        threads: 1,
        device: "CPU".to_owned(),
        memory,
        load_ms,
    })
}

fn generate(shared: &Shared, id: Id, params: Value) {
    let result = read::<WorkerGenerate>(params).and_then(|params| write(shared, &params));
    // Taken before the answer is sent: a cancel that arrives from now on finds nothing running.
    let cancelled = shared.running.swap(0, Ordering::AcqRel);
    shared.note(if result.is_ok() { "answer" } else { "noAnswer" });
    // Only the mark of this generation is removed.
    let _ = shared.cancelled.compare_exchange(cancelled, 0, Ordering::AcqRel, Ordering::Acquire);
    shared.answer::<WorkerGenerate>(id, result);
}

fn write(
    shared: &Shared,
    params: &WorkerGenerateParams,
) -> Result<WorkerGenerateAnswer, ErrorInfo> {
    let request_id = params.request_id;
    prefill(shared, params)?;
    let pause = Duration::from_millis(shared.plan.per_token_ms.unwrap_or(PER_TOKEN_MS));
    let mut count = 0;
    for (number, text) in (1..=params.max_tokens).zip(pieces(shared, params)) {
        count = number;
        std::thread::sleep(pause);
        check_cancel(shared, request_id)?;
        if number == 1 {
            shared.pass(Moment::FirstToken, request_id)?;
        }
        shared.progress.fetch_add(1, Ordering::AcqRel);
        let params = TokenParams { worker: shared.worker(), request_id, text };
        shared.send(&Message::notification::<Token>(&params));
        shared.pass(Moment::Token(number), request_id)?;
    }
    let usage = Usage { prompt_tokens: 30, generated_tokens: count, ..Usage::default() };
    Ok(WorkerGenerateAnswer {
        worker: shared.worker(),
        finish: FinishReason::EndOfTurn,
        usage,
        held_tokens: 30 + count,
        measured: Measured::default(),
        draft: DraftUse::default(),
        mean_log_probability: None,
    })
}

fn text_of(part: &InfillPart) -> Option<&str> {
    match part {
        InfillPart::Text { text } => Some(text),
        InfillPart::Token { .. } => None,
    }
}

fn prefill(shared: &Shared, params: &WorkerGenerateParams) -> Result<(), ErrorInfo> {
    for step in 1..=PREFILL_STEPS {
        std::thread::sleep(Duration::from_millis(1));
        check_cancel(shared, params.request_id)?;
        shared.progress.fetch_add(1, Ordering::AcqRel);
        let progress = PrefillProgressParams {
            worker: shared.worker(),
            request_id: params.request_id,
            done_tokens: step,
            total_tokens: PREFILL_STEPS,
        };
        shared.send(&Message::notification::<PrefillProgress>(&progress));
        if step == PREFILL_STEPS / 2 {
            shared.pass(Moment::Prefill, params.request_id)?;
        }
    }
    Ok(())
}

fn check_cancel(shared: &Shared, request_id: u64) -> Result<(), ErrorInfo> {
    if shared.cancelled.load(Ordering::Acquire) == request_id {
        return Err(ErrorInfo::new(ErrorCode::Cancelled, "stopped, as you asked"));
    }
    Ok(())
}

/// The tokens of the answer: the code with the request's number instead of its first zero, or else
/// the number, the end of the prompt, and words.
fn pieces(shared: &Shared, params: &WorkerGenerateParams) -> Box<dyn Iterator<Item = String>> {
    let number = params.request_id;
    if !params.draft.is_empty() {
        let ends = params.stop.iter().filter_map(|stop| params.draft.find(stop.as_str())).min();
        let code = params.draft[..ends.unwrap_or(params.draft.len())].replacen(
            '0',
            &number.to_string(),
            1,
        );
        let words: Vec<String> = code.split_inclusive([' ', '\n']).map(str::to_owned).collect();
        return Box::new(words.into_iter());
    }
    let prompt = match &params.prompt {
        WorkerPrompt::Raw { text } => text.as_str(),
        WorkerPrompt::Chat { messages, .. } => {
            messages.last().map_or("", |message| message.content.as_str())
        }
        WorkerPrompt::Infill { parts } => parts.iter().rev().find_map(text_of).unwrap_or_default(),
    };
    let last = prompt.split_whitespace().next_back().unwrap_or_default();
    let filling = "z".repeat(shared.plan.token_bytes.unwrap_or(0));
    let first = [format!("request {number} "), format!("asks {last} ")];
    // Generated lazily: there may be a million.
    let words = 2..shared.plan.tokens.unwrap_or(TOKENS);
    Box::new(first.into_iter().chain(words.map(move |word| format!("w{word}{filling} "))))
}
