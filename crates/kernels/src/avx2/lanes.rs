//! Values to codes of eight bits, and lanes to their sum, as both families need it.

use std::arch::x86_64::{
    __m128, __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_add_ss, _mm_cvtsi128_si32,
    _mm_cvtss_f32, _mm_fmadd_ps, _mm_movehdup_ps, _mm_movehl_ps, _mm_shuffle_epi32,
    _mm_unpackhi_epi64, _mm256_add_epi32, _mm256_blend_epi32, _mm256_castps256_ps128,
    _mm256_castsi256_si128, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_loadu_ps, _mm256_mul_ps, _mm256_packs_epi16,
    _mm256_packs_epi32, _mm256_permutevar8x32_epi32, _mm256_set_epi32, _mm256_set1_ps,
    _mm256_shuffle_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
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

/// A column's sums together, in the order in which kernels for many columns do it.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn together(chains: __m128) -> f32 {
    let pairs = _mm_add_ps(chains, _mm_movehdup_ps(chains));
    _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehl_ps(pairs, pairs)))
}

/// In each of a column's lanes what all of them are together.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn of_all_lanes<const WIDTH: usize>(lanes: __m256i) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let swapped = _mm256_shuffle_epi32::<0b10_11_00_01>;
        let crossed = _mm256_shuffle_epi32::<0b01_00_11_10>;
        if WIDTH == 16 {
            return lanes;
        }
        let pairs = _mm256_add_epi32(lanes, swapped(lanes));
        if WIDTH == 8 { pairs } else { _mm256_add_epi32(pairs, crossed(pairs)) }
    }
}

/// Adds eight blocks of 32 weights to a column's sums.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(crate) fn add_to_chains(totals: __m256i, scales: __m256, sums: __m128) -> __m128 {
    let totals = _mm256_cvtepi32_ps(totals);
    let (low, high) = (_mm256_castps256_ps128(totals), _mm256_extractf128_ps::<1>(totals));
    let sums = _mm_fmadd_ps(low, _mm256_castps256_ps128(scales), sums);
    _mm_fmadd_ps(high, _mm256_extractf128_ps::<1>(scales), sums)
}

/// What each half of a register is together, those of the first register in the first lanes of the
/// halves, and so on.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn sums_of_halves([first, second, third, fourth]: [__m256i; 4]) -> __m256i {
    sums_of_both(half_summed(first, second), half_summed(third, fourth))
}

/// The lanes of two registers, and of each half two to one.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn half_summed(first: __m256i, second: __m256i) -> __m256i {
    _mm256_add_epi32(_mm256_unpacklo_epi32(first, second), _mm256_unpackhi_epi32(first, second))
}

/// [`sums_of_halves`] of what was [`half_summed`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sums_of_both(low: __m256i, high: __m256i) -> __m256i {
    _mm256_add_epi32(_mm256_unpacklo_epi64(low, high), _mm256_unpackhi_epi64(low, high))
}

/// What each two lanes are together, those of the first register in the even lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sums_of_pairs(first: __m256i, second: __m256i) -> __m256i {
    const ODD: i32 = 0b1010_1010;
    let same = _mm256_blend_epi32::<ODD>(first, second);
    let other = _mm256_blend_epi32::<ODD>(second, first);
    _mm256_add_epi32(same, _mm256_shuffle_epi32::<0b10_11_00_01>(other))
}
