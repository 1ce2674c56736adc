//! Our products beside llama.cpp's own, both through ggml's interface and its CPU backend.

use std::ptr;
use std::sync::atomic::Ordering;

use llama_cpp_sys_2 as sys;

use super::hook::COMPUTED;
use crate::llama::Backend;

const LENGTH: usize = 1024;
const ROWS: usize = 1100;

/// A graph of one product, with memory of its own. With a second layer of columns, the same as
/// the first, it is none of ours.
struct Graph {
    context: *mut sys::ggml_context,
    graph: *mut sys::ggml_cgraph,
    product: *mut sys::ggml_tensor,
}

impl Graph {
    fn new(kind: sys::ggml_type, weights: &[f32], columns: &[f32], layers: usize) -> Self {
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
            let (length, columns_of_layer) = (LENGTH as i64, count as i64);
            let layers_of_input = layers as i64;
            let float = sys::GGML_TYPE_F32;
            let input =
                sys::ggml_new_tensor_3d(context, float, length, columns_of_layer, layers_of_input);
            for layer in 0..layers {
                let to = (*input).data.cast::<f32>().add(layer * columns.len());
                ptr::copy_nonoverlapping(columns.as_ptr(), to, columns.len());
            }
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
    if !super::are_used() {
        return;
    }
    // SAFETY: freed below.
    let backend = unsafe { sys::ggml_backend_cpu_init() };
    let kinds = [
        sys::GGML_TYPE_Q4_K,
        sys::GGML_TYPE_Q5_K,
        sys::GGML_TYPE_Q6_K,
        sys::GGML_TYPE_Q4_0,
        sys::GGML_TYPE_Q5_0,
        sys::GGML_TYPE_Q8_0,
    ];
    for (threads, kind) in (1..).zip(kinds) {
        // SAFETY: nothing computes with it now.
        unsafe { sys::ggml_backend_cpu_set_n_threads(backend, threads) };
        let weights = numbers(LENGTH * ROWS, 0.37);
        for count in [1, 2, 7, 16, 33, 70] {
            let columns = numbers(LENGTH * count, 0.11);
            let before = COMPUTED.load(Ordering::Relaxed);
            let ours = Graph::new(kind, &weights, &columns, 1).compute(backend);
            assert!(COMPUTED.load(Ordering::Relaxed) > before, "{count} columns are not ours");
            let theirs = Graph::new(kind, &weights, &columns, 2).compute(backend);
            let largest = theirs.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                assert!(
                    (ours - theirs).abs() <= 1e-4 * largest,
                    "{count} columns, value {index}: {ours}, llama.cpp has {theirs}"
                );
            }
        }
    }
    // SAFETY: made above, used by nothing any more.
    unsafe { sys::ggml_backend_free(backend) };
}
