//! Client to host: what the extension and the command line ask, and what the host tells them.

use serde::{Deserialize, Serialize};

use crate::request::{notifications, requests};
use crate::{
    CompleteAnswer, CompleteParams, Confined, ContextUse, Diagnostic, DocumentText, Edit, EditId,
    ErrorAction, ErrorInfo, Exchange, FinishReason, LineRange, LocateEditsAnswer,
    LocateEditsParams, MemoryUse, NextEditAnswer, NextEditParams, PendingEdit,
    RecordDecisionParams, ResidentDraft, Scope, SnoozeParams, TestRun, TextAnswer, TriedParams,
    TryEditParams, Usage, WhyNothing,
};

/// Names one request of one connection, so that its stream can be told apart and it can be
/// cancelled. Chosen by the client; unique among its running requests; at most 64 bytes.
pub type RequestId = String;

/// An empty answer or empty parameters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Nothing {}

/// What the model is doing, for a status bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum EngineState {
    /// No worker runs; the next request starts one.
    Idle,
    /// The worker process is starting.
    Starting,
    /// The model is being read.
    Loading {
        /// 0 to 1.
        #[serde(deserialize_with = "crate::number::finite")]
        fraction: f32,
    },
    /// Ready to answer.
    Ready,
    /// Answering.
    Working,
    /// Something was asked of it and nothing comes, not even a sign of life. It is ended if that
    /// lasts.
    Unresponsive,
    /// The last start, load or worker failed; the next request tries again.
    Failed {
        /// What went wrong.
        error: ErrorInfo,
    },
}

/// A model as the host resolved it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelInfo {
    /// `demo`, the id of an installed model, or the path that was given.
    pub reference: String,
    /// Name from the file's own metadata, else the file name.
    pub name: String,
    /// Architecture from the file, such as `qwen2`.
    pub architecture: String,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// Context length the model was trained for, in tokens.
    pub trained_context_tokens: u32,
    /// Whether this is the bundled demo model, which is not a code assistant.
    pub demo: bool,
    /// What its license wants shown where it is used.
    #[serde(default)]
    pub attribution: Vec<String>,
}

/// What the host is and does now. Understood by clients of every version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct HostStatus {
    /// [`crate::PROTOCOL_VERSION`] of the host.
    pub protocol_version: u32,
    /// [`crate::BUILD_ID`] of the host.
    pub build_id: String,
    /// Process id of the host.
    pub pid: u32,
    /// How long it has run, in milliseconds.
    pub uptime_ms: u64,
    /// What the system refuses the host itself.
    #[serde(default)]
    pub confined: Confined,
    /// Connected clients.
    pub clients: u32,
    /// Requests running or waiting.
    pub requests: u32,
    /// What the engine does.
    pub engine: EngineState,
    /// The model in use, where one is resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<ModelInfo>,
    /// The worker, where one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub worker: Option<WorkerStatus>,
    /// Size of the context window in tokens, where a model is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub context_tokens: Option<u32>,
    /// Tokens of code and answers that the model need not read again, where a model is loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub held_tokens: Option<u32>,
    /// Memory of the loaded model, as measured when it was loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub memory: Option<MemoryUse>,
    /// How fast the model in use was in its last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub speed: Option<Speed>,
    /// Name of the profile in force.
    #[serde(default)]
    pub profile: String,
    /// All models that are loaded, the one in use among them.
    #[serde(default)]
    pub residents: Vec<Resident>,
    /// Memory that could be had when the host looked last, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub free_bytes: Option<u64>,
    /// Where the worker could compute.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// What is otherwise than was set, and why: a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why nothing is suggested at the cursor, where that is so for every place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub no_ghost_text: Option<WhyNothing>,
}

/// How fast a model reads and writes, over a whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Speed {
    /// Prompt tokens a second; 0 where there were too few to tell.
    pub read_tokens_per_s: f64,
    /// Written tokens a second, guessed ones included.
    pub written_tokens_per_s: f64,
}

