//! The products of one row with a few columns, each of which has its own lanes: a row's weights are
//! unpacked only into registers, and used from there for all columns.

use std::arch::x86_64::{
    __m256, __m256i, _mm_set_epi16, _mm_setzero_ps, _mm256_add_epi32, _mm256_cvtph_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_mul_ps, _mm256_permute2x128_si256,
    _mm256_setzero_si256,
};

use crate::Format;
use crate::avx2::lanes::{add_to_chains, half_summed, sums_of_both, together};
use crate::avx2::products::{Products, Work};
use crate::legacy_quants::block::weights;
use crate::legacy_quants::codes::{beginnings_at, chunk_bytes, scales_at};
use crate::legacy_quants::{BLOCK_BYTES_MAX, BLOCKS};
use crate::matrix::fetch_ahead;

/// The products of the row that begins at `row` with columns of as many blocks; `FORMAT` is a
/// [`Format`].
///
/// # Safety
/// The processor has the features of `P`; `blocks` blocks of the format are at `row`, and their
/// chunks of a group of one column at each of `columns`.
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
                15 => self.dot::<P, 15>(),
                31 => self.dot::<P, 31>(),
                _ => self.dot::<P, 255>(),
            }
        }
    }
}

impl<const FORMAT: u8, const COLUMNS: usize> Few<FORMAT, COLUMNS> {
    const BYTES: usize = Format::of(FORMAT).block_bytes();

    #[inline(always)]
    unsafe fn dot<P: Products, const MOST: i32>(self) -> [f32; COLUMNS] {
        let bytes = BLOCKS * Self::BYTES;
        let mut last = [0; BLOCKS * BLOCK_BYTES_MAX];
        // SAFETY: each place has a chunk, or the rest of one, which blocks of zeros complete; and
        // one of each column.
        unsafe {
            let mut sums = [_mm_setzero_ps(); COLUMNS];
            for chunk in 0..self.blocks.div_ceil(BLOCKS) {
                let mut start = self.row.wrapping_add(chunk * bytes);
                fetch_ahead(start, bytes);
                let missing = ((chunk + 1) * BLOCKS).saturating_sub(self.blocks);
                if missing > 0 {
                    let left = Self::BYTES * (BLOCKS - missing);
                    last[..left].copy_from_slice(std::slice::from_raw_parts(start, left));
                    start = last.as_ptr();
                }
                let own = scales::<FORMAT>(start);
                let codes = self.columns.map(|column| column.add(chunk * chunk_bytes(1)));
                let products = Self::products::<P, MOST>(start, codes);
                for column in 0..COLUMNS {
                    let mut totals = products[column];
                    if MOST <= 127 || P::WITHOUT_SIGN {
                        let beginnings = codes[column].add(beginnings_at(1)).cast();
                        totals = _mm256_add_epi32(totals, _mm256_loadu_si256(beginnings));
                    }
                    let scales = _mm256_loadu_ps(codes[column].add(scales_at(1)).cast());
                    let scales = _mm256_mul_ps(own, scales);
                    sums[column] = add_to_chains(totals, scales, sums[column]);
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
    unsafe fn products<P: Products, const MOST: i32>(
        start: *const u8,
        codes: [*const u8; COLUMNS],
    ) -> [__m256i; COLUMNS] {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let mut halves = [[_mm256_setzero_si256(); 2]; COLUMNS];
            for half in 0..2 {
                let mut pairs = [[_mm256_setzero_si256(); 2]; COLUMNS];
                for pair in 0..2 {
                    let block = half * BLOCKS / 2 + 2 * pair;
                    let first = weights::<FORMAT>(start.add(block * Self::BYTES));
                    let second = weights::<FORMAT>(start.add((block + 1) * Self::BYTES));
                    for column in 0..COLUMNS {
                        let values = codes[column].add(32 * block).cast::<__m256i>();
                        pairs[column][pair] = half_summed(
                            P::add_up::<MOST>(first, _mm256_loadu_si256(values)),
                            P::add_up::<MOST>(second, _mm256_loadu_si256(values.add(1))),
                        );
                    }
                }
                for column in 0..COLUMNS {
                    halves[column][half] = sums_of_both(pairs[column][0], pairs[column][1]);
                }
            }
            let mut totals = [_mm256_setzero_si256(); COLUMNS];
            for column in 0..COLUMNS {
                let [first, second] = halves[column];
                totals[column] = _mm256_add_epi32(
                    _mm256_permute2x128_si256::<0x20>(first, second),
                    _mm256_permute2x128_si256::<0x31>(first, second),
                );
            }
            totals
        }
    }
}

#[inline(always)]
unsafe fn scales<const FORMAT: u8>(start: *const u8) -> __m256 {
    // SAFETY: guaranteed by the caller: a scale is the first of a block.
    unsafe {
        let half = |index: usize| {
            let block = start.add(index * Format::of(FORMAT).block_bytes());
            block.cast::<i16>().read_unaligned()
        };
        let halves =
            _mm_set_epi16(half(7), half(6), half(5), half(4), half(3), half(2), half(1), half(0));
        _mm256_cvtph_ps(halves)
    }
}
