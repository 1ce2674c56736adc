//! Unpacks four blocks from their few bits to bytes.

use std::arch::x86_64::{
    __m512i, _mm_loadu_si128, _mm256_loadu_si256, _mm512_and_si512, _mm512_broadcast_i32x4,
    _mm512_castsi128_si512, _mm512_castsi256_si512, _mm512_inserti32x4, _mm512_inserti64x4,
    _mm512_mask_add_epi8, _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_shuffle_i64x2,
    _mm512_srli_epi16, _mm512_xor_si512,
};

use crate::Format;
use crate::format::CHOICE;

/// The first 16 weights of each of four blocks, and the second 16, unsigned: each has the excess
/// that [`Format::too_high`] gives.
///
/// # Safety
/// The processor has the features; four blocks of the format are there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn four_blocks<const FORMAT: u8>(start: *const u8) -> [__m512i; 2] {
    // SAFETY: after the scale of two bytes come 32 bytes, or 16 with two weights in each, with 4
    // bytes of fifth bits before them.
    unsafe {
        match Format::of(FORMAT) {
            Format::Q4_0 => four_bits::<FORMAT>(start.add(2)),
            Format::Q5_0 => {
                let [low, high] = four_bits::<FORMAT>(start.add(6));
                let sixteen = _mm512_set1_epi8(16);
                let (low_bits, high_bits) = fifth_bits::<FORMAT>(start.add(2));
                [
                    _mm512_mask_add_epi8(low, low_bits, low, sixteen),
                    _mm512_mask_add_epi8(high, high_bits, high, sixteen),
                ]
            }
            Format::Iq4Nl => {
                let [low, high] = four_bits::<FORMAT>(start.add(2));
                let choice = _mm512_broadcast_i32x4(_mm_loadu_si128(CHOICE.as_ptr().cast()));
                [_mm512_shuffle_epi8(choice, low), _mm512_shuffle_epi8(choice, high)]
            }
            _ => {
                let two_blocks = |start: *const u8| {
                    let first = _mm512_castsi256_si512(_mm256_loadu_si256(start.add(2).cast()));
                    let second = start.add(2 + Format::of(FORMAT).block_bytes()).cast();
                    let signed = _mm512_inserti64x4::<1>(first, _mm256_loadu_si256(second));
                    _mm512_xor_si512(signed, _mm512_set1_epi8(i8::MIN))
                };
                let first = two_blocks(start);
                let second = two_blocks(start.add(2 * Format::of(FORMAT).block_bytes()));
                [
                    _mm512_shuffle_i64x2::<0b10_00_10_00>(first, second),
                    _mm512_shuffle_i64x2::<0b11_01_11_01>(first, second),
                ]
            }
        }
    }
}

/// The low halves of 16 bytes of each block, and the high halves.
///
/// # Safety
/// The processor has the features; those of the first of four blocks are at `start`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn four_bits<const FORMAT: u8>(start: *const u8) -> [__m512i; 2] {
    // SAFETY: guaranteed by the caller.
    let both = unsafe { sixteen_bytes::<FORMAT>(start) };
    let four_bits = _mm512_set1_epi8(0x0f);
    [_mm512_and_si512(both, four_bits), _mm512_and_si512(_mm512_srli_epi16::<4>(both), four_bits)]
}

/// 16 bytes of each block.
///
/// # Safety
/// The processor has the features; those of the first of four blocks are at `start`.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn sixteen_bytes<const FORMAT: u8>(start: *const u8) -> __m512i {
    let bytes = Format::of(FORMAT).block_bytes();
    // SAFETY: guaranteed by the caller.
    unsafe {
        let first = _mm512_castsi128_si512(_mm_loadu_si128(start.cast()));
        let two = _mm512_inserti32x4::<1>(first, _mm_loadu_si128(start.add(bytes).cast()));
        let three = _mm512_inserti32x4::<2>(two, _mm_loadu_si128(start.add(2 * bytes).cast()));
        _mm512_inserti32x4::<3>(three, _mm_loadu_si128(start.add(3 * bytes).cast()))
    }
}

/// One bit for each of the first 16 weights of each block, and for each of the second 16.
///
/// # Safety
/// 32 bits of the first of four blocks are at `start`.
#[inline(always)]
unsafe fn fifth_bits<const FORMAT: u8>(start: *const u8) -> (u64, u64) {
    let bytes = Format::of(FORMAT).block_bytes();
    let (mut low, mut high) = (0, 0);
    for block in 0..4 {
        // SAFETY: guaranteed by the caller.
        let bits = unsafe { start.add(block * bytes).cast::<u32>().read_unaligned() };
        low |= u64::from(bits & 0xffff) << (16 * block);
        high |= u64::from(bits >> 16) << (16 * block);
    }
    (low, high)
}
