//! One generation: prompt to tokens, prefill, then token by token to text, until something ends
//! it. Runs on the engine's thread and streams as it goes.

mod sampler;
mod stream;

use std::time::Instant;

use localcoder_protocol::{
    ErrorAction, ErrorCode, ErrorInfo, FinishReason, PrefillProgress, PrefillProgressParams,
    Token as TokenNotification, TokenParams, Usage, WorkerGenerateAnswer, WorkerGenerateParams,
};

use crate::engine::{Loaded, Session, SessionError};
use crate::llama::{DecodeError, Log, Model};
use crate::prompt;
use crate::server::Shared;
use sampler::Sampler;
use stream::TextStream;

/// Generates. The text goes to the host as it is written; the answer says what it cost.
pub(crate) fn generate(
    shared: &Shared,
    loaded: &mut Loaded,
    params: &WorkerGenerateParams,
) -> Result<WorkerGenerateAnswer, ErrorInfo> {
    let template = || loaded.template.as_ref().map_err(Clone::clone);
    let pieces = prompt::pieces(&params.prompt, template)?;
    let tokens = prompt::assemble(&*loaded.model, &pieces);
    let session = &mut loaded.session;
    if tokens.is_empty() {
        return Err(ErrorInfo::new(ErrorCode::Protocol, "the prompt is empty"));
    }
    if tokens.len() > session.window() {
        return Err(too_long(tokens.len(), session.window()));
    }
    let started = Instant::now();
    let total_tokens = count(tokens.len());
    let cached = session
        .prefill(&tokens, |done| {
            shared.notify::<PrefillProgress>(&PrefillProgressParams {
                worker: shared.worker(),
                request_id: params.request_id,
                done_tokens: count(done),
                total_tokens,
            });
        })
        .map_err(explain)?;
    let mut usage = Usage {
        prompt_tokens: total_tokens,
        cached_tokens: count(cached),
        prefill_ms: started.elapsed().as_secs_f64() * 1e3,
        ..Usage::default()
    };
    let started = Instant::now();
    let mut writer = Writer { shared, request_id: params.request_id, generated: 0 };
    let finish = writer.write(session, &loaded.model, params)?;
    usage.generated_tokens = writer.generated;
    usage.decode_ms = started.elapsed().as_secs_f64() * 1e3;
    Ok(WorkerGenerateAnswer { worker: shared.worker(), finish, usage })
}

/// Writes the answer of one generation.
struct Writer<'a> {
    shared: &'a Shared,
    request_id: u64,
    generated: u32,
}

impl Writer<'_> {
    fn write(
        &mut self,
        session: &mut Session,
        model: &Model,
        params: &WorkerGenerateParams,
    ) -> Result<FinishReason, ErrorInfo> {
        let mut sampler = Sampler::new(params.sampling);
        let mut stream = TextStream::new(&params.stop);
        let finish = loop {
            if self.generated >= params.max_tokens {
                break FinishReason::TokenLimit;
            }
            if session.cancel_asked() {
                return Err(explain(SessionError::Cancelled));
            }
            let logits = session.logits().ok_or_else(|| failed("there are no logits"))?;
            let token = sampler
                .choose(logits, session.tokens())
                .map_err(|_| failed("the model's output is not a number"))?;
            if model.is_end_of_generation(token) {
                break FinishReason::EndOfTurn;
            }
            self.generated += 1;
            let output = stream.push(&model.piece(token));
            self.send(output.text);
            if output.stopped {
                return Ok(FinishReason::StopString);
            }
            if session.is_full() {
                break FinishReason::ContextFull;
            }
            // The last token's successor is not wanted, so it need not be computed.
            if self.generated < params.max_tokens {
                session.advance(token).map_err(explain)?;
            }
        };
        self.send(stream.finish());
        Ok(finish)
    }

    fn send(&self, text: String) {
        if !text.is_empty() {
            self.shared.notify::<TokenNotification>(&TokenParams {
                worker: self.shared.worker(),
                request_id: self.request_id,
                text,
            });
        }
    }
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn too_long(tokens: usize, window: usize) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::SelectionTooLarge,
        format!("the prompt has {tokens} tokens, and the context window holds {window}"),
    )
    .with_hint("select less, or set a larger `localcoder.contextWindow` if the model allows it")
    .with_action(ErrorAction::OpenSettings)
}

fn explain(error: SessionError) -> ErrorInfo {
    match error {
        SessionError::Cancelled => {
            ErrorInfo::new(ErrorCode::Cancelled, "the generation was cancelled")
        }
        SessionError::Decode(DecodeError::OutOfMemory) => {
            let error = ErrorInfo::new(
                ErrorCode::OutOfMemory,
                "there was not enough memory to compute the answer",
            );
            with_log(error)
                .with_hint("close other programs, or choose a smaller model or context window")
                .with_action(ErrorAction::OpenSettings)
        }
        SessionError::Decode(error) => failed(match error {
            DecodeError::Full => "llama.cpp found no room in its KV cache",
            DecodeError::Invalid => "llama.cpp did not accept the batch",
            _ => "llama.cpp could not compute the answer",
        }),
    }
}

fn failed(message: &str) -> ErrorInfo {
    with_log(ErrorInfo::new(ErrorCode::GenerateFailed, message))
        .with_hint("try again; if it happens again, the model may be damaged: download it anew")
        .with_action(ErrorAction::Retry)
}

/// Adds what llama.cpp said during this request.
fn with_log(error: ErrorInfo) -> ErrorInfo {
    match Log::lines().cause() {
        Some(cause) => error.with_cause(cause),
        None => error,
    }
}
