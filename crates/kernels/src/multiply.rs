//! Rows of a matrix with all columns: one row after the other for a few columns, eight together
//! for more.

use std::arch::x86_64::{
    _mm512_add_ps, _mm512_loadu_ps, _mm512_maskz_compress_ps, _mm512_permute_ps, _mm512_storeu_ps,
};
use std::marker::PhantomData;
use std::ops::Range;

use crate::codes::{Codes, FEW, LANES, WIDEST};
use crate::matrix::{Matrix, ROWS};
use crate::rows::sum_up;
use crate::{Family, Format, k_quants, legacy_quants};

/// Where the products go: column after column, each with as many values as the matrix has rows.
/// Threads write different rows of it at the same time.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    values: *mut f32,
    rows: usize,
    columns: usize,
    of: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is written only through `multiply`, whose caller answers for the rows.
unsafe impl Send for Output<'_> {}
// SAFETY: as above.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// Takes all columns of so many rows.
    ///
    /// # Panics
    /// Where they are not whole.
    #[must_use]
    pub fn over(values: &'a mut [f32], rows: usize) -> Self {
        assert_eq!(values.len() % rows, 0, "whole columns");
        // SAFETY: a slice may be written, and has so many values.
        unsafe { Self::over_shared(values.as_mut_ptr(), rows, values.len() / rows) }
    }

    /// The same for threads that share the memory.
    ///
    /// # Safety
    /// So many values from here on are used by nothing else for as long as `'a`.
    #[must_use]
    pub unsafe fn over_shared(values: *mut f32, rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, of: PhantomData }
    }
}

/// What a thread needs beside; kept between products.
#[derive(Debug, Default)]
pub struct Scratch {
    sums: Vec<f32>,
}

/// Multiplies these rows of the matrix with all columns.
///
/// # Safety
/// The processor has what [`crate::available`] asks for, all blocks of the codes are filled, and
/// no other thread has any of these rows of the output at this time.
///
/// # Panics
/// Where the sizes don't match.
pub unsafe fn multiply(
    matrix: &Matrix<'_>,
    rows: Range<usize>,
    codes: &Codes<'_>,
    output: Output<'_>,
    scratch: &mut Scratch,
) {
    assert!(rows.end <= matrix.rows() && matrix.rows() == output.rows, "rows of the matrix");
    assert!(codes.are_for(matrix.format(), matrix.length()), "columns for this matrix");
    assert_eq!(codes.columns(), output.columns, "number of columns");
    // SAFETY: the caller's promises, and the sizes were compared.
    unsafe {
        if codes.columns() > FEW {
            return eight_rows(matrix, rows, codes, output, scratch);
        }
        match matrix.format() {
            Format::Q4K => few_columns::<{ Format::Q4K as u8 }>(matrix, rows, codes, output),
            Format::Q5K => few_columns::<{ Format::Q5K as u8 }>(matrix, rows, codes, output),
            Format::Q6K => few_columns::<{ Format::Q6K as u8 }>(matrix, rows, codes, output),
            Format::Q4_0 => few_columns::<{ Format::Q4_0 as u8 }>(matrix, rows, codes, output),
            Format::Q5_0 => few_columns::<{ Format::Q5_0 as u8 }>(matrix, rows, codes, output),
            Format::Q8_0 => few_columns::<{ Format::Q8_0 as u8 }>(matrix, rows, codes, output),
        }
    }
}

/// One row after the other, by the number of columns.
///
/// # Safety
/// As [`multiply`]; the sizes match.
unsafe fn few_columns<const FORMAT: u8>(
    matrix: &Matrix<'_>,
    rows: Range<usize>,
    codes: &Codes<'_>,
    output: Output<'_>,
) {
    const { assert!(FEW == 4, "a case for each") };
    // SAFETY: the caller's promises; there are as many groups.
    unsafe {
        match codes.columns() {
            1 => each_row::<FORMAT, 1>(matrix, rows, codes, output),
            2 => each_row::<FORMAT, 2>(matrix, rows, codes, output),
            3 => each_row::<FORMAT, 3>(matrix, rows, codes, output),
            4 => each_row::<FORMAT, 4>(matrix, rows, codes, output),
            _ => {}
        }
    }
}

