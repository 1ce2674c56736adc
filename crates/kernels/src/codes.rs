//! The columns, rounded to eight bits and laid out so that one instruction takes four values of
//! each of 16 columns, or more values of each of fewer. How they are rounded, and what is stored
//! with them, depends on the format that they are multiplied with.

use std::marker::PhantomData;
use std::ops::Range;

use crate::format::Family;
use crate::level::Instructions;
use crate::{CHAINS, CHUNK, Format, Level, avx2, avx512, k_quants, legacy_quants};

/// Up to this many columns are computed each on its own: row after row, without unpacking to
/// memory.
pub(crate) const FEW: usize = 4;
/// AVX2 has half as many registers of half the size, which hold a row's weights for fewer columns.
const FEW_OF_AVX2: usize = 3;
/// The numbers of columns that are computed together otherwise. A register has 16 lanes: if there
/// are fewer columns, each has several lanes, for consecutive values.
const WIDTHS: [usize; 3] = [4, 8, 16];
pub(crate) const WIDEST: usize = 16;
/// Lanes of a register, and its size in bytes. Where registers are half as large, a pair of them
/// counts as one.
pub(crate) const LANES: usize = 16;
pub(crate) const REGISTER_BYTES: usize = 64;

/// Columns of one product, in memory that its threads share. Each thread fills some chunks of every
/// column with [`Self::fill`]; only once all are filled, which is the caller's to wait for, may any
/// thread multiply.
#[derive(Debug, Clone, Copy)]
pub struct Codes<'a> {
    start: *mut u8,
    shape: Shape,
    of: PhantomData<&'a mut [u8]>,
}

// SAFETY: it is written only through `fill`, whose caller answers for the chunks.
unsafe impl Send for Codes<'_> {}
// SAFETY: as above.
unsafe impl Sync for Codes<'_> {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    level: Level,
    format: Format,
    length: usize,
    columns: usize,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) first: usize,
    pub(crate) columns: usize,
    /// 1 or one of [`WIDTHS`]; the columns after `columns` are padding with any contents.
    pub(crate) width: usize,
    start: usize,
}

impl<'a> Codes<'a> {
    /// Size of the memory for this many columns of this many values, at any alignment, to be
    /// multiplied with a matrix of this format.
    #[must_use]
    pub fn bytes(level: Level, format: Format, length: usize, columns: usize) -> usize {
        let shape = Shape { level, format, length, columns };
        let last = shape.group(shape.groups().saturating_sub(1));
        last.start + shape.group_bytes(last.width) + REGISTER_BYTES
    }

    /// Upper bound of the memory for this many columns, however they are distributed among several
    /// products.
    #[must_use]
    pub fn bytes_at_most(level: Level, format: Format, length: usize, columns: usize) -> usize {
        // One group has at most this many columns: more columns make several groups.
        let each = |count: usize| Self::bytes(level, format, length, count).div_ceil(count);
        (1..=WIDEST).map(each).max().unwrap_or(0) * columns
    }

    /// The columns in memory that is to hold them, or holds them already.
    ///
    /// # Panics
    /// If the memory is too small.
    #[must_use]
    pub fn over(
        memory: &'a mut [u8],
        level: Level,
        format: Format,
        length: usize,
        columns: usize,
    ) -> Self {
        let bytes = Self::bytes(level, format, length, columns);
        assert!(memory.len() >= bytes, "memory for the columns");
        // SAFETY: a slice may be written, and the sizes were compared.
        unsafe { Self::over_shared(memory.as_mut_ptr(), level, format, length, columns) }
    }

    /// As [`Self::over`], but for threads that share the memory.
    ///
    /// # Safety
    /// [`Self::bytes`] bytes from here on are not used by anything else during `'a`.
    #[must_use]
    pub unsafe fn over_shared(
        memory: *mut u8,
        level: Level,
        format: Format,
        length: usize,
        columns: usize,
    ) -> Self {
        let start = memory.wrapping_add(memory.align_offset(REGISTER_BYTES));
        Self { start, shape: Shape { level, format, length, columns }, of: PhantomData }
    }

