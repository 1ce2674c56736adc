//! What is known about a model on this machine: the memory it needs compared to what is free, how
//! fast it writes, what it was made for, and who says so.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use localcoder_disk::{Options, read_text, replace};
use localcoder_host::core::KeptSpeeds;
use localcoder_host::shell::machine_name;
use localcoder_model_store::{
    Entry, Fit, Installed, Known, Memory, Profile, Role, checked_header, memory_bytes_per_s,
};
use localcoder_protocol::{
    ClaimedLicense, DEMO, LicenseSource, ModelFit, ModelMemory, ModelRole, ModelSpeed, ModelTuning,
    Resident,
};
use localcoder_settings::{Places, places};
use serde::{Deserialize, Serialize};

use super::Models;
use super::terminal::bytes;
use crate::session::program;

const KEPT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// A model up to this size may be in the processor's caches, so the speed of memory says nothing
/// about it.
const CACHED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// A measurement older than this is repeated, since a busy machine looks slower than it is. It
/// takes a moment that a list should not take each time.
const MEASURED_FOR: Duration = Duration::from_secs(10 * 60);

/// What all models are compared with; determined once for a list, as it asks the host and measures
/// memory.
pub(super) struct Here {
    windows: (u32, u32),
    memory: Memory,
    residents: Vec<Resident>,
    speeds: KeptSpeeds,
    read_bytes_per_s: f64,
}

/// What was found out about a model's file. Numbers are 0 and texts empty where that is not known.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) path: Option<PathBuf>,
    pub(super) bytes: u64,
    pub(super) parameters: u64,
    pub(super) quantization: String,
    pub(super) context_tokens: u64,
    pub(super) license: Option<ClaimedLicense>,
    pub(super) tuning: Option<ModelTuning>,
    pub(super) memory: Option<ModelMemory>,
    pub(super) speed: Option<ModelSpeed>,
}

impl Here {
    pub(super) fn look(models: &Models) -> Self {
        let settings = models.settings();
        // A host that does not answer can't report memory; the list is still wanted.
        let residents =
            models.host_status().ok().flatten().map_or_else(Vec::new, |it| it.residents);
        // Loaded models would be unloaded for another one, so what they hold counts as free. Their
        // files are mapped: those pages count as free already, and must not be added again.
        let held: u64 =
            residents.iter().map(|it| it.memory.kv_bytes + it.memory.compute_bytes).sum();
        let memory = models.machine.memory();
        let kept = read_text(&models.places.measurements_file(), KEPT_BYTES_MAX).ok();
        Self {
            windows: (settings.context_tokens, settings.context_tokens_most),
            memory: Memory { free_bytes: memory.free_bytes.map(|it| it + held), ..memory },
            residents,
            speeds: KeptSpeeds::of(machine_name(), kept.as_deref()),
            read_bytes_per_s: read_bytes_per_s(&models.places),
        }
    }

    pub(super) fn memory(&self, entry: &Entry) -> ModelMemory {
        self.memory_of(Known::Entry(entry))
    }

    fn memory_of(&self, model: Known<'_>) -> ModelMemory {
        let (window_tokens, need) = model.window(self.windows, self.memory);
        let numbers = self.memory.fit_text(need.bytes, bytes);
        ModelMemory {
            needed_bytes: need.bytes,
            window_tokens,
            fit: fit(self.memory.fit(need.bytes)),
            text: format!("{numbers}, with a context window of {window_tokens} tokens"),
        }
    }

    /// The speed that memory allows: each token reads all weights once. `None` for a model that may
    /// be in the caches. An upper bound, shown as an estimate until there are measured answers.
    pub(super) fn expected(&self, model_bytes: u64) -> Option<ModelSpeed> {
        #[expect(clippy::cast_precision_loss, reason = "a rough figure")]
        let tokens_per_s = self.read_bytes_per_s / model_bytes.max(1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a speed of memory is neither below zero nor beyond what fits"
        )]
        let read = bytes(self.read_bytes_per_s as u64);
        (model_bytes > CACHED_BYTES_MAX).then(|| ModelSpeed {
            tokens_per_s,
            measured: false,
            text: format!(
                "an estimate: this machine was seen to read {read} of memory a second, and each token \
                 reads {}, all of the model",
                bytes(model_bytes)
            ),
        })
    }

    fn measured(&self, path: &Path) -> Option<ModelSpeed> {
        let modified = std::fs::metadata(path).ok()?.modified().ok()?;
        let written = modified.duration_since(SystemTime::UNIX_EPOCH).ok();
        // Speeds are kept by path; those of another file that was in its place before don't count.
        let (tokens_per_s, answers) = self.speeds.middle(path, written)?;
        let text = match answers {
            1 => "measured: its last answer on this machine".to_owned(),
            _ => format!("measured: the middle one of its last {answers} answers on this machine"),
        };
        Some(ModelSpeed { tokens_per_s, measured: true, text })
    }

    pub(super) fn demo(&self) -> Seen {
        let folder = program().ok().and_then(|it| it.parent().map(Path::to_owned));
        let path = folder.and_then(|folder| places::demo_model(&folder));
        path.map(|path| self.seen(DEMO, &path)).unwrap_or_default()
    }

    /// An installed model. The file of a model that can't be used says nothing: it may be cut or be
    /// another one.
    pub(super) fn installed(&self, models: &Models, model: &Installed, usable: bool) -> Seen {
        let path = models.store.path_of(&model.id).ok().filter(|_| usable);
        let mut seen = path.map(|path| self.seen(&model.id, &path)).unwrap_or_default();
        if model.chat_template.is_some() {
            seen.tuning = Some(ModelTuning::Instruct);
        }
        seen
    }

    fn seen(&self, id: &str, path: &Path) -> Seen {
        // The header is read again for each list: a file that was imported in place may change.
        let header = localcoder_disk::open(path)
            .ok()
            .and_then(|(mut file, _)| checked_header(path, &mut file).ok());
        let length = std::fs::metadata(path).map_or(0, |it| it.len());
        let Some(header) = header else { return Seen::default() };
        let mut memory = self.memory_of(Known::Header(&header));
        // The settings may name it by its id or by a path.
        let is_it =
            |it: &&Resident| it.model.reference == id || Path::new(&it.model.reference) == path;
        if let Some(resident) = self.residents.iter().find(is_it) {
            memory = loaded(resident);
        }
        // A model of experts reads a part of its weights for each token, so memory says too little.
        let expected = || self.expected(length).filter(|_| !header.has_experts);
        let instruct = header.chat_template.is_some();
        Seen {
            bytes: length,
            parameters: header.parameters,
            quantization: header.quantization.to_owned(),
            context_tokens: header.context_length,
            license: header
                .license
                .as_ref()
                .map(|name| ClaimedLicense { name: name.clone(), said_by: LicenseSource::File }),
            tuning: Some(if instruct { ModelTuning::Instruct } else { ModelTuning::Base }),
            memory: Some(memory),
            speed: self.measured(path).or_else(expected),
            path: Some(path.to_owned()),
        }
    }
}

