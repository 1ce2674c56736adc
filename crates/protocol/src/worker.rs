//! Host to worker: the narrow interface to llama.cpp. One model, one request at a time.

use serde::{Deserialize, Serialize};

use crate::limits::WORKER_START_MS;
use crate::request::{notifications, requests};
use crate::{Device, FinishReason, MemoryUse, Nothing, Usage};

/// Which worker this is: the slot it runs in, and which of the processes that this host has
/// started. Every message of a worker carries both, since what a dead worker wrote may still be in
/// its pipe when the next one has started: an answer that carries another generation is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerId {
    /// Which of the host's workers.
    pub slot: u32,
    /// Counts up with each start, over all slots, so that the number alone is unambiguous.
    pub generation: u64,
}

/// The host introduces itself and names the worker. The first message of every worker; one that has
/// not answered within [`WORKER_START_MS`] is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerHelloParams {
    /// [`crate::WORKER_VERSION`] of the host.
    pub worker_version: u32,
    /// The name the worker puts into every message.
    pub worker: WorkerId,
    /// Milliseconds between its heartbeats; see [`HeartbeatParams`].
    pub heartbeat_ms: u64,
}

/// The worker's introduction, answered before llama.cpp is asked for anything slow: a slow GPU
/// driver must not look like a program that does not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerHelloAnswer {
    /// [`crate::WORKER_VERSION`] of the worker.
    pub worker_version: u32,
    /// [`crate::BUILD_ID`] of the worker.
    pub build_id: String,
    pub pid: u32,
    pub llama_build: String,
    pub worker: WorkerId,
    /// What the system refuses it.
    #[serde(default)]
    pub confined: Confined,
}

/// What keeps a program to its work, whatever a hostile model or file makes it want.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Confined {
    /// Whether system calls are filtered: no network, no debugging of others, and of a worker no
    /// sockets, programs and files either.
    pub calls: bool,
    /// Whether files have rules of their own: nothing is written, made or removed but in folders of
    /// its own.
    pub files: bool,
    /// Why what is missing is missing, as a clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub why: Option<String>,
}

/// Where a worker could compute. Asked once, after the hello: some GPUs take a while to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicesAnswer {
    pub worker: WorkerId,
    /// GPUs first.
    pub devices: Vec<Device>,
}

/// An answer that proves the worker's request loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PingAnswer {
    pub worker: WorkerId,
    pub loaded: bool,
    pub busy: bool,
}

/// How the KV cache is stored.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum KvStorage {
    /// 16-bit floats.
    #[default]
    F16,
    /// 8 bits and a scale for 32 values: half the memory. On a CPU it costs decode speed, because
    /// it needs flash attention.
    Q8_0,
}

/// How to run a model. The host decides all of it: a worker that can't run a model in this way
/// fails, and which way is tried next is decided where earlier crashes and the other workers are
/// known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadProfile {
    /// Size of the context window in tokens; the worker clamps it to what the model was
    /// trained for and says what it took.
    pub context_tokens: u32,
    /// Most prompt tokens computed in one step; a cancel takes effect within one.
    pub batch_tokens: u32,
    /// Threads that compute; 0 lets the worker choose by the model's size.
    pub threads: u32,
    /// Layers on the GPU; `None` for all.
    pub gpu_layers: Option<u32>,
    /// How the KV cache is stored.
    pub kv: KvStorage,
    /// Whether the weights may be loaded a second time, rearranged for the processor, where that
    /// is faster. Until then, and without it, they are used as they are in the file.
    pub repack: bool,
}

/// What one step of the computation costs on this machine. A step of several tokens costs less than
/// as many single ones, and how much less decides how many tokens a draft should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepCost {
    /// Tokens in the step.
    pub rows: u32,
    /// Its time in microseconds.
    pub time_us: u64,
}

/// What the worker has measured of a model on this machine. The host keeps it for the next
/// worker; it makes things faster and changes nothing that is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Whether weights that are rearranged for the processor's kernels are the faster ones;
    /// `None` where it was not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repacking_pays: Option<bool>,
    /// Costs of steps that decide how long a draft is worth its cost.
    #[serde(default)]
    pub step_costs: Vec<StepCost>,
}

