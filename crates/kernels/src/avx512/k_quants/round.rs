//! Rounds a chunk of a column to eight bits.

use std::arch::x86_64::{
    __m512i, _mm_storeu_si128, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32, _mm512_loadu_ps,
    _mm512_max_ps, _mm512_min_epi32, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_epi32,
    _mm512_reduce_max_ps, _mm512_reduce_min_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps,
};

use crate::CHUNK;
use crate::k_quants::codes::{Rounded, SUMS, to_codes};

/// # Safety
/// The processor has the features.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) unsafe fn round(values: &[f32; CHUNK]) -> Rounded {
    let mut codes = [0u8; CHUNK];
    let mut sums = [0i16; SUMS];
    // SAFETY: sixteen values are at each of the sixteen places, and this many bytes.
    unsafe {
        let (mut most, mut least) = (_mm512_setzero_ps(), _mm512_setzero_ps());
        for part in values.as_chunks::<16>().0 {
            let part = _mm512_loadu_ps(part.as_ptr());
            (most, least) = (_mm512_max_ps(most, part), _mm512_min_ps(least, part));
        }
        let to_codes = to_codes(_mm512_reduce_max_ps(most), _mm512_reduce_min_ps(least));
        let parts = values.as_chunks::<16>().0.iter().zip(codes.as_chunks_mut::<16>().0);
        for ((part, codes), sum) in parts.zip(&mut sums) {
            let scaled = _mm512_mul_ps(_mm512_loadu_ps(part.as_ptr()), _mm512_set1_ps(to_codes));
            let rounded: __m512i =
                _mm512_min_epi32(_mm512_cvtps_epi32(scaled), _mm512_set1_epi32(127));
            _mm_storeu_si128(codes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(rounded));
            *sum = _mm512_reduce_add_epi32(rounded) as i16;
        }
        Rounded { codes, sums, scale: if to_codes == 0.0 { 0.0 } else { 1.0 / to_codes } }
    }
}
