//! Unpacks one block from its few bits to bytes. Uses AVX2, which every level has.

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8,
    _mm256_loadu_si256, _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi8, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_shuffle_epi8, _mm256_srlv_epi64, _mm256_xor_si256,
};

use crate::Format;
use crate::format::CHOICE;

/// Its 32 weights, unsigned: each has the excess that [`Format::too_high`] gives.
///
/// # Safety
/// The processor has the features; a block of the format is there.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn weights<const FORMAT: u8>(block: *const u8) -> __m256i {
    // SAFETY: after the scale of two bytes come 32 bytes, or 16 with two weights in each, with 4
    // bytes of fifth bits before them.
    unsafe {
        match Format::of(FORMAT) {
            Format::Q4_0 => four_bits(block.add(2)),
            Format::Q5_0 => {
                let fifth = sixteen_of_bits(block.add(2).cast::<i32>().read_unaligned());
                _mm256_or_si256(four_bits(block.add(6)), fifth)
            }
            Format::Iq4Nl => {
                let choice = _mm_loadu_si128(CHOICE.as_ptr().cast());
                let choice = _mm256_broadcastsi128_si256(choice);
                _mm256_shuffle_epi8(choice, four_bits(block.add(2)))
            }
            _ => {
                let signed = _mm256_loadu_si256(block.add(2).cast());
                _mm256_xor_si256(signed, _mm256_set1_epi8(i8::MIN))
            }
        }
    }
}

/// The low halves of 16 bytes, then the high ones.
///
/// # Safety
/// The processor has the features; 16 bytes are there.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn four_bits(packed: *const u8) -> __m256i {
    // SAFETY: guaranteed by the caller.
    let both = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(packed.cast()) });
    let shifted = _mm256_srlv_epi64(both, _mm256_set_epi64x(4, 4, 0, 0));
    _mm256_and_si256(shifted, _mm256_set1_epi8(0x0f))
}

/// Puts 16 into each byte whose bit is set.
#[inline]
#[target_feature(enable = "avx2")]
fn sixteen_of_bits(bits: i32) -> __m256i {
    const EACH_EIGHT_TIMES: [i64; 4] =
        [0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303];
    let [first, second, third, fourth] = EACH_EIGHT_TIMES;
    let bytes = _mm256_set_epi64x(fourth, third, second, first);
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits), bytes);
    let own_bit = _mm256_set1_epi64x(0x8040_2010_0804_0201u64.cast_signed());
    let set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, own_bit), own_bit);
    _mm256_and_si256(set, _mm256_set1_epi8(16))
}