/// Load a model. The worker opens no file: the host has opened and checked it, and passes the
/// descriptor, so that what was checked is what llama.cpp reads, whatever has the name by then.
/// There is no deadline, since it takes as long as the disk needs; progress and heartbeats come
/// meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadModelParams {
    /// Where the GGUF was found whose header the host has checked, for words alone: the file
    /// itself is given beside the request, see [`crate::MODELS_FD`].
    pub model_ref: String,
    /// Its chat template in Jinja; that of the file where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    pub profile: LoadProfile,
    /// What an earlier worker has measured of it.
    #[serde(default)]
    pub measured: Measured,
}

/// What was loaded, which may differ from what was asked for in the window and the number of
/// threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadModelAnswer {
    pub worker: WorkerId,
    /// Context window that was made, in tokens.
    pub context_tokens: u32,
    pub threads: u32,
    /// Where it computes, such as `CPU` or `Metal`.
    pub device: String,
    /// Memory that it took.
    pub memory: MemoryUse,
    pub load_ms: u64,
}

/// When a draft model is asked for guesses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DraftWhen {
    /// Where the measured costs of both models say that it makes writing faster.
    #[default]
    Pays,
    /// Wherever nothing else has a guess, whatever it costs: to measure and to test.
    Always,
}

/// Load a small model beside the loaded one, with the same tokens: it guesses what that one writes.
/// A load of its own, so that no answer waits for it and a failure costs nothing else. It runs as
/// the loaded one does, and goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadDraftParams {
    /// As [`LoadModelParams::model_ref`]; the file is given in the same way.
    pub model_ref: String,
    #[serde(default)]
    pub when: DraftWhen,
}

/// What was loaded to draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadDraftAnswer {
    pub worker: WorkerId,
    /// Memory that it took beside the loaded model.
    pub memory: MemoryUse,
    pub step_us: u64,
    pub load_ms: u64,
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadProgressParams {
    pub worker: WorkerId,
    /// 0 to 1.
    #[serde(deserialize_with = "crate::number::finite")]
    pub fraction: f32,
}

/// A sign of life, sent at the interval of [`WorkerHelloParams::heartbeat_ms`] while anything that
/// was asked for is not answered yet, by a thread that does not compute. It tells three cases apart
/// that all look like silence otherwise: a worker that computes for long, one that hangs in native
/// code, and one that is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatParams {
    pub worker: WorkerId,
    /// Goes up with what was computed: parts of a load, nodes of a graph on a CPU, tokens. A worker
    /// whose heartbeats arrive but whose number does not grow hangs in native code.
    pub progress: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// One message of a chat. The template of the model turns it into tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    pub role: Role,
    /// What they say. Never parsed for control tokens.
    pub content: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WorkerPrompt {
    /// A chat in the model's own template.
    Chat {
        messages: Vec<ChatMessage>,
        /// What the assistant's turn begins with.
        prefill: String,
        /// How many bytes of the last message other prompts are likely to begin with too, at each
        /// place where some may differ, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        partings: Vec<u32>,
    },
    /// Text as it is. Control tokens in it are not parsed.
    Raw {
        /// The text.
        text: String,
    },
    /// Text with special tokens of the model between its parts, which mark what each part is. The
    /// next part of the last text is what is to be written.
    Infill {
        /// In order.
        parts: Vec<InfillPart>,
    },
}

/// A part of a prompt by which a gap is filled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum InfillPart {
    /// A token of control, by its number in the vocabulary.
    Token {
        /// The number.
        token: u32,
    },
    /// Text as it is. Control tokens in it are not parsed.
    Text {
        /// The text.
        text: String,
    },
}

/// Where a text ends by its layout: before the first of its own lines that is not blank and is
/// indented less than this. The line in which the text begins is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockEnd {
    /// White space, in characters, that lines of the block begin with.
    pub indent_chars: u32,
    /// Whether such a line is its last one where it begins with a closing bracket.
    pub closes: bool,
}

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSampling {
    /// 0 is greedy.
    #[serde(deserialize_with = "crate::number::finite")]
    pub temperature: f32,
    /// 0 to 1; 1 is off.
    #[serde(deserialize_with = "crate::number::finite")]
    pub top_p: f32,
    /// 1 is off.
    #[serde(deserialize_with = "crate::number::finite")]
    pub repeat_penalty: f32,
    /// The same seed and prompt give the same text.
    pub seed: u32,
}

