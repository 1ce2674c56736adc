//! Eight rows together with all columns.

use super::BLOCKS;
use super::dot::dot;
use super::tile::Tile;
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
    let step = ROWS * BLOCKS * matrix.format().block_bytes();
    for chunk in 0..codes.chunks() {
        fetch(ahead.wrapping_add(chunk * step), step);
        let count = BLOCKS.min(matrix.blocks() - chunk * BLOCKS);
        // SAFETY: so many blocks are within the matrix.
        unsafe { tile.take(matrix.format(), rows.map(|row| matrix.chunk(row, chunk)), count) };
        for (index, sums) in sums.as_chunks_mut::<{ ROWS * LANES }>().0.iter_mut().enumerate() {
            let group = codes.group(index);
            let (columns, sums) = (codes.chunk(group, chunk), sums.as_mut_ptr());
            // SAFETY: the group has a chunk of its width here, and the sums have room.
            unsafe {
                match group.width {
                    4 => dot::<4>(&tile, count, columns, sums),
                    8 => dot::<8>(&tile, count, columns, sums),
                    _ => dot::<16>(&tile, count, columns, sums),
                }
            }
        }
    }
}
