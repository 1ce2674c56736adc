//! The products of one row with a few columns, each on its own: what a step without a draft, or
//! with a short one, consists of. Such a step is limited by memory, so a row's weights are unpacked
//! only into registers and used from there for all columns.

use std::arch::x86_64::{
    __m128, __m128i, __m256i, __m512i, _mm_add_epi32, _mm_cvtsi64_si128, _mm_loadu_si128,
    _mm_madd_epi16, _mm_setzero_ps, _mm_setzero_si128, _mm256_add_epi32, _mm256_castsi256_si128,
    _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16, _mm256_extracti128_si256, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_set1_epi16, _mm256_slli_epi16, _mm256_zextsi128_si256,
    _mm512_add_epi32, _mm512_and_si512, _mm512_broadcast_i64x4, _mm512_castsi256_si512,
    _mm512_castsi512_si256, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32, _mm512_extracti64x4_epi64,
    _mm512_inserti64x4, _mm512_loadu_si512, _mm512_mask_add_epi8, _mm512_maskz_permutexvar_epi16,
    _mm512_mullo_epi32, _mm512_or_si512, _mm512_permutexvar_epi32, _mm512_set1_epi8,
    _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_shuffle_epi8,
    _mm512_sllv_epi16, _mm512_srli_epi16, _mm512_srlv_epi16, _mm512_sub_epi32,
    _mm512_test_epi8_mask, _mm512_zextsi256_si512,
};

use crate::avx2::lanes::together as sum_of_chains;
use crate::avx512::sums_of_quarters;
use crate::codes::{LANES, REGISTER_BYTES};
use crate::k_quants::block::{self, scales_and_minima};
use crate::k_quants::codes::{chunk_bytes, sums_at, wide_sums_at};
use crate::k_quants::four::{RowScales, Totals, sums_of};
use crate::matrix::fetch_ahead;
use crate::{CHAINS, CHUNK, Format};

/// Registers of weights in a block, in the order of the columns' values.
const PARTS: usize = CHUNK / REGISTER_BYTES;

struct Spread {
    /// Unsigned: each has the excess that [`Format::too_high`] gives.
    weights: [__m512i; PARTS],
    /// The weights' scales, in the lower half of each lane; in all of it if the weights have more
    /// than six bits.
    scales: [__m512i; PARTS],
    /// What the sums of 16 or 32 values are multiplied with: the minima, or the scales times the
    /// excess of the weights.
    offsets: __m256i,
}

/// The products of the row that begins at `row` with columns of as many blocks; `FORMAT` is a
/// [`Format`].
///
/// # Safety
/// The processor has the features; `blocks` blocks of the format are at `row`, and as many of a
/// group of one column at each of `columns`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma")]
pub(crate) unsafe fn dot<const FORMAT: u8, const COLUMNS: usize>(
    row: *const u8,
    blocks: usize,
    columns: [*const u8; COLUMNS],
) -> [f32; COLUMNS] {
    let bytes = Format::of(FORMAT).block_bytes();
    let mut sums = [_mm_setzero_ps(); COLUMNS];
    for first in (0..blocks).step_by(CHAINS) {
        let row = row.wrapping_add(first * bytes);
        let columns = columns.map(|column| column.wrapping_add(first * chunk_bytes(1)));
        // SAFETY: guaranteed by the caller; this many are left.
        unsafe {
            // All but the last are four, which the compiler then knows.
            if blocks - first >= CHAINS {
                add_blocks::<FORMAT, COLUMNS, true>(row, CHAINS, columns, &mut sums);
            } else {
                add_blocks::<FORMAT, COLUMNS, false>(row, blocks - first, columns, &mut sums);
            }
        }
    }
    sums.map(|sums| sum_of_chains(sums))
}

/// Adds the products of up to four blocks to the columns' sums.
///
/// # Safety
/// As for [`dot`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma")]
unsafe fn add_blocks<const FORMAT: u8, const COLUMNS: usize, const ALL: bool>(
    row: *const u8,
    count: usize,
    columns: [*const u8; COLUMNS],
    sums: &mut [__m128; COLUMNS],
) {
    let bytes = Format::of(FORMAT).block_bytes();
    let count = if ALL { CHAINS } else { count };
    let mut totals = [[_mm512_setzero_si512(); CHAINS]; COLUMNS];
    let mut minima = [[_mm_setzero_si128(); CHAINS]; COLUMNS];
    // SAFETY: this many blocks are there, and as many of each column.
    unsafe {
        for index in 0..count {
            let block = row.wrapping_add(index * bytes);
            fetch_ahead(block, bytes);
            let spread = match Format::of(FORMAT) {
                Format::Q4K => q4_k(block),
                Format::Q5K => q5_k(block),
                Format::Q6K => q6_k(block),
                _ => of_any::<FORMAT>(block),
            };
            for column in 0..COLUMNS {
                let codes = columns[column].add(index * chunk_bytes(1));
                (totals[column][index], minima[column][index]) = of_block::<FORMAT>(&spread, codes);
            }
        }
        let scales = RowScales::of::<FORMAT>(row, count);
        for column in 0..COLUMNS {
            let totals =
                Totals { products: sums_of_each(totals[column]), minima: sums_of(minima[column]) };
            sums[column] = scales.add::<FORMAT>(totals, columns[column], count, sums[column]);
        }
    }
}

