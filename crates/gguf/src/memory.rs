//! How much memory a model takes, before it is loaded.
//!
//! Arithmetic on the header only; the results were compared with llama.cpp's own. How much memory a
//! machine has is up to the host.

use crate::Header;

/// How the KV cache is stored; sizes are those of ggml's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvType {
    F16,
    /// 8 bits and a scale for 32 values.
    Q8_0,
    /// 4 bits and a scale for 32 values.
    Q4_0,
}

impl KvType {
    const fn block_bytes(self) -> u64 {
        match self {
            Self::F16 => 64,
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
        }
    }

    /// The size in this format of what takes `bytes` as 16-bit floats; for models of which only a
    /// catalog's figure is known.
    #[must_use]
    pub const fn bytes_from_f16(self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.block_bytes()) / Self::F16.block_bytes()
    }
}

/// What llama.cpp allocates for each token of the vocabulary, its text and tables: about 45 MB for
/// 152,000.
const TOKEN_BYTES: u64 = 300;

// Bytes of intermediate results that each token of a batch needs at once, for each channel of the
// embedding, of keys and values, and of the feed-forward network. Fitted to what llama.cpp reserves
// (ggml 0.26) for batches of 64 and 256 tokens and windows of 512 to 8192, for widths of 256, 896
// and 3584: within 1 % of each.
const CHANNEL_BYTES_IN_ATTENTION: u64 = 24;
const CHANNEL_BYTES_ELSEWHERE: u64 = 20;
const KEY_VALUE_CHANNEL_BYTES: u64 = 4;
const INNER_CHANNEL_BYTES: u64 = 12;

/// Rows of logits that are reserved from the start: one for each sequence of the worker.
pub const FIRST_OUTPUT_ROWS: u64 = 4;

/// Sequences of the worker for a model with a state: those that every model has and some for states
/// to keep.
const STATE_SEQUENCES: u64 = 9;
/// States of each sequence that are kept in addition to the last, if all of them together take no
/// more than...
const STATES_BACK: u64 = 7;
/// ...this many bytes.
const STATES_BYTES_MAX: u64 = 24 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunShape {
    pub context_tokens: u32,
    /// Prompt tokens that are computed at once.
    pub batch_tokens: u32,
    /// Tokens whose logits are computed at once.
    pub output_tokens: u32,
    pub kv: KvType,
    /// Whether attention is computed without writing its scores down, as on a GPU.
    pub flash_attention: bool,
}

/// Bytes of memory by purpose. Split in the way in which llama.cpp reports it, so that what a
/// worker has measured can take the place of a part: see [`Self::buffers_bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    pub weights_bytes: u64,
    pub kv_bytes: u64,
    pub compute_bytes: u64,
    pub vocabulary_bytes: u64,
    /// Allocated later, when the logits of a whole draft are kept at once.
    pub later_bytes: u64,
}

impl MemoryEstimate {
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.buffers_bytes().saturating_add(self.beside_bytes())
    }

    /// What llama.cpp reports when it loads the model. A measurement replaces this part.
    #[must_use]
    pub const fn buffers_bytes(&self) -> u64 {
        self.weights_bytes.saturating_add(self.kv_bytes).saturating_add(self.compute_bytes)
    }

    /// What it does not report, so that it has to be added to a measurement.
    #[must_use]
    pub const fn beside_bytes(&self) -> u64 {
        self.vocabulary_bytes.saturating_add(self.later_bytes)
    }
}

impl Header {
    /// Bytes of KV cache that one token of context takes, in all layers.
    #[must_use]
    pub fn kv_bytes_per_token(&self, kv: KvType) -> u64 {
        let head = u64::from(self.key_length) + u64::from(self.value_length);
        self.kv_heads_all_layers.saturating_mul(head).saturating_mul(kv.block_bytes()) / 32
    }

    /// How much the model takes when it is run in this way. Nothing here fails or overflows: a file
    /// that claims too much needs too much.
    #[must_use]
    pub fn estimate(&self, run: RunShape) -> MemoryEstimate {
        let context = u64::from(run.context_tokens);
        MemoryEstimate {
            weights_bytes: self.tensor_bytes,
            kv_bytes: self
                .kv_bytes_per_token(run.kv)
                .saturating_mul(context)
                .saturating_add(self.states_bytes()),
            compute_bytes: self.compute_bytes(run),
            vocabulary_bytes: u64::from(self.vocabulary_size) * TOKEN_BYTES,
            later_bytes: self
                .logits_bytes(u64::from(run.output_tokens).saturating_sub(FIRST_OUTPUT_ROWS)),
        }
    }

    /// How much all states take, with the earlier ones of each sequence if all of them together are
    /// small enough.
    fn states_bytes(&self) -> u64 {
        let last = self.state_bytes.saturating_mul(STATE_SEQUENCES);
        let all = last.saturating_mul(STATES_BACK + 1);
        if all <= STATES_BYTES_MAX { all } else { last }
    }

    fn logits_bytes(&self, rows: u64) -> u64 {
        rows.saturating_mul(4).saturating_mul(u64::from(self.vocabulary_size))
    }

    /// Bytes of the buffer for intermediate results: the largest of the stages of a step, since
    /// they use the same memory one after the other. Attention grows with the window (its scores,
    /// unless flash attention does without them), the feed-forward network with its width, the
    /// output with the vocabulary; the mask and the current keys and values are there in every
    /// stage.
    fn compute_bytes(&self, run: RunShape) -> u64 {
        let (context, width) = (u64::from(run.context_tokens), u64::from(self.embedding_length));
        // llama.cpp makes no batch larger than the window.
        let batch = u64::from(run.batch_tokens.min(run.context_tokens));
        // The mask says for each pair of tokens whether one attends to the other.
        let mask = if run.flash_attention { 2 * context } else { 4 * context };
        let scores = if run.flash_attention { 0 } else { 4 * context * u64::from(self.head_count) };
        let keys_and_values = KEY_VALUE_CHANNEL_BYTES
            * u64::from(self.head_count_kv)
            * (u64::from(self.key_length) + u64::from(self.value_length));
        let attention = scores + CHANNEL_BYTES_IN_ATTENTION * width;
        let elsewhere = CHANNEL_BYTES_ELSEWHERE * width;
        let feed_forward = elsewhere + INNER_CHANNEL_BYTES * u64::from(self.feed_forward_length);
        // No more rows of logits than tokens in the batch.
        let outputs = u64::from(run.output_tokens).min(batch);
        let logits = batch.saturating_mul(elsewhere).saturating_add(self.logits_bytes(outputs));
        batch
            .saturating_mul(attention.max(feed_forward))
            .max(logits)
            .saturating_add(batch.saturating_mul(mask + keys_and_values))
            .saturating_add(self.logits_bytes(FIRST_OUTPUT_ROWS))
    }
}
