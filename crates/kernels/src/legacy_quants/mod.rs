//! ggml's older formats: blocks of 32 weights with one scale. A column is rounded with one scale
//! per 32 values, so each block's sum becomes a float of its own.

pub(crate) mod block;
pub(crate) mod codes;
pub(crate) mod tile;

pub(crate) const BLOCK: usize = 32;
pub(crate) const BLOCKS: usize = crate::CHUNK / BLOCK;
/// The largest size of a block, that of `Q8_0`.
pub(crate) const BLOCK_BYTES_MAX: usize = 34;
