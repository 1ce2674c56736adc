//! The kernels with registers of 64 bytes, which add four products of bytes to each lane
//! (AVX-512 VNNI).

use std::arch::x86_64::{
    __m512i, _mm_loadu_si128, _mm512_add_epi32, _mm512_broadcast_i32x4, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_shuffle_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

pub(crate) mod k_quants;
pub(crate) mod legacy_quants;

/// Puts the sum of all lanes of a column into each of its `WIDTH` lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn of_all_lanes<const WIDTH: usize>(lanes: __m512i) -> __m512i {
    let pairs = |lanes| _mm512_add_epi32(lanes, _mm512_shuffle_epi32::<0b10_11_00_01>(lanes));
    match WIDTH {
        4 => {
            let pairs = pairs(lanes);
            _mm512_add_epi32(pairs, _mm512_shuffle_epi32::<0b01_00_11_10>(pairs))
        }
        8 => pairs(lanes),
        _ => lanes,
    }
}

/// The sum of each quarter of each register: the first lane of each quarter has that of the first
/// register, and so on.
#[inline]
#[target_feature(enable = "avx512f")]
fn sums_of_quarters([first, second, third, fourth]: [__m512i; 4]) -> __m512i {
    let low = _mm512_add_epi32(
        _mm512_unpacklo_epi32(first, second),
        _mm512_unpackhi_epi32(first, second),
    );
    let high = _mm512_add_epi32(
        _mm512_unpacklo_epi32(third, fourth),
        _mm512_unpackhi_epi32(third, fourth),
    );
    _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high))
}

/// What the lanes of one column are multiplied with, repeated for each column.
///
/// # Safety
/// The processor has the features; this many lanes are there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn spread<const WIDTH: usize>(at: *const u8) -> __m512i {
    // SAFETY: guaranteed by the caller.
    unsafe {
        match WIDTH {
            4 => _mm512_broadcast_i32x4(_mm_loadu_si128(at.cast())),
            8 => _mm512_set1_epi64(at.cast::<i64>().read_unaligned()),
            _ => _mm512_set1_epi32(at.cast::<i32>().read_unaligned()),
        }
    }
}
