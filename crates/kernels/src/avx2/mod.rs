//! The kernels with registers of 32 bytes. What AVX2 and AVX-VNNI have in common is written once,
//! generic over the [`Products`] in which they differ: functions without features of their own,
//! each of which is inlined into two that have them.
#![expect(
    clippy::needless_range_loop,
    reason = "several arrays of registers have one index, and loops over it are unrolled"
)]

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_broadcastsi128_si256, _mm256_set1_epi32, _mm256_set1_epi64x,
};

pub(crate) mod k_quants;
pub(crate) mod lanes;
pub(crate) mod legacy_quants;
mod plain;
mod products;
mod vnni;

pub(crate) use plain::Plain;
pub(crate) use vnni::Vnni;

/// What the lanes of one column are multiplied with, 64 / `WIDTH` bytes, repeated to fill a
/// register.
///
/// # Safety
/// The processor has AVX2; this many bytes are there.
#[inline(always)]
unsafe fn spread<const WIDTH: usize>(at: *const u8) -> __m256i {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match WIDTH {
            4 => _mm256_broadcastsi128_si256(_mm_loadu_si128(at.cast())),
            8 => _mm256_set1_epi64x(at.cast::<i64>().read_unaligned()),
            _ => _mm256_set1_epi32(at.cast::<i32>().read_unaligned()),
        }
    }
}
