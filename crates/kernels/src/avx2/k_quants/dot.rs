//! The product of a tile of weights with one block of a group of columns. A pair of registers holds
//! four values of 16 columns, or more values of fewer columns.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_cvtepi32_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_setzero_si256, _mm256_storeu_ps, _mm256_sub_epi32,
};
use std::marker::PhantomData;

use crate::avx2::lanes::of_all_lanes;
use crate::avx2::products::{Products, Sums, TOGETHER, Work};
use crate::avx2::spread;
use crate::codes::{LANES, REGISTER_BYTES};
use crate::k_quants::codes::{scales_at, sums_at, wide_sums_at};
use crate::k_quants::tile::Tile;
use crate::matrix::{Matrix, ROWS};
use crate::{CHAINS, CHUNK, Format, rows};

pub(crate) struct Blocks<P> {
    tile: Tile,
    with: PhantomData<P>,
}

impl<P: Products> rows::Tile for Blocks<P> {
    fn new() -> Self {
        Self { tile: Tile::new(), with: PhantomData }
    }

    unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], chunk: usize) {
        // SAFETY: guaranteed by the caller; a chunk is a block.
        unsafe { self.tile.take(matrix, rows, chunk) };
        if !P::WITHOUT_SIGN {
            // Each scale twice per lane.
            for scale in self.tile.scales.as_flattened_mut() {
                *scale = (*scale & 0xffff) | (*scale << 16);
            }
        }
    }

    unsafe fn dot(
        &self,
        format: Format,
        width: usize,
        columns: *const u8,
        chunk: usize,
        sums: *mut f32,
    ) {
        // SAFETY: a block has a sum of its own.
        let sums = unsafe { sums.add(chunk % CHAINS * ROWS * LANES) };
        // SAFETY: guaranteed by the caller.
        unsafe {
            match format {
                Format::Q4K => self.by_width::<{ Format::Q4K as u8 }>(width, columns, sums),
                Format::Q5K => self.by_width::<{ Format::Q5K as u8 }>(width, columns, sums),
                Format::Q3K => self.by_width::<{ Format::Q3K as u8 }>(width, columns, sums),
                Format::Q2K => self.by_width::<{ Format::Q2K as u8 }>(width, columns, sums),
                Format::Iq4Xs => self.by_width::<{ Format::Iq4Xs as u8 }>(width, columns, sums),
                _ => self.by_width::<{ Format::Q6K as u8 }>(width, columns, sums),
            }
        }
    }
}

impl<P: Products> Blocks<P> {
    /// # Safety
    /// As for [`rows::Tile::dot`].
    unsafe fn by_width<const FORMAT: u8>(&self, width: usize, codes: *const u8, sums: *mut f32) {
        let tile = &self.tile;
        // SAFETY: guaranteed by the caller.
        unsafe {
            match width {
                4 => P::perform(Dot::<FORMAT, 4> { tile, codes, sums }),
                8 => P::perform(Dot::<FORMAT, 8> { tile, codes, sums }),
                _ => P::perform(Dot::<FORMAT, 16> { tile, codes, sums }),
            }
        }
    }
}

/// The block of a group of `WIDTH` columns is at `codes`, and `sums` has room for the lanes of all
/// rows.
struct Dot<'a, const FORMAT: u8, const WIDTH: usize> {
    tile: &'a Tile,
    codes: *const u8,
    sums: *mut f32,
}

impl<const FORMAT: u8, const WIDTH: usize> Work for Dot<'_, FORMAT, WIDTH> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<P: Products>(self) {
        for first in (0..ROWS).step_by(TOGETHER) {
            // SAFETY: guaranteed by the caller; there are as many rows.
            unsafe {
                let totals = match Format::of(FORMAT).most() {
                    3 => self.totals::<P, 3>(first),
                    7 => self.totals::<P, 7>(first),
                    15 => self.totals::<P, 15>(first),
                    31 => self.totals::<P, 31>(first),
                    63 => self.totals::<P, 63>(first),
                    _ => self.totals::<P, 255>(first),
                };
                let offsets = self.offsets::<P>(first);
                for row in 0..TOGETHER {
                    for half in 0..2 {
                        self.add(first + row, half, totals[row][half], offsets[row][half]);
                    }
                }
            }
        }
    }
}

