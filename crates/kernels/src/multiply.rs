//! Multiplies rows of a matrix with all columns: one row after another for a few columns, eight
//! together for more.

use std::marker::PhantomData;
use std::ops::Range;

use crate::codes::{Codes, FEW, LANES, WIDEST};
use crate::format::Family;
use crate::level::Instructions;
use crate::matrix::{Matrix, ROWS};
use crate::rows::{SUMS, sum_up};
use crate::{Format, avx2, avx512};

/// Where the products are written: column after column, or each at its own start, each with as many
/// values as the matrix has rows. Threads write different rows of it at the same time.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    values: *mut f32,
    rows: usize,
    columns: usize,
    /// Where each column begins; empty if they follow each other.
    starts: &'a [usize],
    of: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is written only through `multiply`, whose caller answers for the rows.
unsafe impl Send for Output<'_> {}
// SAFETY: as above.
unsafe impl Sync for Output<'_> {}

impl<'a> Output<'a> {
    /// The output for all columns of this many rows.
    ///
    /// # Panics
    /// If `values` is not a whole number of columns.
    #[must_use]
    pub fn over(values: &'a mut [f32], rows: usize) -> Self {
        assert_eq!(values.len() % rows, 0, "whole columns");
        // SAFETY: a slice may be written, and has this many values.
        unsafe { Self::over_shared(values.as_mut_ptr(), rows, values.len() / rows) }
    }

    /// As [`Self::over`], but for threads that share the memory.
    ///
    /// # Safety
    /// This many values from here on are not used by anything else during `'a`.
    #[must_use]
    pub unsafe fn over_shared(values: *mut f32, rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, starts: &[], of: PhantomData }
    }

    /// Columns of this many values that begin at these offsets.
    ///
    /// # Safety
    /// As for [`Self::over_shared`], for each of the columns; none overlaps another.
    #[must_use]
    pub unsafe fn scattered(values: *mut f32, rows: usize, starts: &'a [usize]) -> Self {
        Self { values, rows, columns: starts.len(), starts, of: PhantomData }
    }

    fn start(&self, column: usize) -> usize {
        self.starts.get(column).copied().unwrap_or(column * self.rows)
    }
}

/// Working memory of a thread, kept between products.
#[derive(Debug, Default)]
pub struct Scratch {
    sums: Vec<f32>,
}

/// Multiplies these rows of the matrix with all columns. Which rows a call takes, and how they are
/// distributed among threads, does not change a result; nor does the number of columns.
///
/// # Safety
/// All blocks of the codes are filled, and no other thread accesses any of these rows of the output
/// at the same time.
///
/// # Panics
/// If the sizes don't match.
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
    let together = Together { matrix, codes, output };
    // SAFETY: guaranteed by the callers, and the sizes were compared.
    unsafe {
        if !codes.are_few() {
            return together.eight_rows(rows, scratch);
        }
        match matrix.format() {
            Format::Q4K => together.few_columns::<{ Format::Q4K as u8 }>(rows),
            Format::Q5K => together.few_columns::<{ Format::Q5K as u8 }>(rows),
            Format::Q6K => together.few_columns::<{ Format::Q6K as u8 }>(rows),
            Format::Q3K => together.few_columns::<{ Format::Q3K as u8 }>(rows),
            Format::Q2K => together.few_columns::<{ Format::Q2K as u8 }>(rows),
            Format::Iq4Xs => together.few_columns::<{ Format::Iq4Xs as u8 }>(rows),
            Format::Q4_0 => together.few_columns::<{ Format::Q4_0 as u8 }>(rows),
            Format::Q5_0 => together.few_columns::<{ Format::Q5_0 as u8 }>(rows),
            Format::Q8_0 => together.few_columns::<{ Format::Q8_0 as u8 }>(rows),
            Format::Iq4Nl => together.few_columns::<{ Format::Iq4Nl as u8 }>(rows),
        }
    }
}

struct Together<'a> {
    matrix: &'a Matrix<'a>,
    codes: &'a Codes<'a>,
    output: Output<'a>,
}

