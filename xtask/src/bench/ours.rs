//! The engine as its host runs it: the worker over pipes, with every switch in our hand.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use localcoder_protocol::{
    CountTokens, CountTokensParams, ErrorInfo, KvStorage, LoadModel, LoadModelParams, LoadProfile,
    Notification, Purpose, Token, UnloadModel, Usage, WORKER_VERSION, WorkerCancel,
    WorkerCancelParams, WorkerGenerate, WorkerGenerateParams, WorkerHello, WorkerHelloParams,
    WorkerId, WorkerSampling,
};
use localcoder_transport::{Client, ClientEvent};

use super::cases::{Case, WINDOW_TOKENS};
use crate::places;

/// As the host asks for them.
const BATCH_TOKENS: u32 = 256;

/// A running worker with a model.
pub(super) struct Ours {
    child: Child,
    client: Client,
    model: String,
    /// Version of llama.cpp in it.
    pub(super) llama_build: String,
    next: u64,
}

/// What one request took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// From the request to the first text; the whole, where there was none.
    pub(super) first_ms: f64,
    /// From the request to the end.
    pub(super) total_ms: f64,
    pub(super) tokens: u32,
    pub(super) prompt_tokens: u32,
}

impl Ours {
    pub(super) fn start(model: &Path) -> Result<Self> {
        let mut child = Command::new(places::program("localcoder-worker"))
            .env("OMP_WAIT_POLICY", "passive")
            .env("GGML_NO_BACKTRACE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the worker can't be started: run `cargo xtask build`")?;
        let (Some(stdout), Some(stdin)) = (child.stdout.take(), child.stdin.take()) else {
            bail!("the worker has no pipes");
        };
        let client = Client::new(stdout, stdin);
        let model = model.to_str().context("the model's path is not UTF-8")?.to_owned();
        let mut ours = Self { child, client, model, llama_build: String::new(), next: 1 };
        let worker = WorkerId { slot: 0, generation: 1 };
        let hello = WorkerHelloParams { worker_version: WORKER_VERSION, worker };
        let answer = ours.client.call::<WorkerHello>(&hello, |_, _| {}).map_err(plain)?;
        ours.llama_build = answer.llama_build;
        ours.load()?;
        Ok(ours)
    }

    /// Loads the model, or leaves it where it is loaded.
    fn load(&mut self) -> Result<()> {
        let profile = LoadProfile {
            context_tokens: WINDOW_TOKENS,
            batch_tokens: BATCH_TOKENS,
            threads: 0,
            gpu_layers: None,
            kv: KvStorage::F16,
        };
        let params = LoadModelParams { model_ref: self.model.clone(), profile };
        self.client.call::<LoadModel>(&params, |_, _| {}).map(|_| ()).map_err(plain)
    }

    /// Forgets everything that was read.
    pub(super) fn forget(&mut self) -> Result<()> {
        let nothing = localcoder_protocol::Nothing {};
        self.client.call::<UnloadModel>(&nothing, |_, _| {}).map_err(plain)?;
        self.load()
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
            request_id: self.next,
            purpose: Purpose::Edit,
            prompt: case.layout.worker_prompt(),
            sampling: WorkerSampling { temperature: 0.0, top_p: 1.0, repeat_penalty: 1.0, seed: 1 },
            max_tokens,
            stop: case.layout.stop.clone(),
            draft: if drafts { case.layout.draft.clone() } else { String::new() },
        }
    }

    /// Reads the prompt and writes nothing.
    pub(super) fn prepare(&mut self, case: &Case) -> Result<()> {
        let params = self.params(case, false, 0);
        self.client.call::<WorkerGenerate>(&params, |_, _| {}).map(|_| ()).map_err(plain)
    }

    /// Writes the answer.
    pub(super) fn write(&mut self, case: &Case, drafts: bool) -> Result<(Timing, Usage)> {
        let params = self.params(case, drafts, case.layout.max_tokens);
        let begun = Instant::now();
        let mut first_ms = None;
        let answer = self.client.call::<WorkerGenerate>(&params, |method, _| {
            if method == Token::METHOD {
                first_ms.get_or_insert_with(|| begun.elapsed().as_secs_f64() * 1e3);
            }
        });
        let usage = answer.map_err(plain)?.usage;
        let total_ms = begun.elapsed().as_secs_f64() * 1e3;
        let timing = Timing {
            first_ms: first_ms.unwrap_or(total_ms),
            total_ms,
            tokens: usage.generated_tokens,
            prompt_tokens: usage.prompt_tokens,
        };
        Ok((timing, usage))
    }

    /// Cancels at the first sign of prefill (or of writing, with `writing`); returns the time
    /// from the cancel to the end, or `None` where it was over before.
    pub(super) fn cancel(&mut self, case: &Case, writing: bool) -> Result<Option<f64>> {
        let params = self.params(case, false, case.layout.max_tokens);
        let id = self.client.start::<WorkerGenerate>(&params).map_err(plain)?;
        let mut cancelled: Option<Instant> = None;
        loop {
            match self.client.events().recv()? {
                ClientEvent::Answer(answered, result) if answered == id => {
                    let asked = cancelled.filter(|_| result.is_err());
                    return Ok(asked.map(|asked| asked.elapsed().as_secs_f64() * 1e3));
                }
                ClientEvent::Answer(..) => {}
                ClientEvent::Notification(method, _) => {
                    if cancelled.is_none() && (!writing || method == Token::METHOD) {
                        let request_id = params.request_id;
                        cancelled = Some(Instant::now());
                        let params = WorkerCancelParams { request_id };
                        self.client.start::<WorkerCancel>(&params).map_err(plain)?;
                    }
                }
                ClientEvent::Closed => bail!("the worker is gone"),
            }
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn plain(error: ErrorInfo) -> anyhow::Error {
    anyhow!("{error}")
}
