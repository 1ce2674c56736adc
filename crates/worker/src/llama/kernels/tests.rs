//! Our products beside llama.cpp's own, both through ggml's interface and its CPU backend.

use std::ptr;
use std::sync::atomic::Ordering;

use llama_cpp_sys_2 as sys;

use localcoder_kernels::Level;

use super::hook::{self, COMPUTED};
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
        Self::sized(kind, weights, columns, layers, LENGTH)
    }

    /// With rows of this length.
    fn sized(
        kind: sys::ggml_type,
        weights: &[f32],
        columns: &[f32],
        layers: usize,
        length: usize,
    ) -> Self {
        let (rows, count) = (weights.len() / length, columns.len() / length);
        let params = sys::ggml_init_params {
            mem_size: 64 << 20,
            mem_buffer: ptr::null_mut(),
            no_alloc: false,
        };
        // SAFETY: the context has room for all; each tensor's data has the size that is written.
        unsafe {
            let context = sys::ggml_init(params);
            let matrix = sys::ggml_new_tensor_2d(context, kind, length as i64, rows as i64);
            let written = sys::ggml_quantize_chunk(
                kind,
                weights.as_ptr(),
                (*matrix).data,
                0,
                rows as i64,
                length as i64,
                ptr::null(),
            );
            assert_eq!(written, sys::ggml_nbytes(matrix));
            let (length, columns_of_layer) = (length as i64, count as i64);
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

/// Each kind of product that is ours.
const KINDS: [sys::ggml_type; 10] = [
    sys::GGML_TYPE_Q4_K,
    sys::GGML_TYPE_Q5_K,
    sys::GGML_TYPE_Q6_K,
    sys::GGML_TYPE_Q3_K,
    sys::GGML_TYPE_Q2_K,
    sys::GGML_TYPE_IQ4_XS,
    sys::GGML_TYPE_Q4_0,
    sys::GGML_TYPE_Q5_0,
    sys::GGML_TYPE_Q8_0,
    sys::GGML_TYPE_IQ4_NL,
];

/// ggml's CPU backend with threads.
struct Threads(sys::ggml_backend_t);

impl Threads {
    fn new(count: i32) -> Self {
        // SAFETY: freed when it is dropped; nothing computes with it yet.
        unsafe {
            let backend = sys::ggml_backend_cpu_init();
            sys::ggml_backend_cpu_set_n_threads(backend, count);
            Self(backend)
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // SAFETY: made once, freed once.
        unsafe { sys::ggml_backend_free(self.0) };
    }
}

#[test]
fn products_are_those_of_llama_cpp() {
    let _ = Backend::init();
    for level in Level::all() {
        hook::set(Some(level));
        for (threads, kind) in (0..).zip(KINDS) {
            let threads = Threads::new(1 + threads % 6);
            let weights = numbers(LENGTH * ROWS, 0.37);
            for count in [1, 2, 7, 16, 33, 70] {
                let columns = numbers(LENGTH * count, 0.11);
                let before = COMPUTED.load(Ordering::Relaxed);
                let ours = Graph::new(kind, &weights, &columns, 1).compute(threads.0);
                let what = format!("{level:?}, type {kind}, {count} columns");
                assert!(COMPUTED.load(Ordering::Relaxed) > before, "{what} are not ours");
                let theirs = Graph::new(kind, &weights, &columns, 2).compute(threads.0);
                let largest = theirs.iter().fold(0.0f32, |most, value| most.max(value.abs()));
                for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                    assert!(
                        (ours - theirs).abs() <= 1e-4 * largest,
                        "{what}, value {index}: {ours}, llama.cpp has {theirs}"
                    );
                }
            }
        }
    }
    hook::set(*super::LEVEL);
}

#[test]
#[ignore = "measures for a minute"]
fn speed() {
    let _ = Backend::init();
    let threads = Threads::new(1);
    for kind in KINDS {
        let weights = numbers(2048 * 4096, 0.37);
        for count in [1, 2, 3, 4, 8, 16, 32, 128] {
            let columns = numbers(2048 * count, 0.11);
            let graph = Graph::sized(kind, &weights, &columns, 1, 2048);
            let forms: Vec<_> = std::iter::once(None).chain(Level::all().map(Some)).collect();
            let mut best = vec![f64::INFINITY; forms.len()];
            for _ in 0..7 {
                for (level, best) in forms.iter().zip(&mut best) {
                    hook::set(*level);
                    let begun = std::time::Instant::now();
                    graph.compute(threads.0);
                    *best = best.min(begun.elapsed().as_secs_f64());
                }
            }
            let theirs = best[0];
            let all: Vec<_> = best.iter().map(|own| format!("{:8.2}", theirs / own)).collect();
            eprintln!("type {kind:2} {count:3} columns {:8.3} ms {}", theirs * 1e3, all.join(" "));
        }
    }
    hook::set(*super::LEVEL);
}
