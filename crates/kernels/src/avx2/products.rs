//! The operations in which AVX2 and AVX-VNNI differ.

use std::arch::x86_64::__m256i;
use std::ops::Range;

use crate::CHUNK;

/// Rows that are multiplied together with two registers of columns: with one register for each sum
/// and those for shared values, this is as many as fit into sixteen registers.
pub(crate) const TOGETHER: usize = 4;

/// Sums of these rows with the columns of two registers.
pub(crate) type Sums = [[__m256i; 2]; TOGETHER];

/// A computation that is written once for both. `run` must always be inlined, so that it gets the
/// features of the function that it is inlined into.
pub(crate) trait Work {
    type Output;

    /// # Safety
    /// The processor has the features of `P`, and whatever the work itself asks for.
    unsafe fn run<P: Products>(self) -> Self::Output;
}

/// How bytes are multiplied and added up. `MOST` is the largest value of a weight when it is read
/// as unsigned.
///
/// # Safety
/// All functions: the processor has the features of the level.
pub(crate) trait Products: Sized {
    /// Whether eight-bit weights are multiplied as unsigned numbers, as they are. Otherwise they
    /// are multiplied as signed ones, and have no excess.
    const WITHOUT_SIGN: bool;

    /// Does the work with the features of the level.
    ///
    /// # Safety
    /// As for [`Work::run`].
    unsafe fn perform<W: Work>(work: W) -> W::Output;

    /// Scales in the form that [`Self::add_scaled`] and [`Self::add`] take.
    unsafe fn scales<const MOST: i32>(scales: __m256i) -> __m256i;

    /// Adds the products of 32 weights and values to the lanes of `total`, multiplied by each
    /// lane's scale.
    unsafe fn add_scaled<const MOST: i32>(
        total: __m256i,
        weights: __m256i,
        values: __m256i,
        scale: __m256i,
    ) -> __m256i;

    /// The products of 32 weights and values, four of them added up in each lane.
    unsafe fn add_up<const MOST: i32>(weights: __m256i, values: __m256i) -> __m256i;

    /// Adds the products of these registers of groups of `WIDTH` columns to `totals`, multiplied by
    /// the rows' scales, if there are any.
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
