//! Products of quantized matrices with a few columns: what a step with a draft consists of.
//!
//! A step of one token is bound by memory, a prompt by arithmetic; in between llama.cpp spends
//! more than half of its time on spreading weights out in memory. These kernels spread eight rows
//! at a time within the first cache, from the weights as they lie in the file, and share that
//! among all columns. They need AVX-512 with VNNI; everything else stays llama.cpp's.
//!
//! Knows nothing of llama.cpp, threads or models. The worker calls it.
#![expect(unsafe_code, reason = "instructions of the processor, and rows written by many threads")]

#[cfg(target_arch = "x86_64")]
mod codes;
#[cfg(target_arch = "x86_64")]
mod dot;
#[cfg(target_arch = "x86_64")]
mod few;
#[cfg(target_arch = "x86_64")]
mod multiply;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
#[cfg(target_arch = "x86_64")]
mod tile;

#[cfg(target_arch = "x86_64")]
pub use codes::Codes;
#[cfg(target_arch = "x86_64")]
pub use multiply::{Matrix, Output, Scratch, multiply};

/// Weights that share a scale of their own kind: `QK_K` of ggml.
pub const BLOCK: usize = 256;

/// How a matrix is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// ggml's `Q4_K`: four bits, a scale and a minimum for each 32.
    Q4K,
    /// ggml's `Q6_K`: six bits, a scale for each 16.
    Q6K,
}

impl Format {
    /// Size of a block of 256 weights in bytes.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q4K => 144,
            Self::Q6K => 210,
        }
    }
}

/// Whether this processor has the instructions.
#[must_use]
pub fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("f16c")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}
