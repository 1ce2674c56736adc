//! What `localcoder setup` and `localcoder self-test` print.

use serde::{Deserialize, Serialize};

use crate::{ErrorInfo, Fact, LineRange, ModelList};

/// How far the first set-up is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum SetupStep {
    /// Nothing was chosen yet.
    #[default]
    Choose,
    /// Models were chosen and their licenses agreed to; they are being downloaded.
    Download,
    /// A model is there and in use; it is tried.
    SelfTest,
    /// Nothing is left to do.
    Done,
}

/// What there is to know before a model is chosen, and how far the choice is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SetupReport {
    /// Whether it is to be offered by itself at a start.
    pub needed: bool,
    /// How far it is.
    pub step: SetupStep,
    /// Ids of the models that were agreed to and are not there yet.
    pub downloads: Vec<String>,
    /// What this machine has.
    pub machine: Vec<Fact>,
    /// What suits it.
    pub recommended: SetupRecommendation,
    /// Each profile, and whether its models fit.
    pub profiles: Vec<SetupProfile>,
    /// All models.
    pub list: ModelList,
    /// What a base model is, and what an instruct one.
    pub kinds_text: String,
    /// A place on the disk, and what is in it.
    pub stored: Vec<Fact>,
    /// What goes over the network.
    pub network_text: String,
    /// Nothing is downloaded, and what that means.
    pub air_gap: SetupAirGap,
    /// The code for a user's first edit.
    pub sample: SetupSample,
}

/// A file to try an edit on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SetupSample {
    /// Name of the file.
    pub name: String,
    /// All of it.
    pub text: String,
    /// A function that can be better.
    pub lines: LineRange,
}

/// What suits a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SetupRecommendation {
    /// Name of the profile.
    pub profile: String,
    /// The model for code: an id of the catalog, or `demo` where no other fits.
    pub model: String,
    /// Why: a sentence with the numbers.
    pub reason: String,
}

/// A profile, before its models are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SetupProfile {
    /// By which it is chosen.
    pub name: String,
    /// What it is, what it needs and whether that fits.
    pub text: String,
}

/// Air-gapped mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SetupAirGap {
    /// Whether it is on.
    pub on: bool,
    /// Why it is on, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub reason: Option<String>,
    /// What it does, exactly: sentences.
    pub effects: Vec<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum SelfTestVerdict {
    /// As it should be.
    Passed,
    /// It works, slower than it should.
    Slow,
    /// It does not work.
    Failed,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SelfTestCheck {
    /// What was tried.
    pub what: String,
    /// How it went.
    pub verdict: SelfTestVerdict,
    /// What was measured, in words.
    pub text: String,
    /// What it should be and who says so, where there is a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub limit: Option<String>,
    /// What to do, where it is not as it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub advice: Option<String>,
    /// Why it does not work, where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub error: Option<ErrorInfo>,
}

/// Whether a model works on this machine, and how fast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SelfTestReport {
    /// The worst of the checks.
    pub verdict: SelfTestVerdict,
    /// The outcome in a sentence, and what to do next.
    pub summary: String,
    /// By which the model is called.
    pub model: String,
    /// For people; the id where it could not be loaded.
    pub name: String,
    /// Where it computes, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub device: Option<String>,
    /// In the order in which they were made. What comes after one that failed is not tried.
    pub checks: Vec<SelfTestCheck>,
    /// What was measured.
    pub measured: SelfTestNumbers,
    /// What the model made of the sample, as a unified diff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub diff: Option<String>,
}

/// What a self-test has measured; absent is what it did not come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SelfTestNumbers {
    /// Until the model was ready, in milliseconds; absent where it was loaded and in use elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub load_ms: Option<f64>,
    /// Until the first token of an answer to a prompt of which nothing was read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub cold_first_token_ms: Option<f64>,
    /// Until the first token where the prompt was read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub warm_first_token_ms: Option<f64>,
    /// Prompt tokens that are read in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub prefill_tokens_per_s: Option<f64>,
    /// Tokens that are written in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub decode_tokens_per_s: Option<f64>,
    /// Until the edit of the sample was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub improve_ms: Option<f64>,
}

/// What happens in a self-test, a line each. The last is `finished` or a [`crate::Failure`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum SelfTestEvent {
    /// Something is being tried.
    Began {
        /// What.
        what: String,
    },
    /// It was tried.
    Checked {
        /// How it went.
        check: SelfTestCheck,
    },
    /// All of it.
    Finished {
        /// What came of it.
        report: Box<SelfTestReport>,
    },
}