/// One row after the other, for so many columns.
///
/// # Safety
/// As [`multiply`]; the sizes match, and there are `COLUMNS` groups of one.
unsafe fn each_row<const FORMAT: u8, const COLUMNS: usize>(
    matrix: &Matrix<'_>,
    rows: Range<usize>,
    codes: &Codes<'_>,
    output: Output<'_>,
) {
    let mut columns = [std::ptr::null(); COLUMNS];
    for (index, column) in columns.iter_mut().enumerate() {
        *column = codes.chunk(codes.group(index), 0);
    }
    for row in rows {
        // SAFETY: the row is within the matrix, and the caller's alone in the output.
        unsafe {
            let (start, blocks) = (matrix.chunk(row, 0), matrix.blocks());
            let products = match Format::of(FORMAT).family() {
                Family::K => k_quants::dot_few::<FORMAT, COLUMNS>(start, blocks, columns),
                Family::Legacy => legacy_quants::dot_few::<FORMAT, COLUMNS>(start, blocks, columns),
            };
            for (column, product) in products.into_iter().enumerate() {
                output.values.add(column * output.rows + row).write(product);
            }
        }
    }
}

/// Eight rows together, for more columns.
///
/// # Safety
/// As [`multiply`]; the sizes match.
unsafe fn eight_rows(
    matrix: &Matrix<'_>,
    rows: Range<usize>,
    codes: &Codes<'_>,
    output: Output<'_>,
    scratch: &mut Scratch,
) {
    let Some(last) = rows.end.checked_sub(1) else { return };
    for first in rows.clone().step_by(ROWS) {
        // The last ones are computed more than once, where they are not eight.
        let together = std::array::from_fn(|row| (first + row).min(last));
        scratch.sums.clear();
        scratch.sums.resize(codes.groups() * ROWS * LANES, 0.0);
        let sums = &mut scratch.sums;
        // SAFETY: the features are the caller's promise.
        unsafe {
            match matrix.format().family() {
                Family::K => sum_up::<k_quants::Tile>(matrix, together, codes, sums),
                Family::Legacy => sum_up::<legacy_quants::Tile>(matrix, together, codes, sums),
            }
        }
        let count = ROWS.min(rows.end - first);
        // SAFETY: these rows are within, and the caller's alone.
        unsafe { store(first, count, codes, output, &scratch.sums) };
    }
}

/// Puts the sums of `count` rows from `first` on where they belong.
///
/// # Safety
/// The processor has the features; the rows are within the output and nobody else's.
#[target_feature(enable = "avx512f")]
unsafe fn store(first: usize, count: usize, codes: &Codes<'_>, output: Output<'_>, sums: &[f32]) {
    for (index, lanes) in sums.as_chunks::<{ ROWS * LANES }>().0.iter().enumerate() {
        let group = codes.group(index);
        let mut rows = [[0.0; WIDEST]; ROWS];
        for (row, lanes) in rows.iter_mut().zip(lanes.as_chunks::<LANES>().0) {
            *row = fold(lanes, group.width);
        }
        for column in 0..group.columns {
            let start = (group.first + column) * output.rows + first;
            for (row, values) in rows.iter().enumerate().take(count) {
                // SAFETY: the caller's promise.
                unsafe { output.values.add(start + row).write(values[column]) };
            }
        }
    }
}

/// Each column's lanes together.
#[inline]
#[target_feature(enable = "avx512f")]
fn fold(lanes: &[f32; LANES], width: usize) -> [f32; WIDEST] {
    let mut columns = [0.0; WIDEST];
    // SAFETY: both have the size that is read or written.
    unsafe {
        let lanes = _mm512_loadu_ps(lanes.as_ptr());
        let pairs = || _mm512_add_ps(lanes, _mm512_permute_ps::<0b1011_0001>(lanes));
        let folded = match width {
            4 => {
                let pairs = pairs();
                let fours = _mm512_add_ps(pairs, _mm512_permute_ps::<0b0100_1110>(pairs));
                _mm512_maskz_compress_ps(0x1111, fours)
            }
            8 => _mm512_maskz_compress_ps(0x5555, pairs()),
            _ => lanes,
        };
        _mm512_storeu_ps(columns.as_mut_ptr(), folded);
    }
    columns
}