/// What a text is written for. Each keeps the tokens it computed apart from the others', so that
/// none evicts another's; a beginning that two have in common is shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// Rewriting code.
    #[default]
    Edit,
    /// Explaining, and everything else that is read.
    Answer,
    /// Completing code at the cursor.
    Completion,
}

impl Purpose {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Edit, Self::Answer, Self::Completion];
}

/// Write text. It streams as `token` notifications, which come before the answer and are the whole
/// text: the answer does not repeat it. One generation runs at a time; it ends early with
/// [`WorkerCancelParams`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerGenerateParams {
    /// Names the generation in its notifications and in `cancel`. Chosen by the host.
    pub request_id: u64,
    pub purpose: Purpose,
    pub prompt: WorkerPrompt,
    /// How tokens are chosen.
    pub sampling: WorkerSampling,
    /// Most tokens to write.
    pub max_tokens: u32,
    /// Strings that end the text and are not part of it.
    pub stop: Vec<String>,
    /// What the text is expected to resemble, such as the code that it rewrites. It makes the
    /// writing faster where it does, and never changes what is written. Empty for none.
    pub draft: String,
    /// Whether each token is computed by itself, and none is guessed: to measure what guesses are
    /// worth, and to see that they change nothing.
    #[serde(default)]
    pub plain: bool,
    /// Where it ends by its layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_end: Option<BlockEnd>,
}

/// A finished generation: everything but its text, which has been streamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerGenerateAnswer {
    pub worker: WorkerId,
    pub finish: FinishReason,
    pub usage: Usage,
    /// Tokens that the KV cache holds now, for all purposes together.
    pub held_tokens: u32,
    /// What is known of the model's speed now.
    pub measured: Measured,
    #[serde(default)]
    pub draft: DraftUse,
    /// The mean of what the logarithms of the written tokens' probabilities are, as the model gives
    /// them: 0 where it was sure of each. Of [`Purpose::Completion`] alone, which is shown unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::number::finite_if_any")]
    pub mean_log_probability: Option<f32>,
}

/// What a draft model did for one generation; in [`Usage`], too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DraftUse {
    /// Steps of the loaded model that its guesses were in.
    pub rounds: u32,
    pub drafted_tokens: u32,
    /// How many of these were written.
    pub accepted_tokens: u32,
    /// Time that it took to read and to guess, in milliseconds.
    pub time_ms: f64,
}

/// Ask how well the model foresees a text that another may have written after a prompt: what a
/// draft model would be worth is known before it drafts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreTextParams {
    pub prompt: WorkerPrompt,
    pub text: String,
}

/// What it would have said at each token of the text, given the prompt and all tokens before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreTextAnswer {
    pub worker: WorkerId,
    pub prompt: Vec<i32>,
    pub tokens: Vec<Foreseen>,
}

/// A token of the text and what was likeliest in its place, given all before it. `bytes` is how
/// much of the text the token writes; `probability` is that of `likeliest`, and not of `token`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Foreseen {
    pub token: i32,
    pub bytes: u32,
    /// The likeliest there, given all before it.
    pub likeliest: i32,
    #[serde(deserialize_with = "crate::number::finite")]
    pub probability: f32,
}

/// A piece of text, always whole characters: what of a character is written is held back until the
/// rest is there, since tokens end anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenParams {
    pub worker: WorkerId,
    pub request_id: u64,
    pub text: String,
}

/// How much of a prompt has been computed. Tokens that were found in the cache count as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefillProgressParams {
    pub worker: WorkerId,
    pub request_id: u64,
    /// Prompt tokens computed or found in the cache.
    pub done_tokens: u32,
    pub total_tokens: u32,
}

/// Stop a generation. Two answers come: that of `cancel` at once, and that of the generation, the
/// error `cancelled`, when the step that is being computed has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerCancelParams {
    pub request_id: u64,
}

