//! Compares our products with llama.cpp's own, both through ggml's interface and its CPU backend.

use std::ffi::CStr;
use std::ptr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use llama_cpp_sys_2 as sys;
use localcoder_kernels::Level;

use super::hook::COMPUTED;
use crate::llama::Backend;

/// The prefix of a node's name that says which level it is computed with; other tests compute at
/// the same time.
const CHOICE: &[u8] = b"kernels ";

/// What a test has chosen for a node, if anything: `Some(None)` means llama.cpp's own kernels.
pub(super) fn chosen(node: &sys::ggml_tensor) -> Option<Option<Level>> {
    // SAFETY: ggml ends names with NUL.
    let name = unsafe { CStr::from_ptr(node.name.as_ptr()) };
    let level = name.to_bytes().strip_prefix(CHOICE)?;
    Some(Level::all().find(|it| it.name().as_bytes() == level))
}

struct Weights {
    kind: sys::ggml_type,
    length: i64,
    rows: i64,
    data: Vec<u8>,
}

impl Weights {
    fn new(kind: sys::ggml_type, length: usize, values: &[f32]) -> Self {
        let (length, rows) = (length as i64, (values.len() / length) as i64);
        // SAFETY: the data has the size of this many rows.
        unsafe {
            let mut data = vec![0; sys::ggml_row_size(kind, length) * rows as usize];
            let to = data.as_mut_ptr().cast();
            sys::ggml_quantize_chunk(kind, values.as_ptr(), to, 0, rows, length, ptr::null());
            Self { kind, length, rows, data }
        }
    }
}

struct Graph {
    context: *mut sys::ggml_context,
    graph: *mut sys::ggml_cgraph,
    product: *mut sys::ggml_tensor,
}

impl Graph {
    fn new(weights: &Weights, columns: &[f32]) -> Self {
        let count = columns.len() as i64 / weights.length;
        let params = sys::ggml_init_params {
            mem_size: 64 << 20,
            mem_buffer: ptr::null_mut(),
            no_alloc: false,
        };
        // SAFETY: the context has room for all; each tensor's data has the size that is written.
        unsafe {
            let context = sys::ggml_init(params);
            let Weights { kind, length, rows, data } = weights;
            let matrix = sys::ggml_new_tensor_2d(context, *kind, *length, *rows);
            assert_eq!(data.len(), sys::ggml_nbytes(matrix));
            ptr::copy_nonoverlapping(data.as_ptr(), (*matrix).data.cast(), data.len());
            let input = sys::ggml_new_tensor_2d(context, sys::GGML_TYPE_F32, *length, count);
            ptr::copy_nonoverlapping(columns.as_ptr(), (*input).data.cast(), columns.len());
            let product = sys::ggml_mul_mat(context, matrix, input);
            let graph = sys::ggml_new_graph(context);
            sys::ggml_build_forward_expand(graph, product);
            Self { context, graph, product }
        }
    }

    /// A product with experts: each of a token's columns with the expert that `ids` gives for it.
    fn of_experts(
        weights: &Weights,
        experts: i64,
        slots: i64,
        ids: &[i32],
        columns: &[f32],
    ) -> Self {
        let params = sys::ggml_init_params {
            mem_size: weights.data.len() + (64 << 20),
            mem_buffer: ptr::null_mut(),
            no_alloc: false,
        };
        // SAFETY: as above.
        unsafe {
            let context = sys::ggml_init(params);
            let Weights { kind, length, rows, data } = weights;
            let matrix = sys::ggml_new_tensor_3d(context, *kind, *length, rows / experts, experts);
            assert_eq!(data.len(), sys::ggml_nbytes(matrix));
            ptr::copy_nonoverlapping(data.as_ptr(), (*matrix).data.cast(), data.len());
            let tokens = ids.len() as i64 / slots;
            // One column for all slots of a token, or one for each.
            let each = columns.len() as i64 / length / tokens;
            let float = sys::GGML_TYPE_F32;
            let input = sys::ggml_new_tensor_3d(context, float, *length, each, tokens);
            ptr::copy_nonoverlapping(columns.as_ptr(), (*input).data.cast(), columns.len());
            let wanted = sys::ggml_new_tensor_2d(context, sys::GGML_TYPE_I32, slots, tokens);
            ptr::copy_nonoverlapping(ids.as_ptr(), (*wanted).data.cast(), ids.len());
            let product = sys::ggml_mul_mat_id(context, matrix, input, wanted);
            let graph = sys::ggml_new_graph(context);
            sys::ggml_build_forward_expand(graph, product);
            Self { context, graph, product }
        }
    }

