//! One generation: prompt to tokens, prefill, then token by token to text, until something ends
//! it. Runs on the engine's thread and streams as it goes.

mod block;
mod certainty;
mod draft;
mod pace;
mod renaming;
mod sampler;
mod stream;

pub(crate) use pace::{Pace, ROWS_MAX};

use std::time::Instant;

use localcoder_protocol::{
    ErrorAction, ErrorCode, ErrorInfo, FinishReason, PrefillProgress, PrefillProgressParams,
    Token as TokenNotification, TokenParams, Usage, WorkerGenerateAnswer, WorkerGenerateParams,
};

use crate::engine::{Loaded, Session, SessionError};
use crate::llama::{DecodeError, Log, Model, Token};
use crate::prompt;
use crate::server::Shared;
use certainty::Certainty;
use draft::{Draft, Drafter};
use pace::Again;
use renaming::Vocabulary;
use sampler::{NotANumber, Sampler, says_nothing};
use stream::TextStream;

/// Prompt tokens computed in one step where nothing is to be written yet: what was computed of a
/// prompt that is given up is kept step by step, and smaller ones cost speed (a 7B on two cores:
/// 48 tokens a second at 64, 56 at 512).
const AHEAD_TOKENS: usize = 64;

/// Generates. The text goes to the host as it is written; the answer says what it cost.
pub(crate) fn generate(
    shared: &Shared,
    loaded: &mut Loaded,
    params: &WorkerGenerateParams,
) -> Result<WorkerGenerateAnswer, ErrorInfo> {
    let template = || loaded.template.as_ref().map_err(Clone::clone);
    let tokens = prompt::tokens(&*loaded.model, &params.prompt, template)?;
    let session = &mut loaded.session;
    if tokens.is_empty() {
        return Err(ErrorInfo::new(ErrorCode::Protocol, "the prompt is empty"));
    }
    if tokens.len() > session.window() {
        return Err(too_long(tokens.len(), session.window()));
    }
    let step = if params.max_tokens == 0 { AHEAD_TOKENS } else { usize::MAX };
    let drafter = drafter(&loaded.model, session, &tokens, params);
    // What is guessed from the start is computed together with the prompt's last token; and where
    // nothing is written, whoever writes will want the logits after that one.
    let whole = drafter.is_none() && (params.max_tokens > 0 || !session.is_folded());
    let read = if whole { &tokens[..] } else { &tokens[..tokens.len() - 1] };
    let partings = if session.is_folded() {
        prompt::partings(&*loaded.model, &params.prompt, template, &tokens)?
    } else {
        Vec::new()
    };
    let started = Instant::now();
    let total_tokens = count(tokens.len());
    let cached = session
        .prefill(params.purpose, read, (step, whole), &partings, |done| {
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
    let last = tokens.last().copied();
    let mut writer = Writer {
        shared,
        params,
        model: &loaded.model,
        session,
        pace: &mut loaded.pace,
        drafter,
        usage: &mut usage,
        cpu_model: loaded.cpu_model.as_deref(),
    };
    let mut certainty = Certainty::of(params.purpose);
    let finish = writer.write(last, &mut certainty)?;
    usage.decode_ms = started.elapsed().as_secs_f64() * 1e3;
    let held_tokens = count(loaded.session.held_tokens());
    let measured = loaded.measured();
    Ok(WorkerGenerateAnswer {
        worker: shared.worker(),
        finish,
        usage,
        held_tokens,
        measured,
        mean_log_probability: certainty.mean(),
    })
}

/// A drafter where there is something to draft from and a wrong guess can be taken back.
fn drafter<'m>(
    model: &'m Model,
    session: &Session,
    prompt: &[Token],
    params: &WorkerGenerateParams,
) -> Option<Drafter<'m>> {
    let useful = !params.draft.is_empty() && params.max_tokens > 0 && session.can_take_back();
    useful.then(|| Drafter::new(model.tokenize(&params.draft, false), prompt.to_vec(), model))
}

