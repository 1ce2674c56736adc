//! Blocks of 32 weights.

pub(crate) mod alone;
mod block;
mod dot;
mod few;
mod round;

pub(crate) use few::dot as dot_few;
pub(crate) use round::round;

use crate::codes::LANES;
use crate::legacy_quants::tile::Tile;
use crate::matrix::{Matrix, ROWS};
use crate::{CHAINS, Format, rows};

pub(crate) struct Blocks(Tile);

impl rows::Tile for Blocks {
    fn new() -> Self {
        Self(Tile::new())
    }

    unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], chunk: usize) {
        // SAFETY: guaranteed by the caller.
        unsafe { self.0.take(matrix, rows, chunk) };
    }

    unsafe fn dot(
        &self,
        _: Format,
        width: usize,
        columns: *const u8,
        chunk: usize,
        sums: *mut f32,
    ) {
        // SAFETY: a chunk has a sum of its own; guaranteed by the caller.
        unsafe {
            let sums = sums.add(chunk % CHAINS * ROWS * LANES);
            match width {
                4 => dot::dot::<4>(&self.0, columns, sums),
                8 => dot::dot::<8>(&self.0, columns, sums),
                _ => dot::dot::<16>(&self.0, columns, sums),
            }
        }
    }
}
