//! AVX2: products of bytes are added in pairs to 16 bits, further pairs as long as 16 bits have
//! room for them, and then pairs of these to 32 bits.

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

pub(crate) struct Plain;

/// How many sums of two products fit into 16 bits; 0 if not even one does. Eight with weights of
/// four bits, four with five bits, two with six.
const fn room(most: i32) -> usize {
    (i16::MAX as i32 / (2 * most * 128)) as usize
}

impl Products for Plain {
    const WITHOUT_SIGN: bool = false;

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn perform<W: Work>(work: W) -> W::Output {
        // SAFETY: guaranteed by the caller.
        unsafe { work.run::<Self>() }
    }

    /// Each scale twice per lane.
    #[inline(always)]
    unsafe fn scales<const MOST: i32>(scales: __m256i) -> __m256i {
        // SAFETY: guaranteed by the caller.
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
        // SAFETY: guaranteed by the caller.
        unsafe {
            let pairs = pairs::<MOST>(weights, values);
            _mm256_add_epi32(total, _mm256_madd_epi16(pairs, scale))
        }
    }

    #[inline(always)]
    unsafe fn add_up<const MOST: i32>(weights: __m256i, values: __m256i) -> __m256i {
        // SAFETY: guaranteed by the caller.
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
        // SAFETY: guaranteed by the caller.
        unsafe {
            if room(MOST) == 0 {
                return add_with_sign::<WIDTH>(totals, rows, codes, registers, scales);
            }
            // `maddubs` saturates at 16 bits without a trace, so only as many registers are added
            // up in 16 bits as have room in the worst case; then `madd` with the scale widens them.
            let (mut first, end) = (registers.start, registers.end);
            while first < end {
                let mut sums = [[_mm256_setzero_si256(); 2]; TOGETHER];
                for register in first..end.min(first + room(MOST)) {
                    let columns = columns(codes, register);
                    for row in 0..TOGETHER {
                        let weights = weights::<WIDTH>(rows, row, register);
                        for half in 0..2 {
                            let pairs = _mm256_maddubs_epi16(weights, columns[half]);
                            sums[row][half] = _mm256_add_epi16(sums[row][half], pairs);
                        }
                    }
                }
                for row in 0..TOGETHER {
                    let scale = scale(scales, row);
                    for half in 0..2 {
                        let sums = _mm256_madd_epi16(sums[row][half], scale);
                        totals[row][half] = _mm256_add_epi32(totals[row][half], sums);
                    }
                }
                first += room(MOST);
            }
        }
    }
}

/// [`Products::add`] for weights of eight bits, which have room for one pair of products only, and
/// that with their sign taken away first. They cost about twice as much as others, as they do in
/// llama.cpp.
#[inline(always)]
unsafe fn add_with_sign<const WIDTH: usize>(
    totals: &mut Sums,
    rows: &[[u8; CHUNK]; TOGETHER],
    codes: *const u8,
    registers: Range<usize>,
    scales: Option<[i32; TOGETHER]>,
) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let mut sums = *totals;
        for register in registers {
            let columns = columns(codes, register);
            for row in 0..TOGETHER {
                let weights = weights::<WIDTH>(rows, row, register);
                let weights = _mm256_xor_si256(weights, _mm256_set1_epi8(i8::MIN));
                let size = _mm256_abs_epi8(weights);
                let scale = scale(scales, row);
                for half in 0..2 {
                    // The product of sizes with the sign on the value: `maddubs` wants one operand
                    // unsigned, and eight-bit weights read as unsigned would leave no room in 16
                    // bits.
                    let values = _mm256_sign_epi8(columns[half], weights);
                    let pairs = _mm256_maddubs_epi16(size, values);
                    let four = _mm256_madd_epi16(pairs, scale);
                    sums[row][half] = _mm256_add_epi32(sums[row][half], four);
                }
            }
        }
        *totals = sums;
    }
}

#[inline(always)]
unsafe fn columns(codes: *const u8, register: usize) -> [__m256i; 2] {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let at = codes.add(register * REGISTER_BYTES).cast::<__m256i>();
        [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))]
    }
}

#[inline(always)]
unsafe fn weights<const WIDTH: usize>(
    rows: &[[u8; CHUNK]; TOGETHER],
    row: usize,
    register: usize,
) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe { spread::<WIDTH>(rows.get_unchecked(row).as_ptr().add(register * (LANES / WIDTH) * 4)) }
}

#[inline(always)]
unsafe fn scale(scales: Option<[i32; TOGETHER]>, row: usize) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match scales {
            Some(scales) => _mm256_set1_epi32(scales[row]),
            None => _mm256_set1_epi16(1),
        }
    }
}

/// Sums of two products in 16 bits. Two products of unsigned eight-bit weights would overflow; of
/// signed ones they do not, because no value is below -127.
#[inline(always)]
unsafe fn pairs<const MOST: i32>(weights: __m256i, values: __m256i) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe {
        if room(MOST) > 0 {
            return _mm256_maddubs_epi16(weights, values);
        }
        let weights = _mm256_xor_si256(weights, _mm256_set1_epi8(i8::MIN));
        _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(values, weights))
    }
}