    /// The keys of some heads with each token's heads, of which there are more.
    fn of_heads(keys: &[f32], shape: [i64; 3], tokens: i64, columns: &[f32]) -> Self {
        let [length, rows, heads] = shape;
        let params = sys::ggml_init_params {
            mem_size: 64 << 20,
            mem_buffer: ptr::null_mut(),
            no_alloc: false,
        };
        // SAFETY: as above.
        unsafe {
            let context = sys::ggml_init(params);
            let half = sys::GGML_TYPE_F16;
            let matrices = sys::ggml_new_tensor_3d(context, half, length, rows, heads);
            assert_eq!(keys.len() as i64, sys::ggml_nelements(matrices));
            sys::ggml_cpu_fp32_to_fp16(keys.as_ptr(), (*matrices).data.cast(), keys.len() as i64);
            let all = columns.len() as i64 / length / tokens;
            let float = sys::GGML_TYPE_F32;
            // In the layout that the layer produces: a token's heads next to each other.
            let input = sys::ggml_new_tensor_3d(context, float, length, all, tokens);
            ptr::copy_nonoverlapping(columns.as_ptr(), (*input).data.cast(), columns.len());
            let input = sys::ggml_permute(context, input, 0, 2, 1, 3);
            let product = sys::ggml_mul_mat(context, matrices, input);
            let graph = sys::ggml_new_graph(context);
            sys::ggml_build_forward_expand(graph, product);
            Self { context, graph, product }
        }
    }

