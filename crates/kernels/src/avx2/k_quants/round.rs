//! Rounds a chunk of a column to eight bits.

use std::arch::x86_64::{
    _mm256_add_epi32, _mm256_loadu_ps, _mm256_max_ps, _mm256_min_epi32, _mm256_min_ps,
    _mm256_set1_epi32, _mm256_setzero_ps, _mm256_storeu_ps,
};

use crate::CHUNK;
use crate::avx2::lanes::{rounded, store, sum};
use crate::k_quants::codes::{Rounded, SUMS, to_codes};

/// # Safety
/// The processor has the features.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn round(values: &[f32; CHUNK]) -> Rounded {
    let mut codes = [0u8; CHUNK];
    let mut sums = [0i16; SUMS];
    let (mut most, mut least) = (_mm256_setzero_ps(), _mm256_setzero_ps());
    for part in values.as_chunks::<8>().0 {
        // SAFETY: eight values are there.
        let part = unsafe { _mm256_loadu_ps(part.as_ptr()) };
        (most, least) = (_mm256_max_ps(most, part), _mm256_min_ps(least, part));
    }
    let mut lanes = [[0.0f32; 8]; 2];
    // SAFETY: the arrays have the size of a register.
    unsafe {
        _mm256_storeu_ps(lanes[0].as_mut_ptr(), most);
        _mm256_storeu_ps(lanes[1].as_mut_ptr(), least);
    }
    let to_codes = to_codes(
        lanes[0].into_iter().fold(0.0, f32::max),
        lanes[1].into_iter().fold(0.0, f32::min),
    );
    let parts = values.as_chunks::<32>().0.iter().zip(codes.as_chunks_mut::<32>().0);
    for ((part, codes), sums) in parts.zip(sums.as_chunks_mut::<2>().0) {
        // SAFETY: guaranteed by the caller.
        let rounded = unsafe { rounded(part, to_codes) };
        let rounded = rounded.map(|part| _mm256_min_epi32(part, _mm256_set1_epi32(127)));
        sums[0] = sum(_mm256_add_epi32(rounded[0], rounded[1])) as i16;
        sums[1] = sum(_mm256_add_epi32(rounded[2], rounded[3])) as i16;
        store(rounded, codes);
    }
    Rounded { codes, sums, scale: if to_codes == 0.0 { 0.0 } else { 1.0 / to_codes } }
}
