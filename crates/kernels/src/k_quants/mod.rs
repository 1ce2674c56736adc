//! ggml's k-quants, and those laid out like them: 256 weights in a block, with scales of their own
//! in it for each 16 or 32. A column is rounded with one scale for 256 values.

pub(crate) mod block;
pub(crate) mod codes;
pub(crate) mod four;
pub(crate) mod tile;
