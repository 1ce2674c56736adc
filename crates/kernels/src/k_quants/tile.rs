//! The weights: a block of each of eight rows, unpacked from its few bits to bytes. Small enough to
//! stay in the first-level cache while all columns use it.

use std::arch::x86_64::_mm256_storeu_si256;

use super::block::{head, weights};
use crate::matrix::{Matrix, ROWS};
use crate::{CHUNK, Format};

#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Tile {
    /// Unsigned: each has the excess that [`Format::too_high`] gives.
    pub(crate) weights: [[u8; CHUNK]; ROWS],
    /// One per 32 weights, or one per 16.
    pub(crate) scales: [[i32; 16]; ROWS],
    /// What the sums of a column's values are multiplied with, two in each: the minima, or the
    /// scales times the excess of the weights.
    pub(crate) offsets: [[i32; 8]; ROWS],
    pub(crate) scale: [f32; ROWS],
    /// The scale of the offsets, if these are minima.
    pub(crate) minimum: [f32; ROWS],
}

impl Tile {
    pub(crate) fn new() -> Self {
        Self {
            weights: [[0; CHUNK]; ROWS],
            scales: [[0; 16]; ROWS],
            offsets: [[0; 8]; ROWS],
            scale: [0.0; ROWS],
            minimum: [0.0; ROWS],
        }
    }

    /// Unpacks the block of these rows.
    ///
    /// # Safety
    /// The processor has the features; the rows and the block are within the matrix.
    #[target_feature(enable = "avx2,f16c")]
    pub(crate) unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], block: usize) {
        let blocks = rows.map(|row| matrix.chunk(row, block));
        // SAFETY: guaranteed by the caller.
        unsafe {
            match matrix.format() {
                Format::Q4K => self.take_blocks::<{ Format::Q4K as u8 }>(blocks),
                Format::Q5K => self.take_blocks::<{ Format::Q5K as u8 }>(blocks),
                Format::Q3K => self.take_blocks::<{ Format::Q3K as u8 }>(blocks),
                Format::Q2K => self.take_blocks::<{ Format::Q2K as u8 }>(blocks),
                Format::Iq4Xs => self.take_blocks::<{ Format::Iq4Xs as u8 }>(blocks),
                _ => self.take_blocks::<{ Format::Q6K as u8 }>(blocks),
            }
        }
    }

    /// # Safety
    /// The processor has the features; a block of the format is at each pointer.
    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn take_blocks<const FORMAT: u8>(&mut self, blocks: [*const u8; ROWS]) {
        for (row, block) in blocks.into_iter().enumerate() {
            // SAFETY: guaranteed by the caller; the places written are of the sizes written.
            unsafe {
                let head = head::<FORMAT>(block);
                self.scale[row] = head.scale;
                self.minimum[row] = head.minimum;
                let scales = self.scales[row].as_mut_ptr();
                _mm256_storeu_si256(scales.cast(), head.scales[0]);
                _mm256_storeu_si256(scales.add(8).cast(), head.scales[1]);
                _mm256_storeu_si256(self.offsets[row].as_mut_ptr().cast(), head.offsets);
                let to = self.weights[row].as_mut_ptr();
                for (part, weights) in weights::<FORMAT>(block).into_iter().enumerate() {
                    _mm256_storeu_si256(to.add(32 * part).cast(), weights);
                }
            }
        }
    }
}