impl Together<'_> {
    /// Multiplies one row after another, by the number of columns. That number is part of the
    /// function's type, so that the sums of all columns can stay in registers while a row's
    /// weights, spread out once, are used for each of them.
    ///
    /// # Safety
    /// As for [`multiply`]; the sizes match.
    unsafe fn few_columns<const FORMAT: u8>(&self, rows: Range<usize>) {
        const { assert!(FEW == 4, "a case for each") };
        // SAFETY: guaranteed by the callers; there are as many groups.
        unsafe {
            match self.codes.columns() {
                1 => self.each_row::<FORMAT, 1>(rows),
                2 => self.each_row::<FORMAT, 2>(rows),
                3 => self.each_row::<FORMAT, 3>(rows),
                4 => self.each_row::<FORMAT, 4>(rows),
                _ => {}
            }
        }
    }

    /// Multiplies one row after another with this many columns.
    ///
    /// # Safety
    /// As for [`multiply`]; the sizes match, and there are `COLUMNS` groups of one.
    unsafe fn each_row<const FORMAT: u8, const COLUMNS: usize>(&self, rows: Range<usize>) {
        let mut columns = [std::ptr::null(); COLUMNS];
        for (index, column) in columns.iter_mut().enumerate() {
            *column = self.codes.chunk(self.codes.group(index), 0);
        }
        for row in rows {
            // SAFETY: the row is within the matrix, and the caller's alone in the output; a level
            // is the processor's.
            unsafe {
                let products = self.few::<FORMAT, COLUMNS>(row, columns);
                for (column, product) in products.into_iter().enumerate() {
                    self.output.values.add(self.output.start(column) + row).write(product);
                }
            }
        }
    }

    /// The products of one row.
    ///
    /// # Safety
    /// The row is within the matrix, and the columns are of its length.
    unsafe fn few<const FORMAT: u8, const COLUMNS: usize>(
        &self,
        row: usize,
        columns: [*const u8; COLUMNS],
    ) -> [f32; COLUMNS] {
        use avx2::{Plain, Vnni};
        let (start, blocks) = (self.matrix.chunk(row, 0), self.matrix.blocks());
        // SAFETY: guaranteed by the caller; a level is the processor's.
        unsafe {
            match (Format::of(FORMAT).family(), self.codes.level().0) {
                (Family::K, Instructions::Avx2) => {
                    avx2::k_quants::dot_few::<Plain, FORMAT, COLUMNS>(start, blocks, columns)
                }
                (Family::K, Instructions::AvxVnni) => {
                    avx2::k_quants::dot_few::<Vnni, FORMAT, COLUMNS>(start, blocks, columns)
                }
                (Family::K, Instructions::Avx512) => {
                    avx512::k_quants::dot_few::<FORMAT, COLUMNS>(start, blocks, columns)
                }
                (Family::Legacy, Instructions::Avx2) => {
                    avx2::legacy_quants::dot_few::<Plain, FORMAT, COLUMNS>(start, blocks, columns)
                }
                (Family::Legacy, Instructions::AvxVnni) => {
                    avx2::legacy_quants::dot_few::<Vnni, FORMAT, COLUMNS>(start, blocks, columns)
                }
                (Family::Legacy, Instructions::Avx512) => {
                    avx512::legacy_quants::dot_few::<FORMAT, COLUMNS>(start, blocks, columns)
                }
            }
        }
    }

    /// Multiplies eight rows together, for more columns.
    ///
    /// # Safety
    /// As for [`multiply`]; the sizes match.
    unsafe fn eight_rows(&self, rows: Range<usize>, scratch: &mut Scratch) {
        let Some(last) = rows.end.checked_sub(1) else { return };
        for first in rows.clone().step_by(ROWS) {
            // If fewer than eight rows are left, the last is computed more than once.
            let together = std::array::from_fn(|row| (first + row).min(last));
            scratch.sums.clear();
            scratch.sums.resize(self.codes.groups() * SUMS, 0.0);
            // SAFETY: the rows are within the matrix.
            unsafe { self.sum_up(together, &mut scratch.sums) };
            let count = ROWS.min(rows.end - first);
            // SAFETY: these rows are within the output, and the caller's alone.
            unsafe { store(first, count, self.codes, self.output, &scratch.sums) };
        }
    }

    /// The sums of eight rows with each group of columns, in lanes.
    ///
    /// # Safety
    /// The rows are within the matrix.
    unsafe fn sum_up(&self, rows: [usize; ROWS], sums: &mut [f32]) {
        use avx2::{Plain, Vnni};
        use {avx2::k_quants as k, avx2::legacy_quants as legacy};
        let (matrix, codes) = (self.matrix, self.codes);
        // SAFETY: guaranteed by the caller; a level is the processor's.
        unsafe {
            match (matrix.format().family(), self.codes.level().0) {
                (Family::K, Instructions::Avx2) => {
                    sum_up::<k::Blocks<Plain>>(matrix, rows, codes, sums);
                }
                (Family::K, Instructions::AvxVnni) => {
                    sum_up::<k::Blocks<Vnni>>(matrix, rows, codes, sums);
                }
                (Family::K, Instructions::Avx512) => {
                    sum_up::<avx512::k_quants::Blocks>(matrix, rows, codes, sums);
                }
                (Family::Legacy, Instructions::Avx2) => {
                    sum_up::<legacy::Blocks<Plain>>(matrix, rows, codes, sums);
                }
                (Family::Legacy, Instructions::AvxVnni) => {
                    sum_up::<legacy::Blocks<Vnni>>(matrix, rows, codes, sums);
                }
                (Family::Legacy, Instructions::Avx512) => {
                    sum_up::<avx512::legacy_quants::Blocks>(matrix, rows, codes, sums);
                }
            }
        }
    }
}

