//! Products of quantized matrices with columns, as they lie in the file: what a step of a model
//! consists of.
//!
//! A step of one token waits for memory, a prompt for arithmetic; in between llama.cpp spends
//! more than half of its time on spreading weights out in memory. These kernels spread a row out
//! in registers for up to four columns, and eight rows within the first cache for more. They need
//! AVX-512 with VNNI; everything else stays llama.cpp's.
//!
//! Knows nothing of llama.cpp, threads or models. The worker calls it.
#![expect(unsafe_code, reason = "instructions of the processor, and rows written by many threads")]

#[cfg(target_arch = "x86_64")]
mod codes;
#[cfg(target_arch = "x86_64")]
mod k_quants;
#[cfg(target_arch = "x86_64")]
mod legacy_quants;
#[cfg(target_arch = "x86_64")]
mod matrix;
#[cfg(target_arch = "x86_64")]
mod multiply;
#[cfg(target_arch = "x86_64")]
mod rows;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

#[cfg(target_arch = "x86_64")]
pub use codes::Codes;
#[cfg(target_arch = "x86_64")]
pub use matrix::Matrix;
#[cfg(target_arch = "x86_64")]
pub use multiply::{Output, Scratch, multiply};

/// Values of a row or column that are worked on at a time: `QK_K` of ggml.
#[cfg(target_arch = "x86_64")]
const CHUNK: usize = 256;

/// How a matrix is stored, by ggml's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Four bits, a scale and a minimum for each 32.
    Q4K,
    /// Five bits, a scale and a minimum for each 32.
    Q5K,
    /// Six bits, a scale for each 16.
    Q6K,
    /// Four bits, a scale for each 32.
    Q4_0,
    /// Five bits, a scale for each 32.
    Q5_0,
    /// Eight bits, a scale for each 32.
    Q8_0,
}

/// Formats that are computed alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// Blocks of 256.
    K,
    /// Blocks of 32.
    Legacy,
}

impl Format {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Q4K, Self::Q5K, Self::Q6K, Self::Q4_0, Self::Q5_0, Self::Q8_0];

    /// Weights in a block: a row has a whole number of them.
    #[must_use]
    pub const fn block_weights(self) -> usize {
        match self.family() {
            Family::K => 256,
            Family::Legacy => 32,
        }
    }

    /// Size of a block in bytes.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
            Self::Q4_0 => 18,
            Self::Q5_0 => 22,
            Self::Q8_0 => 34,
        }
    }

    const fn family(self) -> Family {
        match self {
            Self::Q4K | Self::Q5K | Self::Q6K => Family::K,
            Self::Q4_0 | Self::Q5_0 | Self::Q8_0 => Family::Legacy,
        }
    }

    /// The one with this number, which a parameter of a type can be.
    #[cfg(target_arch = "x86_64")]
    const fn of(number: u8) -> Self {
        Self::ALL[number as usize]
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