/// The products of a block with a column, multiplied by the weights' scales, spread over all lanes;
/// and those of the minima with the values' sums.
///
/// # Safety
/// The processor has the features; a block of a group of one column is there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c,fma")]
unsafe fn of_block<const FORMAT: u8>(spread: &Spread, codes: *const u8) -> (__m512i, __m128i) {
    let mut total = _mm512_setzero_si512();
    // SAFETY: guaranteed by the caller.
    unsafe {
        for part in 0..PARTS {
            let values = _mm512_loadu_si512(codes.add(part * REGISTER_BYTES).cast());
            // Four products per lane, then scaled: scales differ every 16 or 32 weights, so longer
            // sums of integers would mix them.
            let four = _mm512_dpbusd_epi32(_mm512_setzero_si512(), spread.weights[part], values);
            let scales = spread.scales[part];
            total = if Format::of(FORMAT).most() > 63 {
                _mm512_add_epi32(total, _mm512_mullo_epi32(four, scales))
            } else {
                // The sum of four products fits into 16 bits: the lower half has all of it.
                _mm512_dpwssd_epi32(total, four, scales)
            };
        }
        let offsets = if Format::of(FORMAT).subblock() == 32 {
            let sums_of_values = _mm_loadu_si128(codes.add(wide_sums_at(1)).cast());
            _mm256_zextsi128_si256(_mm_madd_epi16(
                _mm256_castsi256_si128(spread.offsets),
                sums_of_values,
            ))
        } else {
            _mm256_madd_epi16(spread.offsets, _mm256_loadu_si256(codes.add(sums_at(1)).cast()))
        };
        if Format::of(FORMAT).has_minima() {
            let (low, high) =
                (_mm256_castsi256_si128(offsets), _mm256_extracti128_si256::<1>(offsets));
            return (total, _mm_add_epi32(low, high));
        }
        (_mm512_sub_epi32(total, _mm512_zextsi256_si512(offsets)), _mm_setzero_si128())
    }
}

/// The sum of the lanes of each of four registers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn sums_of_each(registers: [__m512i; CHAINS]) -> __m128i {
    let quarters = sums_of_quarters(registers);
    let halves = _mm256_add_epi32(
        _mm512_castsi512_si256(quarters),
        _mm512_extracti64x4_epi64::<1>(quarters),
    );
    _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves))
}

/// # Safety
/// The processor has the features; a block of `Q4_K` is there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn q4_k(block: *const u8) -> Spread {
    // SAFETY: 144 bytes are there: two halves, 12 bytes of scales and minima, 128 of weights.
    unsafe { of_four_bits(block, block.add(16)) }
}

/// Unpacks a block of `Q4_K` or `Q5_K` from its head and four bits of each weight.
///
/// # Safety
/// The processor has the features; 16 bytes of a head are there, and 128 of weights.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn of_four_bits(head: *const u8, weights: *const u8) -> Spread {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let packed = head.add(4).cast::<[u32; 3]>().read_unaligned();
        let (scales, minima) = scales_and_minima(packed);
        let scales = _mm512_set1_epi64(together(scales));
        let minima = _mm_cvtsi64_si128(together(minima));
        Spread {
            weights: std::array::from_fn(|part| {
                // The lower halves are 32 weights, the upper ones the next 32.
                let both = _mm256_loadu_si256(weights.add(32 * part).cast());
                let shifted = _mm512_srlv_epi16(_mm512_broadcast_i64x4(both), halves(0, 4));
                _mm512_and_si512(shifted, _mm512_set1_epi8(0x0f))
            }),
            scales: std::array::from_fn(|part| {
                _mm512_shuffle_epi8(scales, Q4_K_SCALES.register(part))
            }),
            offsets: _mm256_cvtepu8_epi16(minima),
        }
    }
}

/// # Safety
/// The processor has the features; a block of `Q5_K` is there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn q5_k(block: *const u8) -> Spread {
    // SAFETY: 176 bytes are there: as of `Q4_K`, with 32 bytes of fifth bits before the weights.
    unsafe {
        let high = _mm512_broadcast_i64x4(_mm256_loadu_si256(block.add(16).cast()));
        let mut spread = of_four_bits(block, block.add(48));
        for (part, weights) in spread.weights.iter_mut().enumerate() {
            // Each bit of these bytes belongs to 32 weights.
            let bit = 1i16 << (2 * part);
            let bits = halves(bit * 0x101, (bit * 2) * 0x101);
            let set = _mm512_test_epi8_mask(high, bits);
            *weights = _mm512_mask_add_epi8(*weights, set, *weights, _mm512_set1_epi8(16));
        }
        spread
    }
}

