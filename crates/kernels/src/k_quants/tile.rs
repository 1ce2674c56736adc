//! The weights: a block of each of eight rows, spread out from its few bits to bytes.
//! Small enough to stay in the first cache while all columns use it.

use std::arch::x86_64::{
    __m256i, _mm_cvtepu8_epi16, _mm_loadu_si128, _mm_set_epi64x, _mm_storeu_si128,
    _mm256_and_si256, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi32, _mm256_loadu_si256,
    _mm256_mask_add_epi8, _mm256_mullo_epi16, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_slli_epi16, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_test_epi8_mask,
    _mm512_cvtepi8_epi32, _mm512_storeu_si512,
};

use super::dot::dot;
use crate::matrix::{Matrix, ROWS, half};
use crate::{CHUNK, Format, rows};

/// A block of each of eight rows.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Tile {
    /// Without their sign: `Q6_K` is 32 too high.
    pub(super) weights: [[u8; CHUNK]; ROWS],
    /// Of each 32 weights, or of each 16.
    pub(super) scales: [[i32; 16]; ROWS],
    /// What the sums of a column's values are multiplied with, two in each: the minima, or 32 times
    /// the scales.
    pub(super) offsets: [[i32; 8]; ROWS],
    pub(super) scale: [f32; ROWS],
    /// Of the offsets; not for `Q6_K`.
    pub(super) minimum: [f32; ROWS],
}

impl rows::Tile for Tile {
    fn new() -> Self {
        Self {
            weights: [[0; CHUNK]; ROWS],
            scales: [[0; 16]; ROWS],
            offsets: [[0; 8]; ROWS],
            scale: [0.0; ROWS],
            minimum: [0.0; ROWS],
        }
    }

    unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], chunk: usize) {
        // SAFETY: the caller's promise; a chunk is a block.
        unsafe { self.take_blocks(matrix.format(), rows.map(|row| matrix.chunk(row, chunk))) };
    }

    unsafe fn dot(&self, format: Format, width: usize, columns: *const u8, sums: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe {
            match (format, width) {
                (Format::Q6K, 4) => dot::<16, 4>(self, columns, sums),
                (Format::Q6K, 8) => dot::<16, 8>(self, columns, sums),
                (Format::Q6K, _) => dot::<16, 16>(self, columns, sums),
                (_, 4) => dot::<32, 4>(self, columns, sums),
                (_, 8) => dot::<32, 8>(self, columns, sums),
                (_, _) => dot::<32, 16>(self, columns, sums),
            }
        }
    }
}

