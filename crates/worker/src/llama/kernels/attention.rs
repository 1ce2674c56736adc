//! Products of float matrices with one token: keys, values, and the matrices that choose experts.
//! llama.cpp takes other kernels for one token than for several, and those add up in another order.
//! With the kernels for several, a token's result is the same whatever is computed next to it. For
//! this, heads of the query that share their keys and values are taken as several columns;
//! otherwise the token is computed twice.

use std::ffi::{c_int, c_void};

use llama_cpp_sys_2 as sys;

use super::hook::ComputeParams;
use super::product::{Part, is_in_own_layout};

unsafe extern "C" {
    /// Belongs to ggml's CPU backend; called by all of its threads. `false` if it has no kernel for
    /// the processor that it was built for.
    fn llamafile_sgemm(
        params: *const ComputeParams,
        rows: i64,
        columns: i64,
        length: i64,
        matrix: *const c_void,
        matrix_stride: i64,
        values: *const c_void,
        values_stride: i64,
        result: *mut c_void,
        result_stride: i64,
        matrix_type: c_int,
        values_type: c_int,
        result_type: c_int,
    ) -> bool;
}

/// Fewest columns that it has kernels for.
const COLUMNS_MIN: i64 = 2;
/// It has kernels for multiples of this many rows.
const ROWS_TOGETHER: i64 = 4;
const HALF: usize = size_of::<sys::ggml_fp16_t>();

/// A matrix times one token, or the keys or values of some heads times the token's heads, of which
/// several share the same keys and values.
pub(super) struct OneToken<'a> {
    matrices: &'a sys::ggml_tensor,
    columns: &'a sys::ggml_tensor,
    result: &'a sys::ggml_tensor,
}

impl<'a> OneToken<'a> {
    /// `None` if the node is another kind of product.
    ///
    /// # Safety
    /// The node multiplies two tensors.
    pub(super) unsafe fn of(node: &'a sys::ggml_tensor) -> Option<Self> {
        // SAFETY: a product has two sources.
        let (matrices, columns) = unsafe { (node.src[0].as_ref()?, node.src[1].as_ref()?) };
        let product = Self { matrices, columns, result: node };
        product.is_plain().then_some(product)
    }

    fn is_plain(&self) -> bool {
        let float = size_of::<f32>();
        let [rows, heads] = [self.matrices.ne[1], self.columns.ne[2]].map(size);
        let is_flat = self.matrices.ne[2] == 1 && self.columns.ne[2] == 1;
        (self.matrices.type_ == sys::GGML_TYPE_F16
            || (self.matrices.type_ == sys::GGML_TYPE_F32 && is_flat))
            && self.columns.type_ == sys::GGML_TYPE_F32
            && self.result.type_ == sys::GGML_TYPE_F32
            // Without a hint that there is a quicker way.
            && self.result.op_params[1] == 0
            && self.columns.ne[1] == 1
            && self.matrices.ne[3] == 1
            && self.columns.ne[3] == 1
            && self.columns.ne[0] == self.matrices.ne[0]
            && self.matrices.ne[2] > 0
            && self.columns.ne[2] % self.matrices.ne[2] == 0
            && self.matrices.ne[1] % ROWS_TOGETHER == 0
            && self.matrices.nb[0] == self.weight_bytes()
            && self.matrices.nb[1].is_multiple_of(self.weight_bytes())
            && self.columns.nb[0] == float
            && self.columns.nb[2].is_multiple_of(float)
            && size(self.result.ne[2]) == heads
            && self.result.nb[0] == float
            && self.result.nb[2] == rows * float
            && is_in_own_layout(self.matrices)
    }

    fn together(&self) -> i64 {
        self.columns.ne[2] / self.matrices.ne[2]
    }

    /// How many columns: the heads that share, or the one head twice.
    fn count(&self) -> i64 {
        self.together().max(COLUMNS_MIN)
    }

    fn weight_bytes(&self) -> usize {
        if self.matrices.type_ == sys::GGML_TYPE_F16 { HALF } else { size_of::<f32>() }
    }

    /// Size of the values, rounded up so that the floats after them are aligned.
    fn values_bytes(&self) -> usize {
        let all = self.count() * self.matrices.ne[2] * self.columns.ne[0];
        (size(all) * self.weight_bytes()).next_multiple_of(size_of::<f32>())
    }

