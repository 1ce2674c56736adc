//! Products of quantized matrices with columns, as they are in the file: what a step of a model
//! consists of.
//!
//! A step of one token waits for memory, a prompt for arithmetic; in between llama.cpp spends
//! more than half of its time on spreading weights out in memory. These kernels spread a row out
//! in registers for up to four columns, and eight rows within the first cache for more. There is
//! a form of each for every [`Level`] of a processor's instructions; everything else stays
//! llama.cpp's.
//!
//! Knows nothing of llama.cpp, threads or models. The worker calls it.
#![expect(unsafe_code, reason = "instructions of the processor, and rows written by many threads")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod codes;
mod format;
#[cfg(target_arch = "x86_64")]
mod k_quants;
#[cfg(target_arch = "x86_64")]
mod legacy_quants;
mod level;
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
pub use format::Format;
pub use level::Level;
#[cfg(target_arch = "x86_64")]
pub use matrix::Matrix;
#[cfg(target_arch = "x86_64")]
pub use multiply::{Output, Scratch, multiply};

/// Values of a row or column that are worked on at a time: `QK_K` of ggml.
#[cfg(target_arch = "x86_64")]
const CHUNK: usize = 256;

/// Sums that a row has with a column: what has scales of its own (a chunk of the k-quants, a block
/// of the older formats) is added up in whole numbers and goes to the first of them, the next to
/// the second, and so on around. All kernels of a level keep to this order, so a column comes out
/// the same to the last bit whatever is computed beside it. A few columns need several sums,
/// because whole numbers of one column end up beside each other there.
#[cfg(target_arch = "x86_64")]
const CHAINS: usize = 4;
