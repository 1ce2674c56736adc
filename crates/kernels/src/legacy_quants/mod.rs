//! ggml's older formats: 32 weights in a block with one scale. A column is rounded with a scale
//! for each 32 values, so each sub-block's sum becomes a float of its own.

pub(crate) mod block;
pub(crate) mod codes;
pub(crate) mod tile;

/// Weights in a block.
pub(crate) const BLOCK: usize = 32;
/// Blocks in a chunk.
pub(crate) const BLOCKS: usize = crate::CHUNK / BLOCK;
/// Of `Q8_0`.
pub(crate) const BLOCK_BYTES_MAX: usize = 34;
