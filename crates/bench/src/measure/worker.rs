//! The worker as the host runs it, over pipes; the benchmark controls each of its switches.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use command_fds::{CommandFdExt as _, FdMapping};
use localcoder_gguf::Header;
use localcoder_protocol::limits::{
    BATCH_TOKENS, REPACKED_MODEL_BYTES_MIN, WORKER_EXCHANGE_FD, WORKER_MODELS_FD,
};
use localcoder_protocol::{
    CountTokens, CountTokensParams, EXCHANGE_FD, ErrorInfo, KvStorage, LoadModel, LoadModelParams,
    LoadProfile, MODELS_FD, Measured, MemoryUse, Nothing, Notification, Ping, Purpose, Request,
    RestorePrefix, RestorePrefixParams, SavePrefix, SavePrefixParams, StepCost, Token, UnloadModel,
    Usage, WORKER_ENVIRONMENT, WORKER_VERSION, WorkerCancel, WorkerCancelParams, WorkerGenerate,
    WorkerGenerateParams, WorkerHello, WorkerHelloParams, WorkerId, WorkerPrompt, WorkerSampling,
};
use localcoder_transport::handover::{self, Giver};
use localcoder_transport::{Client, ClientEvent};
use serde_json::Value;

use super::cases::{Case, WINDOW_TOKENS};
use crate::places;

/// Only an answer says whether the final weights are in use, and an answer keeps the worker busy;
/// so it is asked rarely, lest asking delay what it asks about.
const SETTLE_EVERY: Duration = Duration::from_secs(3);
const SETTLE_DEADLINE: Duration = Duration::from_secs(180);
const TRIES: usize = 4;
const DEPTH_TOKENS: u32 = 16;
/// Characters of the text from which a batch is made, per token; more than any token has.
const CHARACTERS_A_TOKEN: usize = 12;
/// The chat template for base models: they simply continue the text.
pub(super) const WITHOUT_ROLES: &str =
    "{% for message in messages %}{{ message.content }}\n\n{% endfor %}";

/// A running worker with a model; it is killed when this is dropped. Unlike the host, this never
/// decides anything: no restart, no ladder of profiles, no drafts unless asked for.
pub(super) struct LocalCoderWorker {
    child: Child,
    client: Client,
    giver: Giver,
    model: String,
    repack: bool,
    /// For a model that has no template: [`WITHOUT_ROLES`].
    chat_template: Option<String>,
    pub(super) memory: MemoryUse,
    measured: Measured,
    exchange: File,
    pub(super) llama_build: String,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// From the request to the first text; if there was none, to the end.
    pub(super) first_ms: f64,
    pub(super) total_ms: f64,
    pub(super) tokens: u32,
    pub(super) prompt_tokens: u32,
    /// Steps that the tokens took, and tokens that were guessed in them; 0 for llama-server, which
    /// does not report them.
    pub(super) steps: u32,
    pub(super) drafted: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cancelled {
    pub(super) silent_ms: f64,
    pub(super) was_writing: bool,
}

impl LocalCoderWorker {
    pub(super) fn start(model: &Path) -> Result<Self> {
        Self::start_with(model, true)
    }

