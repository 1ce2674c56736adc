//! A chunk of a column for these formats (`Q8_0` of llama.cpp): a scale for each 32 values, and
//! how it is laid out.

use super::{BLOCK, BLOCKS};
use crate::codes::{LANES, Place, REGISTER_BYTES};
use crate::{CHUNK, Format};

/// A chunk of a column, rounded.
pub(crate) struct Rounded {
    pub(crate) codes: [[u8; BLOCK]; BLOCKS],
    /// Of each block's codes.
    pub(crate) sums: [i32; BLOCKS],
    pub(crate) scales: [f32; BLOCKS],
}

/// Offsets within a chunk of a group of so many columns: first the codes, four in a lane, then
/// what the sum of each block begins with, then the scale of each block, both for each lane: a
/// column on its own has them once, because its chunks are to stay in the first cache.
pub(crate) const fn beginnings_at(width: usize) -> usize {
    width * CHUNK
}

pub(crate) const fn scales_at(width: usize) -> usize {
    beginnings_at(width) + BLOCKS * block_bytes(width)
}

pub(crate) const fn chunk_bytes(width: usize) -> usize {
    scales_at(width) + BLOCKS * block_bytes(width)
}

/// Of the beginnings, or of the scales.
const fn block_bytes(width: usize) -> usize {
    if width == 1 { size_of::<f32>() } else { REGISTER_BYTES }
}

impl Rounded {
    /// Puts it where it belongs.
    ///
    /// # Safety
    /// [`chunk_bytes`] bytes may be written at `start`.
    pub(crate) unsafe fn put(&self, format: Format, place: Place, start: *mut u8) {
        for (block, (sum, scale)) in self.sums.into_iter().zip(self.scales).enumerate() {
            let (lanes, at) = lanes_of(place, block);
            // SAFETY: the places lie within the chunk.
            unsafe {
                let beginnings = start.add(beginnings_at(place.width)).cast::<i32>().add(at);
                let scales = start.add(scales_at(place.width)).cast::<f32>().add(at);
                for lane in 0..lanes {
                    // The weights are too high by as much, each.
                    let beginning = if lane == 0 { -format.too_high() * sum } else { 0 };
                    beginnings.add(lane).write(beginning);
                    scales.add(lane).write(scale);
                }
            }
        }
        // SAFETY: they lie within the chunk.
        unsafe { place.scatter(self.codes.as_flattened().as_chunks::<4>().0, start) };
    }
}

/// How often a column has what belongs to a block, and where that begins.
fn lanes_of(place: Place, block: usize) -> (usize, usize) {
    if place.width == 1 {
        return (1, block);
    }
    (place.lanes(), block * LANES + place.column * place.lanes())
}
