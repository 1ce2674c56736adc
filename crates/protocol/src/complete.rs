//! Ghost text: code that is suggested at the cursor while the user types.

use serde::{Deserialize, Serialize};

use crate::{DocumentText, ModelInfo, RequestId, Usage};

/// A place between two characters of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// How many characters of the line are before it, in UTF-16 as editors count, from 0.
    pub character: u32,
}

/// A piece of another file that is open or was edited recently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct CodeChunk {
    /// Path or name of the file.
    pub path: String,
    /// Whole lines of it.
    pub text: String,
}

/// What the user changed recently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct RecentEdit {
    /// Path or name of the file.
    pub path: String,
    /// The lines as they were.
    pub before: String,
    /// And as they are.
    pub after: String,
    /// Where they are now, or would be if there are none: the first of them, from 1. Looked for where
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub line: Option<u32>,
}

/// Suggest what comes next at the cursor. The next one of the same client takes its place, and
/// everything else that is asked of a model goes before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct CompleteParams {
    /// See [`RequestId`].
    pub request_id: RequestId,
    /// The document as it is now.
    pub document: DocumentText,
    /// Where the cursor is.
    pub position: Position,
    /// Pieces of other files, the least interesting first; at most [`crate::limits::CHUNKS_MAX`].
    #[serde(default)]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<Vec<CodeChunk>>"))]
    pub chunks: Vec<CodeChunk>,
    /// The oldest first; at most [`crate::limits::RECENT_EDITS_MAX`].
    #[serde(default)]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<Vec<RecentEdit>>"))]
    pub edits: Vec<RecentEdit>,
    /// Whether the user asked for it. Then a model is loaded for it, it is computed where it would be
    /// paused, and what goes wrong is an error.
    #[serde(default)]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<bool>"))]
    pub explicit: bool,
    /// `demo`, an installed model's id or the path of a GGUF; the model for code where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<String>,
    /// Values of settings that count more than what is set, for this request alone.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    #[cfg_attr(feature = "codegen", ts(optional, type = "Record<string, unknown>"))]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// A text for the cursor's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct GhostText {
    /// What is put in.
    pub text: String,
    /// How much behind the cursor, in the same line, it takes the place of, in characters of UTF-16.
    /// That text is in `text` too.
    pub replaces: u32,
}

/// Why nothing is suggested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum Silence {
    /// Turned off in the settings.
    Off,
    /// Turned off for this language.
    LanguageOff,
    /// Turned off for a while.
    Snoozed,
    /// The system saves power.
    SavingPower,
    /// Memory runs short.
    MemoryShort,
    /// No model is there.
    NoModel,
    /// The model is not loaded yet.
    Loading,
    /// The model can't fill gaps, and can't be asked to.
    NoInfill,
    /// Something else that was asked for is computed.
    Busy,
    /// The context window holds what was read for edits, and that is kept.
    NoRoom,
    /// A newer request has taken its place.
    Superseded,
    /// The cursor is in the middle of a word.
    MidWord,
    /// There is more behind the cursor, in its line, than is seen past.
    InLine,
    /// The file is empty, or too large.
    NoText,
    /// The model wrote nothing that is not there already.
    NothingToAdd,
    /// Nothing in the file follows from what was changed last.
    NothingFollows,
    /// The document would have more errors with what it wrote.
    Broken,
    /// What it wrote would take back what was just typed.
    Reversal,
    /// What it wrote looks like a secret of another file.
    Secret,
    /// It was not sure of what it wrote.
    Unsure,
    /// Something went wrong.
    Failed,
}

impl Silence {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Off,
        Self::LanguageOff,
        Self::Snoozed,
        Self::SavingPower,
        Self::MemoryShort,
        Self::NoModel,
        Self::Loading,
        Self::NoInfill,
        Self::Busy,
        Self::NoRoom,
        Self::Superseded,
        Self::MidWord,
        Self::InLine,
        Self::NoText,
        Self::NothingToAdd,
        Self::NothingFollows,
        Self::Broken,
        Self::Reversal,
        Self::Secret,
        Self::Unsure,
        Self::Failed,
    ];

    /// For people: what is so, and what to do where they can do something.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Off => "suggestions are turned off: `localcoder.ghostText.enabled` turns them on",
            Self::LanguageOff => {
                "suggestions are turned off for this language in `localcoder.ghostText.languagesOff`"
            }
            Self::Snoozed => "suggestions are snoozed; end it with Snooze Suggestions, or wait",
            Self::SavingPower => {
                "suggestions pause while the system saves power, unless \
                 `localcoder.ghostText.whileSavingPower` is on"
            }
            Self::MemoryShort => {
                "suggestions pause while the machine is short of memory: close other programs"
            }
            Self::NoModel => "no model is installed that could suggest anything",
            Self::Loading => "the model is being loaded; suggestions come when it is ready",
            Self::NoInfill => {
                "this model has no tokens for filling a gap and no chat template to ask it with: \
                 choose another model"
            }
            Self::Busy => "an edit or another answer is computed; it goes first",
            Self::NoRoom => {
                "the context window is full of what was read for edits: set a larger \
                 `localcoder.contextWindow`"
            }
            Self::Superseded => "typing went on, so another suggestion was asked for",
            Self::MidWord => "the cursor is in the middle of a word",
            Self::InLine => "there is code behind the cursor in its line",
            Self::NoText => "the file is empty or too large",
            Self::NothingToAdd => "the model had nothing to add here",
            Self::NothingFollows => "nothing in this file follows from your last change",
            Self::Broken => "the code would not have been right any more with what the model wrote",
            Self::Reversal => "what the model wrote would take back what was just typed",
            Self::Secret => "what the model wrote looked like a secret from another file",
            Self::Unsure => "the model was not sure enough of what it wrote",
            Self::Failed => "the model could not compute it",
        }
    }
}

/// Why nothing is suggested, and in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct WhyNothing {
    /// Which.
    pub reason: Silence,
    /// In words, with what is known of this case.
    pub text: String,
}

impl From<Silence> for WhyNothing {
    fn from(reason: Silence) -> Self {
        Self { reason, text: reason.text().to_owned() }
    }
}

/// How a suggestion came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum Infill {
    /// By the model's own tokens for it.
    Tokens,
    /// The model was asked in words: it was not made for it.
    Words,
    /// Nothing was computed: it continues one from before.
    Kept,
}

/// What came of it: a suggestion or a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct CompleteAnswer {
    /// The suggestion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub suggestion: Option<GhostText>,
    /// Why there is none; beside one that was asked for, why it would not be shown unasked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub nothing: Option<WhyNothing>,
    /// How it came about, where it was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub infill: Option<Infill>,
    /// What it cost.
    pub usage: Usage,
    /// How sure the model was: the mean logarithm of its tokens' probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "crate::number::finite_if_any")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub mean_log_probability: Option<f32>,
    /// How long to wait after a key before the next is asked for, in milliseconds: by what this
    /// machine takes.
    pub debounce_ms: u32,
    /// Which model wrote it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<ModelInfo>,
}

/// Suggest nothing for a while, in all windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SnoozeParams {
    /// For how long; 0 ends it.
    pub minutes: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_of_its_own() {
        let mut words: Vec<&str> = Silence::ALL.iter().map(|reason| reason.text()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Silence::ALL.len());
        assert_eq!(Silence::ALL.last(), Some(&Silence::Failed), "a new one stands before it");
    }
}
