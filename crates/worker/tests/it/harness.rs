//! Starts a worker and talks to it. Every wait has a deadline.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};
use localcoder_protocol::limits::{WORKER_EXCHANGE_FD, WORKER_MODELS_FD};
use localcoder_protocol::{
    ChatMessage, DraftWhen, EXCHANGE_FD, ErrorInfo, Heartbeat, HeartbeatParams, KvStorage,
    LoadDraft, LoadDraftAnswer, LoadDraftParams, LoadModel, LoadModelAnswer, LoadModelParams,
    LoadProfile, MODELS_FD, Measured, Notification, PrefillProgress, PrefillProgressParams,
    Purpose, Request, Role, Token, TokenParams, WORKER_ENVIRONMENT, WORKER_VERSION, WorkerGenerate,
    WorkerGenerateAnswer, WorkerGenerateParams, WorkerHello, WorkerHelloAnswer, WorkerHelloParams,
    WorkerId, WorkerPrompt, WorkerSampling,
};
use localcoder_transport::handover::{self, Giver};
use localcoder_transport::{Client, ClientEvent};
use serde_json::Value;
use tempfile::TempDir;

/// Far longer than anything takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) const WORKER: WorkerId = WorkerId { slot: 3, generation: 7 };

/// A tenth of the product's interval, so that a test sees some in a short computation.
pub(crate) const HEARTBEAT_MS: u64 = 50;

pub(crate) const PROFILE: LoadProfile = LoadProfile {
    context_tokens: 2048,
    batch_tokens: 64,
    threads: 0,
    gpu_layers: None,
    kv: KvStorage::F16,
    repack: true,
};

/// A copy of the demo model, so that training can't replace it while tests run.
pub(crate) fn model() -> &'static Path {
    static MODEL: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MODEL.get_or_init(|| {
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.gguf");
        std::fs::copy(source, &path).unwrap();
        (folder, path)
    });
    path
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_localcoder-worker"));
    command.envs(WORKER_ENVIRONMENT.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for a process to end by itself.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < deadline, "the worker does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A running worker. Ended when dropped.
pub(crate) struct Worker {
    pub(crate) child: Child,
    client: Option<Client>,
    giver: Giver,
    stderr: Arc<Mutex<String>>,
}

/// The outcome of one generation.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) text: String,
    pub(crate) progress: Vec<PrefillProgressParams>,
    /// Progress of each heartbeat.
    pub(crate) beats: Vec<u64>,
    pub(crate) result: Result<WorkerGenerateAnswer, ErrorInfo>,
}

impl Generated {
    pub(crate) fn answer(&self) -> &WorkerGenerateAnswer {
        self.result.as_ref().unwrap()
    }
}

impl Worker {
    /// A worker that was just started.
    pub(crate) fn spawn() -> Self {
        Self::start_process(&mut command(), Vec::new())
    }

