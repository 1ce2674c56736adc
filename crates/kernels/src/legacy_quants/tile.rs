//! The weights of a chunk of each of eight rows, unpacked to bytes. Small enough to stay in the
//! first-level cache while all columns use it.

use std::arch::x86_64::_mm256_storeu_si256;

use super::{BLOCK, BLOCKS, block};
use crate::matrix::{Matrix, ROWS, half};
use crate::{CHUNK, Format};

#[repr(C, align(64))]
pub(crate) struct Tile {
    /// Unsigned.
    pub(crate) weights: [[u8; CHUNK]; ROWS],
    pub(crate) scales: [[f32; BLOCKS]; ROWS],
    /// Number of blocks that were unpacked: fewer at the end of a row.
    pub(crate) blocks: usize,
}

impl Tile {
    pub(crate) fn new() -> Self {
        Self { weights: [[0; CHUNK]; ROWS], scales: [[0.0; BLOCKS]; ROWS], blocks: 0 }
    }

    /// Unpacks the chunk of these rows.
    ///
    /// # Safety
    /// The processor has the features; the rows and the chunk are within the matrix.
    #[target_feature(enable = "avx2,f16c")]
    pub(crate) unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], chunk: usize) {
        self.blocks = BLOCKS.min(matrix.blocks() - chunk * BLOCKS);
        let rows = rows.map(|row| matrix.chunk(row, chunk));
        // SAFETY: guaranteed by the caller; this many blocks are left.
        unsafe {
            match matrix.format() {
                Format::Q4_0 => self.take_blocks::<{ Format::Q4_0 as u8 }>(rows),
                Format::Q5_0 => self.take_blocks::<{ Format::Q5_0 as u8 }>(rows),
                Format::Iq4Nl => self.take_blocks::<{ Format::Iq4Nl as u8 }>(rows),
                _ => self.take_blocks::<{ Format::Q8_0 as u8 }>(rows),
            }
        }
    }

    /// Unpacks as many blocks of each of the rows as `blocks` says.
    ///
    /// # Safety
    /// The processor has the features; this many blocks of the format are at each pointer.
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn take_blocks<const FORMAT: u8>(&mut self, rows: [*const u8; ROWS]) {
        for (row, start) in rows.into_iter().enumerate() {
            // The scales of the chunk before may still be there.
            self.scales[row][self.blocks..].fill(0.0);
            let weights = self.weights[row].as_chunks_mut::<BLOCK>().0.iter_mut();
            for (index, (weights, scale)) in
                weights.zip(&mut self.scales[row]).enumerate().take(self.blocks)
            {
                // SAFETY: the block is below the count; the weights are 32.
                unsafe {
                    let start = start.add(index * Format::of(FORMAT).block_bytes());
                    *scale = half(start);
                    let spread = block::weights::<FORMAT>(start);
                    _mm256_storeu_si256(weights.as_mut_ptr().cast(), spread);
                }
            }
        }
    }
}
