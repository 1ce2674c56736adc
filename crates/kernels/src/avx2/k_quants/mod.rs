//! Blocks of 256 weights.

mod dot;
mod few;
mod round;

pub(crate) use dot::Blocks;
pub(crate) use few::dot as dot_few;
pub(crate) use round::round;