/// # Safety
/// The processor has the features; a block of `Q6_K` is there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn q6_k(block: *const u8) -> Spread {
    // SAFETY: 210 bytes are there: 128 of low bits, 64 of high bits, 16 scales, and a half.
    unsafe {
        let scales = _mm256_cvtepi8_epi16(_mm_loadu_si128(block.add(192).cast()));
        let mut weights = [_mm512_setzero_si512(); PARTS];
        let (four_bits, two_bits) = (_mm512_set1_epi8(0x0f), _mm512_set1_epi8(0x30));
        for (index, weights) in weights.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let low = _mm512_loadu_si512(block.add(64 * index).cast());
            let high = _mm256_loadu_si256(block.add(128 + 32 * index).cast());
            let high = _mm512_broadcast_i64x4(high);
            let of_first = _mm512_and_si512(_mm512_sllv_epi16(high, halves(4, 2)), two_bits);
            let of_second = _mm512_and_si512(_mm512_srlv_epi16(high, halves(0, 2)), two_bits);
            let second = _mm512_and_si512(_mm512_srli_epi16(low, 4), four_bits);
            weights[0] = _mm512_or_si512(_mm512_and_si512(low, four_bits), of_first);
            weights[1] = _mm512_or_si512(second, of_second);
        }
        Spread {
            weights,
            scales: std::array::from_fn(|part| {
                let indices = Q6_K_SCALES.register(part);
                let scales = _mm512_castsi256_si512(scales);
                _mm512_maskz_permutexvar_epi16(0x5555_5555, indices, scales)
            }),
            offsets: _mm256_slli_epi16::<5>(scales),
        }
    }
}

/// Unpacks a block in the way that all levels share.
///
/// # Safety
/// The processor has the features; a block of the format is there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
unsafe fn of_any<const FORMAT: u8>(start: *const u8) -> Spread {
    // SAFETY: guaranteed by the caller.
    let (head, weights) =
        unsafe { (block::head::<FORMAT>(start), block::weights::<FORMAT>(start)) };
    let join =
        |[low, high]: [__m256i; 2]| _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
    let (scales, wide) = (join(head.scales), Format::of(FORMAT).subblock() == 32);
    let used = if Format::of(FORMAT).most() > 63 { -1 } else { 0xffff };
    let scales = _mm512_and_si512(scales, _mm512_set1_epi32(used));
    let indices = if wide { &WIDE_SCALES } else { &NARROW_SCALES };
    Spread {
        weights: std::array::from_fn(|part| join([weights[2 * part], weights[2 * part + 1]])),
        scales: std::array::from_fn(|part| {
            _mm512_permutexvar_epi32(indices.register(part), scales)
        }),
        offsets: head.offsets,
    }
}

fn together([low, high]: [u32; 2]) -> i64 {
    ((u64::from(high) << 32) | u64::from(low)).cast_signed()
}

/// One number in all lanes of the lower half of a register, and another in the upper half.
#[inline]
#[target_feature(enable = "avx512f")]
fn halves(lower: i16, upper: i16) -> __m512i {
    _mm512_inserti64x4::<1>(
        _mm512_castsi256_si512(_mm256_set1_epi16(lower)),
        _mm256_set1_epi16(upper),
    )
}

/// Which scale each lane gets, as indices for a shuffle instruction.
#[repr(align(64))]
struct Indices([[u8; REGISTER_BYTES]; PARTS]);

impl Indices {
    /// Indices that give each scale to this many lanes; `rest` is put into the other bytes of a
    /// lane.
    const fn of(lanes: usize, rest: u8) -> Self {
        let mut indices = [[rest; REGISTER_BYTES]; PARTS];
        let mut lane = 0;
        while lane < PARTS * LANES {
            indices[lane / LANES][lane % LANES * 4] = (lane / lanes) as u8;
            lane += 1;
        }
        Self(indices)
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn register(&self, part: usize) -> __m512i {
        // SAFETY: it has the size of a register.
        unsafe { _mm512_loadu_si512(self.0[part].as_ptr().cast()) }
    }
}

/// From eight bytes, one per 32 weights (eight lanes); 0x80 gives zero.
static Q4_K_SCALES: Indices = Indices::of(8, 0x80);

/// From as many 32-bit numbers, one per 32 weights, and one per 16.
static WIDE_SCALES: Indices = Indices::of(8, 0);
static NARROW_SCALES: Indices = Indices::of(4, 0);

/// From 16 numbers of 16 bits, one per 16 weights (four lanes); the upper half of a lane is masked.
static Q6_K_SCALES: Indices = Indices::of(4, 0);