    /// The number of parts of a column that can be filled one by one.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.shape.chunks()
    }

    /// Fills these chunks of a column.
    ///
    /// # Safety
    /// No other thread accesses these chunks at the same time.
    ///
    /// # Panics
    /// If there is no such column, or it has another length.
    pub unsafe fn fill(&self, column: usize, values: &[f32], chunks: Range<usize>) {
        let Shape { level, format, length, columns } = self.shape;
        assert!(column < columns && values.len() == length, "a column and its length");
        let group = self.group(column / self.shape.width());
        let place = Place { width: group.width, column: column - group.first };
        for (index, values) in values.chunks(CHUNK).enumerate().take(chunks.end).skip(chunks.start)
        {
            // Only formats with blocks of 32 have a last chunk that is not full. Zeros round to
            // codes of zero with a scale of zero, so what is past the end adds nothing.
            let mut padded = [0.0; CHUNK];
            padded[..values.len()].copy_from_slice(values);
            let to = self.chunk(group, index).cast_mut();
            // SAFETY: a level is the processor's, and the chunk is within the memory.
            unsafe {
                match (format.family(), level.0) {
                    (Family::K, Instructions::Avx512) => {
                        avx512::k_quants::round(&padded).put(place, to);
                    }
                    (Family::K, _) => avx2::k_quants::round(&padded).put(place, to),
                    (Family::Legacy, Instructions::Avx512) => {
                        let rounded = avx512::legacy_quants::round(&padded);
                        if place.width == 1 {
                            let number = (index, self.chunks());
                            let start = self.chunk(group, 0).cast_mut();
                            avx512::legacy_quants::alone::put(&rounded, format, number, start);
                        } else {
                            rounded.put(format, place, to);
                        }
                    }
                    (Family::Legacy, _) => {
                        avx2::legacy_quants::round(&padded).put(format, place, to);
                    }
                }
            }
        }
    }

    pub(crate) fn level(&self) -> Level {
        self.shape.level
    }

    pub(crate) fn are_few(&self) -> bool {
        self.shape.width() == 1
    }

    /// Whether the sums of a column are spread over its lanes. Otherwise each sum has a set of
    /// lanes of its own, all with the same value.
    pub(crate) fn have_sums_in_lanes(&self) -> bool {
        let level = self.shape.level.0;
        self.shape.format.family() == Family::Legacy && level != Instructions::Avx512
    }

    pub(crate) fn columns(&self) -> usize {
        self.shape.columns
    }

    pub(crate) fn are_for(&self, format: Format, length: usize) -> bool {
        self.shape.format == format && self.shape.length == length
    }

    pub(crate) fn groups(&self) -> usize {
        self.shape.groups()
    }

    pub(crate) fn group(&self, index: usize) -> Group {
        self.shape.group(index)
    }

    pub(crate) fn chunk(&self, group: Group, chunk: usize) -> *const u8 {
        self.start.wrapping_add(group.start + chunk * self.shape.chunk_bytes(group.width))
    }
}

impl Shape {
    fn chunks(&self) -> usize {
        self.length.div_ceil(CHUNK)
    }

    fn chunk_bytes(&self, width: usize) -> usize {
        match self.format.family() {
            Family::K => k_quants::codes::chunk_bytes(width),
            Family::Legacy => legacy_quants::codes::chunk_bytes(width),
        }
    }

    fn group_bytes(&self, width: usize) -> usize {
        let chunks = match (self.format.family(), self.level.0) {
            // Four chunks share their places, so their number is rounded up.
            (Family::Legacy, Instructions::Avx512) if width == 1 => {
                self.chunks().next_multiple_of(CHAINS)
            }
            _ => self.chunks(),
        };
        chunks * self.chunk_bytes(width)
    }

    fn width(&self) -> usize {
        let few = match self.level.0 {
            Instructions::Avx512 => FEW,
            Instructions::Avx2 | Instructions::AvxVnni => FEW_OF_AVX2,
        };
        if self.columns <= few { 1 } else { WIDEST }
    }

    fn groups(&self) -> usize {
        self.columns.div_ceil(self.width())
    }

    fn group(&self, index: usize) -> Group {
        let full = self.width();
        let first = index * full;
        let start = index * self.group_bytes(full);
        let columns = self.columns.saturating_sub(first).min(full);
        let width = match full {
            1 => 1,
            _ => WIDTHS.into_iter().find(|width| *width >= columns).unwrap_or(WIDEST),
        };
        Group { first, columns, width, start }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) width: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) fn lanes(self) -> usize {
        LANES / self.width
    }

    /// Writes values of one lane each to the column's lanes, register after register.
    ///
    /// # Safety
    /// This many registers may be written there.
    pub(crate) unsafe fn scatter<T: Copy>(self, values: &[T], start: *mut u8) {
        const { assert!(size_of::<T>() == 4, "the size of a lane") };
        for (register, values) in values.chunks(self.lanes()).enumerate() {
            let at = register * LANES + self.column * self.lanes();
            for (lane, value) in values.iter().enumerate() {
                // SAFETY: guaranteed by the caller.
                unsafe { start.cast::<T>().add(at + lane).write(*value) };
            }
        }
    }
}