    /// A worker that was started by a shell that has set a limit.
    pub(crate) fn under(limit: &str) -> Self {
        let worker = command();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit {limit}; exec \"$0\"")]).arg(worker.get_program());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::start_process(&mut shell, Vec::new())
    }

    /// Starts it as the host does; `inherited` is passed in addition to what every worker gets.
    fn start_process(command: &mut Command, mut inherited: Vec<FdMapping>) -> Self {
        let (giver, taker) = handover::pair().unwrap();
        inherited.push(FdMapping { parent_fd: taker.into(), child_fd: WORKER_MODELS_FD });
        command.fd_mappings(inherited).unwrap().env(MODELS_FD, WORKER_MODELS_FD.to_string());
        let mut child = command.spawn().unwrap();
        let client =
            Client::new(child.stdout.take().unwrap(), child.stdin.take().unwrap()).unwrap();
        let stderr = Arc::new(Mutex::new(String::new()));
        let (mut pipe, text) = (child.stderr.take().unwrap(), Arc::clone(&stderr));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, client: Some(client), giver, stderr }
    }

    /// A worker with the demo model, and a file to exchange states in.
    pub(crate) fn with_exchange(file: &File) -> Self {
        let parent_fd = file.try_clone().unwrap().into();
        let exchange = FdMapping { parent_fd, child_fd: WORKER_EXCHANGE_FD };
        let mut command = command();
        command.env(EXCHANGE_FD, WORKER_EXCHANGE_FD.to_string());
        let mut worker = Self::start_process(&mut command, vec![exchange]);
        worker.hello().unwrap();
        worker.load(model(), PROFILE).unwrap();
        worker
    }

    /// A worker that has been introduced.
    pub(crate) fn ready() -> Self {
        let mut worker = Self::spawn();
        worker.hello().unwrap();
        worker
    }

    /// A worker with the demo model.
    pub(crate) fn loaded(profile: LoadProfile) -> Self {
        let mut worker = Self::ready();
        worker.load(model(), profile).unwrap();
        worker
    }

    pub(crate) fn hello(&mut self) -> Result<WorkerHelloAnswer, ErrorInfo> {
        let params = WorkerHelloParams {
            worker_version: WORKER_VERSION,
            worker: WORKER,
            heartbeat_ms: HEARTBEAT_MS,
        };
        self.call::<WorkerHello>(&params, |_, _| {})
    }

    pub(crate) fn load(
        &mut self,
        path: &Path,
        profile: LoadProfile,
    ) -> Result<LoadModelAnswer, ErrorInfo> {
        let params = LoadModelParams {
            model_ref: path.to_str().unwrap().to_owned(),
            chat_template: None,
            profile,
            measured: Measured::default(),
        };
        self.call::<LoadModel>(&params, |_, _| {})
    }

    pub(crate) fn load_draft(
        &mut self,
        path: &Path,
        when: DraftWhen,
    ) -> Result<LoadDraftAnswer, ErrorInfo> {
        let model_ref = path.to_str().unwrap().to_owned();
        self.call::<LoadDraft>(&LoadDraftParams { model_ref, when }, |_, _| {})
    }

    /// Sends a request; a load comes with the file that it names, if there is one.
    pub(crate) fn start<R: Request>(&mut self, params: &R::Params) -> i64 {
        let client = self.client.as_mut().unwrap();
        if [LoadModel::METHOD, LoadDraft::METHOD].contains(&R::METHOD) {
            let params = serde_json::to_value(params).unwrap();
            let opened = File::open(params["modelRef"].as_str().unwrap());
            if let Ok(file) = opened {
                self.giver.give_unchecked(client.next_number(), &file).unwrap();
            }
        }
        client.start::<R>(params).unwrap()
    }

    /// Passes a file, as it is now, for the next load.
    pub(crate) fn give(&self, file: &File) {
        let request = self.client.as_ref().unwrap().next_number();
        self.giver.give_unchecked(request, file).unwrap();
    }

    /// The next thing that comes.
    pub(crate) fn event(&mut self) -> ClientEvent {
        match self.client.as_ref().unwrap().events().recv_timeout(DEADLINE) {
            Ok(event) => event,
            Err(_) => panic!("nothing comes; stderr: {}", self.stderr()),
        }
    }

    /// Calls and waits; notifications that come meanwhile go to `on_notification`.
    pub(crate) fn call<R: Request>(
        &mut self,
        params: &R::Params,
        on_notification: impl FnMut(&str, Value),
    ) -> Result<R::Answer, ErrorInfo> {
        let id = self.start::<R>(params);
        self.finish::<R>(id, on_notification)
    }

    /// Waits for an answer.
    pub(crate) fn finish<R: Request>(
        &mut self,
        id: i64,
        mut on_notification: impl FnMut(&str, Value),
    ) -> Result<R::Answer, ErrorInfo> {
        loop {
            match self.event() {
                ClientEvent::Answer(answered, result) if answered == id => {
                    return result.map(|answer| serde_json::from_value(answer).unwrap());
                }
                ClientEvent::Answer(..) => {}
                ClientEvent::Notification(method, params) => on_notification(&method, params),
                ClientEvent::Closed => panic!("the worker is gone; stderr: {}", self.stderr()),
            }
        }
    }

    pub(crate) fn generate(&mut self, params: &WorkerGenerateParams) -> Generated {
        let id = self.start::<WorkerGenerate>(params);
        self.finish_generation(id, params.request_id)
    }

    pub(crate) fn finish_generation(&mut self, id: i64, request_id: u64) -> Generated {
        let (mut text, mut progress, mut beats) = (String::new(), Vec::new(), Vec::new());
        let result = self.finish::<WorkerGenerate>(id, |method, params| {
            if method == Token::METHOD {
                let token: TokenParams = serde_json::from_value(params).unwrap();
                assert_eq!((token.worker, token.request_id), (WORKER, request_id));
                assert!(!token.text.is_empty());
                text.push_str(&token.text);
            } else if method == PrefillProgress::METHOD {
                let it: PrefillProgressParams = serde_json::from_value(params).unwrap();
                assert_eq!((it.worker, it.request_id), (WORKER, request_id));
                progress.push(it);
            } else if method == Heartbeat::METHOD {
                let it: HeartbeatParams = serde_json::from_value(params).unwrap();
                assert_eq!(it.worker, WORKER);
                beats.push(it.progress);
            } else {
                panic!("unexpected {method}");
            }
        });
        Generated { text, progress, beats, result }
    }

    /// Closes the worker's stdin.
    pub(crate) fn hang_up(&mut self) {
        self.client = None;
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A chat of one message, answered greedily.
pub(crate) fn chat(request_id: u64, content: &str) -> WorkerGenerateParams {
    let messages = vec![
        ChatMessage { role: Role::System, content: "You are a coding assistant.".into() },
        ChatMessage { role: Role::User, content: content.into() },
    ];
    WorkerGenerateParams {
        request_id,
        purpose: Purpose::Edit,
        prompt: WorkerPrompt::Chat {
            messages,
            prefill: "```python\n".into(),
            partings: Vec::new(),
        },
        sampling: WorkerSampling { temperature: 0.0, top_p: 1.0, repeat_penalty: 1.0, seed: 1 },
        max_tokens: 24,
        stop: Vec::new(),
        draft: String::new(),
        plain: false,
        block_end: None,
    }
}

/// Almost any token is as likely as any other, so that the text seldom ends by itself.
pub(crate) fn noise(request_id: u64, seed: u32) -> WorkerGenerateParams {
    let sampling = WorkerSampling { temperature: 1000.0, top_p: 1.0, repeat_penalty: 1.0, seed };
    WorkerGenerateParams { sampling, ..chat(request_id, "def f():\n    pass\n") }
}

/// Text of about `lines` times ten tokens.
pub(crate) fn long_text(lines: usize) -> String {
    (0..lines).map(|line| format!("value_{line} = {line}\n")).collect()
}

/// A small generator, so that a schedule can be reproduced from its number.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % count
    }
}
