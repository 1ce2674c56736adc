//! Next edit: the place that follows from what was just changed, and what is to be there.

use serde::{Deserialize, Serialize};

use crate::{
    Diagnostic, DocumentText, Infill, LineRange, ModelInfo, Position, RecentEdit, RequestId, Usage,
    WhyNothing,
};

/// Suggest what has to be changed next, after what was just changed. The next one of the same client,
/// or its next suggestion at the cursor, takes its place; everything else that is asked of a model
/// goes before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct NextEditParams {
    /// See [`RequestId`].
    pub request_id: RequestId,
    /// The document as it is now.
    pub document: DocumentText,
    /// Where the cursor is.
    pub position: Position,
    /// The oldest first; at most [`crate::limits::RECENT_EDITS_MAX`]. What follows is looked for
    /// behind those of this document.
    pub edits: Vec<RecentEdit>,
    /// What tools say of this document now; at most [`crate::limits::DIAGNOSTICS_MAX`].
    #[serde(default)]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<Vec<Diagnostic>>"))]
    pub diagnostics: Vec<Diagnostic>,
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

/// Why a place follows from what was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum FollowsFrom {
    /// It uses a name that was changed where it is defined.
    Rename,
    /// It calls a function, or makes a value of a type, whose parameters or fields were changed.
    Signature,
    /// A tool reports an error there.
    Diagnostic,
    /// It reads as the changed place did.
    Pattern,
}

impl FollowsFrom {
    /// All of them, the surest first.
    pub const ALL: &'static [Self] =
        &[Self::Rename, Self::Signature, Self::Diagnostic, Self::Pattern];

    /// For people, behind "because".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Rename => "the name was changed",
            Self::Signature => "the signature was changed",
            Self::Diagnostic => "an error is reported there",
            Self::Pattern => "the same was changed elsewhere",
        }
    }
}

/// Lines and what is to be in their place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct NextEdit {
    /// The lines as they are in the request's document; at least one.
    pub range: LineRange,
    /// What is there now, with the document's own line ends but the last.
    pub original: String,
    /// What is to be there.
    pub replacement: String,
    /// Why.
    pub because: FollowsFrom,
}

/// What came of it: an edit or a reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct NextEditAnswer {
    /// The edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub edit: Option<NextEdit>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub nothing: Option<WhyNothing>,
    /// How the model was asked; `kept` where none was: it follows from the code alone.
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
    /// Which model wrote it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<ModelInfo>,
}