/// A model in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Resident {
    /// Which.
    pub model: ModelInfo,
    /// Its context window in tokens.
    pub context_tokens: u32,
    /// What it takes.
    pub memory: MemoryUse,
    /// Where it computes.
    pub device: String,
    /// Process id of its worker.
    pub pid: u32,
    /// The small model that guesses what it writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub draft: Option<ResidentDraft>,
}

/// A processor that a model could run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Device {
    /// As the engine names it, such as `Metal` or `CPU`.
    pub name: String,
    /// As its maker names it.
    pub description: String,
    /// Whether it is a GPU.
    pub gpu: bool,
    /// Its memory in bytes; that of the machine where it shares it. 0 where it does not tell.
    pub memory_bytes: u64,
}

/// Which models fit into the memory that is free now: those of every profile, and others by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SurveyParams {
    /// References of models beside those of the profiles; at most 64.
    #[serde(default)]
    pub models: Vec<String>,
}

/// See [`SurveyParams`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SurveyAnswer {
    /// Memory that could be had, in bytes, where the system tells. What is loaded counts as free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub free_bytes: Option<u64>,
    /// Every profile, the built-in ones first.
    pub profiles: Vec<ProfileSurvey>,
    /// The models that were named, in that order, each as the profile in force would run it.
    pub models: Vec<ModelSurvey>,
}

/// What choosing a profile would mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ProfileSurvey {
    /// By which it is chosen.
    pub name: String,
    /// In a sentence.
    pub summary: String,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// Its model for code.
    pub code: ModelSurvey,
    /// Its model for everything else, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub general: Option<ModelSurvey>,
}

/// Whether a model can be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum Verdict {
    /// It is loaded.
    Loaded,
    /// There is room for it.
    Fits,
    /// There is not, unless other programs are closed or the window is smaller.
    TooLarge,
    /// Its profile does not allow a model of its size.
    NotAllowed,
    /// It is not there, or can't be used.
    Unusable,
    /// The system does not tell its memory.
    Unknown,
}

/// A model in numbers and words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelSurvey {
    /// As it was named.
    pub reference: String,
    /// For people; the reference where it is not there.
    pub name: String,
    /// Whether it can be loaded.
    pub verdict: Verdict,
    /// The window that it would have, in tokens; 0 where it is not there.
    pub context_tokens: u32,
    /// What it would take with that window, in bytes.
    pub needed_bytes: u64,
    /// Whether that was measured at an earlier load; else it is computed from the file's header.
    pub measured: bool,
    /// The same in words: what it needs, what is free, and what to do where that is too little.
    pub text: String,
}

/// Something that the user may want to change, reported once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SuggestionParams {
    /// What was seen, and what could be done: whole sentences with their numbers.
    pub message: String,
    /// What a button does.
    pub action: ErrorAction,
}

/// The worker process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct WorkerStatus {
    /// Process id.
    pub pid: u32,
    /// How many workers this host has started so far.
    pub generation: u64,
    /// Version of llama.cpp in it.
    pub llama_build: String,
    /// Where it computes, such as `CPU` or `Metal`.
    pub device: String,
    /// What the system refuses it.
    pub confined: Confined,
}

