//! The products of one row with a few columns, each of which has its own lanes: a row's weights are
//! unpacked only into registers, and used from there for all columns.

use std::arch::x86_64::{
    __m128, __m256i, _mm_add_epi32, _mm_loadu_si128, _mm_madd_epi16, _mm_setzero_ps,
    _mm_setzero_si128, _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_permutevar8x32_epi32, _mm256_setzero_si256, _mm256_sub_epi32,
    _mm256_zextsi128_si256,
};

use crate::avx2::lanes::{sums_of_halves, together};
use crate::avx2::products::{Products, Work};
use crate::k_quants::block::{Head, PARTS, head, weights};
use crate::k_quants::codes::{chunk_bytes, sums_at, wide_sums_at};
use crate::k_quants::four::{RowScales, Totals, sums_of};
use crate::matrix::fetch_ahead;
use crate::{CHAINS, Format};

/// The products of the row that begins at `row` with columns of as many blocks; `FORMAT` is a
/// [`Format`].
///
/// # Safety
/// The processor has the features of `P`; `blocks` blocks of the format are at `row`, and as many
/// of a group of one column at each of `columns`.
pub(crate) unsafe fn dot<P: Products, const FORMAT: u8, const COLUMNS: usize>(
    row: *const u8,
    blocks: usize,
    columns: [*const u8; COLUMNS],
) -> [f32; COLUMNS] {
    // SAFETY: guaranteed by the caller.
    unsafe { P::perform(Few::<FORMAT, COLUMNS> { row, blocks, columns }) }
}

struct Few<const FORMAT: u8, const COLUMNS: usize> {
    row: *const u8,
    blocks: usize,
    columns: [*const u8; COLUMNS],
}

impl<const FORMAT: u8, const COLUMNS: usize> Work for Few<FORMAT, COLUMNS> {
    type Output = [f32; COLUMNS];

    #[inline(always)]
    unsafe fn run<P: Products>(self) -> [f32; COLUMNS] {
        // SAFETY: guaranteed by the caller.
        unsafe {
            match Format::of(FORMAT).most() {
                3 => self.dot::<P, 3>(),
                7 => self.dot::<P, 7>(),
                15 => self.dot::<P, 15>(),
                31 => self.dot::<P, 31>(),
                63 => self.dot::<P, 63>(),
                _ => self.dot::<P, 255>(),
            }
        }
    }
}

impl<const FORMAT: u8, const COLUMNS: usize> Few<FORMAT, COLUMNS> {
    const WIDE: bool = Format::of(FORMAT).subblock() == 32;

    #[inline(always)]
    unsafe fn dot<P: Products, const MOST: i32>(self) -> [f32; COLUMNS] {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let mut sums = [_mm_setzero_ps(); COLUMNS];
            for first in (0..self.blocks).step_by(CHAINS) {
                // All but the last are four, which the compiler then knows.
                if self.blocks - first >= CHAINS {
                    self.add::<P, MOST>(first, CHAINS, &mut sums);
                } else {
                    self.add::<P, MOST>(first, self.blocks - first, &mut sums);
                }
            }
            let mut products = [0.0; COLUMNS];
            for column in 0..COLUMNS {
                products[column] = together(sums[column]);
            }
            products
        }
    }

    #[inline(always)]
    unsafe fn add<P: Products, const MOST: i32>(
        &self,
        first: usize,
        count: usize,
        sums: &mut [__m128; COLUMNS],
    ) {
        let bytes = Format::of(FORMAT).block_bytes();
        let row = self.row.wrapping_add(first * bytes);
        // SAFETY: guaranteed by the caller: this many blocks are there, and as many of each column.
        unsafe {
            let mut totals = [[_mm256_setzero_si256(); CHAINS]; COLUMNS];
            let mut minima = [[_mm_setzero_si128(); CHAINS]; COLUMNS];
            for index in 0..count {
                let block = row.wrapping_add(index * bytes);
                fetch_ahead(block, bytes);
                let head = head::<FORMAT>(block);
                let products = self.totals::<P, MOST>(block, &head, first + index);
                for column in 0..COLUMNS {
                    totals[column][index] = products[column];
                    let codes = self.columns[column].add((first + index) * chunk_bytes(1));
                    if Format::of(FORMAT).has_minima() {
                        let offsets = Self::offsets(&head, codes);
                        let upper = _mm256_extracti128_si256::<1>(offsets);
                        minima[column][index] =
                            _mm_add_epi32(_mm256_castsi256_si128(offsets), upper);
                    } else if MOST <= 127 || P::WITHOUT_SIGN {
                        totals[column][index] =
                            _mm256_sub_epi32(products[column], Self::offsets(&head, codes));
                    }
                }
            }
            let scales = RowScales::of::<FORMAT>(row, count);
            for column in 0..COLUMNS {
                let halves = sums_of_halves(totals[column]);
                let upper = _mm256_extracti128_si256::<1>(halves);
                let totals = Totals {
                    products: _mm_add_epi32(_mm256_castsi256_si128(halves), upper),
                    minima: sums_of(minima[column]),
                };
                let codes = self.columns[column].wrapping_add(first * chunk_bytes(1));
                sums[column] = scales.add::<FORMAT>(totals, codes, count, sums[column]);
            }
        }
    }

    #[inline(always)]
    unsafe fn totals<P: Products, const MOST: i32>(
        &self,
        block: *const u8,
        head: &Head,
        index: usize,
    ) -> [__m256i; COLUMNS] {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let scales = head.scales.map(|scales| P::scales::<MOST>(scales));
            let weights = weights::<FORMAT>(block);
            let mut totals = [_mm256_setzero_si256(); COLUMNS];
            for part in 0..PARTS {
                let (scales, of) = if Self::WIDE {
                    (scales[0], &SCALES.wide[part])
                } else {
                    (scales[part / 4], &SCALES.narrow[part % 4])
                };
                let of = _mm256_loadu_si256(of.as_ptr().cast());
                let scale = _mm256_permutevar8x32_epi32(scales, of);
                for column in 0..COLUMNS {
                    let codes = self.columns[column].add(index * chunk_bytes(1) + 32 * part);
                    let values = _mm256_loadu_si256(codes.cast());
                    totals[column] =
                        P::add_scaled::<MOST>(totals[column], weights[part], values, scale);
                }
            }
            totals
        }
    }

    #[inline(always)]
    unsafe fn offsets(head: &Head, codes: *const u8) -> __m256i {
        // SAFETY: guaranteed by the caller.
        unsafe {
            if Self::WIDE {
                let sums = _mm_loadu_si128(codes.add(wide_sums_at(1)).cast());
                let offsets = _mm256_castsi256_si128(head.offsets);
                return _mm256_zextsi128_si256(_mm_madd_epi16(offsets, sums));
            }
            let sums = _mm256_loadu_si256(codes.add(sums_at(1)).cast());
            _mm256_madd_epi16(head.offsets, sums)
        }
    }
}

/// Shuffle indices: which of eight scales each lane gets.
struct Scales {
    wide: [[i32; 8]; PARTS],
    /// For one scale per 16 weights: from the first or the second eight scales.
    narrow: [[i32; 8]; PARTS / 2],
}

static SCALES: Scales = {
    let mut scales = Scales { wide: [[0; 8]; PARTS], narrow: [[0; 8]; PARTS / 2] };
    let mut lane = 0;
    while lane < PARTS * 8 {
        scales.wide[lane / 8][lane % 8] = lane as i32 / 8;
        if lane < PARTS / 2 * 8 {
            scales.narrow[lane / 8][lane % 8] = lane as i32 / 4;
        }
        lane += 1;
    }
    scales
};
