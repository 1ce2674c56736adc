//! The products of one row with a few columns, each on its own: a row's weights are spread out in
//! registers alone and used for all columns there.

use std::arch::x86_64::{
    __m256, __m512i, _mm_set_epi16, _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_mul_ps, _mm256_setzero_ps, _mm512_add_ps,
    _mm512_castps256_ps512, _mm512_castsi256_si512, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_inserti64x4, _mm512_loadu_si512, _mm512_permutexvar_ps,
    _mm512_reduce_add_ps, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_zextps256_ps512,
};

use super::block;
use crate::Format;
use crate::codes::REGISTER_BYTES;
use crate::legacy_quants::codes::{beginnings_at, chunk_bytes, scales_at};
use crate::legacy_quants::{BLOCK_BYTES_MAX, BLOCKS};
use crate::matrix::fetch_ahead;

/// Registers of weights in a chunk, two blocks in each.
const PARTS: usize = BLOCKS / 2;

/// A chunk of a row, spread out.
struct Spread {
    weights: [__m512i; PARTS],
    /// Of each block.
    scales: __m256,
}

/// The products of the row that begins at `row` with columns of as many blocks; `FORMAT` is a
/// [`Format`].
///
/// # Safety
/// The processor has the features; so many blocks of the format lie at `row`, and chunks for them
/// of a group of one column at each of the others.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
pub(crate) unsafe fn dot<const FORMAT: u8, const COLUMNS: usize>(
    row: *const u8,
    blocks: usize,
    columns: [*const u8; COLUMNS],
) -> [f32; COLUMNS] {
    let bytes = BLOCKS * Format::of(FORMAT).block_bytes();
    let mut last = [0; BLOCKS * BLOCK_BYTES_MAX];
    let mut sums = [_mm512_setzero_ps(); COLUMNS];
    let mut offsets = [_mm256_setzero_ps(); COLUMNS];
    for chunk in 0..blocks.div_ceil(BLOCKS) {
        let mut start = row.wrapping_add(chunk * bytes);
        fetch_ahead(start, bytes);
        let missing = ((chunk + 1) * BLOCKS).saturating_sub(blocks);
        // SAFETY: a chunk lies there, or what is left of one, which blocks of zeros fill up; and
        // one of each column.
        unsafe {
            if missing > 0 {
                let left = bytes / BLOCKS * (BLOCKS - missing);
                last[..left].copy_from_slice(std::slice::from_raw_parts(start, left));
                start = last.as_ptr();
            }
            let spread = spread::<FORMAT>(start);
            for column in 0..COLUMNS {
                let codes = columns[column].add(chunk * chunk_bytes(1));
                let scales = _mm256_loadu_ps(codes.add(scales_at(1)).cast());
                let scales = _mm256_mul_ps(spread.scales, scales);
                let beginnings = _mm256_loadu_si256(codes.add(beginnings_at(1)).cast());
                let beginnings = _mm256_cvtepi32_ps(beginnings);
                offsets[column] = _mm256_fmadd_ps(beginnings, scales, offsets[column]);
                let scales = _mm512_castps256_ps512(scales);
                for (part, pair) in PAIRS.iter().enumerate() {
                    let values = _mm512_loadu_si512(codes.add(part * REGISTER_BYTES).cast());
                    let products =
                        _mm512_dpbusd_epi32(_mm512_setzero_si512(), spread.weights[part], values);
                    let pair = _mm512_loadu_si512(pair.as_ptr().cast());
                    let scales = _mm512_permutexvar_ps(pair, scales);
                    sums[column] =
                        _mm512_fmadd_ps(_mm512_cvtepi32_ps(products), scales, sums[column]);
                }
            }
        }
    }
    std::array::from_fn(|column| {
        let offsets = _mm512_zextps256_ps512(offsets[column]);
        _mm512_reduce_add_ps(_mm512_add_ps(sums[column], offsets))
    })
}

/// # Safety
/// The processor has the features; a chunk of blocks of the format lies there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn spread<const FORMAT: u8>(start: *const u8) -> Spread {
    // SAFETY: a scale is the first of a block.
    unsafe {
        let block = |index: usize| start.add(index * Format::of(FORMAT).block_bytes());
        let half = |index| block(index).cast::<i16>().read_unaligned();
        let halves =
            _mm_set_epi16(half(7), half(6), half(5), half(4), half(3), half(2), half(1), half(0));
        Spread {
            weights: std::array::from_fn(|part| {
                let first = _mm512_castsi256_si512(block::weights::<FORMAT>(block(2 * part)));
                _mm512_inserti64x4::<1>(first, block::weights::<FORMAT>(block(2 * part + 1)))
            }),
            scales: _mm256_cvtph_ps(halves),
        }
    }
}

/// For each part, the number of the block of each lane.
static PAIRS: [[i32; 16]; PARTS] = {
    let mut pairs = [[0; 16]; PARTS];
    let mut lane = 0;
    while lane < PARTS * 16 {
        pairs[lane / 16][lane % 16] = (lane / 8) as i32;
        lane += 1;
    }
    pairs
};
