//! A chunk of a column, rounded as llama.cpp rounds it for these formats (`Q8_K`): one scale for
//! all of its 256 values.

use std::arch::x86_64::{
    __m512i, _mm_storeu_si128, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32, _mm512_loadu_ps,
    _mm512_max_ps, _mm512_min_epi32, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_epi32,
    _mm512_reduce_max_ps, _mm512_reduce_min_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps,
};

use crate::CHUNK;
use crate::codes::{Place, REGISTER_BYTES};

/// Sums of 16 values in a chunk.
const SUMS: usize = CHUNK / 16;

/// Offsets within a chunk of a group of so many columns: first the codes, four in a lane, then
/// the sums of 16, two in a lane, the sums of 32, two in a lane, and the scale of each lane.
pub(super) const fn sums_at(width: usize) -> usize {
    width * CHUNK
}

pub(super) const fn wide_sums_at(width: usize) -> usize {
    sums_at(width) + width * SUMS * size_of::<i16>()
}

pub(super) const fn scales_at(width: usize) -> usize {
    wide_sums_at(width) + width * SUMS / 2 * size_of::<i16>()
}

/// A whole number of registers.
pub(crate) const fn chunk_bytes(width: usize) -> usize {
    (scales_at(width) + REGISTER_BYTES).next_multiple_of(REGISTER_BYTES)
}

/// Rounds a chunk of a column and puts it where it belongs.
///
/// # Safety
/// The processor has the features; [`chunk_bytes`] bytes may be written at `start`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) unsafe fn round(values: &[f32; CHUNK], place: Place, start: *mut u8) {
    let mut codes = [0u8; CHUNK];
    let mut sums = [0i16; SUMS];
    // SAFETY: sixteen values lie at each of the sixteen places, and so many bytes.
    let scale = unsafe {
        let (mut most, mut least) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for part in values.as_chunks::<16>().0 {
            let part = _mm512_loadu_ps(part.as_ptr());
            (most, least) = (_mm512_max_ps(most, part), _mm512_min_ps(least, part));
        }
        let (most, least) = (_mm512_reduce_max_ps(most), _mm512_reduce_min_ps(least));
        let furthest = if most >= -least { most } else { least };
        // What is furthest from zero becomes -127, as in llama.cpp.
        let to_codes = if furthest == 0.0 { 0.0 } else { -127.0 / furthest };
        let parts = values.as_chunks::<16>().0.iter().zip(codes.as_chunks_mut::<16>().0);
        for ((part, codes), sum) in parts.zip(&mut sums) {
            let scaled = _mm512_mul_ps(_mm512_loadu_ps(part.as_ptr()), _mm512_set1_ps(to_codes));
            let rounded: __m512i =
                _mm512_min_epi32(_mm512_cvtps_epi32(scaled), _mm512_set1_epi32(127));
            _mm_storeu_si128(codes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(rounded));
            *sum = _mm512_reduce_add_epi32(rounded) as i16;
        }
        if to_codes == 0.0 { 0.0 } else { 1.0 / to_codes }
    };
    let wide: [i16; SUMS / 2] = std::array::from_fn(|at| sums[2 * at] + sums[2 * at + 1]);
    // SAFETY: all lie within the chunk.
    unsafe {
        place.scatter(codes.as_chunks::<4>().0, start);
        place.scatter(sums.as_chunks::<2>().0, start.add(sums_at(place.width)));
        place.scatter(wide.as_chunks::<2>().0, start.add(wide_sums_at(place.width)));
        let at = start.add(scales_at(place.width)).cast::<f32>().add(place.column * place.lanes());
        for lane in 0..place.lanes() {
            at.add(lane).write(scale);
        }
    }
}
