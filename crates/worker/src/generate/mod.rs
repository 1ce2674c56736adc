//! One generation: prompt to tokens, prefill, then token by token to text, until something ends
//! it. Runs on the engine's thread and streams as it goes.

mod block;
mod certainty;
mod draft;
mod draft_model;
mod pace;
mod renaming;
mod sampler;
mod sources;
mod stream;

pub(crate) use draft_model::{DraftModel, likeliest};
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
use draft_model::Ask;
use pace::Again;
use renaming::Vocabulary;
use sampler::{NotANumber, Sampler, says_nothing};
use sources::Sources;
use stream::TextStream;

/// Prompt tokens computed in one step when nothing is to be written yet: if such a prompt is given
/// up, what was computed is kept step by step. Smaller steps cost speed (a 7B on two cores: 48
/// tokens a second at 64, 56 at 512).
const AHEAD_TOKENS: usize = 64;

/// Does one generation. The text goes to the host as it is written; the answer after it reports
/// what it cost. With `max_tokens` of 0 the prompt is only read, by this model and the draft model,
/// so that a later request finds it in the cache.
///
/// # Errors
/// The prompt is empty, too long or can't be laid out; the generation was cancelled; or what
/// llama.cpp computes is nothing that can be written.
pub(crate) fn generate(
    shared: &Shared,
    loaded: &mut Loaded,
    params: &WorkerGenerateParams,
) -> Result<WorkerGenerateAnswer, ErrorInfo> {
    let template = || loaded.template.as_ref().map_err(Clone::clone);
    let tokens = prompt::tokens(&*loaded.model, &params.prompt, template)?;
    let session = &mut loaded.session;
    fits(tokens.len(), session.window())?;
    let step = if params.max_tokens == 0 { AHEAD_TOKENS } else { usize::MAX };
    // Drafting needs a session in which a wrong guess can be taken back.
    let drafts = params.max_tokens > 0 && !params.plain && session.can_take_back();
    let from_start = drafts && !params.draft.is_empty();
    // A draft that is known from the start is computed together with the prompt's last token. If
    // nothing is to be written, the request that writes later will want the logits after that
    // token.
    let whole = !from_start && (params.max_tokens > 0 || !session.is_folded());
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
    if params.max_tokens == 0 {
        prepare_draft(loaded, params, &tokens)?;
    }
    let started = Instant::now();
    let last = tokens.last().copied().filter(|_| from_start);
    let sources = drafts.then(|| {
        let source = loaded.model.tokenize(&params.draft, false);
        Sources::new(Drafter::new(source, tokens, &*loaded.model), loaded.draft.as_mut())
    });
    let mut writer = Writer {
        shared,
        params,
        model: &loaded.model,
        session: &mut loaded.session,
        pace: &mut loaded.pace,
        sources,
        usage: &mut usage,
        cpu_model: loaded.cpu_model.as_deref(),
    };
    let mut certainty = Certainty::of(params.purpose);
    let finish = writer.write(last, &mut certainty)?;
    let draft = writer.sources.as_ref().map(Sources::used).unwrap_or_default();
    usage.decode_ms = started.elapsed().as_secs_f64() * 1e3;
    Ok(WorkerGenerateAnswer {
        worker: shared.worker(),
        finish,
        usage,
        held_tokens: count(loaded.session.held_tokens()),
        measured: loaded.measured(),
        draft,
        mean_log_probability: certainty.mean(),
    })
}

fn fits(tokens: usize, window: usize) -> Result<(), ErrorInfo> {
    match tokens {
        0 => Err(ErrorInfo::new(ErrorCode::Protocol, "the prompt is empty")),
        _ if tokens > window => Err(too_long(tokens, window)),
        _ => Ok(()),
    }
}

/// Has the draft model read the prompt as well: the request that writes later will want to ask it.
fn prepare_draft(
    loaded: &mut Loaded,
    params: &WorkerGenerateParams,
    tokens: &[Token],
) -> Result<(), ErrorInfo> {
    let Some(model) = loaded.draft.as_mut().filter(|_| loaded.session.can_take_back()) else {
        return Ok(());
    };
    let ask = Ask {
        purpose: params.purpose,
        text: tokens,
        most: loaded.session.step_tokens().saturating_sub(1),
        left: usize::MAX,
        is_edit: false,
        again: Again { owed: 0, whole_step: loaded.session.computes_again() },
    };
    match model.prepare(ask, &loaded.pace, AHEAD_TOKENS) {
        Err(SessionError::Cancelled) => Err(explain(SessionError::Cancelled)),
        // The draft model reads it when it is asked, or fails again then.
        _ => Ok(()),
    }
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

struct Writer<'a> {
    shared: &'a Shared,
    params: &'a WorkerGenerateParams,
    model: &'a Model,
    session: &'a mut Session,
    pace: &'a mut Pace,
    sources: Option<Sources<'a>>,
    usage: &'a mut Usage,
    cpu_model: Option<&'a str>,
}

