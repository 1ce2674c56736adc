//! One block, spread out from its few bits to bytes.

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_loadu_si256,
    _mm256_mask_add_epi8, _mm256_set_epi64x, _mm256_set1_epi8, _mm256_srlv_epi64, _mm256_xor_si256,
};

use crate::Format;

/// Its 32 weights without their sign, each as much too high as `codes.rs` says.
///
/// # Safety
/// The processor has the features; a block of the format lies there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn weights<const FORMAT: u8>(block: *const u8) -> __m256i {
    // SAFETY: after the scale of two bytes lie 32 bytes, or 16 with two weights in each, with 4
    // bytes of fifth bits before them.
    unsafe {
        match Format::of(FORMAT) {
            Format::Q4_0 => four_bits(block.add(2)),
            Format::Q5_0 => {
                let fifth = block.add(2).cast::<u32>().read_unaligned();
                let low = four_bits(block.add(6));
                _mm256_mask_add_epi8(low, fifth, low, _mm256_set1_epi8(16))
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
/// The processor has the features; 16 bytes lie there.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
unsafe fn four_bits(packed: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    let both = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(packed.cast()) });
    let shifted = _mm256_srlv_epi64(both, _mm256_set_epi64x(4, 4, 0, 0));
    _mm256_and_si256(shifted, _mm256_set1_epi8(0x0f))
}
