//! Rows of a matrix with all columns: one row after the other for a few columns, eight together
//! for more.

use std::arch::x86_64::{
    _MM_HINT_T1, _mm_prefetch, _mm512_add_ps, _mm512_loadu_ps, _mm512_maskz_compress_ps,
    _mm512_permute_ps, _mm512_storeu_ps,
};
use std::marker::PhantomData;
use std::ops::Range;

use crate::codes::{Codes, LANES, WIDEST};
use crate::tile::{ROWS, Tile};
use crate::{BLOCK, Format, dot, few};

/// A matrix as it lies in a file.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    format: Format,
    data: &'a [u8],
    rows: usize,
    blocks: usize,
}

impl<'a> Matrix<'a> {
    /// `None` where the data has not the size of so many rows of so many blocks of 256 weights.
    #[must_use]
    pub fn new(format: Format, data: &'a [u8], rows: usize, blocks: usize) -> Option<Self> {
        let bytes = rows.checked_mul(blocks)?.checked_mul(format.block_bytes())?;
        (data.len() == bytes && rows > 0).then_some(Self { format, data, rows, blocks })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn block(&self, row: usize, block: usize) -> *const u8 {
        self.data.as_ptr().wrapping_add((row * self.blocks + block) * self.format.block_bytes())
    }
}

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
#[derive(Debug)]
pub struct Scratch {
    tile: Box<Tile>,
    sums: Vec<f32>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { tile: Box::new(Tile::new()), sums: Vec::new() }
    }
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
    assert!(rows.end <= matrix.rows && matrix.rows == output.rows, "rows of the matrix");
    assert_eq!(codes.blocks(), matrix.blocks, "length of a row");
    assert_eq!(codes.columns(), output.columns, "number of columns");
    // SAFETY: the caller's promises, and the sizes were compared.
    unsafe {
        match (matrix.format, codes.columns()) {
            (Format::Q4K, 1) => each_row::<false, 1>(matrix, rows, codes, output),
            (Format::Q4K, 2) => each_row::<false, 2>(matrix, rows, codes, output),
            (Format::Q4K, 3) => each_row::<false, 3>(matrix, rows, codes, output),
            (Format::Q4K, 4) => each_row::<false, 4>(matrix, rows, codes, output),
            (Format::Q6K, 1) => each_row::<true, 1>(matrix, rows, codes, output),
            (Format::Q6K, 2) => each_row::<true, 2>(matrix, rows, codes, output),
            (Format::Q6K, 3) => each_row::<true, 3>(matrix, rows, codes, output),
            (Format::Q6K, 4) => each_row::<true, 4>(matrix, rows, codes, output),
            _ => eight_rows(matrix, rows, codes, output, scratch),
        }
    }
}

/// One row after the other, for a few columns.
///
/// # Safety
/// As [`multiply`]; the sizes match, and there are `COLUMNS` groups of one.
unsafe fn each_row<const SIX: bool, const COLUMNS: usize>(
    matrix: &Matrix<'_>,
    rows: Range<usize>,
    codes: &Codes<'_>,
    output: Output<'_>,
) {
    let mut columns = [std::ptr::null(); COLUMNS];
    for (index, column) in columns.iter_mut().enumerate() {
        *column = codes.block(codes.group(index), 0);
    }
    for row in rows {
        // SAFETY: the row is within the matrix, and the caller's alone in the output.
        unsafe {
            let products = few::dot::<SIX, COLUMNS>(matrix.block(row, 0), matrix.blocks, columns);
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
        // SAFETY: the features are the caller's promise.
        unsafe { sum_up(matrix, together, codes, scratch) };
        let count = ROWS.min(rows.end - first);
        // SAFETY: these rows are within, and the caller's alone.
        unsafe { store(first, count, codes, output, &scratch.sums) };
    }
}

/// The sums of eight rows for all columns.
///
/// # Safety
/// The processor has the features; the rows are within the matrix.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
unsafe fn sum_up(
    matrix: &Matrix<'_>,
    rows: [usize; ROWS],
    codes: &Codes<'_>,
    Scratch { tile, sums }: &mut Scratch,
) {
    sums.clear();
    sums.resize(codes.groups() * ROWS * LANES, 0.0);
    let ahead = matrix.block(rows[ROWS - 1] + 1, 0);
    let step = ROWS * matrix.format.block_bytes();
    for block in 0..matrix.blocks {
        fetch(ahead.wrapping_add(block * step), step);
        // SAFETY: the blocks are within the matrix.
        unsafe { tile.take(matrix.format, rows.map(|row| matrix.block(row, block))) };
        for (index, sums) in sums.as_chunks_mut::<{ ROWS * LANES }>().0.iter_mut().enumerate() {
            let group = codes.group(index);
            let columns = codes.block(group, block);
            // SAFETY: the group has a block of its width here, and the sums have room.
            unsafe { dot_of(matrix.format, group.width)(tile, columns, sums.as_mut_ptr()) };
        }
    }
}

/// The product for a format and a number of columns.
fn dot_of(format: Format, width: usize) -> unsafe fn(&Tile, *const u8, *mut f32) {
    match (format, width) {
        (Format::Q4K, 4) => dot::dot::<32, 4>,
        (Format::Q4K, 8) => dot::dot::<32, 8>,
        (Format::Q4K, _) => dot::dot::<32, 16>,
        (Format::Q6K, 4) => dot::dot::<16, 4>,
        (Format::Q6K, 8) => dot::dot::<16, 8>,
        (Format::Q6K, _) => dot::dot::<16, 16>,
    }
}

/// Lets the processor bring what the next eight rows need. It may point anywhere.
#[inline]
fn fetch(start: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: a hint does not fault.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(line).cast()) };
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

const _: () = assert!(BLOCK == 256, "the kernels are written for it");