impl Writer<'_> {
    /// Chooses token after token; `last` is the prompt's last token, if it is still to be computed
    /// together with the first guess. The session may hold guessed tokens beyond the last chosen
    /// one; each is kept as long as the model chooses the same, so that the text is what would have
    /// been written without guesses.
    ///
    /// A round is: choose from the logits after the last chosen token, send, and then either follow
    /// a right guess, whose logits the same step has computed, or take the rest of the guess back
    /// and compute the chosen token with the next one. Each way out but an error takes back what is
    /// still open; after an error the next prompt drops it, since it is compared with what the
    /// session holds.
    fn write(
        &mut self,
        last: Option<Token>,
        certainty: &mut Certainty,
    ) -> Result<FinishReason, ErrorInfo> {
        let mut sampler = Sampler::new(self.params.sampling);
        let mut stream = TextStream::new(&self.params.stop, self.params.block_end);
        let mut guess: Option<Draft> = match last {
            Some(last) => self.step(last)?,
            None => None,
        };
        let mut right = 0;
        let finish = loop {
            let guessed = guess.as_ref().map_or(0, |draft| draft.tokens.len());
            let open = guessed - right;
            // Before the logits are looked at: a prompt that is only read may have none.
            if self.usage.generated_tokens >= self.params.max_tokens {
                break FinishReason::TokenLimit;
            }
            if self.session.cancel_asked() {
                return Err(explain(SessionError::Cancelled));
            }
            // The last step has computed logits after the token that was given to it and after each
            // guessed one. Those that count now are after the last token that was chosen, and the
            // sampler is shown no token behind it: a penalty for a mere guess would change the
            // text.
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
            // Before the guess is followed: the rest of a right guess may lie behind the end.
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
            // Before the window is looked at: wrong guesses fill it, too.
            self.session.take_back(open).map_err(explain)?;
            if self.session.is_full() {
                break FinishReason::ContextFull;
            }
            // The sources are asked for the next guess in `step`, and must know the token by then.
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

    /// Takes back the rest of a guess: a state can't be cut later, when the next prompt continues
    /// from here.
    fn end(&mut self, guess: Option<Draft>, right: usize) -> Result<(), ErrorInfo> {
        let open = guess.as_ref().map_or(0, |draft| draft.tokens.len()) - right;
        self.learn(guess, right);
        self.session.take_back(open).map_err(explain)
    }

    fn step(&mut self, token: Token) -> Result<Option<Draft>, ErrorInfo> {
        let guess = self.guess(token).map_err(explain)?;
        let mut tokens = vec![token];
        tokens.extend(guess.iter().flat_map(|draft| &draft.tokens));
        let started = Instant::now();
        let rows = self.session.advance(&tokens).map_err(explain)?;
        // A GPU may continue without memory, and what it has written is then garbage.
        if Log::out_of_memory() {
            return Err(out_of_memory());
        }
        let ms = started.elapsed().as_secs_f64() * 1e3;
        // By what was computed, which may be more than the tokens of this step: what the session
        // owed after a wrong guess is in it, and would make steps of few tokens look slow.
        self.pace.took(rows, ms);
        if let Some(sources) = self.sources.as_mut() {
            sources.verified(guess.as_ref(), ms);
        }
        self.usage.rounds += 1;
        self.usage.drafted_tokens += count(tokens.len() - 1);
        Ok(guess)
    }

    fn guess(&mut self, token: Token) -> Result<Option<Draft>, SessionError> {
        let Some(sources) = self.sources.as_mut() else { return Ok(None) };
        let left = self.params.max_tokens - self.usage.generated_tokens;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let held = self.session.tokens();
        let room = self.session.window() - held.len();
        let most = self.session.step_tokens().min(room).min(left).saturating_sub(1);
        let again = Again { owed: self.session.owed(), whole_step: self.session.computes_again() };
        let text = [held, &[token]].concat();
        let (purpose, is_edit) = (self.params.purpose, !self.params.draft.is_empty());
        sources.guess(Ask { purpose, text: &text, most, left, is_edit, again }, self.pace)
    }

    /// The error for logits that give nothing that can be written. If a GPU has computed them, the
    /// fault may be the GPU's, and the host tries the CPU.
    fn silent(&self, why: &str) -> ErrorInfo {
        match self.cpu_model {
            Some(path) => silent_weights(path, why),
            None => failed(&format!("the GPU computed nothing that makes sense: {why}")),
        }
    }

    fn follow(&mut self, token: Token) {
        if let Some(sources) = self.sources.as_mut() {
            sources.follow(token);
        }
    }

    fn learn(&mut self, guess: Option<Draft>, right: usize) {
        if let (Some(sources), Some(draft)) = (self.sources.as_mut(), guess) {
            sources.judge(&draft, right, self.pace);
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
    .with_action_on(ErrorAction::OpenSettings, "contextWindow")
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
        .with_action_on(ErrorAction::OpenSettings, "contextWindow")
}

/// The error for a failure, according to what llama.cpp logged: a GPU without memory fails in many
/// ways.
fn failed(message: &str) -> ErrorInfo {
    if Log::out_of_memory() {
        return out_of_memory();
    }
    with_log(ErrorInfo::new(ErrorCode::GenerateFailed, message))
        .with_hint("try again; if it happens again, the model may be damaged: download it again")
        .with_action(ErrorAction::Retry)
}

fn silent_weights(path: &str, why: &str) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::ModelDamaged,
        format!("the model `{path}` gives no answer: its weights are damaged"),
    )
    .with_cause(format!("{why}, as where a part of the file is empty or was overwritten"))
    .with_hint("verify its file, or download it again")
    .with_action(ErrorAction::VerifyModel)
}

fn with_log(error: ErrorInfo) -> ErrorInfo {
    match Log::lines().cause() {
        Some(cause) => error.with_cause(cause),
        None => error,
    }
}
