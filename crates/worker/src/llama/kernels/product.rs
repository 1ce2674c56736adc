//! One product of a graph: whether we take it over, and a thread's part of its computation.

use std::cell::RefCell;

use llama_cpp_sys_2 as sys;
use localcoder_kernels::{Codes, Format, Level, Matrix, Output, Scratch, multiply};

/// Rows that a thread takes at once: enough to be worth the call, and few enough that no thread
/// waits long for another that was held up.
const ROWS_MAX: usize = 64;
const ROWS_MIN: usize = 8;

thread_local! {
    pub(super) static SCRATCH: RefCell<Scratch> = RefCell::default();
}

#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) index: usize,
    pub(super) count: usize,
}

pub(super) struct Product<'a> {
    level: Level,
    format: Format,
    matrix: &'a sys::ggml_tensor,
    columns: &'a sys::ggml_tensor,
    result: &'a sys::ggml_tensor,
}

impl<'a> Product<'a> {
    /// `None` if the node is another kind of product.
    ///
    /// # Safety
    /// The node multiplies two tensors.
    pub(super) unsafe fn of(node: &'a sys::ggml_tensor, level: Level) -> Option<Self> {
        // SAFETY: a product has two sources.
        let (matrix, columns) = unsafe { (node.src[0].as_ref()?, node.src[1].as_ref()?) };
        let format = format_of(matrix)?;
        let product = Self { level, format, matrix, columns, result: node };
        product.is_plain().then_some(product)
    }

    /// Whether the matrix has two dimensions and is in ggml's own layout, in whole blocks without
    /// gaps, not rearranged by llama.cpp.
    fn is_plain(&self) -> bool {
        let float = size_of::<f32>();
        let flat = |tensor: &sys::ggml_tensor| tensor.ne[2] == 1 && tensor.ne[3] == 1;
        let (length, rows) = (self.length(), self.rows());
        flat(self.matrix)
            && flat(self.columns)
            && self.columns.type_ == sys::GGML_TYPE_F32
            && self.result.type_ == sys::GGML_TYPE_F32
            && self.columns.ne[0] == self.matrix.ne[0]
            && has_whole_rows(self.matrix, self.format)
            && self.columns.nb[0] == float
            && self.columns.nb[1].is_multiple_of(float)
            && self.columns.nb[1] >= length * float
            && self.result.nb[0] == float
            && self.result.nb[1] == rows * float
            && is_in_own_layout(self.matrix)
    }

    fn length(&self) -> usize {
        usize::try_from(self.matrix.ne[0]).unwrap_or(0)
    }

    fn rows(&self) -> usize {
        usize::try_from(self.matrix.ne[1]).unwrap_or(0)
    }

    fn count(&self) -> usize {
        usize::try_from(self.columns.ne[1]).unwrap_or(0)
    }

    pub(super) fn work_bytes(&self) -> usize {
        Codes::bytes(self.level, self.format, self.length(), self.count())
    }

    /// Rounds this thread's part of the columns.
    ///
    /// # Safety
    /// The tensors have their data in this process's memory, [`Self::work_bytes`] bytes are at
    /// `work`, and every thread has a different part.
    pub(super) unsafe fn round(&self, work: *mut u8, part: Part) {
        // SAFETY: guaranteed by the caller; each column is as long as a row.
        unsafe {
            let codes =
                Codes::over_shared(work, self.level, self.format, self.length(), self.count());
            let chunks = codes.chunks();
            // Each thread has a part of every column: there may be fewer columns than threads.
            let own = chunks * part.index / part.count..chunks * (part.index + 1) / part.count;
            for column in 0..self.count() {
                let start = self.columns.data.cast::<u8>().add(column * self.columns.nb[1]);
                let values = std::slice::from_raw_parts(start.cast(), self.length());
                codes.fill(column, values, own.clone());
            }
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
        let (rows, length, count) = (self.rows(), self.length(), self.count());
        // SAFETY: the tensors have the sizes that `is_plain` has looked at.
        let (weights, codes, output) = unsafe {
            let weights = self.matrix.data.cast::<u8>();
            let weights = std::slice::from_raw_parts(weights, rows * self.matrix.nb[1]);
            let codes = Codes::over_shared(work, self.level, self.format, length, count);
            (weights, codes, Output::over_shared(self.result.data.cast(), rows, count))
        };
        let Some(matrix) = Matrix::new(self.format, weights, rows, length) else { return };
        let together = rows_at_once(rows, part);
        SCRATCH.with_borrow_mut(|scratch| {
            let mut index = Some(part.index);
            while let Some(first) = index.map(|index| index * together).filter(|it| *it < rows) {
                let range = first..rows.min(first + together);
                // SAFETY: each part is given to one thread.
                unsafe { multiply(&matrix, range, &codes, output, scratch) };
                index = next();
            }
        });
    }
}

pub(super) fn rows_at_once(rows: usize, part: Part) -> usize {
    // About four parts for each thread: one that was held up leaves its later parts to the others.
    let together = (rows / (4 * part.count)).next_multiple_of(ROWS_MIN);
    together.clamp(ROWS_MIN, ROWS_MAX)
}

pub(super) fn format_of(tensor: &sys::ggml_tensor) -> Option<Format> {
    Some(match tensor.type_ {
        sys::GGML_TYPE_Q4_K => Format::Q4K,
        sys::GGML_TYPE_Q5_K => Format::Q5K,
        sys::GGML_TYPE_Q6_K => Format::Q6K,
        sys::GGML_TYPE_Q3_K => Format::Q3K,
        sys::GGML_TYPE_Q2_K => Format::Q2K,
        sys::GGML_TYPE_IQ4_XS => Format::Iq4Xs,
        sys::GGML_TYPE_IQ4_NL => Format::Iq4Nl,
        sys::GGML_TYPE_Q4_0 => Format::Q4_0,
        sys::GGML_TYPE_Q5_0 => Format::Q5_0,
        sys::GGML_TYPE_Q8_0 => Format::Q8_0,
        _ => return None,
    })
}

pub(super) fn has_whole_rows(tensor: &sys::ggml_tensor, format: Format) -> bool {
    let length = usize::try_from(tensor.ne[0]).unwrap_or(0);
    length.is_multiple_of(format.block_weights())
        && tensor.nb[0] == format.block_bytes()
        && tensor.nb[1] == length / format.block_weights() * format.block_bytes()
}

/// Whether the memory is this process's own, and in the layout of the file.
pub(super) fn is_in_own_layout(tensor: &sys::ggml_tensor) -> bool {
    // A tensor without a buffer is in the memory of a context.
    tensor.buffer.is_null()
        // SAFETY: a buffer that is not null lives as long as its tensors.
        || unsafe { sys::ggml_backend_buffer_is_host(tensor.buffer) }
}
