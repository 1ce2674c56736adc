//! The weights of a chunk of each of eight rows, spread out to bytes. Small enough to stay in the
//! first cache while all columns use it.

use std::arch::x86_64::_mm256_storeu_si256;

use super::{BLOCK, BLOCKS, block};
use crate::matrix::ROWS;
use crate::{CHUNK, Format};

/// A chunk of each of eight rows.
#[repr(C, align(64))]
pub(super) struct Tile {
    /// Without their sign.
    pub(super) weights: [[u8; CHUNK]; ROWS],
    /// Of each block.
    pub(super) scales: [[f32; BLOCKS]; ROWS],
}

impl Tile {
    pub(super) const fn new() -> Self {
        Self { weights: [[0; CHUNK]; ROWS], scales: [[0.0; BLOCKS]; ROWS] }
    }

    /// Takes so many blocks of each of the rows.
    ///
    /// # Safety
    /// The processor has the features; so many blocks of the format lie at each pointer.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
    pub(super) unsafe fn take(&mut self, format: Format, rows: [*const u8; ROWS], count: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match format {
                Format::Q4_0 => self.take_blocks::<{ Format::Q4_0 as u8 }>(rows, count),
                Format::Q5_0 => self.take_blocks::<{ Format::Q5_0 as u8 }>(rows, count),
                _ => self.take_blocks::<{ Format::Q8_0 as u8 }>(rows, count),
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
    unsafe fn take_blocks<const FORMAT: u8>(&mut self, rows: [*const u8; ROWS], count: usize) {
        for (row, start) in rows.into_iter().enumerate() {
            let weights = self.weights[row].as_chunks_mut::<BLOCK>().0.iter_mut();
            for (index, (weights, scale)) in
                weights.zip(&mut self.scales[row]).enumerate().take(count)
            {
                // SAFETY: the block is below the count; the weights are 32.
                unsafe {
                    let start = start.add(index * Format::of(FORMAT).block_bytes());
                    *scale = block::scale(start);
                    let spread = block::weights::<FORMAT>(start);
                    _mm256_storeu_si256(weights.as_mut_ptr().cast(), spread);
                }
            }
        }
    }
}
