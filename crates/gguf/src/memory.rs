//! How much memory a model takes, before it is loaded.
//!
//! Arithmetic on the header only; the figures were compared with llama.cpp's own. What a
//! machine has is the host's question.

use crate::Header;

/// How the KV cache is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvType {
    /// 16-bit floats, the default.
    F16,
    /// 8 bits and a scale for 32 values.
    Q8_0,
    /// 4 bits and a scale for 32 values.
    Q4_0,
}

impl KvType {
    /// Bytes of 32 values.
    const fn block_bytes(self) -> u64 {
        match self {
            Self::F16 => 64,
            Self::Q8_0 => 34,
            Self::Q4_0 => 18,
        }
    }
}

/// Prompt tokens that llama.cpp computes at once and reserves memory for.
const BATCH_TOKENS: u64 = 512;

/// What llama.cpp takes for a token of vocabulary, its text and tables: about 45 MB for 152,000.
const TOKEN_BYTES: u64 = 300;

/// Bytes of memory by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The file's tensors, mapped.
    pub weights_bytes: u64,
    /// The KV cache for the whole context window.
    pub kv_bytes: u64,
    /// Buffers for computing, and the vocabulary.
    pub compute_bytes: u64,
}

impl MemoryEstimate {
    /// All together.
    #[must_use]
    pub const fn total_bytes(&self) -> u64 {
        self.weights_bytes.saturating_add(self.kv_bytes).saturating_add(self.compute_bytes)
    }
}

impl Header {
    /// Bytes of KV cache that one token of context takes, in all layers.
    #[must_use]
    pub fn kv_bytes_per_token(&self, kv: KvType) -> u64 {
        let head = u64::from(self.key_length) + u64::from(self.value_length);
        self.kv_heads_all_layers.saturating_mul(head).saturating_mul(kv.block_bytes()) / 32
    }

    /// What the model takes with a context window of this size.
    #[must_use]
    pub fn estimate(&self, context_tokens: u32, kv: KvType) -> MemoryEstimate {
        let vocabulary = u64::from(self.vocabulary_size);
        MemoryEstimate {
            weights_bytes: self.tensor_bytes,
            kv_bytes: self.kv_bytes_per_token(kv).saturating_mul(context_tokens.into()),
            compute_bytes: vocabulary * (BATCH_TOKENS * 4 + TOKEN_BYTES),
        }
    }
}
