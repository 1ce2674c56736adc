//! A matrix in the layout of a file, and how its rows are traversed.

use std::arch::x86_64::{
    _MM_HINT_T0, _MM_HINT_T1, _mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32, _mm_prefetch,
};

use crate::{CHUNK, Format};

/// Rows that are multiplied together with many columns: with two registers for each, and those for
/// shared values, this is as many as the processor has registers for, and enough that it does not
/// wait for a product.
pub(crate) const ROWS: usize = 8;
/// How far ahead of the arithmetic a row is prefetched: the processor's own prefetching ends at a
/// page of 4 KiB. Measured on a Zen 4: 1 to 4 KiB are alike; without it three columns and more take
/// a tenth to a quarter longer.
const AHEAD_BYTES: usize = 2048;

#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    format: Format,
    data: &'a [u8],
    rows: usize,
    length: usize,
}

impl<'a> Matrix<'a> {
    /// `None` if the data does not have the size of this many rows of this many weights, or if a
    /// row is not made of whole blocks.
    #[must_use]
    pub fn new(format: Format, data: &'a [u8], rows: usize, length: usize) -> Option<Self> {
        let blocks = length / format.block_weights();
        let bytes = rows.checked_mul(blocks)?.checked_mul(format.block_bytes())?;
        // Not only for the product: every address below is derived from these sizes, so what does
        // not match is never read.
        let whole = length.is_multiple_of(format.block_weights()) && data.len() == bytes;
        (whole && bytes > 0).then_some(Self { format, data, rows, length })
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn blocks(&self) -> usize {
        self.length / self.format.block_weights()
    }

    pub(crate) fn chunk_bytes(&self) -> usize {
        CHUNK / self.format.block_weights() * self.format.block_bytes()
    }

    /// The address of a chunk of a row, which may be past the end: then it is only for prefetching,
    /// which takes any address.
    pub(crate) fn chunk(&self, row: usize, chunk: usize) -> *const u8 {
        let row = row * self.blocks() * self.format.block_bytes();
        self.data.as_ptr().wrapping_add(row + chunk * self.chunk_bytes())
    }
}

/// Prefetches what comes soon after this many bytes of a row. The address may be invalid.
#[inline]
pub(crate) fn fetch_ahead(start: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: a hint does not fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(AHEAD_BYTES + line).cast()) };
    }
}

/// Reads a 16-bit float.
///
/// # Safety
/// The processor has the feature; two bytes are there.
#[inline]
#[target_feature(enable = "f16c")]
pub(crate) unsafe fn half(at: *const u8) -> f32 {
    // SAFETY: guaranteed by the caller.
    let bits = unsafe { at.cast::<u16>().read_unaligned() };
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// Prefetches what is needed later, as far as the second-level cache: the first is full of what is
/// needed now. The address may be invalid.
#[inline]
pub(crate) fn fetch(start: *const u8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: a hint does not fault.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(line).cast()) };
    }
}
