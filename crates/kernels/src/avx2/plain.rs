//! AVX2: two products of bytes are added up in 16 bits, as many more as have room there, and then
//! pairs of these in 32 bits.

use std::arch::x86_64::{
    __m256i, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_and_si256,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_or_si256, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_sign_epi8,
    _mm256_slli_epi32, _mm256_xor_si256,
};
use std::ops::Range;

use super::products::{Products, Sums, TOGETHER, Work};
use super::spread;
use crate::CHUNK;
use crate::codes::{LANES, REGISTER_BYTES};

/// AVX2 alone.
pub(crate) struct Plain;

/// Sums of two products that 16 bits have room for; 0 where not even one has.
const fn room(most: i32) -> usize {
    (i16::MAX as i32 / (2 * most * 128)) as usize
}

impl Products for Plain {
    const WITHOUT_SIGN: bool = false;

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn perform<W: Work>(work: W) -> W::Output {
        // SAFETY: the caller's promise.
        unsafe { work.run::<Self>() }
    }

    /// Twice in each lane.
    #[inline(always)]
    unsafe fn scales<const MOST: i32>(scales: __m256i) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let low = _mm256_and_si256(scales, _mm256_set1_epi32(0xffff));
            _mm256_or_si256(low, _mm256_slli_epi32::<16>(scales))
        }
    }

    #[inline(always)]
    unsafe fn add_scaled<const MOST: i32>(
        total: __m256i,
        weights: __m256i,
        values: __m256i,
        scale: __m256i,
    ) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let pairs = pairs::<MOST>(weights, values);
            _mm256_add_epi32(total, _mm256_madd_epi16(pairs, scale))
        }
    }

    #[inline(always)]
    unsafe fn add_up<const MOST: i32>(weights: __m256i, values: __m256i) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { _mm256_madd_epi16(pairs::<MOST>(weights, values), _mm256_set1_epi16(1)) }
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
        let room = if room(MOST) == 0 { 1 } else { room(MOST) };
        let (mut first, end) = (registers.start, registers.end);
        // SAFETY: the caller's promise.
        unsafe {
            while first < end {
                let mut pairs = [[_mm256_setzero_si256(); 2]; TOGETHER];
                for register in first..end.min(first + room) {
                    let at = codes.add(register * REGISTER_BYTES);
                    let columns = [0, 32].map(|half| at.add(half).cast::<__m256i>());
                    let columns = [_mm256_loadu_si256(columns[0]), _mm256_loadu_si256(columns[1])];
                    for (pairs, row) in pairs.iter_mut().zip(rows) {
                        let weights = spread::<WIDTH>(row.as_ptr().add(register * bytes));
                        for (pairs, columns) in pairs.iter_mut().zip(columns) {
                            let two = self::pairs::<MOST>(weights, columns);
                            *pairs = _mm256_add_epi16(*pairs, two);
                        }
                    }
                }
                for (row, (totals, pairs)) in totals.iter_mut().zip(pairs).enumerate() {
                    let scale = match scales {
                        Some(scales) => _mm256_set1_epi32(scales[row]),
                        None => _mm256_set1_epi16(1),
                    };
                    for (total, pairs) in totals.iter_mut().zip(pairs) {
                        *total = _mm256_add_epi32(*total, _mm256_madd_epi16(pairs, scale));
                    }
                }
                first += room;
            }
        }
    }
}

/// Two products in 16 bits. With eight bits without sign they have no room there: with it they do,
/// because no value is below -127.
#[inline(always)]
unsafe fn pairs<const MOST: i32>(weights: __m256i, values: __m256i) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        if room(MOST) > 0 {
            return _mm256_maddubs_epi16(weights, values);
        }
        let weights = _mm256_xor_si256(weights, _mm256_set1_epi8(i8::MIN));
        _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights))
    }
}
