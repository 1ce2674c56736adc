//! One block, spread out from its few bits to bytes, where masks make it cheaper than with AVX2.

use std::arch::x86_64::{__m256i, _mm256_mask_add_epi8, _mm256_set1_epi8};

use crate::Format;
use crate::legacy_quants::block;

/// Its 32 weights without their sign, each as much too high as [`Format::too_high`] says.
///
/// # Safety
/// The processor has the features; a block of the format lies there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn weights<const FORMAT: u8>(start: *const u8) -> __m256i {
    // SAFETY: after the scale of two bytes lie 4 bytes of fifth bits and 16 with two weights each.
    unsafe {
        if matches!(Format::of(FORMAT), Format::Q5_0) {
            let fifth = start.add(2).cast::<u32>().read_unaligned();
            let low = block::four_bits(start.add(6));
            return _mm256_mask_add_epi8(low, fifth, low, _mm256_set1_epi8(16));
        }
        block::weights::<FORMAT>(start)
    }
}
