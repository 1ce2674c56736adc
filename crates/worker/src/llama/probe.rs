//! Measures whether the processor multiplies faster with weights as they are in the file, or with
//! weights that llama.cpp has rearranged for its kernels ("repacked"), which costs a copy.
//!
//! Neither is better everywhere. A 7B `Q4_K_M` on two cores, repacked compared to plain: on a Zen 5
//! 1.1 times the decode speed and 0.55 times the prefill speed, on a Sapphire Rapids 1.7 and 0.6.
//! So it is measured on the machine itself, on a few matrices of the type that the model's have.

use std::fs::File;
use std::ptr::{self, NonNull};
use std::time::Instant;

use llama_cpp_sys_2 as sys;

use super::{Backend, memory_kinds, weights};

/// Numbers of tokens that are computed at once: a step without a draft, one with a draft, and a
/// part of a prompt.
const ROWS: [i64; 3] = [1, 16, 64];
/// How often each occurs in a typical request: an explanation or chat of 60 tokens, an edit of 12
/// steps with drafts, and 256 tokens of a prompt that could not be read ahead.
const USUAL: [f64; 3] = [60.0, 12.0, 4.0];
/// Rows and columns of a matrix, as a 7B has them.
const SIZE: i64 = 4096;
/// Enough matrices to be larger than the caches near a core (38 MB), as a model is.
const MATRICES: usize = 4;
const TRIES: usize = 3;
/// Repacked weights must be this much faster overall to be worth their copy.
const GAIN_MIN: f64 = 1.08;

/// Whether a model's weights are faster repacked on this machine. Takes about a fifth of a second;
/// false if this build or processor has no repacked layout for their type.
pub(crate) fn repacking_pays(_: Backend, model: &File, threads: u32) -> bool {
    let Some(weights) = weights::usual_type(model) else { return false };
    let as_it_lies = Probe::new(memory_kinds::plain(), weights, threads);
    let repacked = repacking(weights).and_then(|kind| Probe::new(kind, weights, threads));
    let (Some(as_it_lies), Some(repacked)) = (as_it_lies, repacked) else { return false };
    let mut best = [[f64::INFINITY; ROWS.len()]; 2];
    // In turns, so that a pause or a change of clock hits both alike.
    for _ in 0..TRIES {
        for (probe, best) in [&as_it_lies, &repacked].into_iter().zip(&mut best) {
            for (rows, best) in ROWS.into_iter().zip(best) {
                *best = best.min(probe.seconds(rows).unwrap_or(f64::INFINITY));
            }
        }
    }
    let [as_it_lies, repacked] = best.map(|times| usual(&times));
    let gain = as_it_lies / repacked;
    crate::process::log(&format!("repacked weights are {gain:.2} times as fast here"));
    gain >= GAIN_MIN
}

fn usual(seconds: &[f64; ROWS.len()]) -> f64 {
    seconds.iter().zip(USUAL).map(|(seconds, times)| seconds * times).sum()
}

struct Probe {
    backend: Handle<sys::ggml_backend>,
    weights: Handle<sys::ggml_context>,
    _buffer: Handle<sys::ggml_backend_buffer>,
}

impl Probe {
    /// Fills matrices with zeros: the time does not depend on what is in them.
    fn new(
        kind: sys::ggml_backend_buffer_type_t,
        weights_type: sys::ggml_type,
        threads: u32,
    ) -> Option<Self> {
        // SAFETY: each pointer is checked before it is used and freed by its handle; the data has
        // the size of the tensor that it is copied to.
        unsafe {
            let backend = Handle::new(sys::ggml_backend_cpu_init(), sys::ggml_backend_free)?;
            sys::ggml_backend_cpu_set_n_threads(backend.get(), i32::try_from(threads).ok()?);
            let weights = context()?;
            let tensors = [(); MATRICES]
                .map(|()| sys::ggml_new_tensor_2d(weights.get(), weights_type, SIZE, SIZE));
            let buffer = sys::ggml_backend_alloc_ctx_tensors_from_buft(weights.get(), kind);
            let buffer = Handle::new(buffer, sys::ggml_backend_buffer_free)?;
            // Memory that has no layout for this type does not accept its data either.
            let column = context()?;
            let input = sys::ggml_new_tensor_2d(column.get(), sys::GGML_TYPE_F32, SIZE, 1);
            let product = sys::ggml_mul_mat(column.get(), tensors[0], input);
            let device = sys::ggml_backend_get_device(backend.get());
            if !sys::ggml_backend_dev_supports_op(device, product) {
                return None;
            }
            for tensor in tensors {
                let data = vec![0u8; sys::ggml_nbytes(tensor)];
                sys::ggml_backend_tensor_set(tensor, data.as_ptr().cast(), 0, data.len());
            }
            Some(Self { backend, weights, _buffer: buffer })
        }
    }