/// Write the state of what all prompts of a kind begin with into the exchange file, so that a later
/// worker need not compute it. Only what is held already is written. The file is shared with the
/// host through [`crate::EXCHANGE_FD`], since a state is far too large for a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavePrefixParams {
    /// A chat whose last message ends where the user's own text would begin.
    pub prompt: WorkerPrompt,
}

/// Take over what an earlier worker wrote with [`SavePrefixParams`]; the host has put it into the
/// exchange file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestorePrefixParams {
    /// As when it was saved.
    pub prompt: WorkerPrompt,
    /// Length of what is in the exchange file.
    pub bytes: u64,
}

/// What came of saving or restoring. To do neither is a good answer: a state is only ever a matter
/// of speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrefixAnswer {
    pub worker: WorkerId,
    /// Tokens that were saved or restored; 0 where nothing was.
    pub tokens: u32,
    /// Length of what is in the exchange file.
    pub bytes: u64,
}

/// Count tokens, so that the host can lay out a prompt that fits. Only a worker can: the vocabulary
/// is llama.cpp's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CountTokensParams {
    /// Each is counted by itself.
    pub texts: Vec<String>,
}

/// One count a text, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CountTokensAnswer {
    pub worker: WorkerId,
    pub counts: Vec<u32>,
}

requests! { WORKER_REQUESTS:
    /// See [`WorkerHelloParams`].
    WorkerHello = "hello", WorkerHelloParams => WorkerHelloAnswer, idempotent: true, deadline_ms: Some(WORKER_START_MS);
    /// See [`PingAnswer`].
    Ping = "ping", Nothing => PingAnswer, idempotent: true, deadline_ms: Some(10_000);
    /// See [`DevicesAnswer`].
    Devices = "devices", Nothing => DevicesAnswer, idempotent: true, deadline_ms: Some(30_000);
    /// See [`LoadModelParams`]. Progress comes as `loadProgress`.
    LoadModel = "loadModel", LoadModelParams => LoadModelAnswer, idempotent: true, deadline_ms: None;
    /// See [`LoadDraftParams`].
    LoadDraft = "loadDraft", LoadDraftParams => LoadDraftAnswer, idempotent: true, deadline_ms: None;
    /// Give the draft model's memory back; the other stays.
    UnloadDraft = "unloadDraft", Nothing => Nothing, idempotent: true, deadline_ms: Some(30_000);
    /// See [`ScoreTextParams`].
    ScoreText = "scoreText", ScoreTextParams => ScoreTextAnswer, idempotent: true, deadline_ms: None;
    /// Give the model's memory back, and that of its draft model.
    UnloadModel = "unloadModel", Nothing => Nothing, idempotent: true, deadline_ms: Some(30_000);
    /// See [`CountTokensParams`].
    CountTokens = "countTokens", CountTokensParams => CountTokensAnswer, idempotent: true, deadline_ms: Some(30_000);
    /// See [`WorkerGenerateParams`].
    WorkerGenerate = "generate", WorkerGenerateParams => WorkerGenerateAnswer, idempotent: false, deadline_ms: None;
    /// See [`SavePrefixParams`].
    SavePrefix = "savePrefix", SavePrefixParams => PrefixAnswer, idempotent: true, deadline_ms: Some(30_000);
    /// See [`RestorePrefixParams`].
    RestorePrefix = "restorePrefix", RestorePrefixParams => PrefixAnswer, idempotent: true, deadline_ms: Some(30_000);
    /// See [`WorkerCancelParams`]. Answered at once; `found` says whether it was running.
    WorkerCancel = "cancel", WorkerCancelParams => CancelAnswer, idempotent: true, deadline_ms: Some(5_000);
}

notifications! { WORKER_NOTIFICATIONS:
    /// See [`LoadProgressParams`].
    LoadProgress = "loadProgress", LoadProgressParams;
    /// See [`HeartbeatParams`].
    Heartbeat = "heartbeat", HeartbeatParams;
    /// See [`PrefillProgressParams`].
    PrefillProgress = "prefillProgress", PrefillProgressParams;
    /// See [`TokenParams`].
    Token = "token", TokenParams;
}

use crate::CancelAnswer;
