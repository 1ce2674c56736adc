//! What AVX2 and AVX-VNNI differ in.

use std::arch::x86_64::__m256i;
use std::ops::Range;

use crate::CHUNK;

/// Rows that are multiplied together with two registers of columns: with one register for each
/// sum, and what they share, these are as many as fit in sixteen.
pub(crate) const TOGETHER: usize = 4;

/// Sums of these rows with the columns of two registers.
pub(crate) type Sums = [[__m256i; 2]; TOGETHER];

/// What is to be computed with one or the other: `run` is to be inlined always, so that it has the
/// features of what it is inlined into.
pub(crate) trait Work {
    type Output;

    /// # Safety
    /// The processor has the features of `P`, and whatever the work itself asks for.
    unsafe fn run<P: Products>(self) -> Self::Output;
}

/// How bytes are multiplied and added up. `MOST` is what a weight is at most, read without its
/// sign.
///
/// # Safety
/// All functions: the processor has the features of the level.
pub(crate) trait Products: Sized {
    /// Whether weights of eight bits are multiplied as they are, without their sign: otherwise with
    /// it, and then they are not too high.
    const WITHOUT_SIGN: bool;

    /// Does the work with the features of the level.
    ///
    /// # Safety
    /// As for [`Work::run`].
    unsafe fn perform<W: Work>(work: W) -> W::Output;

    /// Scales as [`Self::add_scaled`] and [`Self::add`] take them.
    unsafe fn scales<const MOST: i32>(scales: __m256i) -> __m256i;

    /// Adds the products of 32 weights and values to the lanes of `total`, times the lane's scale.
    unsafe fn add_scaled<const MOST: i32>(
        total: __m256i,
        weights: __m256i,
        values: __m256i,
        scale: __m256i,
    ) -> __m256i;

    /// The products of 32 weights and values, four in each lane.
    unsafe fn add_up<const MOST: i32>(weights: __m256i, values: __m256i) -> __m256i;

    /// Adds the products of these registers of columns of `WIDTH` to `totals`, times the rows'
    /// scales, where there are some.
    ///
    /// # Safety
    /// The registers are within the columns' chunk at `codes` and within the rows.
    unsafe fn add<const MOST: i32, const WIDTH: usize>(
        totals: &mut Sums,
        rows: &[[u8; CHUNK]; TOGETHER],
        codes: *const u8,
        registers: Range<usize>,
        scales: Option<[i32; TOGETHER]>,
    );
}
