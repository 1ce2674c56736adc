//! Blocks of 256 weights.

mod dot;
mod few;
mod round;

pub(crate) use few::dot as dot_few;
pub(crate) use round::round;

use crate::codes::LANES;
use crate::k_quants::tile::Tile;
use crate::matrix::{Matrix, ROWS};
use crate::{CHAINS, Format, rows};

pub(crate) struct Blocks(Tile);

impl rows::Tile for Blocks {
    fn new() -> Self {
        Self(Tile::new())
    }

    unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], chunk: usize) {
        // SAFETY: guaranteed by the caller; a chunk is a block.
        unsafe { self.0.take(matrix, rows, chunk) };
    }

    unsafe fn dot(
        &self,
        format: Format,
        width: usize,
        columns: *const u8,
        chunk: usize,
        sums: *mut f32,
    ) {
        // SAFETY: a block has a sum of its own.
        let sums = unsafe { sums.add(chunk % CHAINS * ROWS * LANES) };
        // SAFETY: guaranteed by the caller.
        unsafe {
            match (format.subblock(), format.has_minima()) {
                (16, false) => self.by_width::<16, false>(width, columns, sums),
                (16, true) => self.by_width::<16, true>(width, columns, sums),
                (_, false) => self.by_width::<32, false>(width, columns, sums),
                (_, true) => self.by_width::<32, true>(width, columns, sums),
            }
        }
    }
}

impl Blocks {
    /// # Safety
    /// As for [`rows::Tile::dot`].
    unsafe fn by_width<const SUBBLOCK: usize, const MINIMA: bool>(
        &self,
        width: usize,
        columns: *const u8,
        sums: *mut f32,
    ) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            match width {
                4 => dot::dot::<SUBBLOCK, MINIMA, 4>(&self.0, columns, sums),
                8 => dot::dot::<SUBBLOCK, MINIMA, 8>(&self.0, columns, sums),
                _ => dot::dot::<SUBBLOCK, MINIMA, 16>(&self.0, columns, sums),
            }
        }
    }
}
