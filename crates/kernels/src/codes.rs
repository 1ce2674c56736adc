//! The columns: rounded to eight bits, as llama.cpp rounds them (`Q8_K`), and laid out so that
//! one instruction takes four values of each of 16 columns, or more of each of fewer.

use std::arch::x86_64::{
    __m512i, _mm_storeu_si128, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32, _mm512_loadu_ps,
    _mm512_max_ps, _mm512_min_epi32, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_epi32,
    _mm512_reduce_max_ps, _mm512_reduce_min_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps,
};
use std::marker::PhantomData;
use std::ops::Range;

use crate::BLOCK;

/// So many columns are each on their own: row after row, nothing is spread out in memory.
pub(crate) const FEW: usize = 4;
/// Numbers of columns that are computed together otherwise. A register has 16 lanes: where there
/// are fewer columns, each has several, for values that follow each other.
const WIDTHS: [usize; 3] = [4, 8, 16];
/// The most of them.
pub(crate) const WIDEST: usize = 16;
/// Lanes of a register, and its size in bytes.
pub(crate) const LANES: usize = 16;
pub(crate) const REGISTER_BYTES: usize = 64;
/// Sums of 16 values in a block.
const SUMS: usize = BLOCK / 16;

/// Columns of one product, in memory that its threads share.
#[derive(Debug, Clone, Copy)]
pub struct Codes<'a> {
    start: *mut u8,
    blocks: usize,
    columns: usize,
    of: PhantomData<&'a mut [u8]>,
}

// SAFETY: it is written only through `fill`, whose caller answers for the blocks.
unsafe impl Send for Codes<'_> {}
// SAFETY: as above.
unsafe impl Sync for Codes<'_> {}

/// Columns that are computed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) first: usize,
    pub(crate) columns: usize,
    /// 1 or one of [`WIDTHS`]; those after `columns` hold anything.
    pub(crate) width: usize,
    start: usize,
}

impl<'a> Codes<'a> {
    /// Memory for so many columns of so many blocks of 256 values, wherever it begins.
    #[must_use]
    pub fn bytes(blocks: usize, columns: usize) -> usize {
        let last = group(blocks, columns, groups(columns).saturating_sub(1));
        last.start + blocks * block_bytes(last.width) + REGISTER_BYTES
    }

    /// Over memory that is to hold them, or holds them already.
    ///
    /// # Panics
    /// Where the memory is too small.
    #[must_use]
    pub fn over(memory: &'a mut [u8], blocks: usize, columns: usize) -> Self {
        assert!(memory.len() >= Self::bytes(blocks, columns), "memory for the columns");
        // SAFETY: a slice may be written, and the sizes were compared.
        unsafe { Self::over_shared(memory.as_mut_ptr(), blocks, columns) }
    }

    /// The same for threads that share the memory.
    ///
    /// # Safety
    /// [`Self::bytes`] bytes from here on are used by nothing else for as long as `'a`.
    #[must_use]
    pub unsafe fn over_shared(memory: *mut u8, blocks: usize, columns: usize) -> Self {
        let start = memory.wrapping_add(memory.align_offset(REGISTER_BYTES));
        Self { start, blocks, columns, of: PhantomData }
    }

