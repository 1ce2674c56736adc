//! The kernels with registers of 64 bytes, which add four products of bytes to each lane
//! (AVX-512 VNNI).

use std::arch::x86_64::{
    __m512i, _mm_loadu_si128, _mm512_broadcast_i32x4, _mm512_set1_epi32, _mm512_set1_epi64,
};

pub(crate) mod k_quants;
pub(crate) mod legacy_quants;

/// What the lanes of one column are multiplied with, for each column.
///
/// # Safety
/// The processor has the features; so many lanes lie there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn spread<const WIDTH: usize>(at: *const u8) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        match WIDTH {
            4 => _mm512_broadcast_i32x4(_mm_loadu_si128(at.cast())),
            8 => _mm512_set1_epi64(at.cast::<i64>().read_unaligned()),
            _ => _mm512_set1_epi32(at.cast::<i32>().read_unaligned()),
        }
    }
}
