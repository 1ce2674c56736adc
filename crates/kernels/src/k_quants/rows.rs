//! Eight rows together with all columns.

use super::dot::dot;
use super::tile::Tile;
use crate::Format;
use crate::codes::{Codes, LANES};
use crate::matrix::{Matrix, ROWS, fetch};

/// Adds the products of eight rows to `sums`, which has room for the lanes of each row of each
/// group.
///
/// # Safety
/// The processor has the features; the rows are within the matrix, and the codes were made for it.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,f16c")]
pub(crate) unsafe fn sum_up(
    matrix: &Matrix<'_>,
    rows: [usize; ROWS],
    codes: &Codes<'_>,
    sums: &mut [f32],
) {
    let mut tile = Tile::new();
    let ahead = matrix.chunk(rows[ROWS - 1] + 1, 0);
    let step = ROWS * matrix.format().block_bytes();
    for chunk in 0..codes.chunks() {
        fetch(ahead.wrapping_add(chunk * step), step);
        // SAFETY: the blocks are within the matrix.
        unsafe { tile.take(matrix.format(), rows.map(|row| matrix.chunk(row, chunk))) };
        for (index, sums) in sums.as_chunks_mut::<{ ROWS * LANES }>().0.iter_mut().enumerate() {
            let group = codes.group(index);
            let columns = codes.chunk(group, chunk);
            // SAFETY: the group has a chunk of its width here, and the sums have room.
            unsafe { dot_of(matrix.format(), group.width)(&tile, columns, sums.as_mut_ptr()) };
        }
    }
}

/// The product for a format and a number of columns.
fn dot_of(format: Format, width: usize) -> unsafe fn(&Tile, *const u8, *mut f32) {
    match (format, width) {
        (Format::Q6K, 4) => dot::<16, 4>,
        (Format::Q6K, 8) => dot::<16, 8>,
        (Format::Q6K, _) => dot::<16, 16>,
        (_, 4) => dot::<32, 4>,
        (_, 8) => dot::<32, 8>,
        (_, _) => dot::<32, 16>,
    }
}