/// Do something with the selected lines. A text streams as `delta`; an edit comes whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct AssistParams {
    /// See [`RequestId`].
    pub request_id: RequestId,
    /// What to do: [`crate::CommandSpec::id`].
    pub command: String,
    /// The document as it is now.
    pub document: DocumentText,
    /// The lines it is about.
    pub selection: LineRange,
    /// What to do with them in words, where the command takes any; blank is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub instruction: Option<String>,
    /// What was asked about these lines before and answered, the oldest first: `instruction` is a
    /// question that follows. The document and the lines are those of the first. For commands whose
    /// answer is a text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<Vec<Exchange>>"))]
    pub conversation: Vec<Exchange>,
    /// What the user's tools say about the document. What is about the lines is reported to the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<Vec<Diagnostic>>"))]
    pub diagnostics: Vec<Diagnostic>,
    /// The edit that waits for a decision and is to be changed by this instruction. The document is as
    /// it was before that edit, `selection` is not looked at, and the answer takes the edit's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub pending: Option<PendingEdit>,
    /// Asks for another answer than the one that is usual, and than those with other numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub variation: Option<u32>,
    /// Whether the edit is shown while it is written ([`DraftParams`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<bool>"))]
    pub drafts: bool,
    /// The user's own test of the lines, as it went on the document as it is. Where there is one,
    /// the client runs it on each edit that the host names ([`TryEditParams`]), before one is
    /// shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub test: Option<TestRun>,
    /// `demo`, an installed model's id or the path of a GGUF; the one that the command is for where
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<String>,
    /// Values of settings that count more than what is set, for this request alone.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[cfg_attr(feature = "codegen", ts(optional, type = "Record<string, unknown>"))]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl AssistParams {
    /// A command on lines as they are: without words, tests or anything that was asked before, on
    /// the model and with the settings that are set.
    #[must_use]
    pub fn new(
        request_id: impl Into<String>,
        command: impl Into<String>,
        document: DocumentText,
        selection: LineRange,
    ) -> Self {
        Self {
            request_id: request_id.into(),
            command: command.into(),
            document,
            selection,
            instruction: None,
            conversation: Vec::new(),
            diagnostics: Vec::new(),
            pending: None,
            variation: None,
            drafts: false,
            test: None,
            model: None,
            settings: serde_json::Map::new(),
        }
    }
}

/// What came of it; which kind is the command's [`crate::AnswerKind`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is sent at once")]
pub enum AssistAnswer {
    /// The lines, changed.
    Edit(EditAnswer),
    /// A text about them.
    Text(TextAnswer),
}

/// A finished rewrite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EditAnswer {
    /// By which [`RecordDecisionParams`] names it; a host before these has none.
    #[serde(default)]
    pub edit_id: EditId,
    /// The edit. Where `unchanged`, its replacement is its original.
    pub edit: Edit,
    /// What the edit needs where the document brings in what it uses. Both are applied as one step,
    /// or neither is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub imports: Option<Edit>,
    /// The model found nothing to change.
    pub unchanged: bool,
    /// The edit's changes in order, each an edit that can be kept or dropped by itself. Together they
    /// are `edit`; none is that of `imports`.
    pub hunks: Vec<Edit>,
    /// The change as a unified diff, with the document's path.
    pub diff: String,
    /// What the user should look at before keeping it.
    pub warnings: Vec<String>,
    /// What was done otherwise than was asked for, such as more lines than were selected.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why nothing was changed though an instruction said what to change, in the model's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub reason: Option<String>,
    /// Why the answer may well be wrong: what was found in it, and was found again when the model
    /// was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub unsure: Option<String>,
    /// How the user's own test went on this edit, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub test: Option<TestRun>,
    /// Why the user is to be asked before the document is written: what reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub sensitive: Option<String>,
    /// How often the model had to be asked.
    pub attempts: u32,
    /// What it cost, all attempts together.
    pub usage: Usage,
    /// What the model was given.
    pub context: ContextUse,
    /// Which model wrote it.
    pub model: ModelInfo,
}

/// Read the selected code ahead of a command on it, so that the command need not. Lowest of all:
/// it begins only while nothing else is to be done, ends as soon as anything is, and loads no
/// model. A newer one takes the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct PrepareParams {
    /// See [`RequestId`].
    pub request_id: RequestId,
    /// The document as it is now.
    pub document: DocumentText,
    /// The selected lines.
    pub selection: LineRange,
}

/// What came of a preparation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct PrepareAnswer {
    /// Whether all of it was read. What was read of it is kept either way.
    pub prepared: bool,
}

/// Sampling of a raw generation; the settings' values where absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SamplingParams {
    /// 0 is greedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    #[serde(deserialize_with = "crate::number::finite_if_any")]
    pub temperature: Option<f32>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    #[serde(deserialize_with = "crate::number::finite_if_any")]
    pub top_p: Option<f32>,
    /// 1 is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    #[serde(deserialize_with = "crate::number::finite_if_any")]
    pub repeat_penalty: Option<f32>,
    /// Random where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub seed: Option<u32>,
}

