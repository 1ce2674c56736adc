//! The way into ggml's CPU backend: which nodes of a graph we take over, and the call that each of
//! its threads makes for one. `hook.cpp` has the other half.

use std::ffi::{c_int, c_void};
use std::sync::{Once, OnceLock};

use llama_cpp_sys_2 as sys;
use localcoder_kernels::Level;

use super::attention::OneToken;
use super::experts::Experts;
use super::product::{Part, Product};
use crate::llama::memory_kinds;

/// `localcoder_hook` of `hook.cpp`.
#[repr(C)]
struct Hook {
    takes: unsafe extern "C" fn(*const sys::ggml_tensor) -> bool,
    work_bytes: unsafe extern "C" fn(*const sys::ggml_tensor) -> usize,
    compute: unsafe extern "C" fn(*const ComputeParams, *const sys::ggml_tensor),
}

/// `ggml_compute_params` of `ggml-cpu-impl.h`, which is not an installed header: its fields must be
/// those of the version that the workspace pins.
#[repr(C)]
pub(super) struct ComputeParams {
    thread: c_int,
    threads: c_int,
    work_bytes: usize,
    work: *mut c_void,
    pool: *mut c_void,
    reference: bool,
}

unsafe extern "C" {
    fn localcoder_install(hook: *const Hook);
    /// Waits for all threads of the pool.
    fn ggml_barrier(pool: *mut c_void);
    /// Sets a number that the pool's threads share.
    fn ggml_threadpool_chunk_set(pool: *mut c_void, value: c_int);
    /// Adds to it and returns what it was before.
    fn ggml_threadpool_chunk_add(pool: *mut c_void, value: c_int) -> c_int;
}

/// How many calls there were for products, from all threads.
#[cfg(test)]
pub(super) static COMPUTED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// The level that products are computed with; before it is set we take over none.
static LEVEL: OnceLock<Level> = OnceLock::new();

/// Must be called once per process, before a model is loaded: ggml's list has no lock.
pub(super) fn install(level: Level) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // llama.cpp copies the list when it is first asked for kinds of memory; make it do so now,
        // since ours must not be in the copy.
        let _ = memory_kinds::rearranging();
        let hook = Hook { takes, work_bytes, compute };
        // SAFETY: llama.cpp is initialized, and nothing computes yet.
        unsafe { localcoder_install(&raw const hook) };
        let _ = LEVEL.set(level);
    });
}

enum Operation<'a> {
    Product(Product<'a>),
    Experts(Experts<'a>),
    OneToken(OneToken<'a>),
}

impl<'a> Operation<'a> {
    /// # Safety
    /// The node is one of a graph.
    unsafe fn of(node: *const sys::ggml_tensor) -> Option<Self> {
        // SAFETY: guaranteed by the caller; the operations have their sources.
        unsafe {
            let node = &*node;
            #[cfg(test)]
            if let Some(level) = super::tests::chosen(node) {
                return level.and_then(|level| Self::with(node, level));
            }
            // Taken over however many columns there are: llama.cpp adds up in another order.
            Self::with(node, *LEVEL.get()?)
        }
    }

    /// # Safety
    /// As for [`Self::of`].
    unsafe fn with(node: &'a sys::ggml_tensor, level: Level) -> Option<Self> {
        // SAFETY: guaranteed by the caller.
        unsafe {
            match node.op {
                sys::GGML_OP_MUL_MAT => Product::of(node, level)
                    .map(Self::Product)
                    .or_else(|| OneToken::of(node).map(Self::OneToken)),
                sys::GGML_OP_MUL_MAT_ID => Experts::of(node, level).map(Self::Experts),
                _ => None,
            }
        }
    }
}

unsafe extern "C" fn takes(node: *const sys::ggml_tensor) -> bool {
    // SAFETY: ggml passes a node of a graph.
    unsafe { Operation::of(node) }.is_some()
}

unsafe extern "C" fn work_bytes(node: *const sys::ggml_tensor) -> usize {
    // SAFETY: as above.
    match unsafe { Operation::of(node) } {
        Some(Operation::Product(product)) => product.work_bytes(),
        Some(Operation::Experts(experts)) => experts.work_bytes(),
        Some(Operation::OneToken(token)) => token.work_bytes(),
        None => 0,
    }
}

unsafe extern "C" fn compute(params: *const ComputeParams, node: *const sys::ggml_tensor) {
    // SAFETY: ggml passes the work memory that it planned from `work_bytes`, and every thread of
    // the pool calls this for the same node.
    unsafe {
        let (params, Some(operation)) = (&*params, Operation::of(node)) else { return };
        #[cfg(test)]
        COMPUTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let count = usize::try_from(params.threads).unwrap_or(1);
        let part = Part { index: usize::try_from(params.thread).unwrap_or(0), count };
        // One thread sets the number of the next part for all; the barrier below makes it visible
        // before any of them asks.
        if part.index == 0 {
            ggml_threadpool_chunk_set(params.pool, params.threads);
        }
        let work = params.work.cast();
        match &operation {
            Operation::Product(product) => product.round(work, part),
            Operation::Experts(experts) => experts.round(work, part),
            Operation::OneToken(token) => token.round(work, part),
        }
        // Every thread multiplies with columns that the others have rounded.
        ggml_barrier(params.pool);
        let next = || usize::try_from(ggml_threadpool_chunk_add(params.pool, 1)).ok();
        match operation {
            Operation::Product(product) => product.multiply(work, part, &next),
            Operation::Experts(experts) => experts.multiply(work, part, &next),
            Operation::OneToken(token) => token.multiply(params, work, part),
        }
    }
}