    /// Memory that the threads share: the token's values in the type that they are multiplied in,
    /// and the results, if they are computed twice.
    pub(super) fn work_bytes(&self) -> usize {
        self.values_bytes() + size(self.count() * self.matrices.ne[1]) * size_of::<f32>()
    }

    /// Rounds this thread's part of each head.
    ///
    /// # Safety
    /// The tensors have their data in this process's memory, [`Self::work_bytes`] bytes are at
    /// `work`, and every thread has a different part.
    pub(super) unsafe fn round(&self, work: *mut u8, part: Part) {
        let length = size(self.columns.ne[0]);
        let own = length * part.index / part.count..length * (part.index + 1) / part.count;
        for column in 0..size(self.count() * self.matrices.ne[2]) {
            let head = if self.together() == 1 { column / size(self.count()) } else { column };
            // SAFETY: guaranteed by the caller; each head has the length.
            unsafe {
                let from = self.columns.data.cast::<u8>().add(head * self.columns.nb[2]);
                let from = from.cast::<f32>().add(own.start);
                let to = work.add((column * length + own.start) * self.weight_bytes());
                if self.matrices.type_ == sys::GGML_TYPE_F16 {
                    sys::ggml_cpu_fp32_to_fp16(from, to.cast(), own.len() as i64);
                } else {
                    to.cast::<f32>().copy_from_nonoverlapping(from, own.len());
                }
            }
        }
    }

    /// # Safety
    /// As for [`Self::round`], which all threads have finished; all threads call this.
    pub(super) unsafe fn multiply(&self, params: &ComputeParams, work: *mut u8, part: Part) {
        let (rows, length) = (self.matrices.ne[1], self.matrices.ne[0]);
        let twice = work.wrapping_add(self.values_bytes()).cast::<f32>();
        for index in 0..size(self.matrices.ne[2]) {
            // SAFETY: the tensors have the sizes that `is_plain` has looked at.
            unsafe {
                let matrix = self.matrices.data.cast::<u8>().add(index * self.matrices.nb[2]);
                let first = index * size(self.count() * length);
                let values = work.add(first * self.weight_bytes());
                let result = self.result.data.cast::<f32>();
                let result = result.add(index * size(self.together() * rows));
                let kind = self.matrices.type_ as c_int;
                let is_done = llamafile_sgemm(
                    params,
                    rows,
                    self.count(),
                    length,
                    matrix.cast(),
                    (self.matrices.nb[1] / self.weight_bytes()) as i64,
                    values.cast(),
                    length,
                    if self.together() == 1 { twice } else { result }.cast(),
                    rows,
                    kind,
                    kind,
                    sys::GGML_TYPE_F32 as c_int,
                );
                if !is_done {
                    // llama.cpp computes several tokens like this as well.
                    self.row_by_row(matrix, values, result, part);
                } else if self.together() == 1 && part.index == 0 {
                    // All threads have finished, and wait for this one before they start the next
                    // node.
                    result.copy_from_nonoverlapping(twice, size(rows));
                }
            }
        }
    }

    /// This thread's rows of some heads.
    ///
    /// # Safety
    /// As for [`Self::multiply`].
    unsafe fn row_by_row(
        &self,
        matrix: *const u8,
        values: *const u8,
        result: *mut f32,
        part: Part,
    ) {
        let (rows, length) = (size(self.matrices.ne[1]), size(self.matrices.ne[0]));
        // SAFETY: ggml has one for each type.
        let traits = unsafe { sys::ggml_get_type_traits_cpu(self.matrices.type_).as_ref() };
        let Some(vec_dot) = traits.and_then(|traits| traits.vec_dot) else { return };
        for row in rows * part.index / part.count..rows * (part.index + 1) / part.count {
            for head in 0..size(self.together()) {
                // SAFETY: guaranteed by the caller.
                unsafe {
                    let from = matrix.add(row * self.matrices.nb[1]).cast();
                    let with = values.add(head * length * self.weight_bytes()).cast();
                    let to = result.add(head * rows + row);
                    vec_dot(length as c_int, to, 0, from, 0, with, 0, 1);
                }
            }
        }
    }
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