/// Raw access to the model, for scripts and benchmarks. The answer streams as `delta`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct GenerateParams {
    /// See [`RequestId`].
    pub request_id: RequestId,
    /// What the user says.
    pub prompt: String,
    /// The system message, where wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub system: Option<String>,
    /// Send the prompt as it is, without the chat template.
    #[serde(default)]
    pub raw: bool,
    /// Most tokens to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub max_tokens: Option<u32>,
    /// Strings that end the answer and are not part of it.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Overrides of the settings.
    #[serde(default)]
    pub sampling: SamplingParams,
    /// `demo`, an installed model's id or the path of a GGUF; the setting `generalModel` where
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<String>,
    /// Values of settings that count more than what is set, for this request alone.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[cfg_attr(feature = "codegen", ts(skip))]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A finished raw generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct GenerateAnswer {
    /// The whole text; the deltas joined.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it cost.
    pub usage: Usage,
    /// Which model wrote it.
    pub model: ModelInfo,
}

/// Names the request to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct CancelParams {
    /// A request of the same connection.
    pub request_id: RequestId,
}

/// Whether there was something to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct CancelAnswer {
    /// False where the request had already ended or never was.
    pub found: bool,
}

/// Get a model ready before it is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct WarmParams {
    /// `demo` or the path of a GGUF; the model for code where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<String>,
    /// Not asked for by the user: skipped where nothing is done ahead. One that is loaded
    /// and was not used for a while is made quick again.
    #[serde(default)]
    pub ahead: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct WarmAnswer {
    /// Whether the model is loaded.
    pub loaded: bool,
}

/// Give back the memory of an idle model, such as one that is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct UnloadParams {
    /// Its reference, or its file's path.
    pub model: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct UnloadAnswer {
    /// False where a request uses it, which continues.
    pub unloaded: bool,
}

/// Which lines are meant? Asked if nothing is selected, or more than models edit well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ScopesParams {
    /// The document as it is now.
    pub document: DocumentText,
    /// The selected lines, or the line of the cursor.
    pub selection: LineRange,
    /// Whether nothing is selected.
    pub empty: bool,
}

/// What may be meant. A document without anything at the place is the error `selectionEmpty`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ScopesAnswer {
    /// What is worked on without another question; else the user is to choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub chosen: Option<Scope>,
    /// What there is to choose from, the likeliest first.
    pub scopes: Vec<Scope>,
}

/// The editor's settings, as `localcoder.*` keys without that prefix. They replace those sent
/// before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ConfigureParams {
    /// Only values that the user set.
    #[cfg_attr(feature = "codegen", ts(type = "Record<string, unknown>"))]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// The product's own `settings.json` was changed: a running host reads it at its start and when it
/// is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ConfigureFileParams {
    /// All values as they are in the file; without them the host reads the file itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional, type = "Record<string, unknown>"))]
    pub settings: Option<serde_json::Map<String, serde_json::Value>>,
}

/// What was wrong with the settings, if anything. Good values are used all the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ConfigureAnswer {
    /// One error a bad value.
    pub errors: Vec<ErrorInfo>,
}

/// Where a request is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum Stage {
    /// Behind other requests.
    Queued,
    /// The worker or the model is being started.
    Loading,
    /// The prompt is being read.
    Prefill,
    /// The answer is being written.
    Generating,
    /// The user's own test is being run on the answer.
    Testing,
    /// The answer was unusable and the model is asked again.
    Retrying,
}

/// Tells how far a request is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ProgressParams {
    /// Which request.
    pub request_id: RequestId,
    /// Where it is.
    pub stage: Stage,
    /// 0 to 1 within the stage, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    #[serde(deserialize_with = "crate::number::finite_if_any")]
    pub fraction: Option<f32>,
    /// A few words for the user.
    pub message: String,
}

/// A piece of a streamed answer. For a rewrite: the code so far is not shown, only its growth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct DeltaParams {
    /// Which request.
    pub request_id: RequestId,
    /// Always whole characters.
    pub text: String,
}

