//! AVX-VNNI: four products of bytes are added to 32 bits at once.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_dpbusd_avx_epi32, _mm256_dpwssd_avx_epi32,
    _mm256_loadu_si256, _mm256_mullo_epi32, _mm256_set1_epi32, _mm256_setzero_si256,
};
use std::ops::Range;

use super::products::{Products, Sums, TOGETHER, Work};
use super::spread;
use crate::CHUNK;
use crate::codes::{LANES, REGISTER_BYTES};

pub(crate) struct Vnni;

/// Whether the sum of four products fits into 16 bits.
const fn are_short(most: i32) -> bool {
    4 * most * 128 <= i16::MAX as i32
}

impl Products for Vnni {
    const WITHOUT_SIGN: bool = true;

    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    unsafe fn perform<W: Work>(work: W) -> W::Output {
        // SAFETY: guaranteed by the caller.
        unsafe { work.run::<Self>() }
    }

    /// Each scale only in the lower half of its lane, if that is enough.
    #[inline(always)]
    unsafe fn scales<const MOST: i32>(scales: __m256i) -> __m256i {
        // SAFETY: guaranteed by the caller.
        unsafe {
            // Then `dpwssd` multiplies 16 by 16 bits: the upper half of a scale must be zero, or it
            // would be multiplied with the sign of the sum.
            let used = if are_short(MOST) { 0xffff } else { -1 };
            _mm256_and_si256(scales, _mm256_set1_epi32(used))
        }
    }

    #[inline(always)]
    unsafe fn add_scaled<const MOST: i32>(
        total: __m256i,
        weights: __m256i,
        values: __m256i,
        scale: __m256i,
    ) -> __m256i {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let four = Self::add_up::<MOST>(weights, values);
            if are_short(MOST) {
                return _mm256_dpwssd_avx_epi32(total, four, scale);
            }
            _mm256_add_epi32(total, _mm256_mullo_epi32(four, scale))
        }
    }

    #[inline(always)]
    unsafe fn add_up<const MOST: i32>(weights: __m256i, values: __m256i) -> __m256i {
        // SAFETY: guaranteed by the caller.
        unsafe { _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), weights, values) }
    }

    #[inline(always)]
    unsafe fn add<const MOST: i32, const WIDTH: usize>(
        totals: &mut Sums,
        rows: &[[u8; CHUNK]; TOGETHER],
        codes: *const u8,
        registers: Range<usize>,
        scales: Option<[i32; TOGETHER]>,
    ) {
        let bytes = LANES / WIDTH * 4;
        // SAFETY: guaranteed by the caller.
        unsafe {
            let none = [[_mm256_setzero_si256(); 2]; TOGETHER];
            let mut sums = if scales.is_some() { none } else { *totals };
            for register in registers {
                let at = codes.add(register * REGISTER_BYTES).cast::<__m256i>();
                let columns = [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))];
                for (sums, row) in sums.iter_mut().zip(rows) {
                    let weights = spread::<WIDTH>(row.as_ptr().add(register * bytes));
                    for (sum, columns) in sums.iter_mut().zip(columns) {
                        *sum = _mm256_dpbusd_avx_epi32(*sum, weights, columns);
                    }
                }
            }
            let Some(scales) = scales else {
                *totals = sums;
                return;
            };
            for ((totals, sums), scale) in totals.iter_mut().zip(sums).zip(scales) {
                let scale = _mm256_set1_epi32(scale);
                for (total, sum) in totals.iter_mut().zip(sums) {
                    *total = _mm256_add_epi32(*total, _mm256_mullo_epi32(sum, scale));
                }
            }
        }
    }
}
