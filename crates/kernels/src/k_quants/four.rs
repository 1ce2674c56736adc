//! Four blocks of a row with one column each: from their integers to the four sums of the column.

use std::arch::x86_64::{
    __m128, __m128i, _mm_add_epi32, _mm_cvtepi32_ps, _mm_cvtph_ps, _mm_fmadd_ps, _mm_fnmadd_ps,
    _mm_mul_ps, _mm_set_epi16, _mm_set_ps, _mm_unpackhi_epi32, _mm_unpackhi_epi64,
    _mm_unpacklo_epi32, _mm_unpacklo_epi64,
};

use super::codes::{chunk_bytes, scales_at};
use crate::{CHAINS, Format};

/// The scales of the blocks of a row; zeros if there are fewer than four blocks.
pub(crate) struct RowScales {
    scales: __m128,
    minima: __m128,
}

#[derive(Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) products: __m128i,
    pub(crate) minima: __m128i,
}

impl RowScales {
    /// # Safety
    /// The processor has the features; this many blocks of the format are at `row`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(crate) unsafe fn of<const FORMAT: u8>(row: *const u8, count: usize) -> Self {
        let format = Format::of(FORMAT);
        // SAFETY: guaranteed by the caller.
        unsafe {
            let scales = halves::<FORMAT>(row.add(format.scale_at()), count);
            let minima = if format.has_minima() {
                halves::<FORMAT>(row.add(format.minimum_at()), count)
            } else {
                scales
            };
            Self { scales, minima }
        }
    }

    /// Adds the products of the blocks with a column to its sums.
    ///
    /// # Safety
    /// The processor has the features; this many chunks of the column are there.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(crate) unsafe fn add<const FORMAT: u8>(
        &self,
        totals: Totals,
        codes: *const u8,
        count: usize,
        sums: __m128,
    ) -> __m128 {
        // SAFETY: guaranteed by the caller.
        let of_column = unsafe {
            let scales = codes.add(scales_at(1));
            let [first, second, third, fourth] = [
                read(scales, 0, chunk_bytes(1), count),
                read(scales, 1, chunk_bytes(1), count),
                read(scales, 2, chunk_bytes(1), count),
                read(scales, 3, chunk_bytes(1), count),
            ];
            _mm_set_ps(fourth, third, second, first)
        };
        let products = _mm_cvtepi32_ps(totals.products);
        let sums = _mm_fmadd_ps(products, _mm_mul_ps(self.scales, of_column), sums);
        if !Format::of(FORMAT).has_minima() {
            return sums;
        }
        let minima = _mm_cvtepi32_ps(totals.minima);
        _mm_fnmadd_ps(minima, _mm_mul_ps(self.minima, of_column), sums)
    }
}

/// A 16-bit float of each of this many blocks.
///
/// # Safety
/// The processor has the features; the first is at `start`.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn halves<const FORMAT: u8>(start: *const u8, count: usize) -> __m128 {
    let bytes = Format::of(FORMAT).block_bytes();
    // SAFETY: guaranteed by the caller.
    unsafe {
        let [first, second, third, fourth] = [
            read(start, 0, bytes, count),
            read(start, 1, bytes, count),
            read(start, 2, bytes, count),
            read(start, 3, bytes, count),
        ];
        _mm_cvtph_ps(_mm_set_epi16(0, 0, 0, 0, fourth, third, second, first))
    }
}

/// The value at this offset in one of `count` blocks; zero after the last. Always inlined, so that
/// nothing is checked at run time if the count is known.
///
/// # Safety
/// The first is at `start`, and this many in all.
#[inline(always)]
unsafe fn read<T: Copy + Default>(start: *const u8, block: usize, bytes: usize, count: usize) -> T {
    if block >= count {
        return T::default();
    }
    // SAFETY: guaranteed by the caller.
    unsafe { start.add(block * bytes).cast::<T>().read_unaligned() }
}

/// The sum of the lanes of each of four registers.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) fn sums_of([first, second, third, fourth]: [__m128i; CHAINS]) -> __m128i {
    let low = _mm_add_epi32(_mm_unpacklo_epi32(first, second), _mm_unpackhi_epi32(first, second));
    let high = _mm_add_epi32(_mm_unpacklo_epi32(third, fourth), _mm_unpackhi_epi32(third, fourth));
    _mm_add_epi32(_mm_unpacklo_epi64(low, high), _mm_unpackhi_epi64(low, high))
}
