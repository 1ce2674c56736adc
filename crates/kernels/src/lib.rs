//! Products of quantized matrices, as they are in the file, with columns: what a step of a model
//! consists of.
//!
//! A step of one token is limited by memory, a prompt by arithmetic; in between, llama.cpp spends
//! more than half of its time unpacking weights to memory. These kernels unpack a row into
//! registers for up to four columns, and eight rows within the first-level cache for more. There is
//! a variant of each for every [`Level`] of a processor's instructions; everything else is left to
//! llama.cpp.
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

/// Values of a row or column that are processed at a time: ggml's `QK_K`.
#[cfg(target_arch = "x86_64")]
const CHUNK: usize = 256;

/// Number of sums that a row has with a column. Every part with scales of its own (a chunk of the
/// k-quants, a block of the older formats) is added up in integers and then added to the first sum,
/// the next part to the second, and so on in a circle. All kernels of a level keep to this order,
/// so a column's result is the same to the last bit whatever is computed next to it. The kernels
/// for a few columns need several sums, because they end up with integers of several parts of one
/// column next to each other.
#[cfg(target_arch = "x86_64")]
const CHAINS: usize = 4;
