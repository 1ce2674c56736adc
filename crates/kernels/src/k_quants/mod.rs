//! ggml's k-quants: 256 weights in a block, with scales of their own in it for each 16 or 32.
//! A column is rounded with one scale for 256 values.

mod codes;
mod dot;
mod few;
mod tile;

pub(crate) use codes::{chunk_bytes, round};
pub(crate) use few::dot as dot_few;
pub(crate) use tile::Tile;
