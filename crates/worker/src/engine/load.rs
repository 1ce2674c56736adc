//! Loads and replaces the model, and says why a load failed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crossbeam_channel::{Receiver, never};
use localcoder_disk::Stamp;
use localcoder_protocol::limits::CONTEXT_TOKENS_MAX;
use localcoder_protocol::{
    ErrorAction, ErrorCode, ErrorInfo, LoadModelAnswer, LoadModelParams, LoadProfile, LoadProgress,
    LoadProgressParams, Measured, says_out_of_memory,
};
use localcoder_transport::handover::Handed;

use super::file::{damaged, inspect, not_given, unchanged};
use super::repacking::{Outcome, Repacking};
use super::session::SEQUENCES;
use super::{Engine, Session, threads};
use crate::generate::{DraftModel, Pace, ROWS_MAX};
use crate::llama::{
    Context, ContextParams, LoadError, Log, LogLines, MemoryKind, Model, ModelParams,
};
use crate::prompt::{CHATML, ChatTemplate};

/// Larger batches are not faster and delay a cancel.
const BATCH_TOKENS_MAX: u32 = 2048;
/// On a GPU a batch that has begun runs to its end, even after a cancel: 64 tokens of a 7B take
/// about 200 ms at the 340 tokens a second that an M3 Pro is said to compute.
const GPU_BATCH_TOKENS_MAX: u32 = 64;
/// Up to this size a second thread costs more than it computes.
const ONE_THREAD_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Beginnings of prompts that are kept in addition to the sequences of the purposes, for models
/// that fold what they read into a state: what all prompts begin with, those of two selections, and
/// a prompt that was prepared.
const KEPT_SEQUENCES: usize = 5;
/// How many states of the last step are kept. llama.cpp writes each with nodes of its graph that it
/// does not count in advance: on the shape of LFM2 1.2B it ends the process at 31.
const STATES_BACK: u32 = 7;
/// The most memory that these states may take together: enough for the LFM2 models up to 1.2B,
/// which look two tokens back. What a delta net folds its tokens into is a hundred times as large.
const STATES_BYTES_MAX: u64 = 24 * 1024 * 1024;

#[expect(clippy::cast_possible_truncation, reason = "it is small")]
const OUTPUTS: u32 = ROWS_MAX as u32;

pub(super) const CPU: &str = "CPU";

/// Parts of llama.cpp's messages with the error code of each; the first match counts. Lack of
/// memory is checked between these and [`OTHER_REASONS`], since its messages may contain words of
/// those.
const REASONS: &[(&str, ErrorCode)] = &[
    ("not within the file bounds", ErrorCode::ModelDamaged),
    ("exceeds remaining file size", ErrorCode::ModelDamaged),
    ("no longer supported", ErrorCode::ModelUnsupported),
    ("only supports up to version", ErrorCode::ModelUnsupported),
    ("unknown model architecture", ErrorCode::ModelUnsupported),
    ("unsupported", ErrorCode::ModelUnsupported),
    ("unknown pre-tokenizer", ErrorCode::ModelUnsupported),
    ("unknown tokenizer", ErrorCode::ModelUnsupported),
    ("cannot be used as main model", ErrorCode::ModelUnsupported),
    ("not implemented", ErrorCode::ModelUnsupported),
    ("invalid ggml type", ErrorCode::ModelUnsupported),
];

const OTHER_REASONS: &[(&str, ErrorCode)] = &[
    ("gguf", ErrorCode::ModelDamaged),
    ("corrupted", ErrorCode::ModelDamaged),
    ("failed to read", ErrorCode::ModelDamaged),
    ("missing tensor", ErrorCode::ModelDamaged),
    ("wrong number of tensors", ErrorCode::ModelDamaged),
    ("wrong shape", ErrorCode::ModelDamaged),
    ("wrong type", ErrorCode::ModelDamaged),
    ("invalid", ErrorCode::ModelDamaged),
    ("key not found", ErrorCode::ModelDamaged),
];

