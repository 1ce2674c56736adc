//! What is known of models: the rows of `models list`, as scripts and the extension may rely on them.

use serde::{Deserialize, Serialize};

use crate::{ErrorInfo, Fact, InstalledModel};

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ModelTask {
    /// What is done with code: edits and texts about it.
    Code,
    /// Everything else.
    General,
}

/// How a model is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ModelState {
    /// It comes with the product.
    Bundled,
    /// It can be used.
    Installed,
    /// It was installed and can't be used.
    Broken,
    /// A part of it was loaded.
    Partial,
    /// A catalog has it.
    Available,
}

/// What can be done with a model: the commands `localcoder models …` that make sense for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ModelAction {
    /// `models install`, which continues what is there.
    Install,
    /// `models discard`.
    Discard,
    /// `models use`.
    Use,
    /// `models use --for general`.
    UseForGeneral,
    /// `models verify`.
    Verify,
    /// `models export`.
    Export,
    /// `models remove`.
    Remove,
}

/// What a model is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ModelRole {
    /// Edits and explanations of code.
    Code,
    /// Chat and text.
    General,
    /// Text at the cursor.
    Completion,
}

/// What a model was made to do with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ModelTuning {
    /// To do what it says.
    Instruct,
    /// To continue it.
    Base,
}

/// A license by its name alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ClaimedLicense {
    /// For people.
    pub name: String,
    /// Who says so.
    pub said_by: LicenseSource,
}

/// Who says which license a model has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum LicenseSource {
    /// The catalog that pins its file.
    Catalog,
    /// The folder that it came in, unchecked.
    Folder,
    /// Its own file, unchecked.
    File,
}

/// What a model needs of memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelMemory {
    /// All of it.
    pub needed_bytes: u64,
    /// With this context window: the largest that the settings allow and that fits, else the smallest.
    pub window_tokens: u32,
    /// Whether it can be had now.
    pub fit: ModelFit,
    /// The same with the numbers.
    pub text: String,
}

/// Whether a model fits into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ModelFit {
    /// It is loaded.
    Loaded,
    /// Now.
    Fits,
    /// Once other programs are closed.
    Tight,
    /// Not in this machine's memory.
    TooLarge,
    /// The system does not tell.
    Unknown,
}

/// How fast a model writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelSpeed {
    /// Tokens a second.
    pub tokens_per_s: f64,
    /// Whether answers on this machine have shown it; else it is an estimate.
    pub measured: bool,
    /// Where the number comes from.
    pub text: String,
}

/// All models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelList {
    /// Those that are there first, the bundled one before them.
    pub models: Vec<ModelRow>,
    /// Bytes that models take on the disk.
    pub used_bytes: u64,
    /// Bytes that are free on the disk of the models.
    pub free_bytes: u64,
    /// Both, in a sentence.
    pub disk_text: String,
    /// Why nothing can be downloaded, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub refusal: Option<ErrorInfo>,
}

/// A model in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelRow {
    /// By which it is called.
    pub id: String,
    /// For people.
    pub name: String,
    /// How it is there.
    pub state: ModelState,
    /// What it is used for now.
    pub uses: Vec<ModelTask>,
    /// What can be done with it now.
    pub actions: Vec<ModelAction>,
    /// Length of its file in bytes.
    pub bytes: u64,
    /// How much of it is downloaded, of one that is not installed.
    pub loaded_bytes: u64,
    /// What it is meant for; empty if not stated.
    pub roles: Vec<ModelRole>,
    /// The profile that suits it, where a catalog says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub profile: Option<String>,
    /// Whether it follows instructions or continues a text, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub tuning: Option<ModelTuning>,
    /// Number of weights; 0 where it is not known.
    pub parameters: u64,
    /// Such as `Q4_K_M`; empty where it is not known.
    pub quantization: String,
    /// Its license, where it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub license: Option<ClaimedLicense>,
    /// Longest context that it was trained for, in tokens; 0 where it is not known.
    pub context_tokens: u64,
    /// What it needs of memory and whether that can be had, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub memory: Option<ModelMemory>,
    /// How fast it writes, where that was measured or can be known beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub speed: Option<ModelSpeed>,
    /// Why it can't be used, where it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub problem: Option<String>,
    /// What is worth knowing beside its name: size, use, whether it fits.
    pub description: String,
    /// All that is known.
    pub facts: Vec<Fact>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelDetails {
    /// As the list has it.
    #[serde(flatten)]
    pub row: ModelRow,
    /// What was installed, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub installed: Option<InstalledModel>,
}
