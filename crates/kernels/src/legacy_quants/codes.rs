//! A chunk of a column, rounded as llama.cpp rounds it for these formats (`Q8_0`): a scale for
//! each 32 values.

use std::arch::x86_64::{
    _MM_FROUND_TO_NEAREST_INT, _mm_cvtph_ps, _mm_cvtps_ph, _mm_cvtss_f32, _mm_set_ss,
    _mm_storeu_si128, _mm512_abs_ps, _mm512_add_epi32, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32,
    _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_reduce_max_ps,
    _mm512_set1_ps,
};

use super::{BLOCK, BLOCKS};
use crate::codes::{LANES, Place, REGISTER_BYTES};
use crate::{CHUNK, Format};

/// Offsets within a chunk of a group of so many columns: first the codes, four in a lane, then
/// what the sum of each block begins with, then the scale of each block, both for each lane: a
/// column on its own has them once, because its chunks are to stay in the first cache.
pub(super) const fn beginnings_at(width: usize) -> usize {
    width * CHUNK
}

pub(super) const fn scales_at(width: usize) -> usize {
    beginnings_at(width) + BLOCKS * block_bytes(width)
}

pub(crate) const fn chunk_bytes(width: usize) -> usize {
    scales_at(width) + BLOCKS * block_bytes(width)
}

/// Of the beginnings, or of the scales.
const fn block_bytes(width: usize) -> usize {
    if width == 1 { size_of::<f32>() } else { REGISTER_BYTES }
}

/// Rounds a chunk of a column and puts it where it belongs.
///
/// # Safety
/// The processor has the features; [`chunk_bytes`] bytes may be written at `start`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
pub(crate) unsafe fn round(values: &[f32; CHUNK], format: Format, place: Place, start: *mut u8) {
    let mut codes = [0u8; CHUNK];
    let blocks = values.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<BLOCK>().0);
    for (block, (values, codes)) in blocks.enumerate() {
        // SAFETY: the features are the caller's promise; the places lie within the chunk.
        unsafe {
            let (scale, sum) = round_block(values, codes);
            let (lanes, at) = lanes_of(place, block);
            let beginnings = start.add(beginnings_at(place.width)).cast::<i32>().add(at);
            let scales = start.add(scales_at(place.width)).cast::<f32>().add(at);
            for lane in 0..lanes {
                // The weights are too high by as much, each.
                beginnings.add(lane).write(if lane == 0 { -too_high(format) * sum } else { 0 });
                scales.add(lane).write(scale);
            }
        }
    }
    // SAFETY: they lie within the chunk.
    unsafe { place.scatter(codes.as_chunks::<4>().0, start) };
}

/// How often a column has what belongs to a block, and where that begins.
fn lanes_of(place: Place, block: usize) -> (usize, usize) {
    if place.width == 1 {
        return (1, block);
    }
    (place.lanes(), block * LANES + place.column * place.lanes())
}

/// What a weight is higher, read without its sign, than it stands for.
const fn too_high(format: Format) -> i32 {
    match format {
        Format::Q4_0 => 8,
        Format::Q5_0 => 16,
        _ => 128,
    }
}

/// The scale and the sum of the codes.
///
/// # Safety
/// The processor has the features.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn round_block(values: &[f32; BLOCK], codes: &mut [u8; BLOCK]) -> (f32, i32) {
    // SAFETY: sixteen values lie at each of the two places, and so many bytes.
    unsafe {
        let halves = [0, 16].map(|at| _mm512_loadu_ps(values.as_ptr().add(at)));
        let most = _mm512_max_ps(_mm512_abs_ps(halves[0]), _mm512_abs_ps(halves[1]));
        let most = _mm512_reduce_max_ps(most);
        let to_codes = if most == 0.0 { 0.0 } else { 127.0 / most };
        let rounded =
            halves.map(|half| _mm512_cvtps_epi32(_mm512_mul_ps(half, _mm512_set1_ps(to_codes))));
        for (rounded, at) in rounded.into_iter().zip([0, 16]) {
            let to = codes.as_mut_ptr().add(at).cast();
            _mm_storeu_si128(to, _mm512_cvtepi32_epi8(rounded));
        }
        let sum = _mm512_reduce_add_epi32(_mm512_add_epi32(rounded[0], rounded[1]));
        // llama.cpp keeps the scale in 16 bits.
        let scale = _mm_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm_set_ss(most / 127.0));
        (_mm_cvtss_f32(_mm_cvtph_ps(scale)), sum)
    }
}
