//! The columns: rounded to eight bits, as llama.cpp rounds them (`Q8_K`), and laid out so that
//! one instruction takes four values of each of 16 columns, or more of each of fewer.

use std::arch::x86_64::{
    __m512i, _mm_storeu_si128, _mm512_cvtepi32_epi8, _mm512_cvtps_epi32, _mm512_loadu_ps,
    _mm512_max_ps, _mm512_min_epi32, _mm512_min_ps, _mm512_mul_ps, _mm512_reduce_add_epi32,
    _mm512_reduce_max_ps, _mm512_reduce_min_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps,
};

use crate::BLOCK;

/// Numbers of columns that are computed together. A register has 16 lanes: where there are fewer
/// columns, each has several, for values that follow each other.
pub(crate) const WIDTHS: [usize; 3] = [4, 8, 16];
/// The most of them.
pub(crate) const WIDEST: usize = 16;
/// Lanes of a register, and its size in bytes.
pub(crate) const LANES: usize = 16;
pub(crate) const REGISTER_BYTES: usize = 64;
/// Sums of 16 values in a block.
const SUMS: usize = BLOCK / 16;

/// Columns, ready to be multiplied with. Keeps its memory when it is filled again.
#[derive(Debug, Default)]
pub struct Codes {
    lines: Vec<Line>,
    groups: Vec<Group>,
    blocks: usize,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "read through a pointer")] [u8; 64]);

/// Columns that are computed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) first: usize,
    pub(crate) columns: usize,
    /// One of [`WIDTHS`]; those after `columns` hold anything.
    pub(crate) width: usize,
    start: usize,
}

impl Codes {
    /// Takes the columns.
    ///
    /// # Safety
    /// The processor has what [`crate::available`] asks for.
    ///
    /// # Panics
    /// Where a column is not `blocks` blocks long.
    pub unsafe fn fill<'a>(
        &mut self,
        blocks: usize,
        columns: impl ExactSizeIterator<Item = &'a [f32]>,
    ) {
        self.arrange(blocks, columns.len());
        for (index, column) in columns.enumerate() {
            assert_eq!(column.len(), blocks * BLOCK, "length of a column");
            let group = self.groups[index / WIDEST];
            for (block, values) in column.as_chunks::<BLOCK>().0.iter().enumerate() {
                let place = Place { width: group.width, column: index - group.first };
                let start = self.start(group, block);
                // SAFETY: the features are the caller's promise; `arrange` has made room for
                // each block of the group.
                unsafe { place.write(values, start) };
            }
        }
    }

    pub(crate) fn columns(&self) -> usize {
        self.groups.iter().map(|group| group.columns).sum()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// A block of a group: the codes, then the sums, then the scales.
    pub(crate) fn block(&self, group: Group, block: usize) -> *const u8 {
        self.lines.as_ptr().cast::<u8>().wrapping_add(offset(group, block))
    }

    fn start(&mut self, group: Group, block: usize) -> *mut u8 {
        self.lines.as_mut_ptr().cast::<u8>().wrapping_add(offset(group, block))
    }

    fn arrange(&mut self, blocks: usize, columns: usize) {
        self.blocks = blocks;
        self.groups.clear();
        let mut bytes = 0;
        for first in (0..columns).step_by(WIDEST) {
            let columns = (columns - first).min(WIDEST);
            let width = WIDTHS.into_iter().find(|width| *width >= columns).unwrap_or(WIDEST);
            self.groups.push(Group { first, columns, width, start: bytes });
            bytes += block_bytes(width) * blocks;
        }
        self.lines.resize(bytes.div_ceil(size_of::<Line>()), Line([0; 64]));
    }
}

fn offset(group: Group, block: usize) -> usize {
    group.start + block * block_bytes(group.width)
}

/// Offsets within a block of a group of so many columns: first the codes, four in a lane, then
/// the sums of 16, two in a lane, then the scale of each lane.
pub(crate) const fn sums_at(width: usize) -> usize {
    width * BLOCK
}

pub(crate) const fn scales_at(width: usize) -> usize {
    sums_at(width) + width * SUMS * size_of::<i16>()
}

const fn block_bytes(width: usize) -> usize {
    scales_at(width) + REGISTER_BYTES
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
        for (register, values) in values.chunks_exact(lanes).enumerate() {
            let at = register * LANES + self.column * lanes;
            for (lane, value) in values.iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe { start.cast::<T>().add(at + lane).write_unaligned(*value) };
            }
        }
    }
}