    /// Time to multiply all matrices with this many columns; `None` if that fails.
    fn seconds(&self, rows: i64) -> Option<f64> {
        // SAFETY: as in `new`; the graph and all that it refers to live until the end.
        unsafe {
            let context = context()?;
            let input = sys::ggml_new_tensor_2d(context.get(), sys::GGML_TYPE_F32, SIZE, rows);
            let graph = sys::ggml_new_graph(context.get());
            let mut matrix = sys::ggml_get_first_tensor(self.weights.get());
            while !matrix.is_null() {
                let product = sys::ggml_mul_mat(context.get(), matrix, input);
                sys::ggml_build_forward_expand(graph, product);
                matrix = sys::ggml_get_next_tensor(self.weights.get(), matrix);
            }
            let buffer =
                sys::ggml_backend_alloc_ctx_tensors_from_buft(context.get(), memory_kinds::plain());
            let _buffer = Handle::new(buffer, sys::ggml_backend_buffer_free)?;
            sys::ggml_backend_tensor_memset(input, 0, 0, sys::ggml_nbytes(input));
            let begun = Instant::now();
            let status = sys::ggml_backend_graph_compute(self.backend.get(), graph);
            (status == sys::GGML_STATUS_SUCCESS).then(|| begun.elapsed().as_secs_f64())
        }
    }
}

struct Handle<T> {
    pointer: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Handle<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self { pointer, free })
    }

    fn get(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        // SAFETY: made with the function that frees it, and freed only here.
        unsafe { (self.free)(self.pointer.as_ptr()) };
    }
}

/// Room for the descriptions of a few tensors and a graph, not for their data.
fn context() -> Option<Handle<sys::ggml_context>> {
    // SAFETY: both return sizes; the context takes plain values.
    unsafe {
        let size = 64 * sys::ggml_tensor_overhead() + sys::ggml_graph_overhead();
        let params =
            sys::ggml_init_params { mem_size: size, mem_buffer: ptr::null_mut(), no_alloc: true };
        Handle::new(sys::ggml_init(params), sys::ggml_free)
    }
}

/// The kind of memory that llama.cpp would put the matrices into: the first that accepts them.
fn repacking(weights: sys::ggml_type) -> Option<sys::ggml_backend_buffer_type_t> {
    let takes = |kind: &_| Probe::new(*kind, weights, 1).is_some();
    memory_kinds::rearranging().into_iter().find(takes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_measures_on_this_processor() {
        let backend = Backend::init();
        for weights in [sys::GGML_TYPE_Q4_K, sys::GGML_TYPE_Q8_0] {
            let probe = Probe::new(memory_kinds::plain(), weights, 1).unwrap();
            assert!(probe.seconds(1).unwrap() > 0.0);
        }
        let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../models/demo/localcoder-demo.gguf");
        // Whatever the result, it returns.
        let _ = repacking_pays(backend, &File::open(demo).unwrap(), 1);
    }

    #[test]
    fn a_request_of_the_usual_kind_is_mostly_single_steps() {
        assert!((usual(&[1.0, 0.0, 0.0]) - 60.0).abs() < 1e-9);
        assert!(usual(&[1.0, 4.0, 8.0]) > usual(&[0.6, 3.0, 10.0]));
    }
}