pub(crate) struct Loaded {
    params: LoadModelParams,
    stamp: Stamp,
    answer: LoadModelAnswer,
    pub(crate) model: Arc<Model>,
    /// The path of its file if it runs on the CPU alone, where a draft model may help.
    pub(crate) cpu_model: Option<String>,
    pub(crate) template: Result<ChatTemplate, ErrorInfo>,
    pub(crate) session: Session,
    pub(crate) pace: Pace,
    pub(crate) draft: Option<DraftModel>,
    measured: Measured,
    repacking: Option<Repacking>,
}

impl Loaded {
    pub(super) fn profile(&self) -> LoadProfile {
        self.params.profile
    }

    pub(super) fn window(&self) -> u32 {
        self.answer.context_tokens
    }

    pub(super) fn threads(&self) -> u32 {
        self.answer.threads
    }

    pub(super) fn device(&self) -> &str {
        &self.answer.device
    }

    pub(crate) fn measured(&self) -> Measured {
        if self.repacking.is_some() {
            // The pace so far is that of weights that are about to be replaced.
            return self.measured.clone();
        }
        Measured { step_costs: self.pace.costs(), ..self.measured.clone() }
    }
}

impl Engine {
    /// Loads a model in place of the previous one. The same model with the same profile stays as it
    /// is, with all that its session has read, unless its file was replaced. After an error no
    /// model is loaded, except if the file was refused by its first look.
    ///
    /// # Errors
    /// What is wrong with the file, what the system is short of, or llama.cpp's reason, from its
    /// log: its C interface reports only that a load failed.
    pub(super) fn load(
        &mut self,
        params: LoadModelParams,
        given: Option<Handed>,
    ) -> Result<LoadModelAnswer, ErrorInfo> {
        let path = PathBuf::from(&params.model_ref);
        let given = given.ok_or_else(|| not_given(&path))?;
        let stamp = inspect(&path, &given)?;
        // A load names no draft model, so the previous model's must go.
        self.unload_draft();
        if let Some(loaded) = &self.loaded
            && loaded.params.model_ref == params.model_ref
            && loaded.params.profile == params.profile
            && loaded.params.chat_template == params.chat_template
            && loaded.stamp == stamp
        {
            return Ok(LoadModelAnswer { worker: self.shared.worker(), ..loaded.answer.clone() });
        }
        // Before the load, since both models at once may not fit.
        self.unload();
        let started = Instant::now();
        let gpu = self.gpu(params.profile);
        let threads = match params.profile.threads {
            0 => default_threads(stamp.bytes()),
            threads => threads,
        };
        // Before the file is read: a lack of threads would end the process only in the first step.
        threads::ensure_available(threads)?;
        let model = Arc::new(self.load_model(&path, &given.file, params.profile)?);
        // Looked at again: a program that wrote to the file during the load has changed what
        // llama.cpp read, after the host and `inspect` had looked.
        unchanged(&path, &given)?;
        let template = chat_template(&model, params.chat_template.clone());
        // Not an error of the load: completions and raw prompts need no template, and a chat gets
        // this error as its answer.
        if let Err(error) = &template {
            crate::process::log(&format!("chats are not possible: {error}"));
        }
        let session = self.make_session(&model, params.profile, threads, gpu.is_some(), OUTPUTS)?;
        let answer = LoadModelAnswer {
            worker: self.shared.worker(),
            context_tokens: u32::try_from(session.window()).unwrap_or(u32::MAX),
            threads,
            device: gpu.clone().unwrap_or_else(|| CPU.to_owned()),
            memory: Log::lines().memory(),
            load_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        let known = params.measured.repacking_pays;
        let repacking = match gpu {
            // On a GPU there is nothing to repack: the layouts are those of CPU kernels.
            None if params.profile.repack => Repacking::start(
                self.backend,
                &self.shared,
                given.file,
                stamp.bytes(),
                threads,
                known,
            ),
            _ => None,
        };
        // The known pace is that of the repacked weights, which come later.
        let later = repacking.is_some() && known == Some(true);
        let pace = if later { Pace::default() } else { Pace::known(&params.measured.step_costs) };
        let measured = params.measured.clone();
        let cpu_model = (answer.device == CPU).then(|| params.model_ref.clone());
        self.loaded = Some(Loaded {
            params,
            stamp,
            answer: answer.clone(),
            model,
            cpu_model,
            template,
            session,
            pace,
            draft: None,
            measured,
            repacking,
        });
        self.shared.set_loaded(true);
        Ok(answer)
    }

    pub(super) fn load_model(
        &self,
        path: &Path,
        file: &File,
        profile: LoadProfile,
    ) -> Result<Model, ErrorInfo> {
        let shared = &self.shared;
        let mut reported = f32::NEG_INFINITY;
        let params = ModelParams { gpu_layers: profile.gpu_layers, repack: false };
        let control = shared.control();
        let model = Model::load(self.backend, file, params, |fraction| {
            control.advance();
            // llama.cpp reports every tensor; a progress bar needs a hundred steps at most.
            if fraction - reported >= 0.01 || (fraction >= 1.0 && reported < 1.0) {
                reported = fraction;
                let fraction = fraction.clamp(0.0, 1.0);
                shared.notify::<LoadProgress>(&LoadProgressParams {
                    worker: shared.worker(),
                    fraction,
                });
            }
            true
        });
        let model = model.map_err(|error| match error {
            LoadError::File => ErrorInfo::new(
                ErrorCode::FileAccess,
                format!("the model `{}` can't be read", path.display()),
            ),
            LoadError::Refused => explain(path, &Log::lines()),
        })?;
        if !model.has_vocab() || !model.is_decoder_only() {
            return Err(unsupported(path).with_cause("it is not a model that writes text"));
        }
        Ok(model)
    }

    pub(super) fn repacked(&self) -> Receiver<Outcome> {
        let repacking = self.loaded.as_ref().and_then(|loaded| loaded.repacking.as_ref());
        repacking.map_or_else(never, |repacking| repacking.outcome().clone())
    }

    /// Switches to the repacked weights, and keeps everything that the session has read. Called
    /// between two jobs with what the thread of [`Repacking`] has sent; without a model in it only
    /// the measurement is kept, for the next worker not to measure again.
    pub(super) fn take_over(&mut self, outcome: Outcome) {
        // Out of the engine while its session is replaced: `make_session` borrows the engine.
        let Some(mut loaded) = self.loaded.take() else { return };
        loaded.repacking = None;
        loaded.measured.repacking_pays = Some(outcome.pays);
        if let Some(model) = outcome.model.map(Arc::new) {
            let (profile, threads) = (loaded.params.profile, loaded.answer.threads);
            // Both contexts exist until the states are copied. If there is no memory for that, the
            // mapped weights simply stay.
            match self.make_session(&model, profile, threads, false, OUTPUTS) {
                Ok(mut session) => {
                    session.adopt(&mut loaded.session);
                    (loaded.session, loaded.model) = (session, model);
                    loaded.pace = Pace::known(&loaded.measured.step_costs);
                    crate::process::log("the faster weights are in use");
                    crate::memory::forget_mapped(loaded.stamp.inode());
                }
                Err(error) => crate::process::log(&format!("no faster weights: {error}")),
            }
        }
        self.loaded = Some(loaded);
    }

    fn gpu(&self, profile: LoadProfile) -> Option<String> {
        if profile.gpu_layers == Some(0) { None } else { self.backend.gpu() }
    }

    pub(super) fn make_session(
        &self,
        model: &Arc<Model>,
        profile: LoadProfile,
        threads: u32,
        gpu: bool,
        outputs: u32,
    ) -> Result<Session, ErrorInfo> {
        let window = window_tokens(profile.context_tokens, model.trained_context_tokens());
        let most = if gpu { GPU_BATCH_TOKENS_MAX } else { BATCH_TOKENS_MAX };
        let batch = profile.batch_tokens.clamp(1, most).min(window);
        let kept = if model.memory_kind() == MemoryKind::Folded { KEPT_SEQUENCES } else { 0 };
        let sequences = u32::try_from(SEQUENCES + kept).unwrap_or(1);
        let params = ContextParams {
            context_tokens: window,
            sequences,
            batch_tokens: batch,
            threads,
            outputs: outputs.min(batch),
            states_back: states_back(model.state_bytes(), u64::from(sequences)),
            kv: profile.kv,
            gpu,
        };
        let context = Context::new(Arc::clone(model), params, self.shared.control())
            .map_err(|_| no_context(window, &Log::lines()))?;
        Ok(Session::new(context, window, kept))
    }
}

/// By how many states a sequence can go back without computing anything again; further back it
/// needs a copy. Every step writes all of them, so this pays only where they are small.
fn states_back(state_bytes: u64, sequences: u64) -> u32 {
    let all = state_bytes.saturating_mul(sequences).saturating_mul(u64::from(STATES_BACK) + 1);
    if all <= STATES_BYTES_MAX { STATES_BACK } else { 0 }
}

/// The window that was asked for, within what the model was trained for and the product allows.
/// llama.cpp does not clamp it: a huge window would use up the memory before it failed.
fn window_tokens(asked: u32, trained: u32) -> u32 {
    let most = match trained {
        0 => CONTEXT_TOKENS_MAX,
        trained => trained.min(CONTEXT_TOKENS_MAX),
    };
    if asked == 0 { most } else { asked.min(most) }
}

/// The template that was passed, else the one in the file; ChatML if there is neither and the
/// vocabulary has its tokens.
fn chat_template(model: &Model, given: Option<String>) -> Result<ChatTemplate, ErrorInfo> {
    let name = |token: Option<_>| token.map(|it| model.token_name(it)).unwrap_or_default();
    let compile = |source| ChatTemplate::compile(source, name(model.bos()), name(model.eos()));
    if let Some(source) = given.or_else(|| model.chat_template()) {
        return compile(source);
    }
    match model.tokenize("<|im_start|>", true).as_slice() {
        [token] if model.is_control(*token) => compile(CHATML.to_owned()),
        _ => Err(ErrorInfo::new(ErrorCode::ModelUnsupported, "the model has no chat template")
            .with_cause("its file has none, and its vocabulary does not have ChatML's tokens")
            .with_hint("choose an instruction-tuned model, often called `-instruct` or `-it`")
            .with_action(ErrorAction::SwitchModel)),
    }
}

/// One thread for a tiny model; otherwise one for each physical core, since two threads on one core
/// only wait for each other.
fn default_threads(model_bytes: u64) -> u32 {
    if model_bytes < ONE_THREAD_BYTES_MAX {
        return 1;
    }
    u32::try_from(look_at_processors()).unwrap_or(1).clamp(1, 32)
}

/// The number of cores that this process may use. Must be called once before the sandbox hides the
/// files that say so; the result is kept.
pub(crate) fn look_at_processors() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| {
        // Honors affinity and, on Linux, the cgroup's quota.
        let usable = std::thread::available_parallelism().map_or(1, usize::from);
        // Both bounds: a container may have fewer processors than the machine has cores.
        physical_cores().unwrap_or(usable).min(usable)
    })
}