impl Tile {
    /// Takes the blocks that lie at the pointers.
    ///
    /// # Safety
    /// The processor has the features; a block of the format lies at each pointer.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
    unsafe fn take_blocks(&mut self, format: Format, blocks: [*const u8; ROWS]) {
        for (row, block) in blocks.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                match format {
                    Format::Q4K => self.take_q4_k(row, block),
                    Format::Q5K => self.take_q5_k(row, block),
                    _ => self.take_q6_k(row, block),
                }
            }
        }
    }

    /// `d`, `dmin` (halves), 12 bytes of scales and minima of six bits, 128 bytes of weights:
    /// of each 32 bytes the low halves are 32 weights, the high halves the next 32.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
    unsafe fn take_q4_k(&mut self, row: usize, block: *const u8) {
        // SAFETY: 144 bytes lie at `block`.
        unsafe {
            self.take_head(row, block);
            self.take_four_bits(row, block.add(16));
        }
    }

    /// As `Q4_K`, with 32 bytes before the weights: the first bit of each is the fifth of the
    /// first 32 weights, and so on.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
    unsafe fn take_q5_k(&mut self, row: usize, block: *const u8) {
        // SAFETY: 176 bytes lie at `block`; 32 weights lie in each eighth of the row.
        unsafe {
            self.take_head(row, block);
            self.take_four_bits(row, block.add(48));
            let fifth = _mm256_loadu_si256(block.add(16).cast());
            for part in 0..8 {
                let set =
                    _mm256_test_epi8_mask(fifth, _mm256_set1_epi8((1u8 << part).cast_signed()));
                let at = self.weights[row].as_mut_ptr().add(32 * part).cast();
                let weights = _mm256_loadu_si256(at);
                let weights = _mm256_mask_add_epi8(weights, set, weights, _mm256_set1_epi8(16));
                _mm256_storeu_si256(at, weights);
            }
        }
    }

    /// The scales and minima of `Q4_K` and `Q5_K`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
    unsafe fn take_head(&mut self, row: usize, block: *const u8) {
        // SAFETY: 16 bytes lie at `block`; the places written are of the sizes written.
        unsafe {
            self.scale[row] = half(block);
            self.minimum[row] = half(block.add(2));
            let packed = block.add(4).cast::<[u32; 3]>().read_unaligned();
            let (scales, minima) = scales_and_minima(packed);
            let bytes =
                |low: u32, high: u32| _mm_set_epi64x(0, (i64::from(high) << 32) | i64::from(low));
            let scales = _mm256_cvtepu8_epi32(bytes(scales[0], scales[1]));
            _mm256_storeu_si256(self.scales[row].as_mut_ptr().cast(), scales);
            let minima = _mm_cvtepu8_epi16(bytes(minima[0], minima[1]));
            _mm_storeu_si128(self.offsets[row].as_mut_ptr().cast(), minima);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
    unsafe fn take_four_bits(&mut self, row: usize, packed: *const u8) {
        // SAFETY: 128 bytes lie at `packed`; a row has room for twice as many.
        unsafe {
            let weights = self.weights[row].as_mut_ptr();
            let four_bits = _mm256_set1_epi8(0x0f);
            for part in 0..4 {
                let both = _mm256_loadu_si256(packed.add(32 * part).cast());
                let low = _mm256_and_si256(both, four_bits);
                let high = _mm256_and_si256(_mm256_srli_epi16(both, 4), four_bits);
                _mm256_storeu_si256(weights.add(64 * part).cast(), low);
                _mm256_storeu_si256(weights.add(64 * part + 32).cast(), high);
            }
        }
    }

    /// 128 bytes of low four bits, 64 bytes of high two bits, 16 scales of a byte, `d` (half).
    /// Of each 128 weights the four quarters of 32 share the 32 bytes of high bits, and the
    /// third and fourth have the high halves of the bytes of the first and second.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,f16c")]
    unsafe fn take_q6_k(&mut self, row: usize, block: *const u8) {
        // SAFETY: 210 bytes lie at `block`; the places written are of the sizes written.
        unsafe {
            self.scale[row] = half(block.add(208));
            let scales = _mm_loadu_si128(block.add(192).cast());
            let wide = _mm512_cvtepi8_epi32(scales);
            _mm512_storeu_si512(self.scales[row].as_mut_ptr().cast(), wide);
            let shifted = _mm256_mullo_epi16(_mm256_cvtepi8_epi16(scales), _mm256_set1_epi16(32));
            _mm256_storeu_si256(self.offsets[row].as_mut_ptr().cast(), shifted);
            let weights = self.weights[row].as_mut_ptr();
            let (four_bits, two_bits) = (_mm256_set1_epi8(0x0f), _mm256_set1_epi8(0x30));
            for half in 0..2 {
                let low = |part: usize| _mm256_loadu_si256(block.add(64 * half + 32 * part).cast());
                let high = _mm256_loadu_si256(block.add(128 + 32 * half).cast());
                let (first, second) = (low(0), low(1));
                let quarters: [(__m256i, __m256i); 4] = [
                    (first, _mm256_slli_epi16(high, 4)),
                    (second, _mm256_slli_epi16(high, 2)),
                    (_mm256_srli_epi16(first, 4), high),
                    (_mm256_srli_epi16(second, 4), _mm256_srli_epi16(high, 2)),
                ];
                for (index, (low, high)) in quarters.into_iter().enumerate() {
                    let (low, high) =
                        (_mm256_and_si256(low, four_bits), _mm256_and_si256(high, two_bits));
                    let to = weights.add(128 * half + 32 * index);
                    _mm256_storeu_si256(to.cast(), _mm256_or_si256(low, high));
                }
            }
        }
    }
}

/// Eight scales and eight minima of six bits in twelve bytes: the low six bits of the first four
/// of each in bytes of their own, and the others' low four bits together, with their high two
/// in what is left of the first eight bytes.
#[inline]
pub(super) fn scales_and_minima([first, second, third]: [u32; 3]) -> ([u32; 2], [u32; 2]) {
    const SIX: u32 = 0x3f3f_3f3f;
    const FOUR: u32 = 0x0f0f_0f0f;
    const TWO: u32 = 0x0303_0303;
    let high = |word: u32| ((word >> 6) & TWO) << 4;
    (
        [first & SIX, (third & FOUR) | high(first)],
        [second & SIX, ((third >> 4) & FOUR) | high(second)],
    )
}
