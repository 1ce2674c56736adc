//! One product of a graph: whether it is one of ours, and its computation by a team.

use llama_cpp_sys_2 as sys;
use localcoder_kernels::{BLOCK, Format, Matrix, Output, multiply};

use super::team::Team;

/// Rows that a thread takes at once: enough to be worth taking, and few enough that no thread
/// waits long for another that was held up.
const ROWS: usize = 64;

/// A quantized matrix times columns of floats.
pub(super) struct Product<'a> {
    format: Format,
    matrix: &'a sys::ggml_tensor,
    columns: &'a sys::ggml_tensor,
    result: &'a sys::ggml_tensor,
}

impl<'a> Product<'a> {
    /// `None` where it is another kind of product.
    ///
    /// # Safety
    /// The node multiplies two tensors.
    pub(super) unsafe fn of(node: &'a sys::ggml_tensor) -> Option<Self> {
        // SAFETY: a product has two sources.
        let (matrix, columns) = unsafe { (node.src[0].as_ref()?, node.src[1].as_ref()?) };
        let format = match matrix.type_ {
            sys::GGML_TYPE_Q4_K => Format::Q4K,
            sys::GGML_TYPE_Q6_K => Format::Q6K,
            _ => return None,
        };
        let product = Self { format, matrix, columns, result: node };
        product.is_plain().then_some(product)
    }

    /// Two dimensions, whole blocks, and all of it one after the other.
    fn is_plain(&self) -> bool {
        let float = size_of::<f32>();
        let flat = |tensor: &sys::ggml_tensor| tensor.ne[2] == 1 && tensor.ne[3] == 1;
        let (length, rows) = (self.length(), self.rows());
        length.is_multiple_of(BLOCK)
            && flat(self.matrix)
            && flat(self.columns)
            && self.columns.type_ == sys::GGML_TYPE_F32
            && self.result.type_ == sys::GGML_TYPE_F32
            && self.columns.ne[0] == self.matrix.ne[0]
            && self.matrix.nb[0] == self.format.block_bytes()
            && self.matrix.nb[1] == length / BLOCK * self.format.block_bytes()
            && self.columns.nb[0] == float
            && self.columns.nb[1].is_multiple_of(float)
            && self.columns.nb[1] >= length * float
            && self.result.nb[0] == float
            && self.result.nb[1] == rows * float
    }

    fn length(&self) -> usize {
        usize::try_from(self.matrix.ne[0]).unwrap_or(0)
    }

    fn rows(&self) -> usize {
        usize::try_from(self.matrix.ne[1]).unwrap_or(0)
    }

    pub(super) fn weights(&self) -> i64 {
        self.matrix.ne[0] * self.matrix.ne[1]
    }

    pub(super) fn columns(&self) -> i64 {
        self.columns.ne[1]
    }

    /// Computes it.
    ///
    /// # Safety
    /// The tensors have their data in this process's memory, and nobody else has the result's;
    /// the processor has the instructions.
    pub(super) unsafe fn compute(&self, team: &mut Team) {
        let (rows, blocks) = (self.rows(), self.length() / BLOCK);
        let count = usize::try_from(self.columns()).unwrap_or(0);
        // SAFETY: the tensors have the sizes that `is_plain` has looked at.
        let (weights, values) = unsafe {
            let bytes = rows * self.matrix.nb[1];
            let values = std::slice::from_raw_parts_mut(self.result.data.cast(), rows * count);
            (std::slice::from_raw_parts(self.matrix.data.cast::<u8>(), bytes), values)
        };
        let Some(matrix) = Matrix::new(self.format, weights, rows, blocks) else { return };
        let output = Output::new(values, rows);
        let columns = (0..count).map(|index| {
            // SAFETY: as above; each column is as long as a row.
            unsafe {
                let start = self.columns.data.cast::<u8>().add(index * self.columns.nb[1]);
                std::slice::from_raw_parts(start.cast::<f32>(), blocks * BLOCK)
            }
        });
        // SAFETY: the processor has the instructions.
        unsafe { team.codes.fill(blocks, columns) };
        team.share(rows.div_ceil(ROWS), |codes, part, scratch| {
            let part = part * ROWS..rows.min((part + 1) * ROWS);
            // SAFETY: each part is given to one thread.
            unsafe { multiply(&matrix, part, codes, output, scratch) };
        });
    }
}