    pub(super) fn start_with(model: &Path, repack: bool) -> Result<Self> {
        // Without a name, so that it is gone with the two processes.
        let exchange = tempfile::tempfile()?;
        let parent_fd = OwnedFd::from(exchange.try_clone()?);
        let (giver, taker) = handover::pair()?;
        let mut command = Command::new(places::program("localcoder-worker"));
        command.fd_mappings(vec![
            FdMapping { parent_fd, child_fd: WORKER_EXCHANGE_FD },
            FdMapping { parent_fd: taker.into(), child_fd: WORKER_MODELS_FD },
        ])?;
        let mut child = command
            .envs(WORKER_ENVIRONMENT.iter().copied())
            .env(EXCHANGE_FD, WORKER_EXCHANGE_FD.to_string())
            .env(MODELS_FD, WORKER_MODELS_FD.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the worker can't be started: run `cargo xtask build`")?;
        // Taken, so that the pipes close with the client and not only with the child.
        let (Some(stdout), Some(stdin)) = (child.stdout.take(), child.stdin.take()) else {
            bail!("the worker has no pipes");
        };
        let client = Client::new(stdout, stdin)?;
        let chat_template = match header(model)?.chat_template {
            Some(_) => None,
            None => Some(WITHOUT_ROLES.to_owned()),
        };
        let model = model.to_str().context("the model's path is not UTF-8")?.to_owned();
        let mut started = Self {
            child,
            client,
            giver,
            model,
            repack,
            chat_template,
            memory: MemoryUse::NONE,
            measured: Measured::default(),
            exchange,
            llama_build: String::new(),
            next: 1,
        };
        let worker = WorkerId { slot: 0, generation: 1 };
        let hello = WorkerHelloParams {
            worker_version: WORKER_VERSION,
            worker,
            heartbeat_ms: localcoder_protocol::HEARTBEAT_MS,
        };
        let answer = started.client.call::<WorkerHello>(&hello, |_, _| {}).map_err(plain)?;
        started.llama_build = answer.llama_build;
        started.load()?;
        Ok(started)
    }

    /// Waits until the engine has its final weights: the faster ones are loaded while it already
    /// answers with the others.
    pub(super) fn settle(&mut self) -> Result<()> {
        let bytes = fs_err::metadata(&self.model)?.len();
        let begun = Instant::now();
        // Only models of this size get rearranged weights in the background.
        while bytes >= REPACKED_MODEL_BYTES_MIN && begun.elapsed() < SETTLE_DEADLINE {
            std::thread::sleep(SETTLE_EVERY);
            let prompt = WorkerPrompt::Raw { text: "a".to_owned() };
            let params = WorkerGenerateParams { prompt, ..self.plain_params(1) };
            let answer = self.client.call::<WorkerGenerate>(&params, |_, _| {}).map_err(plain)?;
            if answer.measured.repacking_pays.is_some() {
                return Ok(());
            }
        }
        // After the deadline it is measured with the weights that are there.
        Ok(())
    }

    /// Loads the model, unless it is loaded.
    fn load(&mut self) -> Result<()> {
        self.load_with(WINDOW_TOKENS, KvStorage::F16, self.repack).map(|_| ())
    }

    fn load_with(&mut self, context_tokens: u32, kv: KvStorage, repack: bool) -> Result<u32> {
        let profile = LoadProfile {
            context_tokens,
            batch_tokens: BATCH_TOKENS,
            threads: 0,
            gpu_layers: None,
            kv,
            repack,
        };
        let params = LoadModelParams {
            model_ref: self.model.clone(),
            chat_template: self.chat_template.clone(),
            profile,
            measured: Measured::default(),
        };
        let file = File::open(&self.model).context("the model can't be opened")?;
        // The number is that of the request that follows, by which the worker finds its file.
        self.giver.give_unchecked(self.client.next_number(), &file)?;
        let answer = self.client.call::<LoadModel>(&params, |_, _| {}).map_err(plain)?;
        self.memory = answer.memory;
        Ok(answer.context_tokens)
    }

    pub(super) fn memory_with(&mut self, window: u32, kv: KvStorage) -> Result<(u32, MemoryUse)> {
        let context_tokens = self.load_with(window, kv, false)?;
        Ok((context_tokens, self.memory))
    }

    /// The state of a prompt's beginning that was read, as the host keeps it: it comes through a
    /// shared file, since it is too large for a frame. Fails if nothing was read.
    pub(super) fn kept(&mut self, prompt: WorkerPrompt) -> Result<Vec<u8>> {
        let params = SavePrefixParams { prompt };
        let answer = self.client.call::<SavePrefix>(&params, |_, _| {}).map_err(plain)?;
        ensure!(answer.tokens > 0, "there is no state to keep");
        let mut state = vec![0; usize::try_from(answer.bytes)?];
        self.exchange.read_exact_at(&mut state, 0)?;
        Ok(state)
    }

    pub(super) fn begin_with(&mut self, prompt: WorkerPrompt, state: &[u8]) -> Result<u32> {
        self.exchange.write_all_at(state, 0)?;
        let params = RestorePrefixParams { prompt, bytes: u64::try_from(state.len())? };
        let answer = self.client.call::<RestorePrefix>(&params, |_, _| {}).map_err(plain)?;
        ensure!(answer.tokens > 0, "the kept state was not taken over");
        Ok(answer.tokens)
    }

    pub(super) fn reload(&mut self) -> Result<()> {
        self.client.call::<UnloadModel>(&Nothing {}, |_, _| {}).map_err(plain)?;
        self.load()
    }

    pub(super) fn is_busy(&mut self) -> Result<bool> {
        Ok(self.client.call::<Ping>(&Nothing {}, |_, _| {}).map_err(plain)?.busy)
    }

    pub(super) fn step_ratios(&self) -> String {
        let costs = &self.measured.step_costs;
        let Some(one) = costs.iter().find(|cost| cost.rows == 1) else { return String::new() };
        #[expect(clippy::cast_precision_loss, reason = "microseconds")]
        let ratio = |cost: &StepCost| cost.time_us as f64 / one.time_us as f64;
        let all = costs.iter().map(|cost| format!("{}: {:.1}", cost.rows, ratio(cost)));
        format!("a step of this many to one of 1: {}", all.collect::<Vec<_>>().join(", "))
    }

    pub(super) fn batch_ms(&mut self, rows: u32) -> Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..TRIES {
            let usage = self.write_after(rows, 1)?;
            // The text is a little shorter than asked for where a token did not fit, so the time is
            // scaled.
            let computed = usage.prompt_tokens - usage.cached_tokens;
            best = best.min(usage.prefill_ms * f64::from(rows) / f64::from(computed.max(1)));
        }
        Ok(best)
    }

