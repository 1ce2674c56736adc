//! The layout of a column that is computed on its own: the codes of a chunk in the order in which
//! registers of four blocks have their weights, and the scales of four chunks next to each other.

use crate::legacy_quants::codes::{Rounded, chunk_bytes};
use crate::legacy_quants::{BLOCK, BLOCKS};
use crate::{CHAINS, CHUNK, Format};

/// Offset within a chunk of the codes of its first or last four blocks: the first 16 codes of each
/// block, then the second 16 of each.
pub(super) const fn codes_at(half: usize) -> usize {
    half * CHUNK / 2
}

/// Offset of the values that sums begin with: each of four chunks has those of two blocks of all
/// four.
pub(super) const fn beginnings_at() -> usize {
    CHUNK
}

/// Offset of the scales, in the same order.
pub(super) const fn scales_at() -> usize {
    CHUNK + 2 * CHAINS * size_of::<i32>()
}

/// Writes the chunk with this number, of this many, to its place.
///
/// # Safety
/// From `start` on, [`chunk_bytes`] of one column may be written for each of the chunks, whose
/// number is rounded up to a multiple of [`CHAINS`].
pub(crate) unsafe fn put(
    rounded: &Rounded,
    format: Format,
    (chunk, chunks): (usize, usize),
    start: *mut u8,
) {
    const HALF: usize = BLOCK / 2;
    // The scales of a chunk are spread over the places of four chunks, so that one load has those
    // of the same block of all four, which is the order in which their sums come out.
    let first = start.wrapping_add(chunk / CHAINS * CHAINS * chunk_bytes(1));
    for block in 0..BLOCKS {
        let codes = rounded.codes[block].as_chunks::<HALF>().0;
        let to = first.wrapping_add(chunk % CHAINS * chunk_bytes(1) + codes_at(block / 4));
        let to = to.wrapping_add(block % 4 * HALF).cast::<[u8; HALF]>();
        let pair = first.wrapping_add(block / 2 * chunk_bytes(1));
        let write = |lane: usize, beginning: i32, scale: f32| {
            let lane = block % 2 * CHAINS + lane;
            // SAFETY: guaranteed by the caller: there are four chunks.
            unsafe {
                pair.add(beginnings_at()).cast::<i32>().add(lane).write(beginning);
                pair.add(scales_at()).cast::<f32>().add(lane).write(scale);
            }
        };
        // SAFETY: as above.
        unsafe {
            to.write(codes[0]);
            to.add(4).write(codes[1]);
        }
        // Corrects for the excess of the weights, which is the same for each.
        write(chunk % CHAINS, -format.too_high() * rounded.sums[block], rounded.scales[block]);
        if chunk + 1 == chunks {
            // No other thread writes the places after the end.
            for lane in chunk % CHAINS + 1..CHAINS {
                write(lane, 0, 0.0);
            }
        }
    }
}
