//! ggml's older formats: 32 weights in a block with one scale. A column is rounded with a scale
//! for each 32 values, so each sub-block's sum becomes a float of its own.

mod block;
mod codes;
mod dot;
mod few;
mod tile;

pub(crate) use codes::{chunk_bytes, round};
pub(crate) use few::dot as dot_few;
pub(crate) use tile::Tile;

/// Weights in a block.
const BLOCK: usize = 32;
/// Blocks in a chunk.
const BLOCKS: usize = crate::CHUNK / BLOCK;
