//! Rounds a chunk of a column to eight bits.

use std::arch::x86_64::{
    _MM_FROUND_TO_NEAREST_INT, _mm_cvtph_ps, _mm_cvtps_ph, _mm_cvtss_f32, _mm_set_ss,
    _mm_storeu_si128, _mm512_abs_ps, _mm512_add_epi32, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32,
    _mm512_loadu_ps, _mm512_max_ps, _mm512_mul_ps, _mm512_reduce_add_epi32, _mm512_reduce_max_ps,
    _mm512_set1_ps,
};

use crate::CHUNK;
use crate::legacy_quants::codes::Rounded;
use crate::legacy_quants::{BLOCK, BLOCKS};

/// # Safety
/// The processor has the features.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
pub(crate) unsafe fn round(values: &[f32; CHUNK]) -> Rounded {
    let mut rounded =
        Rounded { codes: [[0; BLOCK]; BLOCKS], sums: [0; BLOCKS], scales: [0.0; BLOCKS] };
    for (block, values) in values.as_chunks::<BLOCK>().0.iter().enumerate() {
        // SAFETY: the features are guaranteed by the caller.
        let (scale, sum) = unsafe { round_block(values, &mut rounded.codes[block]) };
        (rounded.scales[block], rounded.sums[block]) = (scale, sum);
    }
    rounded
}

/// The scale and the sum of the codes.
///
/// # Safety
/// The processor has the features.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn round_block(values: &[f32; BLOCK], codes: &mut [u8; BLOCK]) -> (f32, i32) {
    // SAFETY: sixteen values are at each of the two places, and this many bytes.
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