/// An edit as far as it is written, for a request that asked for [`AssistParams::drafts`]. Nothing of
/// it is checked, and a later one or the answer may have none of it. Imports are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct DraftParams {
    /// Which request.
    pub request_id: RequestId,
    /// Lines of the request's document.
    pub range: LineRange,
    /// What is there so far, in whole lines; those that were not reached are as they were.
    pub text: String,
}

requests! { HOST_REQUESTS:
    /// What the host is and does now.
    Status = "status", Nothing => HostStatus, idempotent: true, deadline_ms: Some(5_000);
    /// Take no new work and end when the running work is done.
    Drain = "drain", Nothing => Nothing, idempotent: true, deadline_ms: Some(5_000);
    /// End now; running requests are answered with `draining`.
    Stop = "stop", Nothing => Nothing, idempotent: true, deadline_ms: Some(5_000);
    /// See [`ConfigureParams`].
    Configure = "configure", ConfigureParams => ConfigureAnswer, idempotent: true, deadline_ms: Some(5_000);
    /// See [`ConfigureFileParams`].
    ConfigureFile = "configureFile", ConfigureFileParams => ConfigureAnswer, idempotent: true, deadline_ms: Some(5_000);
    /// See [`WarmParams`]. Answered when the model is ready.
    Warm = "warm", WarmParams => WarmAnswer, idempotent: true, deadline_ms: None;
    /// See [`UnloadParams`].
    Unload = "unload", UnloadParams => UnloadAnswer, idempotent: true, deadline_ms: Some(5_000);
    /// See [`SurveyParams`]. Reads headers of files.
    Survey = "survey", SurveyParams => SurveyAnswer, idempotent: true, deadline_ms: Some(60_000);
    /// See [`PrepareParams`].
    Prepare = "prepare", PrepareParams => PrepareAnswer, idempotent: true, deadline_ms: None;
    /// See [`AssistParams`].
    Assist = "assist", AssistParams => AssistAnswer, idempotent: false, deadline_ms: None;
    /// See [`GenerateParams`].
    Generate = "generate", GenerateParams => GenerateAnswer, idempotent: false, deadline_ms: None;
    /// See [`CompleteParams`].
    Complete = "complete", CompleteParams => CompleteAnswer, idempotent: true, deadline_ms: None;
    /// See [`NextEditParams`].
    PredictEdit = "predictEdit", NextEditParams => NextEditAnswer, idempotent: true, deadline_ms: None;
    /// See [`SnoozeParams`].
    Snooze = "snooze", SnoozeParams => Nothing, idempotent: true, deadline_ms: Some(5_000);
    /// Stop a request of this connection. It is answered with the error `cancelled`.
    Cancel = "cancel", CancelParams => CancelAnswer, idempotent: true, deadline_ms: Some(5_000);
    /// See [`LocateEditsParams`].
    LocateEdits = "locateEdits", LocateEditsParams => LocateEditsAnswer, idempotent: true, deadline_ms: Some(5_000);
    /// See [`ScopesParams`].
    Scopes = "scopes", ScopesParams => ScopesAnswer, idempotent: true, deadline_ms: Some(5_000);
    /// See [`TriedParams`].
    Tried = "tried", TriedParams => Nothing, idempotent: true, deadline_ms: Some(5_000);
    /// See [`RecordDecisionParams`].
    RecordDecision = "recordDecision", RecordDecisionParams => Nothing, idempotent: true, deadline_ms: Some(5_000);
}

notifications! { HOST_NOTIFICATIONS:
    /// See [`ProgressParams`].
    Progress = "progress", ProgressParams;
    /// See [`DeltaParams`].
    Delta = "delta", DeltaParams;
    /// See [`DraftParams`].
    Draft = "draft", DraftParams;
    /// See [`TryEditParams`].
    TryEdit = "tryEdit", TryEditParams;
    /// See [`SuggestionParams`]. Sent to editors that asked for the status.
    Suggestion = "suggestion", SuggestionParams;
    /// Sent to clients that asked for it, at most once every 100 ms.
    StatusChanged = "statusChanged", HostStatus;
}