/// The number of physical cores, without hyper-threads; `None` if the system does not say.
fn physical_cores() -> Option<usize> {
    let mut siblings = std::collections::HashSet::new();
    for entry in std::fs::read_dir("/sys/devices/system/cpu").ok()?.flatten() {
        let list = entry.path().join("topology/thread_siblings_list");
        if let Ok(list) = std::fs::read_to_string(list) {
            // Hyper-threads of one core have the same list, so a set of lists counts cores.
            siblings.insert(list);
        }
    }
    Some(siblings.len()).filter(|count| *count > 0)
}

fn unsupported(path: &Path) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::ModelUnsupported,
        format!("the model `{}` is of a kind that this version can't run", path.display()),
    )
    .with_hint("choose another model, or update LocalCoder")
    .with_action(ErrorAction::SwitchModel)
}

fn out_of_memory(what: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::OutOfMemory, format!("there is not enough memory for {what}"))
        .with_hint("close other programs, choose a smaller model, or a smaller context window")
        .with_action_on(ErrorAction::OpenSettings, "contextWindow")
}

fn explain(path: &Path, lines: &LogLines) -> ErrorInfo {
    let error = match reason(lines) {
        Some(ErrorCode::ModelDamaged) => damaged(path),
        Some(ErrorCode::ModelUnsupported) => unsupported(path),
        Some(ErrorCode::OutOfMemory) => out_of_memory(&format!("the model `{}`", path.display())),
        _ => ErrorInfo::new(
            ErrorCode::ModelLoadFailed,
            format!("llama.cpp can't load the model `{}`", path.display()),
        )
        .with_hint("look at the log, or choose another model")
        .with_action(ErrorAction::ShowLog),
    };
    with_log(error, lines)
}