fn loaded(resident: &Resident) -> ModelMemory {
    let (needed_bytes, window_tokens) = (resident.memory.total_bytes(), resident.context_tokens);
    ModelMemory {
        needed_bytes,
        window_tokens,
        fit: ModelFit::Loaded,
        text: format!(
            "loaded: takes {}, with a context window of {window_tokens} tokens",
            bytes(needed_bytes)
        ),
    }
}

/// The measured speed of memory, as it is kept. What another machine has measured, by the name of
/// its processor, is not used.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bandwidth {
    machine: String,
    bytes_per_s: f64,
    at_s: u64,
}

/// Bytes of memory that this machine reads per second: the highest ever measured, since other
/// programs can only lower it.
fn read_bytes_per_s(places: &Places) -> f64 {
    let path = places.bandwidth_file();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let machine = machine_name();
    let kept = read_text(&path, KEPT_BYTES_MAX).ok();
    let kept = kept.and_then(|text| serde_json::from_str::<Bandwidth>(&text).ok());
    let kept = kept.filter(|it| it.machine == machine && it.bytes_per_s.is_finite());
    let is_fresh = |it: &Bandwidth| {
        let age = now.checked_sub(Duration::from_secs(it.at_s));
        // `None` if it was measured in the future: the clock was set back, and it is measured
        // again.
        age.is_some_and(|age| age < MEASURED_FOR)
    };
    let seen_bytes_per_s = kept.as_ref().map_or(0.0, |it| it.bytes_per_s);
    if kept.as_ref().is_some_and(is_fresh) {
        return seen_bytes_per_s;
    }
    let bytes_per_s = memory_bytes_per_s().max(seen_bytes_per_s);
    let found = Bandwidth { machine, bytes_per_s, at_s: now.as_secs() };
    if let Ok(text) = serde_json::to_vec_pretty(&found)
        && std::fs::create_dir_all(&places.cache).is_ok()
    {
        // If it can't be saved, it is measured again next time.
        let _ = replace(&path, &text, Options::CACHE);
    }
    bytes_per_s
}

fn fit(fit: Fit) -> ModelFit {
    match fit {
        Fit::Fits => ModelFit::Fits,
        Fit::Tight => ModelFit::Tight,
        Fit::TooLarge => ModelFit::TooLarge,
        Fit::Unknown => ModelFit::Unknown,
    }
}

pub(super) fn fit_text(fit: ModelFit) -> &'static str {
    match fit {
        ModelFit::Loaded => "loaded",
        ModelFit::Fits => Fit::Fits.text(),
        ModelFit::Tight => Fit::Tight.text(),
        ModelFit::TooLarge => Fit::TooLarge.text(),
        ModelFit::Unknown => Fit::Unknown.text(),
    }
}

pub(super) fn role(role: Role) -> ModelRole {
    match role {
        Role::Code => ModelRole::Code,
        Role::General => ModelRole::General,
        Role::Completion => ModelRole::Completion,
    }
}

pub(super) fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Fast => "fast",
        Profile::Balanced => "balanced",
        Profile::Heavy => "heavy",
    }
}

/// From the roles in a catalog: edits and chat need a model that follows instructions, filling gaps
/// does not.
pub(super) fn tuning(entry: &Entry) -> Option<ModelTuning> {
    match entry.roles.as_slice() {
        [] => None,
        [Role::Completion] => Some(ModelTuning::Base),
        _ => Some(ModelTuning::Instruct),
    }
}

/// The license of an installed model, and who says so. The catalog counts most, as it goes by the
/// digest; a folder or a file claims what it likes.
pub(super) fn license(model: &Installed, entry: Option<&Entry>) -> Option<ClaimedLicense> {
    let (name, said_by) = match (entry, &model.license, &model.claimed_license) {
        (Some(entry), ..) => (&entry.license.name, LicenseSource::Catalog),
        (None, Some(license), _) => (&license.name, LicenseSource::Folder),
        (None, None, Some(claimed)) => (claimed, LicenseSource::File),
        (None, None, None) => return None,
    };
    Some(ClaimedLicense { name: name.clone(), said_by })
}
