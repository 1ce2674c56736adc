//! A chunk of a column for these formats (`Q8_K` of llama.cpp): one scale for all of its 256
//! values, and its layout.

use crate::CHUNK;
use crate::codes::{Place, REGISTER_BYTES};

pub(crate) const SUMS: usize = CHUNK / 16;

pub(crate) struct Rounded {
    pub(crate) codes: [u8; CHUNK],
    pub(crate) sums: [i16; SUMS],
    pub(crate) scale: f32,
}

/// Offsets within a chunk of a group of this many columns: first the codes, four in a lane, then
/// the sums of 16, two in a lane, the sums of 32, two in a lane, and the scale of each lane.
pub(crate) const fn sums_at(width: usize) -> usize {
    width * CHUNK
}

pub(crate) const fn wide_sums_at(width: usize) -> usize {
    sums_at(width) + width * SUMS * size_of::<i16>()
}

pub(crate) const fn scales_at(width: usize) -> usize {
    wide_sums_at(width) + width * SUMS / 2 * size_of::<i16>()
}

pub(crate) const fn chunk_bytes(width: usize) -> usize {
    (scales_at(width) + REGISTER_BYTES).next_multiple_of(REGISTER_BYTES)
}

/// The factor from values to codes: the value furthest from zero becomes -127, as in llama.cpp.
pub(crate) fn to_codes(most: f32, least: f32) -> f32 {
    // -127 and not 127: the sign of the furthest value goes into the scale, as in llama.cpp, whose
    // results ours are compared with.
    let furthest = if most >= -least { most } else { least };
    if furthest == 0.0 { 0.0 } else { -127.0 / furthest }
}

impl Rounded {
    /// Writes the chunk to its place.
    ///
    /// # Safety
    /// [`chunk_bytes`] bytes may be written at `start`.
    pub(crate) unsafe fn put(&self, place: Place, start: *mut u8) {
        let wide: [i16; SUMS / 2] =
            std::array::from_fn(|at| self.sums[2 * at] + self.sums[2 * at + 1]);
        // SAFETY: all are within the chunk.
        unsafe {
            place.scatter(self.codes.as_chunks::<4>().0, start);
            place.scatter(self.sums.as_chunks::<2>().0, start.add(sums_at(place.width)));
            place.scatter(wide.as_chunks::<2>().0, start.add(wide_sums_at(place.width)));
            let scales = start.add(scales_at(place.width)).cast::<f32>();
            let at = scales.add(place.column * place.lanes());
            for lane in 0..place.lanes() {
                at.add(lane).write(self.scale);
            }
        }
    }
}
