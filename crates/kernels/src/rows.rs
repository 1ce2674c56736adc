//! Multiplies eight rows together with all columns: what this has in common for all formats.

use crate::codes::{Codes, LANES};
use crate::matrix::{Matrix, ROWS, fetch};
use crate::{CHAINS, Format};

/// Number of lanes of all sums of eight rows with a group of columns.
pub(crate) const SUMS: usize = CHAINS * ROWS * LANES;

/// A chunk of each of eight rows, unpacked to bytes.
pub(crate) trait Tile {
    fn new() -> Self;

    /// Unpacks the chunk of these rows.
    ///
    /// # Safety
    /// The processor has the features; the rows and the chunk are within the matrix.
    unsafe fn take(&mut self, matrix: &Matrix<'_>, rows: [usize; ROWS], chunk: usize);

    /// Adds the products with a group of this many columns to `sums`, which has the lanes of each
    /// of the rows [`CHAINS`] times; the tile has the chunk with this number.
    ///
    /// # Safety
    /// The processor has the features; a chunk of a group of this width is at `columns`, and
    /// `sums` has room for [`SUMS`] lanes.
    unsafe fn dot(
        &self,
        format: Format,
        width: usize,
        columns: *const u8,
        chunk: usize,
        sums: *mut f32,
    );
}

/// Adds the products of eight rows to `sums`, which has room for [`SUMS`] lanes of each group. Each
/// chunk is unpacked once and multiplied with all groups before the next: its bytes stay in the
/// first-level cache meanwhile, and only the sums of all groups have to be kept.
///
/// # Safety
/// The processor has the features; the rows are within the matrix, and the codes were made for it.
pub(crate) unsafe fn sum_up<T: Tile>(
    matrix: &Matrix<'_>,
    rows: [usize; ROWS],
    codes: &Codes<'_>,
    sums: &mut [f32],
) {
    let mut tile = T::new();
    let ahead = matrix.chunk(rows[ROWS - 1] + 1, 0);
    let step = ROWS * matrix.chunk_bytes();
    for chunk in 0..codes.chunks() {
        // The next eight rows follow these in memory, so they come in pieces of the size that is
        // being used up.
        fetch(ahead.wrapping_add(chunk * step), step);
        // SAFETY: guaranteed by the caller.
        unsafe { tile.take(matrix, rows, chunk) };
        for (index, sums) in sums.as_chunks_mut::<SUMS>().0.iter_mut().enumerate() {
            let group = codes.group(index);
            let columns = codes.chunk(group, chunk);
            // SAFETY: the group has a chunk of its width here, and the sums have room.
            unsafe { tile.dot(matrix.format(), group.width, columns, chunk, sums.as_mut_ptr()) };
        }
    }
}
