//! The product of a tile of weights with one chunk of a group of columns. A register holds four
//! values of 16 columns, or more values of fewer columns.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_permutexvar_epi32,
    _mm512_permutexvar_ps, _mm512_set1_ps, _mm512_setzero_si512, _mm512_storeu_ps,
};

use crate::avx512::{of_all_lanes, spread};
use crate::codes::{LANES, REGISTER_BYTES};
use crate::legacy_quants::BLOCK;
use crate::legacy_quants::codes::{beginnings_at, scales_at};
use crate::legacy_quants::tile::Tile;
use crate::matrix::ROWS;

/// Adds the products to `sums`, the lanes of each of the eight rows; `WIDTH` is the number of
/// columns.
///
/// # Safety
/// The processor has the features; a chunk of a group of this width is at `codes`, and
/// `sums` has room for the lanes of all rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn dot<const WIDTH: usize>(tile: &Tile, codes: *const u8, sums: *mut f32) {
    let lanes = LANES / WIDTH;
    let registers = BLOCK / 4 / lanes;
    // SAFETY: guaranteed by the caller; the indices stay below the sizes of the tile.
    unsafe {
        let mut totals: [_; ROWS] =
            std::array::from_fn(|row| _mm512_loadu_ps(sums.add(row * LANES)));
        for block in 0..tile.blocks {
            let at = codes.add(block / lanes * REGISTER_BYTES);
            // A column's lanes belong to as many blocks: copy this block's to all of them.
            let own = first_lane::<WIDTH>(block % lanes);
            let beginnings = _mm512_loadu_si512(at.add(beginnings_at(WIDTH)).cast());
            let columns = _mm512_loadu_ps(at.add(scales_at(WIDTH)).cast());
            let (beginnings, columns) = if WIDTH == 16 {
                (beginnings, columns)
            } else {
                (_mm512_permutexvar_epi32(own, beginnings), _mm512_permutexvar_ps(own, columns))
            };
            let first = if WIDTH == 16 { beginnings } else { _mm512_setzero_si512() };
            let mut products = [first; ROWS];
            for register in block * registers..(block + 1) * registers {
                let columns = _mm512_loadu_si512(codes.add(register * REGISTER_BYTES).cast());
                for (product, weights) in products.iter_mut().zip(&tile.weights) {
                    let weights = spread::<WIDTH>(weights.as_ptr().add(register * lanes * 4));
                    *product = _mm512_dpbusd_epi32(*product, weights, columns);
                }
            }
            for ((total, product), scales) in totals.iter_mut().zip(products).zip(&tile.scales) {
                let scale = _mm512_set1_ps(*scales.get_unchecked(block));
                let scale = _mm512_mul_ps(scale, columns);
                let product = if WIDTH == 16 {
                    product
                } else {
                    _mm512_add_epi32(of_all_lanes::<WIDTH>(product), beginnings)
                };
                *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(product), scale, *total);
            }
        }
        for (row, total) in totals.into_iter().enumerate() {
            _mm512_storeu_ps(sums.add(row * LANES), total);
        }
    }
}

/// Shuffle indices by which each lane takes the lane `number` of its own column.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn first_lane<const WIDTH: usize>(number: usize) -> __m512i {
    let lanes = LANES / WIDTH;
    let mut indices = [0; LANES];
    for (lane, index) in indices.iter_mut().enumerate() {
        *index = (lane / lanes * lanes + number) as i32;
    }
    // SAFETY: the array has the size of a register.
    unsafe { _mm512_loadu_si512(indices.as_ptr().cast()) }
}
