//! Rounds a chunk of a column to eight bits.

use std::arch::x86_64::{
    _MM_FROUND_TO_NEAREST_INT, _mm_cvtph_ps, _mm_cvtps_ph, _mm_cvtss_f32, _mm_set_ss,
    _mm256_add_epi32, _mm256_andnot_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_storeu_ps,
};

use crate::CHUNK;
use crate::avx2::lanes::{rounded, store, sum};
use crate::legacy_quants::codes::Rounded;
use crate::legacy_quants::{BLOCK, BLOCKS};

/// # Safety
/// The processor has the features.
#[target_feature(enable = "avx2,f16c")]
pub(crate) unsafe fn round(values: &[f32; CHUNK]) -> Rounded {
    let mut result =
        Rounded { codes: [[0; BLOCK]; BLOCKS], sums: [0; BLOCKS], scales: [0.0; BLOCKS] };
    for (block, values) in values.as_chunks::<BLOCK>().0.iter().enumerate() {
        let most = furthest(values);
        let to_codes = if most == 0.0 { 0.0 } else { 127.0 / most };
        // SAFETY: guaranteed by the caller.
        let [first, second, third, fourth] = unsafe { rounded(values, to_codes) };
        let halves =
            _mm256_add_epi32(_mm256_add_epi32(first, second), _mm256_add_epi32(third, fourth));
        result.sums[block] = sum(halves);
        store([first, second, third, fourth], &mut result.codes[block]);
        // llama.cpp keeps the scale in 16 bits.
        let scale = _mm_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm_set_ss(most / 127.0));
        result.scales[block] = _mm_cvtss_f32(_mm_cvtph_ps(scale));
    }
    result
}

#[inline]
#[target_feature(enable = "avx2")]
fn furthest(values: &[f32; BLOCK]) -> f32 {
    let sign = _mm256_set1_ps(-0.0);
    let mut most = _mm256_setzero_ps();
    let mut lanes = [0.0f32; 8];
    // SAFETY: eight values are at each place, and the array has the size of a register.
    unsafe {
        for part in values.as_chunks::<8>().0 {
            let part = _mm256_andnot_ps(sign, _mm256_loadu_ps(part.as_ptr()));
            most = _mm256_max_ps(most, part);
        }
        _mm256_storeu_ps(lanes.as_mut_ptr(), most);
    }
    lanes.into_iter().fold(0.0, f32::max)
}