    fn compute(&self, threads: &Threads, level: Option<Level>) -> Vec<f32> {
        let name = [CHOICE, level.map_or("off", Level::name).as_bytes(), b"\0"].concat();
        // SAFETY: all of the graph's data is the context's, which lives; the name ends with NUL.
        unsafe {
            sys::ggml_set_name(self.product, name.as_ptr().cast());
            let values = (*self.product).data.cast::<f32>();
            let count = usize::try_from(sys::ggml_nelements(self.product)).unwrap_or(0);
            std::slice::from_raw_parts_mut(values, count).fill(f32::NAN);
            let status = sys::ggml_backend_graph_compute(threads.0, self.graph);
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

fn numbers(count: usize, pace: f32) -> Vec<f32> {
    (0..count).map(|index| (index as f32 * pace).sin() * (1.0 + (index % 7) as f32)).collect()
}

const KINDS: [(&str, sys::ggml_type); 10] = [
    ("Q4_K", sys::GGML_TYPE_Q4_K),
    ("Q5_K", sys::GGML_TYPE_Q5_K),
    ("Q6_K", sys::GGML_TYPE_Q6_K),
    ("Q3_K", sys::GGML_TYPE_Q3_K),
    ("Q2_K", sys::GGML_TYPE_Q2_K),
    ("IQ4_XS", sys::GGML_TYPE_IQ4_XS),
    ("Q4_0", sys::GGML_TYPE_Q4_0),
    ("Q5_0", sys::GGML_TYPE_Q5_0),
    ("Q8_0", sys::GGML_TYPE_Q8_0),
    ("IQ4_NL", sys::GGML_TYPE_IQ4_NL),
];

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
    const LENGTH: usize = 1024;
    let _ = Backend::init();
    let values = numbers(LENGTH * 1100, 0.37);
    for (threads, (name, kind)) in (1..).zip(KINDS) {
        let threads = Threads::new(threads);
        let weights = Weights::new(kind, LENGTH, &values);
        for count in [1, 2, 7, 16, 33, 70] {
            let graph = Graph::new(&weights, &numbers(LENGTH * count, 0.11));
            compare(&graph, &threads, &format!("{name}, {count} columns"));
        }
    }
}

#[test]
fn products_of_experts_are_those_of_llama_cpp() {
    const LENGTH: usize = 512;
    const EXPERTS: usize = 5;
    let _ = Backend::init();
    let values = numbers(LENGTH * EXPERTS * 100, 0.37);
    for (threads, (name, kind)) in (1..).zip(KINDS) {
        let threads = Threads::new(threads);
        let weights = Weights::new(kind, LENGTH, &values);
        for tokens in [1, 2, 9, 40] {
            // No token wants an expert twice, and one expert is not wanted at all.
            let ids: Vec<i32> =
                (0..tokens).flat_map(|token| [0, 1, 2].map(|slot| (token + slot) % 4)).collect();
            for each in [1, 3] {
                let columns = numbers(LENGTH * each * tokens as usize, 0.11);
                let graph = Graph::of_experts(&weights, EXPERTS as i64, 3, &ids, &columns);
                let what = format!("{name}, {tokens} tokens, {each} columns for each");
                compare(&graph, &threads, &what);
            }
        }
    }
}

/// Weights that only llama.cpp has kernels for: those that a quantized model has in other types,
/// and formats that are too rare for kernels of our own.
const GGML_ONLY: [(&str, sys::ggml_type); 5] = [
    ("F32", sys::GGML_TYPE_F32),
    ("F16", sys::GGML_TYPE_F16),
    ("BF16", sys::GGML_TYPE_BF16),
    ("Q4_1", sys::GGML_TYPE_Q4_1),
    ("Q5_1", sys::GGML_TYPE_Q5_1),
];

/// Otherwise what is written would depend on how many tokens are computed at once. Tested with each
/// level, and with llama.cpp's own kernels for what is left to them.
#[test]
fn a_column_comes_out_the_same_in_any_company() {
    const LENGTH: usize = 1280;
    const ROWS: usize = 70;
    let _ = Backend::init();
    let values = numbers(LENGTH * ROWS, 0.37);
    let columns = numbers(LENGTH * 40, 0.11);
    let threads = Threads::new(2);
    let ours = KINDS.iter().flat_map(|kind| Level::all().map(move |level| (kind, Some(level))));
    for ((name, kind), level) in ours.chain(GGML_ONLY.iter().map(|kind| (kind, None))) {
        let weights = Weights::new(*kind, LENGTH, &values);
        let product = |columns: &[f32]| bits(&Graph::new(&weights, columns), &threads, level);
        let alone: Vec<_> = columns.chunks(LENGTH).flat_map(product).collect();
        for count in [2, 3, 4, 5, 8, 9, 16, 17, 20, 33, 40] {
            let together = product(&columns[..count * LENGTH]);
            let level = level.map_or("llama.cpp", Level::name);
            assert!(together == alone[..count * ROWS], "{name}, {level}, {count} columns");
        }
    }
}

/// As for matrices, but with experts, each of which has some of the columns.
#[test]
fn a_token_has_the_same_of_its_experts_in_any_company() {
    const LENGTH: usize = 512;
    const EXPERTS: usize = 5;
    let _ = Backend::init();
    let values = numbers(LENGTH * EXPERTS * 30, 0.37);
    let columns = numbers(LENGTH * 40, 0.11);
    let ids: Vec<i32> =
        (0..40).flat_map(|token| [0, 1, 2].map(|slot| (token / 7 + slot) % 5)).collect();
    let threads = Threads::new(2);
    for ((name, kind), level) in
        KINDS.iter().flat_map(|kind| Level::all().map(move |it| (kind, it)))
    {
        let weights = Weights::new(*kind, LENGTH, &values);
        let product = |ids: &[i32], columns: &[f32]| {
            let graph = Graph::of_experts(&weights, EXPERTS as i64, 3, ids, columns);
            bits(&graph, &threads, Some(level))
        };
        let alone: Vec<_> = ids
            .chunks(3)
            .zip(columns.chunks(LENGTH))
            .flat_map(|(ids, column)| product(ids, column))
            .collect();
        for tokens in [2, 6, 17, 40] {
            let together = product(&ids[..3 * tokens], &columns[..tokens * LENGTH]);
            let what = format!("{name}, {}, {tokens} tokens", level.name());
            assert!(together == alone[..together.len()], "{what}");
        }
    }
}

/// As for matrices, but with keys and values, which llama.cpp computes itself for several tokens.
#[test]
fn a_token_sees_the_same_in_any_company() {
    const LENGTH: usize = 80;
    const ROWS: usize = 260;
    const HEADS: usize = 2;
    const ALL_HEADS: usize = 6;
    let _ = Backend::init();
    let keys = numbers(LENGTH * ROWS * HEADS, 0.37);
    let shape = [LENGTH, ROWS, HEADS].map(|size| size as i64);
    let columns = numbers(LENGTH * ALL_HEADS * 20, 0.11);
    let level = Level::best();
    for threads in [1, 3] {
        let threads = Threads::new(threads);
        let product = |columns: &[f32]| {
            let tokens = columns.len() / LENGTH / ALL_HEADS;
            let graph = Graph::of_heads(&keys, shape, tokens as i64, columns);
            let values = bits(&graph, &threads, level);
            // Head after head, each with its tokens.
            let of = |token: usize, head: usize| &values[(head * tokens + token) * ROWS..][..ROWS];
            let all = (0..tokens).flat_map(|token| (0..ALL_HEADS).map(move |head| (token, head)));
            all.flat_map(|(token, head)| of(token, head).to_vec()).collect::<Vec<_>>()
        };
        let before = COMPUTED.load(Ordering::Relaxed);
        let alone: Vec<_> = columns.chunks(LENGTH * ALL_HEADS).flat_map(product).collect();
        assert!(COMPUTED.load(Ordering::Relaxed) > before, "one token is not ours");
        for tokens in [2, 3, 5, 8, 16, 20] {
            let together = product(&columns[..tokens * LENGTH * ALL_HEADS]);
            assert!(together == alone[..together.len()], "{tokens} tokens");
        }
    }
}

/// As for quantized matrices, but with float ones, such as those that choose experts.
#[test]
fn floats_give_the_same_in_any_company() {
    const LENGTH: usize = 96;
    let _ = Backend::init();
    let columns = numbers(LENGTH * 20, 0.11);
    for (threads, kind) in
        [(1, sys::GGML_TYPE_F32), (3, sys::GGML_TYPE_F32), (2, sys::GGML_TYPE_F16)]
    {
        let threads = Threads::new(threads);
        // With a multiple of four rows llama.cpp has a kernel for several tokens.
        for rows in [64, 66, 260] {
            let weights = Weights::new(kind, LENGTH, &numbers(LENGTH * rows, 0.37));
            let product =
                |columns: &[f32]| bits(&Graph::new(&weights, columns), &threads, Level::best());
            let alone: Vec<_> = columns.chunks(LENGTH).flat_map(product).collect();
            for count in [2, 3, 8, 20] {
                let together = product(&columns[..count * LENGTH]);
                assert!(together == alone[..count * rows], "{kind}, {rows} rows, {count} columns");
            }
        }
    }
}

fn bits(graph: &Graph, threads: &Threads, level: Option<Level>) -> Vec<u32> {
    graph.compute(threads, level).into_iter().map(f32::to_bits).collect()
}

fn compare(graph: &Graph, threads: &Threads, what: &str) {
    let theirs = graph.compute(threads, None);
    let largest = theirs.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for level in Level::all() {
        let what = format!("{what}, {}", level.name());
        let before = COMPUTED.load(Ordering::Relaxed);
        let ours = graph.compute(threads, Some(level));
        assert!(COMPUTED.load(Ordering::Relaxed) > before, "{what}: not ours");
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert!(
                (ours - theirs).abs() <= 1e-4 * largest,
                "{what}, value {index}: {ours}, llama.cpp has {theirs}"
            );
        }
    }
}

/// A step as long as with a draft, with the type that most weights have. `MEASURE=all` measures all
/// formats for the table of docs/reference/kernels.md, which `--nocapture` shows: how much faster
/// than llama.cpp's own kernels, by columns. Which instructions those use depends on the build:
/// with `target-cpu=x86-64-v3` it is AVX2.
#[test]
fn a_step_of_some_tokens_is_faster_than_with_llama_cpp() {
    let _ = Backend::init();
    let all = std::env::var_os("MEASURE").is_some_and(|value| value == "all");
    let columns: &[usize] = if all { &[1, 2, 3, 4, 8, 16, 32, 128] } else { &[16] };
    for (name, kind) in KINDS.into_iter().take(if all { KINDS.len() } else { 1 }) {
        let levels: Vec<_> = Level::all().collect();
        let gains: Vec<_> = columns.iter().map(|count| gains(kind, *count, &levels)).collect();
        for (index, level) in levels.iter().enumerate() {
            let gains: Vec<_> = gains.iter().map(|of| format!("{:.2}", of[index])).collect();
            println!("| `{name}` | {} | {} |", level.name(), gains.join(" | "));
        }
        if let (false, Some(best)) = (all, gains[0].last()) {
            assert!(*best > 1.0, "{name}: {best:.2} times as fast as llama.cpp's");
        }
    }
}

fn gains(kind: sys::ggml_type, count: usize, levels: &[Level]) -> Vec<f64> {
    const LENGTH: usize = 2048;
    let threads = Threads::new(1);
    let weights = Weights::new(kind, LENGTH, &numbers(LENGTH * 4096, 0.37));
    let graph = Graph::new(&weights, &numbers(LENGTH * count, 0.11));
    let best = best_times(&graph, &threads, levels);
    best[1..].iter().map(|own| best[0] / own).collect()
}

/// Seconds with llama.cpp's own kernels and with each level, the best of some tries.
fn best_times(graph: &Graph, threads: &Threads, levels: &[Level]) -> Vec<f64> {
    const TRIES: usize = 15;
    let seconds = |level| {
        let begun = Instant::now();
        graph.compute(threads, level);
        begun.elapsed().as_secs_f64()
    };
    let mut best = vec![f64::INFINITY; 1 + levels.len()];
    // Interleaved, so that other work on the machine affects all of them alike.
    for _ in 0..TRIES {
        best[0] = best[0].min(seconds(None));
        for (level, best) in levels.iter().zip(&mut best[1..]) {
            *best = best.min(seconds(Some(*level)));
        }
    }
    best
}

/// Experts of the size that models of some billions of weights have: 64 of 768 rows of 2048
/// weights, and eight of them for each token. `MEASURE=all` shows how much faster than llama.cpp's
/// own kernels they are by tokens, and how many times as long as one token this many tokens take:
/// more tokens need more of the experts.
#[test]
fn a_step_of_experts_is_faster_than_with_llama_cpp() {
    const LENGTH: usize = 2048;
    const EXPERTS: usize = 64;
    const SLOTS: usize = 8;
    let _ = Backend::init();
    let all = std::env::var_os("MEASURE").is_some_and(|value| value == "all");
    let tokens: &[usize] = if all { &[1, 2, 4, 8, 16, 32] } else { &[16] };
    let threads = Threads::new(1);
    let one = Weights::new(sys::GGML_TYPE_Q4_K, LENGTH, &numbers(LENGTH * 768, 0.37));
    let (rows, data) = (one.rows * EXPERTS as i64, one.data.repeat(EXPERTS));
    let weights = Weights { rows, data, ..one };
    let levels: Vec<_> = Level::all().collect();
    let mut times = Vec::new();
    for count in tokens {
        // Any eight, none twice: steps of an odd number reach all of them.
        let ids: Vec<i32> = (0..*count)
            .flat_map(|token| {
                (0..SLOTS).map(move |slot| (token * 29 + slot * (2 * token + 7)) % 64)
            })
            .map(|expert| expert as i32)
            .collect();
        let columns = numbers(LENGTH * count, 0.11);
        let graph = Graph::of_experts(&weights, EXPERTS as i64, SLOTS as i64, &ids, &columns);
        times.push(best_times(&graph, &threads, &levels));
    }
    for (index, level) in levels.iter().enumerate() {
        let row = |of: &dyn Fn(&[f64]) -> f64| {
            times.iter().map(|it| format!("{:.2}", of(it))).collect::<Vec<_>>().join(" | ")
        };
        println!("| {} | {} |", level.name(), row(&|it| it[0] / it[1 + index]));
        println!("| to one token | {} |", row(&|it| it[1 + index] / times[0][1 + index]));
    }
    // By any level: other tests of this program may take the processor from one of them.
    let best = times[0][1..].iter().copied().reduce(f64::min);
    if let (false, Some(best)) = (all, best) {
        let gain = times[0][0] / best;
        assert!(gain > 1.0, "{gain:.2} times as fast as llama.cpp's");
    }
}