/// Writes the sums of `count` rows from `first` on to their places.
///
/// # Safety
/// The rows are within the output and written by no other thread.
unsafe fn store(first: usize, count: usize, codes: &Codes<'_>, output: Output<'_>, sums: &[f32]) {
    for (index, sums) in sums.as_chunks::<SUMS>().0.iter().enumerate() {
        let group = codes.group(index);
        let mut rows = [[0.0; WIDEST]; ROWS];
        for (index, row) in rows.iter_mut().enumerate() {
            *row = fold(codes.have_sums_in_lanes(), sums, index, group.width);
        }
        // Column after column, since the rows of a column are next to each other.
        for column in 0..group.columns {
            let start = output.start(group.first + column) + first;
            for (row, products) in rows.iter().enumerate().take(count) {
                // SAFETY: guaranteed by the caller.
                unsafe { output.values.add(start + row).write(products[column]) };
            }
        }
    }
}

/// Adds up each column's sums of a row, in the order in which the kernels for a few columns do it:
/// otherwise a token that is checked in a step of many would differ in its last bits from the same
/// token alone, and with it, now and then, the answer.
#[inline]
fn fold(in_lanes: bool, sums: &[f32; SUMS], row: usize, width: usize) -> [f32; WIDEST] {
    let lanes_of = |chain: usize| &sums.as_chunks::<LANES>().0[chain * ROWS + row];
    let mut columns = [0.0; WIDEST];
    match (in_lanes, width) {
        // The pairs are the same in all three cases, first with second and third with fourth, as in
        // `lanes::together`: floats have no other way to come out the same to the last bit.
        (true, 4) => {
            for (column, four) in columns.iter_mut().zip(lanes_of(0).as_chunks::<4>().0) {
                *column = (four[0] + four[1]) + (four[2] + four[3]);
            }
        }
        (true, 8) => {
            let pairs = [0, 1].map(|chain| lanes_of(chain).as_chunks::<2>().0);
            for (column, (first, second)) in columns.iter_mut().zip(pairs[0].iter().zip(pairs[1])) {
                *column = (first[0] + first[1]) + (second[0] + second[1]);
            }
        }
        // All lanes of a column have the same value.
        _ => {
            let [first, second, third, fourth] = [0, 1, 2, 3].map(lanes_of);
            let together: [f32; LANES] = std::array::from_fn(|lane| {
                (first[lane] + second[lane]) + (third[lane] + fourth[lane])
            });
            let of_columns = together.iter().step_by(LANES / width);
            for (column, sum) in columns.iter_mut().zip(of_columns) {
                *column = *sum;
            }
        }
    }
    columns
}
