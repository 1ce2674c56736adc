//! What keys and values are with one token. llama.cpp takes other kernels for it than for several
//! tokens, and those add up in another order. Heads of the query that share their keys and values
//! are several columns, too: with them the kernels for several tokens do it, so a token comes out
//! the same whatever is computed beside it.

use std::ffi::{c_int, c_void};

use llama_cpp_sys_2 as sys;

use super::hook::ComputeParams;
use super::product::{Part, is_in_own_layout};

unsafe extern "C" {
    /// Of ggml's CPU backend; called by all of its threads. `false` where it has no kernel for the
    /// processor that it was built for.
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

/// It has kernels for multiples of so many rows.
const ROWS_TOGETHER: i64 = 4;
const HALF: usize = size_of::<sys::ggml_fp16_t>();

/// Keys or values of some heads, times one token's heads: as many again and again.
pub(super) struct OneToken<'a> {
    matrices: &'a sys::ggml_tensor,
    columns: &'a sys::ggml_tensor,
    result: &'a sys::ggml_tensor,
}

impl<'a> OneToken<'a> {
    /// `None` where it is another kind of product.
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
        self.matrices.type_ == sys::GGML_TYPE_F16
            && self.columns.type_ == sys::GGML_TYPE_F32
            && self.result.type_ == sys::GGML_TYPE_F32
            // No hint that there is a quicker way.
            && self.result.op_params[1] == 0
            && self.columns.ne[1] == 1
            && self.matrices.ne[3] == 1
            && self.columns.ne[3] == 1
            && self.columns.ne[0] == self.matrices.ne[0]
            && self.matrices.ne[2] > 0
            && self.columns.ne[2] % self.matrices.ne[2] == 0
            && self.together() > 1
            && self.matrices.ne[1] % ROWS_TOGETHER == 0
            && self.matrices.nb[0] == HALF
            && self.matrices.nb[1].is_multiple_of(HALF)
            && self.columns.nb[0] == float
            && self.columns.nb[2].is_multiple_of(float)
            && size(self.result.ne[2]) == heads
            && self.result.nb[0] == float
            && self.result.nb[2] == rows * float
            && is_in_own_layout(self.matrices)
    }

    /// Heads that share their keys and values.
    fn together(&self) -> i64 {
        self.columns.ne[2] / self.matrices.ne[2]
    }

    /// Memory that its threads share: the token in 16 bits.
    pub(super) fn work_bytes(&self) -> usize {
        size(self.columns.ne[0]) * size(self.columns.ne[2]) * HALF
    }

    /// Rounds this thread's part of each head.
    ///
    /// # Safety
    /// The tensors have their data in this process's memory, [`Self::work_bytes`] bytes lie at
    /// `work`, and every thread has another part.
    pub(super) unsafe fn round(&self, work: *mut u8, part: Part) {
        let length = size(self.columns.ne[0]);
        let own = length * part.index / part.count..length * (part.index + 1) / part.count;
        for head in 0..size(self.columns.ne[2]) {
            // SAFETY: the caller's promise; each head has the length.
            unsafe {
                let from = self.columns.data.cast::<u8>().add(head * self.columns.nb[2]);
                let from = from.cast::<f32>().add(own.start);
                let to = work.cast::<sys::ggml_fp16_t>().add(head * length + own.start);
                sys::ggml_cpu_fp32_to_fp16(from, to, own.len() as i64);
            }
        }
    }

    /// # Safety
    /// As for [`Self::round`], which all threads have ended; all threads call this.
    pub(super) unsafe fn multiply(&self, params: &ComputeParams, work: *mut u8, part: Part) {
        let (rows, length) = (self.matrices.ne[1], self.matrices.ne[0]);
        for index in 0..size(self.matrices.ne[2]) {
            let first = index * size(self.together());
            // SAFETY: the tensors have the sizes that `is_plain` has looked at.
            unsafe {
                let matrix = self.matrices.data.cast::<u8>().add(index * self.matrices.nb[2]);
                let values = work.add(first * size(length) * HALF);
                let result = self.result.data.cast::<f32>().add(first * size(rows));
                let stride = (self.matrices.nb[1] / HALF) as i64;
                let is_done = llamafile_sgemm(
                    params,
                    rows,
                    self.together(),
                    length,
                    matrix.cast(),
                    stride,
                    values.cast(),
                    length,
                    result.cast(),
                    rows,
                    sys::GGML_TYPE_F16 as c_int,
                    sys::GGML_TYPE_F16 as c_int,
                    sys::GGML_TYPE_F32 as c_int,
                );
                if !is_done {
                    // Then several tokens are computed like this, too.
                    self.row_by_row(matrix, values, result, part);
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
        let traits = unsafe { sys::ggml_get_type_traits_cpu(sys::GGML_TYPE_F16).as_ref() };
        let Some(vec_dot) = traits.and_then(|traits| traits.vec_dot) else { return };
        for row in rows * part.index / part.count..rows * (part.index + 1) / part.count {
            for head in 0..size(self.together()) {
                // SAFETY: the caller's promise.
                unsafe {
                    let from = matrix.add(row * self.matrices.nb[1]).cast();
                    let with = values.add(head * length * HALF).cast();
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
