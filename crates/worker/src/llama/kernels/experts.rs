//! Products with experts: each token is multiplied with a few of many matrices. The products are
//! grouped by matrix, so that each matrix is read once for all tokens that need it.

use std::cell::RefCell;
use std::ops::Range;

use llama_cpp_sys_2 as sys;
use localcoder_kernels::{Codes, Format, Level, Matrix, Output, multiply};

use super::product::{Part, SCRATCH, format_of, has_whole_rows, is_in_own_layout, rows_at_once};

thread_local! {
    static SHARES: RefCell<Shares> = RefCell::default();
}

/// Quantized matrices, of which `ids` chooses some for each token.
pub(super) struct Experts<'a> {
    level: Level,
    format: Format,
    matrices: &'a sys::ggml_tensor,
    columns: &'a sys::ggml_tensor,
    ids: &'a sys::ggml_tensor,
    result: &'a sys::ggml_tensor,
}

/// Which columns go to each expert. Every thread works it out for itself.
#[derive(Default)]
struct Shares {
    /// Expert, slot and token.
    wanted: Vec<(usize, usize, usize)>,
    starts: Vec<usize>,
    each: Vec<Share>,
}

struct Share {
    expert: usize,
    /// The expert's columns, as a range of all that are wanted.
    columns: Range<usize>,
    at: usize,
}

impl<'a> Experts<'a> {
    /// `None` if the node is another kind of product.
    ///
    /// # Safety
    /// The node multiplies experts with tokens.
    pub(super) unsafe fn of(node: &'a sys::ggml_tensor, level: Level) -> Option<Self> {
        // SAFETY: such a product has three sources.
        let [matrices, columns, ids] = [0, 1, 2].map(|source| unsafe { node.src[source].as_ref() });
        let (matrices, columns, ids) = (matrices?, columns?, ids?);
        let format = format_of(matrices)?;
        let experts = Self { level, format, matrices, columns, ids, result: node };
        experts.are_plain().then_some(experts)
    }

    /// Whether the experts are in ggml's own layout, in whole blocks and without gaps; the other
    /// tensors may begin anywhere.
    fn are_plain(&self) -> bool {
        let float = size_of::<f32>();
        let floats = |tensor: &sys::ggml_tensor| {
            tensor.type_ == sys::GGML_TYPE_F32
                && tensor.ne[3] == 1
                && tensor.nb[0] == float
                && tensor.nb[1..3].iter().all(|stride| stride.is_multiple_of(float))
        };
        has_whole_rows(self.matrices, self.format)
            && self.matrices.nb[2] == self.rows() * self.matrices.nb[1]
            && self.matrices.ne[3] == 1
            && floats(self.columns)
            && floats(self.result)
            && self.columns.ne[0] == self.matrices.ne[0]
            && self.columns.ne[1] > 0
            && self.result.ne[0] == self.matrices.ne[1]
            && self.result.ne[1] == self.ids.ne[0]
            && self.result.ne[2] == self.ids.ne[1]
            && self.columns.ne[2] == self.ids.ne[1]
            && self.ids.type_ == sys::GGML_TYPE_I32
            && self.ids.nb[0] == size_of::<i32>()
            && is_in_own_layout(self.matrices)
    }

    fn length(&self) -> usize {
        usize::try_from(self.matrices.ne[0]).unwrap_or(0)
    }

    fn rows(&self) -> usize {
        usize::try_from(self.matrices.ne[1]).unwrap_or(0)
    }

    fn experts(&self) -> usize {
        usize::try_from(self.matrices.ne[2]).unwrap_or(0)
    }

    fn wanted(&self) -> [usize; 2] {
        [0, 1].map(|dimension| usize::try_from(self.ids.ne[dimension]).unwrap_or(0))
    }

    pub(super) fn work_bytes(&self) -> usize {
        let [slots, tokens] = self.wanted();
        Codes::bytes_at_most(self.level, self.format, self.length(), slots * tokens)
    }

