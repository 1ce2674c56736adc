//! Rounds values to codes of eight bits and adds up the lanes of registers, for both families of
//! formats.

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

/// The codes of 32 values, eight in each register: the values times `to_codes`, rounded.
///
/// # Safety
/// The processor has AVX2.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn rounded(values: &[f32; 32], to_codes: f32) -> [__m256i; 4] {
    let to_codes = _mm256_set1_ps(to_codes);
    std::array::from_fn(|part| {
        // SAFETY: the slice has 32 values, and each part takes eight.
        let values: __m256 = unsafe { _mm256_loadu_ps(values.as_ptr().add(8 * part)) };
        _mm256_cvtps_epi32(_mm256_mul_ps(values, to_codes))
    })
}

/// Narrows codes to bytes and stores them; codes above 127 saturate.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(rounded: [__m256i; 4], to: &mut [u8; 32]) {
    let [first, second, third, fourth] = rounded;
    let low = _mm256_packs_epi32(first, second);
    let high = _mm256_packs_epi32(third, fourth);
    // `packs` works on each half of a register, so the groups of four bytes are out of order.
    let order = _mm256_set_epi32(7, 3, 6, 2, 5, 1, 4, 0);
    let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
    // SAFETY: the array has the 32 bytes that are stored.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), bytes) };
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum(lanes: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
    let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
}

/// The total of a column's four sums, added in the order of the kernels for many columns: results
/// must not depend on how many columns are computed at once.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn together(chains: __m128) -> f32 {
    let pairs = _mm_add_ps(chains, _mm_movehdup_ps(chains));
    _mm_cvtss_f32(_mm_add_ss(pairs, _mm_movehl_ps(pairs, pairs)))
}

/// Puts the sum of all lanes of a column into each of its `WIDTH` lanes.
///
/// # Safety
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn of_all_lanes<const WIDTH: usize>(lanes: __m256i) -> __m256i {
    // SAFETY: guaranteed by the caller.
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

/// Adds the scaled totals of eight blocks of 32 weights to a column's four sums.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(crate) fn add_to_chains(totals: __m256i, scales: __m256, sums: __m128) -> __m128 {
    let totals = _mm256_cvtepi32_ps(totals);
    let (low, high) = (_mm256_castps256_ps128(totals), _mm256_extractf128_ps::<1>(totals));
    let sums = _mm_fmadd_ps(low, _mm256_castps256_ps128(scales), sums);
    _mm_fmadd_ps(high, _mm256_extractf128_ps::<1>(scales), sums)
}

/// The sum of each half of each register: the first lane of each half has that of the first
/// register, and so on.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn sums_of_halves([first, second, third, fourth]: [__m256i; 4]) -> __m256i {
    sums_of_both(half_summed(first, second), half_summed(third, fourth))
}

/// Adds the lanes of two registers pairwise within each half: the first step of [`sums_of_halves`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn half_summed(first: __m256i, second: __m256i) -> __m256i {
    _mm256_add_epi32(_mm256_unpacklo_epi32(first, second), _mm256_unpackhi_epi32(first, second))
}

/// The second step: [`sums_of_halves`] of registers that are [`half_summed`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sums_of_both(low: __m256i, high: __m256i) -> __m256i {
    _mm256_add_epi32(_mm256_unpacklo_epi64(low, high), _mm256_unpackhi_epi64(low, high))
}

/// The sums of pairs of lanes, with those of the first register in the even lanes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sums_of_pairs(first: __m256i, second: __m256i) -> __m256i {
    const ODD: i32 = 0b1010_1010;
    let same = _mm256_blend_epi32::<ODD>(first, second);
    let other = _mm256_blend_epi32::<ODD>(second, first);
    _mm256_add_epi32(same, _mm256_shuffle_epi32::<0b10_11_00_01>(other))
}
