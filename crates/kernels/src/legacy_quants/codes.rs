//! A chunk of a column for these formats (`Q8_0` of llama.cpp): one scale per 32 values, and its
//! layout.

use super::{BLOCK, BLOCKS};
use crate::codes::Place;
use crate::{CHUNK, Format};

pub(crate) struct Rounded {
    pub(crate) codes: [[u8; BLOCK]; BLOCKS],
    pub(crate) sums: [i32; BLOCKS],
    pub(crate) scales: [f32; BLOCKS],
}

/// Offsets within a chunk of a group of this many columns: first the codes, four in a lane, then
/// the value that the sum of each block begins with, then the scale of each block, one in a lane.
pub(crate) const fn beginnings_at(width: usize) -> usize {
    width * CHUNK
}

pub(crate) const fn scales_at(width: usize) -> usize {
    beginnings_at(width) + width * BLOCKS * size_of::<i32>()
}

pub(crate) const fn chunk_bytes(width: usize) -> usize {
    scales_at(width) + width * BLOCKS * size_of::<f32>()
}

impl Rounded {
    /// Writes the chunk to its place.
    ///
    /// # Safety
    /// [`chunk_bytes`] bytes may be written at `start`.
    pub(crate) unsafe fn put(&self, format: Format, place: Place, start: *mut u8) {
        // Corrects for the excess of the weights, which is the same for each.
        let beginnings = self.sums.map(|sum| -format.too_high() * sum);
        // SAFETY: all are within the chunk.
        unsafe {
            place.scatter(self.codes.as_flattened().as_chunks::<4>().0, start);
            place.scatter(&beginnings, start.add(beginnings_at(place.width)));
            place.scatter(&self.scales, start.add(scales_at(place.width)));
        }
    }
}
