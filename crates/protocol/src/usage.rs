//! What a generation cost and what it was given.

use serde::{Deserialize, Serialize};

use crate::ModelInfo;

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum FinishReason {
    /// The model ended its turn.
    EndOfTurn,
    /// A stop string was written.
    StopString,
    /// The limit on generated tokens was reached: the answer is cut.
    TokenLimit,
    /// The context window is full: the answer is cut.
    ContextFull,
}

/// Tokens and times of one generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Usage {
    /// Tokens of the whole prompt.
    pub prompt_tokens: u32,
    /// How many of these were still in the KV cache and were not computed again.
    pub cached_tokens: u32,
    /// Tokens written.
    pub generated_tokens: u32,
    /// Time spent on the prompt, in milliseconds.
    pub prefill_ms: f64,
    /// Time spent on writing, in milliseconds.
    pub decode_ms: f64,
    /// Steps that the writing took: one a token where nothing was guessed.
    pub rounds: u32,
    /// Tokens that were guessed: from the code that is rewritten, from the text before, or by a
    /// draft model.
    pub drafted_tokens: u32,
    /// How many of these the model wrote too.
    pub accepted_tokens: u32,
}

/// Bytes of memory by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct MemoryUse {
    /// The model's weights. A file that is mapped counts in full, though the system may read it
    /// piece by piece.
    pub weights_bytes: u64,
    /// The KV cache for the whole context window.
    pub kv_bytes: u64,
    /// What a step computes in.
    pub compute_bytes: u64,
}

impl MemoryUse {
    /// Nothing.
    pub const NONE: Self = Self { weights_bytes: 0, kv_bytes: 0, compute_bytes: 0 };

    /// All together.
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.weights_bytes.saturating_add(self.kv_bytes).saturating_add(self.compute_bytes)
    }
}

/// A model that drafts for a loaded one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ResidentDraft {
    /// Which.
    pub model: ModelInfo,
    /// What it takes beside the other.
    pub memory: MemoryUse,
}

/// What of the document went into the prompt. Nothing is left out silently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ContextUse {
    /// Size of the context window in tokens.
    pub window_tokens: u32,
    /// Tokens of what the product itself says: system message, headings and command.
    #[serde(default)]
    pub system_tokens: u32,
    /// Tokens of the file's lines before and after the selection that were given to the model.
    #[serde(default)]
    pub file_tokens: u32,
    /// Tokens of the selection.
    pub selection_tokens: u32,
    /// Most tokens that the answer could have.
    #[serde(default)]
    pub answer_tokens_max: u32,
    /// Lines of the file before the selection that were given to the model, and those that
    /// were left out.
    pub before_lines: u32,
    /// See `before_lines`.
    pub before_lines_omitted: u32,
    /// Lines after the selection that were given to the model.
    pub after_lines: u32,
    /// See `before_lines`.
    pub after_lines_omitted: u32,
    /// How many of those left out were given after all, since the selection uses them: what the
    /// file brings in, and the heads of what it names.
    #[serde(default)]
    pub outline_lines: u32,
    /// Tokens of the questions and answers before this one that were given.
    #[serde(default)]
    pub conversation_tokens: u32,
    /// How many of them were left out, the oldest.
    #[serde(default)]
    pub exchanges_omitted: u32,
}
