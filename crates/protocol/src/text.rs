//! Texts about code: the answers, what they name, and the questions that follow.

use serde::{Deserialize, Serialize};

use crate::{ContextUse, Edit, FinishReason, ModelInfo, Usage};

/// A finished text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct TextAnswer {
    /// The whole text as Markdown; the deltas joined.
    pub text: String,
    /// Where in the document that is which the text names, in the order of the text. What is not
    /// among these leads nowhere.
    #[serde(default)]
    pub references: Vec<Reference>,
    /// What was done otherwise than was asked for.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why it ended. Cut answers say so.
    pub finish: FinishReason,
    /// What it cost.
    pub usage: Usage,
    /// What the model was given.
    pub context: ContextUse,
    /// Which model wrote it.
    pub model: ModelInfo,
}

/// Words of an answer that name something in the document, and its line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Reference {
    /// The words as they are in the answer, wherever that is.
    pub words: String,
    /// Whether they are meant where they are marked as code, and not among the other words.
    pub in_code: bool,
    /// The line, as an edit that changes nothing: it is found again in the document as that is by
    /// then (`locateEdits`), or nowhere.
    pub place: Edit,
}

/// A question about the lines and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Exchange {
    /// The question; absent where the command was given as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub question: Option<String>,
    /// The answer, as it was shown.
    pub answer: String,
}