    /// Takes these blocks of a column.
    ///
    /// # Safety
    /// The processor has what [`crate::available`] asks for, and no other thread has these blocks
    /// at this time.
    ///
    /// # Panics
    /// Where there is no such column, or it is shorter.
    pub unsafe fn fill(&self, column: usize, values: &[f32], blocks: Range<usize>) {
        assert!(column < self.columns && blocks.end <= self.blocks, "room for the column");
        let group = self.group(column / width(self.columns));
        let place = Place { width: group.width, column: column - group.first };
        for (block, values) in blocks.clone().zip(&values.as_chunks::<BLOCK>().0[blocks]) {
            // SAFETY: the features are the caller's promise, and the block is within the memory.
            unsafe { place.write(values, self.block(group, block).cast_mut()) };
        }
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Number of groups.
    pub(crate) fn groups(&self) -> usize {
        groups(self.columns)
    }

    pub(crate) fn group(&self, index: usize) -> Group {
        group(self.blocks, self.columns, index)
    }

    /// A block of a group: the codes, then their sums, then the scales.
    pub(crate) fn block(&self, group: Group, block: usize) -> *const u8 {
        self.start.wrapping_add(group.start + block * block_bytes(group.width))
    }
}

/// Columns of a full group.
fn width(columns: usize) -> usize {
    if columns <= FEW { 1 } else { WIDEST }
}

fn groups(columns: usize) -> usize {
    columns.div_ceil(width(columns))
}

fn group(blocks: usize, columns: usize, index: usize) -> Group {
    let full = width(columns);
    let first = index * full;
    let start = index * block_bytes(full) * blocks;
    let columns = columns.saturating_sub(first).min(full);
    let width = match full {
        1 => 1,
        _ => WIDTHS.into_iter().find(|width| *width >= columns).unwrap_or(WIDEST),
    };
    Group { first, columns, width, start }
}

/// Offsets within a block of a group of so many columns: first the codes, four in a lane, then
/// the sums of 16, two in a lane, the sums of 32, two in a lane, and the scale of each lane.
pub(crate) const fn sums_at(width: usize) -> usize {
    width * BLOCK
}

pub(crate) const fn wide_sums_at(width: usize) -> usize {
    sums_at(width) + width * SUMS * size_of::<i16>()
}

pub(crate) const fn scales_at(width: usize) -> usize {
    wide_sums_at(width) + width * SUMS / 2 * size_of::<i16>()
}

/// A whole number of registers.
pub(crate) const fn block_bytes(width: usize) -> usize {
    (scales_at(width) + REGISTER_BYTES).next_multiple_of(REGISTER_BYTES)
}
/// Of a column among those beside it.
#[derive(Clone, Copy)]
struct Place {
    width: usize,
    column: usize,
}

impl Place {
    /// Rounds a block of a column and puts it where it belongs.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn write(self, values: &[f32; BLOCK], start: *mut u8) {
        let mut codes = [0u8; BLOCK];
        let mut sums = [0i16; SUMS];
        // SAFETY: sixteen values lie at each of the sixteen places, and so many bytes.
        let scale = unsafe {
            let (mut most, mut least) = (_mm512_setzero_ps(), _mm512_setzero_ps());
            for part in values.as_chunks::<16>().0 {
                let part = _mm512_loadu_ps(part.as_ptr());
                (most, least) = (_mm512_max_ps(most, part), _mm512_min_ps(least, part));
            }
            let (most, least) = (_mm512_reduce_max_ps(most), _mm512_reduce_min_ps(least));
            let furthest = if most >= -least { most } else { least };
            // What is furthest from zero becomes -127, as in llama.cpp.
            let to_codes = if furthest == 0.0 { 0.0 } else { -127.0 / furthest };
            let parts = values.as_chunks::<16>().0.iter().zip(codes.as_chunks_mut::<16>().0);
            for ((part, codes), sum) in parts.zip(&mut sums) {
                let scaled =
                    _mm512_mul_ps(_mm512_loadu_ps(part.as_ptr()), _mm512_set1_ps(to_codes));
                let rounded: __m512i =
                    _mm512_min_epi32(_mm512_cvtps_epi32(scaled), _mm512_set1_epi32(127));
                _mm_storeu_si128(codes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(rounded));
                *sum = _mm512_reduce_add_epi32(rounded) as i16;
            }
            if to_codes == 0.0 { 0.0 } else { 1.0 / to_codes }
        };
        let lanes = LANES / self.width;
        // SAFETY: all lie within the block, which the caller has room for.
        unsafe {
            self.scatter(codes.as_chunks::<4>().0, start);
            self.scatter(sums.as_chunks::<2>().0, start.add(sums_at(self.width)));
            let wide: [i16; SUMS / 2] = std::array::from_fn(|at| sums[2 * at] + sums[2 * at + 1]);
            self.scatter(wide.as_chunks::<2>().0, start.add(wide_sums_at(self.width)));
            let at = start.add(scales_at(self.width)).cast::<f32>().add(self.column * lanes);
            for lane in 0..lanes {
                at.add(lane).write(scale);
            }
        }
    }

    /// Puts what fills one lane each where the column's lanes are, register after register.
    unsafe fn scatter<T: Copy>(self, values: &[T], start: *mut u8) {
        const { assert!(size_of::<T>() == 4, "the size of a lane") };
        let lanes = LANES / self.width;
        for (register, values) in values.chunks(lanes).enumerate() {
            let at = register * LANES + self.column * lanes;
            for (lane, value) in values.iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe { start.cast::<T>().add(at + lane).write_unaligned(*value) };
            }
        }
    }
}
