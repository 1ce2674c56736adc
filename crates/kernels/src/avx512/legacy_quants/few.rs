//! The products of one row with a few columns, each of which has its own lanes: a row's weights are
//! unpacked only into registers, and used from there for all columns. Four chunks are taken
//! together: the results of the same block of each of them end up next to each other.

use std::arch::x86_64::{
    __m128, __m256, __m512i, _mm_fmadd_ps, _mm_set_epi16, _mm_setzero_ps, _mm256_add_epi32,
    _mm256_castps256_ps128, _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_extractf128_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_mul_ps, _mm256_setzero_ps, _mm512_castsi512_si256,
    _mm512_dpbusd_epi32, _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_setzero_si512,
};

use super::alone::{beginnings_at, codes_at, scales_at};
use super::block::four_blocks;
use crate::avx2::lanes::together;
use crate::avx512::sums_of_quarters;
use crate::legacy_quants::codes::chunk_bytes;
use crate::legacy_quants::{BLOCK_BYTES_MAX, BLOCKS};
use crate::matrix::fetch_ahead;
use crate::{CHAINS, Format};

/// The products of the row that begins at `row` with columns of as many blocks; `FORMAT` is a
/// [`Format`].
///
/// # Safety
/// The processor has the features; `blocks` blocks of the format are at `row`, and their chunks of
/// a group of one column at each of `columns`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma")]
pub(crate) unsafe fn dot<const FORMAT: u8, const COLUMNS: usize>(
    row: *const u8,
    blocks: usize,
    columns: [*const u8; COLUMNS],
) -> [f32; COLUMNS] {
    const TOGETHER: usize = CHAINS * BLOCKS;
    let bytes = BLOCKS * Format::of(FORMAT).block_bytes();
    // The last chunks of a row are copied here if there are fewer than four: read in place they
    // would reach past the end of the matrix.
    let mut last = [0; CHAINS * BLOCKS * BLOCK_BYTES_MAX];
    let mut sums = [_mm_setzero_ps(); COLUMNS];
    for first in (0..blocks).step_by(TOGETHER) {
        let mut start = row.wrapping_add(first / BLOCKS * bytes);
        let missing = (first + TOGETHER).saturating_sub(blocks);
        // SAFETY: four chunks are there, or the rest of them, which blocks of zeros complete; and
        // as many of each column, with scales of zero for what is missing.
        unsafe {
            if missing > 0 {
                let left = bytes / BLOCKS * (TOGETHER - missing);
                last[..left].copy_from_slice(std::slice::from_raw_parts(start, left));
                start = last.as_ptr();
            }
            let chunks = (TOGETHER - missing).div_ceil(BLOCKS);
            let codes = columns.map(|column| column.add(first / BLOCKS * chunk_bytes(1)));
            add_chunks::<FORMAT, COLUMNS>(start, chunks, codes, &mut sums);
        }
    }
    sums.map(|sums| together(sums))
}

/// Adds the products of this many chunks to the columns' sums.
///
/// # Safety
/// As for [`dot`]; four chunks are at `start`, and as many as `chunks` says of each column.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma")]
unsafe fn add_chunks<const FORMAT: u8, const COLUMNS: usize>(
    start: *const u8,
    chunks: usize,
    codes: [*const u8; COLUMNS],
    sums: &mut [__m128; COLUMNS],
) {
    let block_bytes = Format::of(FORMAT).block_bytes();
    // SAFETY: guaranteed by the caller.
    unsafe {
        for half in 0..2 {
            let mut weights = [[_mm512_setzero_si512(); 2]; CHAINS];
            for (chunk, weights) in weights.iter_mut().enumerate() {
                let start = start.add((chunk * BLOCKS + half * BLOCKS / 2) * block_bytes);
                fetch_ahead(start, BLOCKS / 2 * block_bytes);
                *weights = four_blocks::<FORMAT>(start);
            }
            let mut own = [_mm256_setzero_ps(); 2];
            for (pair, own) in own.iter_mut().enumerate() {
                *own = scales::<FORMAT>(start.add((half * BLOCKS / 2 + 2 * pair) * block_bytes));
            }
            for column in 0..COLUMNS {
                let mut totals = [_mm512_setzero_si512(); CHAINS];
                for (chunk, total) in totals.iter_mut().enumerate().take(chunks) {
                    let codes = codes[column].add(chunk * chunk_bytes(1) + codes_at(half));
                    *total = products(weights[chunk], codes);
                }
                let totals = sums_of_quarters(totals);
                let pairs =
                    [_mm512_castsi512_si256(totals), _mm512_extracti64x4_epi64::<1>(totals)];
                for (pair, total) in pairs.into_iter().enumerate() {
                    let at = codes[column].add((2 * half + pair) * chunk_bytes(1));
                    let beginnings = _mm256_loadu_si256(at.add(beginnings_at()).cast());
                    let scales = _mm256_loadu_ps(at.add(scales_at()).cast());
                    let scales = _mm256_mul_ps(own[pair], scales);
                    let total = _mm256_cvtepi32_ps(_mm256_add_epi32(total, beginnings));
                    sums[column] = add_in_turn(total, scales, sums[column]);
                }
            }
        }
    }
}

/// The products of the blocks, four of them added up in each lane; each block has a quarter.
///
/// # Safety
/// The processor has the features; codes of four blocks are there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn products([low, high]: [__m512i; 2], codes: *const u8) -> __m512i {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let values = codes.cast::<__m512i>();
        let products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), low, _mm512_loadu_si512(values));
        _mm512_dpbusd_epi32(products, high, _mm512_loadu_si512(values.add(1)))
    }
}

/// Adds both halves to the sums, the lower half first.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,fma")]
fn add_in_turn(totals: __m256, scales: __m256, sums: __m128) -> __m128 {
    let (low, high) = (_mm256_castps256_ps128(totals), _mm256_extractf128_ps::<1>(totals));
    let sums = _mm_fmadd_ps(low, _mm256_castps256_ps128(scales), sums);
    _mm_fmadd_ps(high, _mm256_extractf128_ps::<1>(scales), sums)
}

/// The scales of a block of each of four chunks, and of the block after it.
///
/// # Safety
/// The processor has the features; the block of the first of four chunks is at `start`.
#[inline]
#[target_feature(enable = "avx512f,avx512vl,f16c")]
unsafe fn scales<const FORMAT: u8>(start: *const u8) -> __m256 {
    let block = Format::of(FORMAT).block_bytes();
    // SAFETY: guaranteed by the caller: a scale is the first of a block.
    unsafe {
        _mm256_cvtph_ps(_mm_set_epi16(
            half(start.add((3 * BLOCKS + 1) * block)),
            half(start.add((2 * BLOCKS + 1) * block)),
            half(start.add((BLOCKS + 1) * block)),
            half(start.add(block)),
            half(start.add(3 * BLOCKS * block)),
            half(start.add(2 * BLOCKS * block)),
            half(start.add(BLOCKS * block)),
            half(start),
        ))
    }
}

#[inline(always)]
unsafe fn half(at: *const u8) -> i16 {
    // SAFETY: guaranteed by the caller.
    unsafe { at.cast::<i16>().read_unaligned() }
}