impl<const FORMAT: u8, const WIDTH: usize> Dot<'_, FORMAT, WIDTH> {
    const LANES_EACH: usize = LANES / WIDTH;
    const SUBBLOCK: usize = Format::of(FORMAT).subblock();

    #[inline(always)]
    unsafe fn totals<P: Products, const MOST: i32>(&self, first: usize) -> Sums {
        let registers = Self::SUBBLOCK / 4 / Self::LANES_EACH;
        // SAFETY: guaranteed by the caller; the indices stay below the sizes of the tile.
        unsafe {
            let mut totals = [[_mm256_setzero_si256(); 2]; TOGETHER];
            let rows = &*self.tile.weights.as_ptr().add(first).cast();
            for subblock in 0..CHUNK / Self::SUBBLOCK {
                let scale = |row: usize| {
                    *self.tile.scales.get_unchecked(first + row).get_unchecked(subblock)
                };
                let scales = Some([scale(0), scale(1), scale(2), scale(3)]);
                let own = subblock * registers..(subblock + 1) * registers;
                P::add::<MOST, WIDTH>(&mut totals, rows, self.codes, own, scales);
            }
            totals
        }
    }

    #[inline(always)]
    unsafe fn offsets<P: Products>(&self, first: usize) -> Sums {
        let format = Format::of(FORMAT);
        // SAFETY: guaranteed by the caller; the indices stay below the sizes of the tile.
        unsafe {
            let mut offsets = [[_mm256_setzero_si256(); 2]; TOGETHER];
            if format.most() > i8::MAX as i32 && !P::WITHOUT_SIGN {
                return offsets;
            }
            let wide = Self::SUBBLOCK == 32;
            let sums = self.codes.add(if wide { wide_sums_at(WIDTH) } else { sums_at(WIDTH) });
            for register in 0..CHUNK / Self::SUBBLOCK / 2 / Self::LANES_EACH {
                let at = sums.add(register * REGISTER_BYTES).cast::<__m256i>();
                let columns = [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))];
                for (row, totals) in offsets.iter_mut().enumerate() {
                    let own = self.tile.offsets.get_unchecked(first + row).as_ptr();
                    let own = spread::<WIDTH>(own.add(register * Self::LANES_EACH).cast());
                    for half in 0..2 {
                        let product = _mm256_madd_epi16(own, columns[half]);
                        totals[half] = _mm256_add_epi32(totals[half], product);
                    }
                }
            }
            offsets
        }
    }

    #[inline(always)]
    unsafe fn add(&self, row: usize, half: usize, total: __m256i, offsets: __m256i) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            let (total, offsets) = (of_all_lanes::<WIDTH>(total), of_all_lanes::<WIDTH>(offsets));
            let columns = self.codes.add(scales_at(WIDTH)).cast::<f32>().add(LANES / 2 * half);
            let columns = _mm256_loadu_ps(columns);
            let at = self.sums.add(row * LANES + LANES / 2 * half);
            let sum = _mm256_loadu_ps(at);
            let own = _mm256_set1_ps(*self.tile.scale.get_unchecked(row));
            let scale = _mm256_mul_ps(own, columns);
            let sum = if Format::of(FORMAT).has_minima() {
                let sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(total), scale, sum);
                let own = _mm256_set1_ps(*self.tile.minimum.get_unchecked(row));
                let minimum = _mm256_mul_ps(own, columns);
                _mm256_fnmadd_ps(_mm256_cvtepi32_ps(offsets), minimum, sum)
            } else {
                // The difference is exact; each alone may be too large for a float.
                let difference = _mm256_sub_epi32(total, offsets);
                _mm256_fmadd_ps(_mm256_cvtepi32_ps(difference), scale, sum)
            };
            _mm256_storeu_ps(at, sum);
        }
    }
}