fn no_context(window: u32, lines: &LogLines) -> ErrorInfo {
    let error = match reason(lines) {
        Some(ErrorCode::OutOfMemory) => {
            out_of_memory(&format!("a context window of {window} tokens"))
        }
        // llama.cpp logs every other reason; it is silent when an allocation fails.
        None if lines.errors().next().is_none() => {
            out_of_memory(&format!("a context window of {window} tokens"))
        }
        _ => ErrorInfo::new(
            ErrorCode::ModelLoadFailed,
            format!("llama.cpp can't make a context window of {window} tokens"),
        )
        .with_hint("try a smaller context window")
        .with_action_on(ErrorAction::OpenSettings, "contextWindow"),
    };
    with_log(error, lines)
}

fn with_log(error: ErrorInfo, lines: &LogLines) -> ErrorInfo {
    match lines.cause() {
        Some(cause) => error.with_cause(cause),
        None => error,
    }
}

fn reason(lines: &LogLines) -> Option<ErrorCode> {
    let said = lines.errors().collect::<Vec<_>>().join("\n").to_lowercase();
    let find = |table: &[(&str, ErrorCode)]| {
        table.iter().find(|(text, _)| said.contains(text)).map(|(_, code)| *code)
    };
    let memory = || lines.errors().any(says_out_of_memory).then_some(ErrorCode::OutOfMemory);
    find(REASONS).or_else(memory).or_else(|| find(OTHER_REASONS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llama::Level;

    #[test]
    fn the_window_is_what_all_agree_on() {
        for (asked, trained, window) in [
            (4096, 32_768, 4096),
            (16_384, 32_768, 8192),
            (4096, 2048, 2048),
            (0, 2048, 2048),
            (0, 0, 8192),
            (u32::MAX, u32::MAX, 8192),
        ] {
            assert_eq!(window_tokens(asked, trained), window);
        }
    }

    #[test]
    fn the_reason_is_read_from_what_llama_cpp_said() {
        for (line, code) in [
            (
                "load: error loading model: tensor 'a' data is not within the file bounds, model is \
              corrupted or incomplete",
                ErrorCode::ModelDamaged,
            ),
            ("gguf_init: failed to read key-value pairs", ErrorCode::ModelDamaged),
            ("error loading model: missing tensor 'output.weight'", ErrorCode::ModelDamaged),
            (
                "error loading model architecture: unknown model architecture: 'x'",
                ErrorCode::ModelUnsupported,
            ),
            (
                "error loading model vocabulary: unknown pre-tokenizer type: 'x'",
                ErrorCode::ModelUnsupported,
            ),
            ("error loading model: unable to allocate CPU buffer", ErrorCode::OutOfMemory),
            ("error loading model: mmap failed: Cannot allocate memory", ErrorCode::OutOfMemory),
            ("something else", ErrorCode::ModelLoadFailed),
        ] {
            let mut lines = LogLines::new();
            lines.push(Some(Level::Error), &format!("{line}\n"), |_, _| {});
            let error = explain(Path::new("/models/a.gguf"), &lines);
            assert_eq!(error.code, code, "{line}");
            assert_eq!(error.cause.as_deref(), Some(line));
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn a_tiny_model_has_one_thread_and_a_large_one_at_least_one() {
        assert_eq!(default_threads(4_000_000), 1);
        assert!(default_threads(4_000_000_000) >= 1);
    }
}
