//! What became of the edits that were shown: what a client tells, and what the command line prints
//! of it. Nothing here can hold code, a path or a word of the user's.

use serde::{Deserialize, Serialize};

/// Names an edit that was shown: digits that mean nothing ([`is_edit_id`]).
pub type EditId = String;

/// Hexadecimal digits of an [`EditId`].
const EDIT_ID_DIGITS: usize = 16;

/// Whether a text can be an [`EditId`] and so holds nothing else.
#[must_use]
pub fn is_edit_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == EDIT_ID_DIGITS && text.bytes().all(is_digit)
}

/// What the user has done with an edit. Later ones of the same edit say more than earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum Decision {
    /// It was written as it was shown.
    Kept,
    /// Some of it was written.
    KeptInPart {
        /// How many of its hunks.
        hunks_kept: u32,
        /// How many it had.
        hunks_shown: u32,
    },
    /// It was put away.
    Dropped,
    /// It was written, and within ten minutes the document read again as before.
    Undone,
    /// The same was asked for again.
    Retried,
    /// It was said in words what to change about it.
    FollowedUp,
}

/// What became of an edit. Counted where `localcoder.ledger` is on; of one that was not counted as
/// shown nothing comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct RecordDecisionParams {
    /// [`crate::EditAnswer::edit_id`].
    pub edit_id: EditId,
    /// What was done with it.
    pub decision: Decision,
}

/// How many edits were shown, and what became of them. Each is in one of the counts from `kept` to
/// `undecided`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EditCounts {
    /// All of them.
    pub shown: u64,
    /// Written as they were shown, and left.
    pub kept: u64,
    /// Written in part, and left.
    pub kept_in_part: u64,
    /// Put away.
    pub dropped: u64,
    /// Written, and taken back within ten minutes.
    pub undone: u64,
    /// Asked for again.
    pub retried: u64,
    /// Followed by an instruction to change them further.
    pub followed_up: u64,
    /// Without any decision.
    pub undecided: u64,
    /// Of all, those shown as *not sure*.
    pub unsure: u64,
    /// Of these, those kept whole or in part.
    pub unsure_kept: u64,
    /// How often the model was asked for all of them.
    pub attempts: u64,
}

/// How edits are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum StatisticsBy {
    /// What was asked for.
    Command,
    /// Which model wrote it.
    Model,
    /// The document's language.
    Language,
    /// With which version of the product's words the model was asked.
    Prompt,
}

/// What `localcoder eval` says: of the edits that would have been shown, how many are right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EvalShare {
    /// Which tasks.
    pub what: String,
    /// How many tasks.
    pub tasks: u32,
    /// 0 to 1.
    pub right_of_shown: f64,
}

/// A row of the statistics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct StatisticsRow {
    /// What it is about; `all` for all of them.
    pub name: String,
    /// What became of its edits.
    #[serde(flatten)]
    pub counts: EditCounts,
    /// Kept whole or in part, of all that were shown: 0 to 1. Absent where none was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub kept_of_shown: Option<f64>,
    /// Kept whole or in part, of those with a decision: 0 to 1. Absent where none has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub kept_of_decided: Option<f64>,
    /// What tasks say of the same, where they were measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "codegen", ts(as = "Option<Vec<EvalShare>>", optional))]
    pub eval: Vec<EvalShare>,
}

/// Rows that tell the same thing apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct StatisticsGroup {
    /// What.
    pub by: StatisticsBy,
    /// The most shown first.
    pub rows: Vec<StatisticsRow>,
}

/// What became of the edits that were shown on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EditStatistics {
    /// Where it is kept.
    pub file: String,
    /// Its length; 0 where there is none.
    pub bytes: u64,
    /// Whether edits are counted now.
    pub on: bool,
    /// The first day that is counted, or its month where it was some time ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub since: Option<String>,
    /// Lines that can't be read, and are passed over.
    pub unread_lines: u64,
    /// All together.
    pub all: StatisticsRow,
    /// By command, model, language or prompt, whichever was asked for.
    pub groups: Vec<StatisticsGroup>,
}

/// The statistics were deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct StatisticsDeleted {
    /// Where they were.
    pub file: String,
    /// False where there were none.
    pub deleted: bool,
}
