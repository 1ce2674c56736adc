//! The product of a tile of weights with one chunk of a group of columns. A pair of registers holds
//! four values of 16 columns, or more values of fewer columns.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_add_epi32, _mm256_castsi256_ps, _mm256_cvtepi32_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_mul_ps, _mm256_setzero_ps, _mm256_setzero_si256,
    _mm256_storeu_ps,
};
use std::marker::PhantomData;

use crate::avx2::lanes::{sums_of_halves, sums_of_pairs};
use crate::avx2::products::{Products, Sums, TOGETHER, Work};
use crate::avx2::spread;
use crate::codes::{LANES, REGISTER_BYTES};
use crate::legacy_quants::BLOCK;
use crate::legacy_quants::codes::{beginnings_at, scales_at};
use crate::legacy_quants::tile::Tile;
use crate::matrix::{Matrix, ROWS};
use crate::{CHAINS, Format, rows};

pub(crate) struct Blocks<P> {
    tile: Tile,
    with: PhantomData<P>,
}

impl<P: Products> rows::Tile for Blocks<P> {
    fn new() -> Self {
        Self { tile: Tile::new(), with: PhantomData }
    }

    unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], chunk: usize) {
        // SAFETY: guaranteed by the caller.
        unsafe { self.tile.take(matrix, rows, chunk) };
    }

    unsafe fn dot(
        &self,
        format: Format,
        width: usize,
        columns: *const u8,
        _: usize,
        sums: *mut f32,
    ) {
        // SAFETY: guaranteed by the caller.
        unsafe {
            match format.most() {
                15 => self.by_width::<15>(width, columns, sums),
                31 => self.by_width::<31>(width, columns, sums),
                _ => self.by_width::<255>(width, columns, sums),
            }
        }
    }
}

impl<P: Products> Blocks<P> {
    /// # Safety
    /// As for [`rows::Tile::dot`].
    unsafe fn by_width<const MOST: i32>(&self, width: usize, codes: *const u8, sums: *mut f32) {
        let tile = &self.tile;
        // SAFETY: guaranteed by the caller.
        unsafe {
            match width {
                4 => P::perform(Dot::<MOST, 4> { tile, codes, sums }),
                8 => P::perform(Dot::<MOST, 8> { tile, codes, sums }),
                _ => P::perform(Dot::<MOST, 16> { tile, codes, sums }),
            }
        }
    }
}

/// The chunk of a group of `WIDTH` columns is at `codes`, and `sums` has room for the lanes of all
/// rows.
struct Dot<'a, const MOST: i32, const WIDTH: usize> {
    tile: &'a Tile,
    codes: *const u8,
    sums: *mut f32,
}

impl<const MOST: i32, const WIDTH: usize> Work for Dot<'_, MOST, WIDTH> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<P: Products>(self) {
        for first in (0..ROWS).step_by(TOGETHER) {
            for chain in 0..CHAINS / Self::LANES_EACH {
                // SAFETY: guaranteed by the caller; there are as many rows and sums.
                unsafe { self.add::<P>(first, chain) };
            }
        }
    }
}

impl<const MOST: i32, const WIDTH: usize> Dot<'_, MOST, WIDTH> {
    /// Blocks whose sums end up next to each other.
    const LANES_EACH: usize = LANES / WIDTH;

    /// Adds the products of four rows to the sums with the number `chain`.
    #[inline(always)]
    unsafe fn add<P: Products>(&self, first: usize, chain: usize) {
        // SAFETY: guaranteed by the caller; the indices stay below the sizes of the tile. Missing
        // blocks have columns and scales of zeros.
        unsafe {
            let sums = |row: usize| self.sums.add((chain * ROWS + first + row) * LANES);
            let mut totals = [[_mm256_setzero_ps(); 2]; TOGETHER];
            for row in 0..TOGETHER {
                totals[row] = floats(sums(row));
            }
            let all = self.tile.blocks.div_ceil(Self::LANES_EACH);
            for together in (chain..all).step_by(CHAINS / Self::LANES_EACH) {
                let products = self.products::<P>(first, together);
                let at = self.codes.add(together * REGISTER_BYTES + scales_at(WIDTH));
                let columns = floats(at.cast());
                for row in 0..TOGETHER {
                    let scales = self.tile.scales.get_unchecked(first + row).as_ptr();
                    let scales = scales.add(together * Self::LANES_EACH).cast();
                    let scale = _mm256_castsi256_ps(spread::<WIDTH>(scales));
                    for half in 0..2 {
                        let product = _mm256_cvtepi32_ps(products[row][half]);
                        let scale = _mm256_mul_ps(scale, columns[half]);
                        totals[row][half] = _mm256_fmadd_ps(product, scale, totals[row][half]);
                    }
                }
            }
            for row in 0..TOGETHER {
                _mm256_storeu_ps(sums(row), totals[row][0]);
                _mm256_storeu_ps(sums(row).add(LANES / 2), totals[row][1]);
            }
        }
    }

    /// The products of four rows with as many blocks as a column has lanes, one block per lane.
    #[inline(always)]
    unsafe fn products<P: Products>(&self, first: usize, together: usize) -> Sums {
        let registers = BLOCK / 4 / Self::LANES_EACH;
        // SAFETY: guaranteed by the caller.
        unsafe {
            let mut beginnings = [_mm256_setzero_si256(); 2];
            if MOST <= 127 || P::WITHOUT_SIGN {
                let at = self.codes.add(together * REGISTER_BYTES + beginnings_at(WIDTH));
                let at = at.cast::<__m256i>();
                beginnings = [_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1))];
            }
            let rows = &*self.tile.weights.as_ptr().add(first).cast();
            let mut products = [beginnings; TOGETHER];
            if WIDTH == 16 {
                let own = together * registers..(together + 1) * registers;
                P::add::<MOST, WIDTH>(&mut products, rows, self.codes, own, None);
                return products;
            }
            let mut blocks = [[[_mm256_setzero_si256(); 2]; TOGETHER]; 4];
            for index in 0..Self::LANES_EACH {
                let block = together * Self::LANES_EACH + index;
                let own = block * registers..(block + 1) * registers;
                P::add::<MOST, WIDTH>(&mut blocks[index], rows, self.codes, own, None);
            }
            for row in 0..TOGETHER {
                for half in 0..2 {
                    let [first, second] = [blocks[0][row][half], blocks[1][row][half]];
                    let sums = if WIDTH == 8 {
                        sums_of_pairs(first, second)
                    } else {
                        let [third, fourth] = [blocks[2][row][half], blocks[3][row][half]];
                        sums_of_halves([first, second, third, fourth])
                    };
                    products[row][half] = _mm256_add_epi32(sums, beginnings[half]);
                }
            }
            products
        }
    }
}

#[inline(always)]
unsafe fn floats(at: *const f32) -> [__m256; 2] {
    // SAFETY: guaranteed by the caller.
    unsafe { [_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(LANES / 2))] }
}
