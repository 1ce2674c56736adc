//! ggml's k-quants, and formats laid out like them: blocks of 256 weights, with scales of their own
//! for each 16 or 32. A column is rounded with one scale for 256 values.

pub(crate) mod block;
pub(crate) mod codes;
pub(crate) mod four;
pub(crate) mod tile;
