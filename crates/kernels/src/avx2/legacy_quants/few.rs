//! The products of one row with a few columns, each on its own: a row's weights are spread out in
//! registers alone and used for all columns there.

use std::arch::x86_64::{
    __m256, _mm_set_epi16, _mm256_add_ps, _mm256_broadcast_ss, _mm256_cvtepi32_ps, _mm256_cvtph_ps,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_mul_ps, _mm256_setzero_ps,
    _mm256_storeu_ps,
};

use crate::Format;
use crate::avx2::lanes::sum_of_floats;
use crate::avx2::products::{Products, Work};
use crate::legacy_quants::block::weights;
use crate::legacy_quants::codes::{beginnings_at, chunk_bytes, scales_at};
use crate::legacy_quants::{BLOCK_BYTES_MAX, BLOCKS};
use crate::matrix::fetch_ahead;

/// Sums that are kept for a column: an addition must wait for the one before.
const CHAINS: usize = 2;

/// The products of the row that begins at `row` with columns of as many blocks; `FORMAT` is a
/// [`Format`].
///
/// # Safety
/// The processor has the features of `P`; so many blocks of the format lie at `row`, and chunks
/// for them of a group of one column at each of the others.
pub(crate) unsafe fn dot<P: Products, const FORMAT: u8, const COLUMNS: usize>(
    row: *const u8,
    blocks: usize,
    columns: [*const u8; COLUMNS],
) -> [f32; COLUMNS] {
    // SAFETY: the caller's promise.
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
        // SAFETY: the caller's promise.
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
        // SAFETY: a chunk lies at each place, or what is left of one, which blocks of zeros fill
        // up; and one of each column.
        unsafe {
            let mut sums = [[_mm256_setzero_ps(); CHAINS]; COLUMNS];
            let mut offsets = [_mm256_setzero_ps(); COLUMNS];
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
                let mut scales = [[0.0f32; BLOCKS]; COLUMNS];
                for column in 0..COLUMNS {
                    let of_column = _mm256_loadu_ps(codes[column].add(scales_at(1)).cast());
                    let together = _mm256_mul_ps(own, of_column);
                    _mm256_storeu_ps(scales[column].as_mut_ptr(), together);
                    if MOST <= 127 || P::WITHOUT_SIGN {
                        let at = codes[column].add(beginnings_at(1)).cast();
                        let beginnings = _mm256_cvtepi32_ps(_mm256_loadu_si256(at));
                        offsets[column] = _mm256_fmadd_ps(beginnings, together, offsets[column]);
                    }
                }
                for block in 0..BLOCKS {
                    let weights = weights::<FORMAT>(start.add(block * Self::BYTES));
                    let chain = block % CHAINS;
                    for column in 0..COLUMNS {
                        let values = _mm256_loadu_si256(codes[column].add(32 * block).cast());
                        let products = P::add_up::<MOST>(weights, values);
                        let scale = _mm256_broadcast_ss(&scales[column][block]);
                        let sum = &mut sums[column][chain];
                        *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, *sum);
                    }
                }
            }
            std::array::from_fn(|column| {
                let [first, second] = sums[column];
                sum_of_floats(_mm256_add_ps(first, second), offsets[column])
            })
        }
    }
}

/// Of each block of a chunk.
#[inline(always)]
unsafe fn scales<const FORMAT: u8>(start: *const u8) -> __m256 {
    // SAFETY: the caller's promise: a scale is the first of a block.
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
