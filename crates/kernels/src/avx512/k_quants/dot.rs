//! The product of a tile of weights with one block of a group of columns: nearly all of the time is
//! spent here. A register holds four values of 16 columns, or more values of fewer columns.

use std::arch::x86_64::{
    _mm512_add_epi32, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_dpwssd_epi32,
    _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mul_ps,
    _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_storeu_ps,
    _mm512_sub_epi32,
};

use crate::CHUNK;
use crate::avx512::{of_all_lanes, spread};
use crate::codes::{LANES, REGISTER_BYTES};
use crate::k_quants::codes::{scales_at, sums_at, wide_sums_at};
use crate::k_quants::tile::Tile;
use crate::matrix::ROWS;

/// Adds the products to `sums`, the lanes of each of the eight rows. `SUBBLOCK` is the number of
/// weights that share a scale, `MINIMA` whether the offsets are minima, and `WIDTH` the number of
/// columns.
///
/// # Safety
/// The processor has the features; a block of a group of this width is at `codes`, and `sums`
/// has room for the lanes of all rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn dot<const SUBBLOCK: usize, const MINIMA: bool, const WIDTH: usize>(
    tile: &Tile,
    codes: *const u8,
    sums: *mut f32,
) {
    let lanes = LANES / WIDTH;
    let registers = SUBBLOCK / 4 / lanes;
    // SAFETY: guaranteed by the caller; the indices stay below the sizes of the tile.
    unsafe {
        let mut total = [_mm512_setzero_si512(); ROWS];
        for subblock in 0..CHUNK / SUBBLOCK {
            let mut products = [_mm512_setzero_si512(); ROWS];
            for register in subblock * registers..(subblock + 1) * registers {
                let columns = _mm512_loadu_si512(codes.add(register * REGISTER_BYTES).cast());
                for (product, weights) in products.iter_mut().zip(&tile.weights) {
                    let weights = spread::<WIDTH>(weights.as_ptr().add(register * lanes * 4));
                    *product = _mm512_dpbusd_epi32(*product, weights, columns);
                }
            }
            for ((total, product), scales) in total.iter_mut().zip(products).zip(&tile.scales) {
                let scale = _mm512_set1_epi32(*scales.get_unchecked(subblock));
                *total = _mm512_add_epi32(*total, _mm512_mullo_epi32(product, scale));
            }
        }
        let mut offsets = [_mm512_setzero_si512(); ROWS];
        let sums_of_columns = if SUBBLOCK == 32 { wide_sums_at(WIDTH) } else { sums_at(WIDTH) };
        for register in 0..CHUNK / SUBBLOCK / 2 / lanes {
            let at = codes.add(sums_of_columns + register * REGISTER_BYTES);
            let columns = _mm512_loadu_si512(at.cast());
            for (sum, offsets) in offsets.iter_mut().zip(&tile.offsets) {
                let offsets = spread::<WIDTH>(offsets.as_ptr().add(register * lanes).cast());
                *sum = _mm512_dpwssd_epi32(*sum, offsets, columns);
            }
        }
        let columns = _mm512_loadu_ps(codes.add(scales_at(WIDTH)).cast());
        for row in 0..ROWS {
            let at = sums.add(row * LANES);
            let sum = _mm512_loadu_ps(at);
            let total = of_all_lanes::<WIDTH>(total[row]);
            let offsets = of_all_lanes::<WIDTH>(offsets[row]);
            let scale = _mm512_mul_ps(_mm512_set1_ps(tile.scale[row]), columns);
            let sum = if MINIMA {
                let sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(total), scale, sum);
                let minimum = _mm512_mul_ps(_mm512_set1_ps(tile.minimum[row]), columns);
                _mm512_fnmadd_ps(_mm512_cvtepi32_ps(offsets), minimum, sum)
            } else {
                // The difference is exact; each alone may be too large for a float.
                let difference = _mm512_sub_epi32(total, offsets);
                _mm512_fmadd_ps(_mm512_cvtepi32_ps(difference), scale, sum)
            };
            _mm512_storeu_ps(at, sum);
        }
    }
}
