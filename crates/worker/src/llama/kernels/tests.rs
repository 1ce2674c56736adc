//! Our products beside those of llama.cpp's own CPU backend, through ggml's interface.

use std::ptr;

use llama_cpp_sys_2 as sys;

use super::{device, product::Product};
use crate::llama::Backend;

const LENGTH: usize = 1024;
const ROWS: usize = 1100;

/// A graph of one product, with memory of its own.
struct Graph {
    context: *mut sys::ggml_context,
    graph: *mut sys::ggml_cgraph,
    product: *mut sys::ggml_tensor,
}

impl Graph {
    fn new(kind: sys::ggml_type, weights: &[f32], columns: &[f32]) -> Self {
        let count = columns.len() / LENGTH;
        let params = sys::ggml_init_params {
            mem_size: 64 << 20,
            mem_buffer: ptr::null_mut(),
            no_alloc: false,
        };
        // SAFETY: the context has room for all; each tensor's data has the size that is written.
        unsafe {
            let context = sys::ggml_init(params);
            let matrix = sys::ggml_new_tensor_2d(context, kind, LENGTH as i64, ROWS as i64);
            let written = sys::ggml_quantize_chunk(
                kind,
                weights.as_ptr(),
                (*matrix).data,
                0,
                ROWS as i64,
                LENGTH as i64,
                ptr::null(),
            );
            assert_eq!(written, sys::ggml_nbytes(matrix));
            let input =
                sys::ggml_new_tensor_2d(context, sys::GGML_TYPE_F32, LENGTH as i64, count as i64);
            ptr::copy_nonoverlapping(columns.as_ptr(), (*input).data.cast(), columns.len());
            let product = sys::ggml_mul_mat(context, matrix, input);
            let graph = sys::ggml_new_graph(context);
            sys::ggml_build_forward_expand(graph, product);
            Self { context, graph, product }
        }
    }

    fn compute(&self, backend: sys::ggml_backend_t) -> Vec<f32> {
        // SAFETY: all of the graph's data is the context's, which lives.
        unsafe {
            let values = (*self.product).data.cast::<f32>();
            let count = usize::try_from(sys::ggml_nelements(self.product)).unwrap_or(0);
            std::slice::from_raw_parts_mut(values, count).fill(f32::NAN);
            let status = sys::ggml_backend_graph_compute(backend, self.graph);
            assert_eq!(status, sys::GGML_STATUS_SUCCESS);
            std::slice::from_raw_parts(values, count).to_vec()
        }
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        // SAFETY: made once, freed once.
        unsafe { sys::ggml_free(self.context) };
    }
}

/// A wave that does not repeat soon.
fn numbers(count: usize, pace: f32) -> Vec<f32> {
    (0..count).map(|index| (index as f32 * pace).sin() * (1.0 + (index % 7) as f32)).collect()
}

#[test]
fn products_are_those_of_llama_cpp() {
    let _ = Backend::init();
    if !localcoder_kernels::available() {
        return;
    }
    device::register();
    // SAFETY: freed below.
    let theirs = unsafe { sys::ggml_backend_cpu_init() };
    for (threads, kind) in [(1, sys::GGML_TYPE_Q4_K), (3, sys::GGML_TYPE_Q6_K)] {
        let ours = super::backend(threads);
        let weights = numbers(LENGTH * ROWS, 0.37);
        for count in [1, 2, 7, 16, 33, 70] {
            let columns = numbers(LENGTH * count, 0.11);
            let graph = Graph::new(kind, &weights, &columns);
            // SAFETY: the node was just made.
            assert!(unsafe { Product::of(&*graph.product) }.is_some());
            let (ours, theirs) = (graph.compute(ours), graph.compute(theirs));
            let largest = theirs.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert!(
                    (ours - theirs).abs() <= 1e-4 * largest,
                    "{count} columns, value {index}: {ours}, llama.cpp has {theirs}"
                );
            }
        }
        // SAFETY: made above, used by nothing any more.
        unsafe { sys::ggml_backend_free(ours) };
    }
    // SAFETY: as above.
    unsafe { sys::ggml_backend_free(theirs) };
}