    /// Finds out which tokens want each expert.
    ///
    /// # Safety
    /// The ids have their data in this process's memory.
    unsafe fn share(&self, shares: &mut Shares) {
        let [slots, tokens] = self.wanted();
        let Shares { wanted, starts, each } = shares;
        wanted.clear();
        for (token, slot) in (0..tokens).flat_map(|token| (0..slots).map(move |slot| (token, slot)))
        {
            // SAFETY: guaranteed by the caller; an id at this place exists.
            let id = unsafe {
                let row = self.ids.data.cast::<u8>().add(token * self.ids.nb[1]);
                row.cast::<i32>().add(slot).read()
            };
            // Ids come from the model's own arithmetic on weights of a file: one out of range must
            // not become an address.
            let expert = usize::try_from(id).ok().filter(|expert| *expert < self.experts());
            wanted.extend(expert.map(|expert| (expert, slot, token)));
        }
        // By expert, then slot and token: every thread must come to the same order, since each
        // finds the shares for itself.
        wanted.sort_unstable();
        let stride = |dimension: usize| self.result.nb[dimension] / size_of::<f32>();
        starts.clear();
        starts.extend(wanted.iter().map(|(_, slot, token)| slot * stride(1) + token * stride(2)));
        each.clear();
        let (mut first, mut at) = (0, 0);
        for together in wanted.chunk_by(|one, next| one.0 == next.0) {
            let columns = first..first + together.len();
            each.push(Share { expert: together[0].0, columns, at });
            first += together.len();
            at += Codes::bytes(self.level, self.format, self.length(), together.len());
        }
    }

    /// # Safety
    /// [`Self::work_bytes`] bytes are at `work`.
    unsafe fn codes(&self, work: *mut u8, share: &Share) -> Codes<'_> {
        let (length, count) = (self.length(), share.columns.len());
        // SAFETY: there is room for all shares together, however the columns are distributed.
        unsafe { Codes::over_shared(work.add(share.at), self.level, self.format, length, count) }
    }

    /// Rounds this thread's part of the columns.
    ///
    /// # Safety
    /// The tensors have their data in this process's memory, [`Self::work_bytes`] bytes are at
    /// `work`, and every thread has a different part.
    pub(super) unsafe fn round(&self, work: *mut u8, part: Part) {
        SHARES.with_borrow_mut(|shares| {
            // SAFETY: guaranteed by the caller.
            unsafe { self.share(shares) };
            for share in &shares.each {
                // SAFETY: as above.
                let codes = unsafe { self.codes(work, share) };
                let chunks = codes.chunks();
                // Each thread takes a part of every column of every expert, so that the work is
                // even with few columns or chunks as well.
                let all = chunks * shares.wanted.len();
                let own = all * part.index / part.count..all * (part.index + 1) / part.count;
                for (column, index) in share.columns.clone().enumerate() {
                    let within = |at: usize| at.clamp(chunks * index, chunks * (index + 1));
                    let own = within(own.start) - chunks * index..within(own.end) - chunks * index;
                    // SAFETY: each column is as long as a row, and if the columns don't have one
                    // for each slot, all slots share the same one.
                    unsafe { codes.fill(column, self.values(shares.wanted[index]), own) };
                }
            }
        });
    }

    /// # Safety
    /// The columns have their data in this process's memory.
    unsafe fn values(&self, (_, slot, token): (usize, usize, usize)) -> &[f32] {
        // One column for all slots, or one for each: the modulus covers both.
        let slots = usize::try_from(self.columns.ne[1]).unwrap_or(1);
        let at = slot % slots * self.columns.nb[1] + token * self.columns.nb[2];
        // SAFETY: guaranteed by the caller; a column is as long as a row.
        unsafe {
            let start = self.columns.data.cast::<u8>().add(at).cast();
            std::slice::from_raw_parts(start, self.length())
        }
    }

    /// Multiplies the rows of one part after another: this thread's own first, then those whose
    /// numbers `next` gives.
    ///
    /// # Safety
    /// As for [`Self::round`], which all threads have finished; `next` gives every number from the
    /// count of threads on to only one thread, and no other reference to the result exists.
    pub(super) unsafe fn multiply(
        &self,
        work: *mut u8,
        part: Part,
        next: &dyn Fn() -> Option<usize>,
    ) {
        let (rows, length) = (self.rows(), self.length());
        SHARES.with_borrow(|shares| {
            let together = rows_at_once(rows * shares.each.len(), part);
            let parts = rows.div_ceil(together);
            let mut index = Some(part.index);
            while let Some((share, first)) = index
                .and_then(|index| Some((shares.each.get(index / parts)?, index % parts * together)))
            {
                // SAFETY: the expert is one of them, with as many bytes; each part is given to one
                // thread, and no two of the wanted products have the same place.
                unsafe {
                    let bytes = self.matrices.nb[2];
                    let start = self.matrices.data.cast::<u8>().add(share.expert * bytes);
                    let weights = std::slice::from_raw_parts(start, bytes);
                    let starts = &shares.starts[share.columns.clone()];
                    let output = Output::scattered(self.result.data.cast(), rows, starts);
                    let codes = self.codes(work, share);
                    if let Some(matrix) = Matrix::new(self.format, weights, rows, length) {
                        let range = first..rows.min(first + together);
                        SCRATCH.with_borrow_mut(|scratch| {
                            multiply(&matrix, range, &codes, output, scratch);
                        });
                    }
                }
                index = next();
            }
        });
    }
}