    pub(super) fn ms_a_token_after(&mut self, depth: u32) -> Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..TRIES {
            let usage = self.write_after(depth, DEPTH_TOKENS)?;
            // An answer that ends early tells nothing.
            if usage.generated_tokens >= DEPTH_TOKENS / 2 {
                best = best.min(usage.decode_ms / f64::from(usage.generated_tokens));
            }
        }
        Ok(best)
    }

    /// Writes after a text of at most this many tokens, and hardly fewer, that was not read before.
    /// What the text says is of no matter: only its length is measured.
    fn write_after(&mut self, tokens: u32, max_tokens: u32) -> Result<Usage> {
        self.next += 1;
        let seed = self.next + 1_000;
        // The numbers differ from the first word on, so that no cache has the beginning.
        let words = (0..).map(|word: u64| ((word + 7) * seed).to_string());
        let length = usize::try_from(tokens)? * CHARACTERS_A_TOKEN;
        let mut text: String = words.take(length / 2).collect();
        text.truncate(length);
        let mut longer = self.count(vec![text.clone()])?[0].saturating_sub(tokens);
        // Each cut has fewer characters than the surplus has tokens, so no cut is too deep.
        while longer > 0 {
            text.truncate(text.len() - usize::try_from(longer.div_ceil(8))?);
            longer = self.count(vec![text.clone()])?[0].saturating_sub(tokens);
        }
        let prompt = WorkerPrompt::Raw { text };
        let params = WorkerGenerateParams { prompt, ..self.plain_params(max_tokens) };
        Ok(self.client.call::<WorkerGenerate>(&params, |_, _| {}).map_err(plain)?.usage)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn count(&mut self, texts: Vec<String>) -> Result<Vec<u32>> {
        let params = CountTokensParams { texts };
        Ok(self.client.call::<CountTokens>(&params, |_, _| {}).map_err(plain)?.counts)
    }

    fn params(&mut self, case: &Case, drafts: bool, max_tokens: u32) -> WorkerGenerateParams {
        self.next += 1;
        WorkerGenerateParams {
            prompt: case.layout.worker_prompt(),
            stop: case.layout.stop.clone(),
            draft: if drafts { case.layout.draft.clone() } else { String::new() },
            plain: !drafts,
            ..self.plain_params(max_tokens)
        }
    }

    fn plain_params(&self, max_tokens: u32) -> WorkerGenerateParams {
        WorkerGenerateParams {
            request_id: self.next,
            purpose: Purpose::Edit,
            prompt: WorkerPrompt::Raw { text: String::new() },
            sampling: WorkerSampling { temperature: 0.0, top_p: 1.0, repeat_penalty: 1.0, seed: 1 },
            max_tokens,
            stop: Vec::new(),
            draft: String::new(),
            plain: true,
            block_end: None,
        }
    }

    /// Reads the prompt and writes nothing.
    pub(super) fn prepare(&mut self, case: &Case) -> Result<()> {
        let params = self.params(case, false, 0);
        self.client.call::<WorkerGenerate>(&params, |_, _| {}).map(|_| ()).map_err(plain)
    }

    pub(super) fn write(&mut self, case: &Case, drafts: bool) -> Result<(Timing, Usage)> {
        let params = self.params(case, drafts, case.layout.max_tokens);
        let begun = Instant::now();
        let mut first_ms = None;
        let answer = self.client.call::<WorkerGenerate>(&params, |method, _| {
            if method == Token::METHOD {
                first_ms.get_or_insert_with(|| begun.elapsed().as_secs_f64() * 1e3);
            }
        });
        let answer = answer.map_err(plain)?;
        let usage = answer.usage;
        self.measured = answer.measured;
        let total_ms = begun.elapsed().as_secs_f64() * 1e3;
        let timing = Timing {
            first_ms: first_ms.unwrap_or(total_ms),
            total_ms,
            tokens: usage.generated_tokens,
            prompt_tokens: usage.prompt_tokens,
            steps: usage.rounds,
            drafted: usage.drafted_tokens,
        };
        Ok((timing, usage))
    }

    pub(super) fn text(
        &mut self,
        case: &Case,
        draft: &str,
        max_tokens: u32,
    ) -> Result<(String, Usage)> {
        let params = WorkerGenerateParams {
            draft: draft.to_owned(),
            plain: draft.is_empty(),
            ..self.params(case, false, max_tokens.min(case.layout.max_tokens))
        };
        let mut text = String::new();
        let answer = self.client.call::<WorkerGenerate>(&params, |method, params| {
            if method == Token::METHOD {
                text.push_str(params["text"].as_str().unwrap_or_default());
            }
        });
        let answer = answer.map_err(plain)?;
        self.measured = answer.measured;
        Ok((text, answer.usage))
    }

    pub(super) fn call<R: Request>(
        &mut self,
        params: &R::Params,
        on_text: impl FnMut(&str, Value),
    ) -> Result<R::Answer> {
        self.client.call::<R>(params, on_text).map_err(plain)
    }

    pub(super) fn give<R: Request>(
        &mut self,
        file: &Path,
        params: &R::Params,
    ) -> Result<R::Answer> {
        self.giver.give_unchecked(self.client.next_number(), &File::open(file)?)?;
        self.call::<R>(params, |_, _| {})
    }

    /// Starts an answer and cancels it after a time; `None` if it had ended by then. Only what is
    /// known at the cancel counts: text that arrives later was on its way.
    pub(super) fn cancel(&mut self, case: &Case, after: Duration) -> Result<Option<Cancelled>> {
        let params = self.params(case, false, case.layout.max_tokens);
        let begun = Instant::now();
        let id = self.client.start::<WorkerGenerate>(&params)?;
        let mut was_writing = false;
        let mut cancelled: Option<Instant> = None;
        loop {
            // 0 once the moment has passed, which sends the cancel even if text keeps coming.
            let left = after.saturating_sub(begun.elapsed());
            let event = match cancelled {
                None => self.client.events().recv_timeout(left).ok(),
                Some(_) => Some(self.client.events().recv()?),
            };
            match event {
                Some(ClientEvent::Answer(answered, result)) if answered == id => {
                    // An answer without an error was complete before the cancel arrived.
                    let asked = cancelled.filter(|_| result.is_err());
                    let silent_ms = |asked: Instant| asked.elapsed().as_secs_f64() * 1e3;
                    return Ok(
                        asked.map(|asked| Cancelled { silent_ms: silent_ms(asked), was_writing })
                    );
                }
                Some(ClientEvent::Notification(method, _)) => {
                    // Text that was on its way at the cancel does not tell what was cancelled.
                    was_writing |= cancelled.is_none() && method == Token::METHOD;
                }
                // To the cancel itself.
                Some(ClientEvent::Answer(..)) => {}
                Some(ClientEvent::Closed) => bail!("the worker is gone"),
                None => {
                    let request_id = params.request_id;
                    cancelled = Some(Instant::now());
                    let params = WorkerCancelParams { request_id };
                    self.client.start::<WorkerCancel>(&params)?;
                }
            }
        }
    }
}

impl Drop for LocalCoderWorker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn plain(error: ErrorInfo) -> anyhow::Error {
    anyhow!("{error}")
}

pub(super) fn header(model: &Path) -> Result<Header> {
    let file = fs_err::File::open(model)?;
    let bytes = file.metadata()?.len();
    Ok(Header::read(std::io::BufReader::new(file), bytes)?)
}
