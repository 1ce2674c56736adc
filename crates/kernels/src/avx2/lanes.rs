//! Values to codes of eight bits, and lanes to their sum, as both families need it.

use std::arch::x86_64::{
    __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_add_ss, _mm_cvtsi128_si32, _mm_cvtss_f32,
    _mm_movehdup_ps, _mm_movehl_ps, _mm_shuffle_epi32, _mm_unpackhi_epi64, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_castsi256_si128, _mm256_cvtps_epi32, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_loadu_ps, _mm256_mul_ps, _mm256_packs_epi16,
    _mm256_packs_epi32, _mm256_permutevar8x32_epi32, _mm256_set_epi32, _mm256_set1_ps,
    _mm256_storeu_si256,
};

/// Codes of 32 values, eight in each register.
///
/// # Safety
/// The processor has the features.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn rounded(values: &[f32; 32], to_codes: f32) -> [__m256i; 4] {
    let to_codes = _mm256_set1_ps(to_codes);
    std::array::from_fn(|part| {
        // SAFETY: eight values lie there.
        let values: __m256 = unsafe { _mm256_loadu_ps(values.as_ptr().add(8 * part)) };
        _mm256_cvtps_epi32(_mm256_mul_ps(values, to_codes))
    })
}

/// Puts them in bytes; what is above 127 becomes that.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(rounded: [__m256i; 4], to: &mut [u8; 32]) {
    let [first, second, third, fourth] = rounded;
    let low = _mm256_packs_epi32(first, second);
    let high = _mm256_packs_epi32(third, fourth);
    // Each half of a register is packed on its own.
    let order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    // SAFETY: the array has the size.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) };
}

/// All lanes together.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum(lanes: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
    let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
}

/// All lanes of both together.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum_of_floats(first: __m256, second: __m256) -> f32 {
    let eight = _mm256_add_ps(first, second);
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}