impl Vocabulary for Model {
    fn text(&self, tokens: &[Token]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| self.piece(*token)).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn tokens(&self, text: &str) -> Vec<Token> {
        self.tokenize(text, false)
    }
}

/// Writes the answer of one generation.
struct Writer<'a> {
    shared: &'a Shared,
    params: &'a WorkerGenerateParams,
    model: &'a Model,
    session: &'a mut Session,
    pace: &'a mut Pace,
    drafter: Option<Drafter<'a>>,
    usage: &'a mut Usage,
    /// File of the model, where the CPU alone computes.
    cpu_model: Option<&'a str>,
}

impl Writer<'_> {
    /// Chooses token after token; `last` is the prompt's last token, which a drafter computes
    /// together with its first guess. The session may hold guessed tokens beyond the last one
    /// chosen; each is kept as long as the model chooses the same, so that the text is the one
    /// that would have been written without them.
    fn write(
        &mut self,
        last: Option<Token>,
        certainty: &mut Certainty,
    ) -> Result<FinishReason, ErrorInfo> {
        let mut sampler = Sampler::new(self.params.sampling);
        let mut stream = TextStream::new(&self.params.stop, self.params.block_end);
        let mut guess: Option<Draft> = match last.filter(|_| self.drafter.is_some()) {
            Some(last) => self.step(last)?,
            None => None,
        };
        let mut right = 0;
        let finish = loop {
            let guessed = guess.as_ref().map_or(0, |draft| draft.tokens.len());
            let open = guessed - right;
            if self.usage.generated_tokens >= self.params.max_tokens {
                break FinishReason::TokenLimit;
            }
            if self.session.cancel_asked() {
                return Err(explain(SessionError::Cancelled));
            }
            let tokens = self.session.tokens();
            let logits = self.session.logits(open).ok_or_else(|| failed("there are no logits"))?;
            if self.usage.generated_tokens == 0 && says_nothing(logits) {
                return Err(self.silent("every token is as likely as any other"));
            }
            let token = sampler
                .choose(logits, &tokens[..tokens.len() - open])
                .map_err(|NotANumber| self.silent("what it computes is not a number"))?;
            certainty.note(logits, token);
            if self.model.is_end_of_generation(token) {
                break FinishReason::EndOfTurn;
            }
            self.usage.generated_tokens += 1;
            let output = stream.push(&self.model.piece(token));
            self.send(output.text);
            let expected = guess.as_ref().and_then(|draft| draft.tokens.get(right));
            let as_guessed = expected == Some(&token);
            if as_guessed {
                right += 1;
                self.usage.accepted_tokens += 1;
            }
            if output.stopped {
                self.end(guess, right)?;
                return Ok(FinishReason::StopString);
            }
            if as_guessed {
                self.follow(token);
                continue;
            }
            self.learn(guess.take(), right);
            right = 0;
            self.session.take_back(open).map_err(explain)?;
            if self.session.is_full() {
                break FinishReason::ContextFull;
            }
            self.follow(token);
            // The last token's successor is not wanted, so it need not be computed.
            if self.usage.generated_tokens < self.params.max_tokens {
                guess = self.step(token)?;
            }
        };
        self.end(guess, right)?;
        self.send(stream.finish());
        Ok(finish)
    }

    /// Takes back what is still guessed: a state can't be cut later, when the next prompt goes on from
    /// here.
    fn end(&mut self, guess: Option<Draft>, right: usize) -> Result<(), ErrorInfo> {
        let open = guess.as_ref().map_or(0, |draft| draft.tokens.len()) - right;
        self.learn(guess, right);
        self.session.take_back(open).map_err(explain)
    }

    /// Computes what follows a token, together with a guess where one is worth it.
    fn step(&mut self, token: Token) -> Result<Option<Draft>, ErrorInfo> {
        let guess = self.guess();
        let mut tokens = vec![token];
        tokens.extend(guess.iter().flat_map(|draft| &draft.tokens));
        let started = Instant::now();
        let rows = self.session.advance(&tokens).map_err(explain)?;
        // A GPU may go on without memory, and what it has written is nonsense.
        if Log::out_of_memory() {
            return Err(out_of_memory());
        }
        self.pace.took(rows, started.elapsed().as_secs_f64() * 1e3);
        self.usage.rounds += 1;
        self.usage.drafted_tokens += count(tokens.len() - 1);
        Ok(guess)
    }

    fn guess(&self) -> Option<Draft> {
        let drafter = self.drafter.as_ref()?;
        let left = self.params.max_tokens - self.usage.generated_tokens;
        let room = self.session.window() - self.session.tokens().len();
        let most = self.session.step_tokens().min(room).min(usize::try_from(left).ok()?);
        let mut draft = drafter.guess(most.saturating_sub(1))?;
        let again = Again { owed: self.session.owed(), whole_step: self.session.computes_again() };
        let length = self.pace.best_length(draft.tokens.len(), drafter.chance(draft.trust), again);
        draft.tokens.truncate(length);
        (length > 0).then_some(draft)
    }

    /// The weights give nothing that can be written. Where a GPU has computed, it may be that one's
    /// fault, and the host tries the CPU.
    fn silent(&self, why: &str) -> ErrorInfo {
        match self.cpu_model {
            Some(path) => silent_weights(path, why),
            None => failed(&format!("the GPU computed nothing that makes sense: {why}")),
        }
    }

    fn follow(&mut self, token: Token) {
        if let Some(drafter) = self.drafter.as_mut() {
            drafter.follow(token);
        }
    }

    fn learn(&mut self, guess: Option<Draft>, right: usize) {
        if let (Some(drafter), Some(draft)) = (self.drafter.as_mut(), guess) {
            drafter.judge(&draft, right);
        }
    }

    fn send(&self, text: String) {
        if !text.is_empty() {
            self.shared.notify::<TokenNotification>(&TokenParams {
                worker: self.shared.worker(),
                request_id: self.params.request_id,
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
        SessionError::Reserved => {
            let text = "what was read for edits leaves no room in the context window";
            ErrorInfo::new(ErrorCode::Busy, text)
        }
        SessionError::Decode(DecodeError::OutOfMemory) => out_of_memory(),
        SessionError::Decode(error) => failed(match error {
            DecodeError::Full => "llama.cpp found no room in its KV cache",
            DecodeError::Invalid => "llama.cpp did not accept the batch",
            _ => "llama.cpp could not compute the answer",
        }),
    }
}

fn out_of_memory() -> ErrorInfo {
    let error =
        ErrorInfo::new(ErrorCode::OutOfMemory, "there was not enough memory to compute the answer");
    with_log(error)
        .with_hint("close other programs, or choose a smaller model or context window")
        .with_action(ErrorAction::OpenSettings)
}

/// A failure, by what was said with it: a GPU without memory fails in many ways.
fn failed(message: &str) -> ErrorInfo {
    if Log::out_of_memory() {
        return out_of_memory();
    }
    with_log(ErrorInfo::new(ErrorCode::GenerateFailed, message))
        .with_hint("try again; if it happens again, the model may be damaged: download it anew")
        .with_action(ErrorAction::Retry)
}

fn silent_weights(path: &str, why: &str) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::ModelDamaged,
        format!("the model `{path}` gives no answer: its weights are damaged"),
    )
    .with_cause(format!("{why}, as where a part of the file is empty or was overwritten"))
    .with_hint("check it with `localcoder models verify ID`, or download it again")
    .with_action(ErrorAction::SwitchModel)
}

/// Adds what llama.cpp said during this request.
fn with_log(error: ErrorInfo) -> ErrorInfo {
    match Log::lines().cause() {
        Some(cause) => error.with_cause(cause),
        None => error,
    }
}
