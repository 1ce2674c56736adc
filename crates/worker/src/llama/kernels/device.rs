//! The device: what ggml asks of one, and the products that it takes.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

use llama_cpp_sys_2 as sys;

use super::abi;
use super::product::Product;
use super::team::Team;

pub(super) const NAME: &CStr = c"LocalCoder";
const DESCRIPTION: &CStr = c"quantized products, AVX-512 VNNI";
/// Matrices below this are done before a thread has woken up.
const WEIGHTS_MIN: i64 = 1 << 20;
/// With fewer columns llama.cpp's own kernels are as fast, which spread nothing out.
const COLUMNS_MIN: i64 = 3;

/// ggml keeps pointers to both for as long as the process lives.
struct Statics {
    registry: abi::Registry,
    device: abi::Device,
}

// SAFETY: never changed after `register`; the pointers in them are to themselves or null.
unsafe impl Send for Statics {}
// SAFETY: as above.
unsafe impl Sync for Statics {}

fn statics() -> &'static Statics {
    static STATICS: OnceLock<&'static Statics> = OnceLock::new();
    STATICS.get_or_init(|| {
        let statics = Box::leak(Box::new(Statics { registry: registry(), device: device() }));
        statics.device.registry = (&raw mut statics.registry).cast();
        statics
    })
}

/// Makes the device known. Once for each process.
pub(super) fn register() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the registry lives for ever and has all that version 3 asks for.
    ONCE.call_once(|| unsafe { sys::ggml_backend_register(registry_pointer()) });
}

fn registry_pointer() -> sys::ggml_backend_reg_t {
    (&raw const statics().registry).cast_mut().cast()
}

fn device_pointer() -> sys::ggml_backend_dev_t {
    (&raw const statics().device).cast_mut().cast()
}

fn registry() -> abi::Registry {
    abi::Registry {
        api_version: abi::API_VERSION,
        interface: abi::RegistryInterface {
            get_name: registry_name,
            get_device_count: device_count,
            get_device,
            get_proc_address,
        },
        context: ptr::null_mut(),
    }
}

fn device() -> abi::Device {
    abi::Device {
        interface: abi::DeviceInterface {
            get_name: device_name,
            get_description: device_description,
            get_memory: device_memory,
            get_type: device_type,
            get_props: device_properties,
            init_backend,
            get_buffer_type: buffer_type,
            get_host_buffer_type: None,
            buffer_from_host_ptr,
            supports_op,
            supports_buft,
            offload_op: None,
            events: [None; 3],
        },
        registry: ptr::null_mut(),
        context: ptr::null_mut(),
    }
}

unsafe extern "C" fn registry_name(_: sys::ggml_backend_reg_t) -> *const c_char {
    NAME.as_ptr()
}

unsafe extern "C" fn device_count(_: sys::ggml_backend_reg_t) -> usize {
    1
}

unsafe extern "C" fn get_device(_: sys::ggml_backend_reg_t, _: usize) -> sys::ggml_backend_dev_t {
    device_pointer()
}

/// llama.cpp asks every registry for functions by their names, and knows their types.
unsafe extern "C" fn get_proc_address(
    _: sys::ggml_backend_reg_t,
    name: *const c_char,
) -> *mut c_void {
    // SAFETY: ggml passes a NUL-terminated name.
    if unsafe { CStr::from_ptr(name) } == c"ggml_backend_set_n_threads" {
        return set_threads as *mut c_void;
    }
    ptr::null_mut()
}

unsafe extern "C" fn device_name(_: sys::ggml_backend_dev_t) -> *const c_char {
    NAME.as_ptr()
}

unsafe extern "C" fn device_description(_: sys::ggml_backend_dev_t) -> *const c_char {
    DESCRIPTION.as_ptr()
}

unsafe extern "C" fn device_memory(
    _: sys::ggml_backend_dev_t,
    free: *mut usize,
    total: *mut usize,
) {
    // SAFETY: ggml passes room for both. It has no memory of its own.
    unsafe { (*free, *total) = (0, 0) };
}

unsafe extern "C" fn device_type(_: sys::ggml_backend_dev_t) -> sys::ggml_backend_dev_type {
    sys::GGML_BACKEND_DEVICE_TYPE_ACCEL
}

unsafe extern "C" fn device_properties(
    _: sys::ggml_backend_dev_t,
    properties: *mut sys::ggml_backend_dev_props,
) {
    let ours = sys::ggml_backend_dev_props {
        name: NAME.as_ptr(),
        description: DESCRIPTION.as_ptr(),
        memory_free: 0,
        memory_total: 0,
        type_: sys::GGML_BACKEND_DEVICE_TYPE_ACCEL,
        device_id: ptr::null(),
        caps: sys::ggml_backend_dev_caps {
            async_: false,
            host_buffer: false,
            buffer_from_host_ptr: true,
            events: false,
            mmap_support: true,
        },
    };
    // SAFETY: ggml passes room for them.
    unsafe { properties.write(ours) };
}

unsafe extern "C" fn buffer_type(_: sys::ggml_backend_dev_t) -> sys::ggml_backend_buffer_type_t {
    // SAFETY: returns a static.
    unsafe { sys::ggml_backend_cpu_buffer_type() }
}

unsafe extern "C" fn buffer_from_host_ptr(
    _: sys::ggml_backend_dev_t,
    start: *mut c_void,
    size: usize,
    _: usize,
) -> sys::ggml_backend_buffer_t {
    // SAFETY: what ggml passes goes on as it is.
    unsafe { sys::ggml_backend_cpu_buffer_from_ptr(start, size) }
}

/// What changes nothing is anybody's; of the rest only the products.
unsafe extern "C" fn supports_op(_: sys::ggml_backend_dev_t, op: *const sys::ggml_tensor) -> bool {
    // SAFETY: ggml passes a node of a graph.
    let node = unsafe { &*op };
    match node.op {
        sys::GGML_OP_NONE
        | sys::GGML_OP_RESHAPE
        | sys::GGML_OP_VIEW
        | sys::GGML_OP_PERMUTE
        | sys::GGML_OP_TRANSPOSE => true,
        sys::GGML_OP_MUL_MAT => {
            // SAFETY: as above; its sources are there.
            let product = unsafe { Product::of(node) };
            product.is_some_and(|product| {
                product.weights() >= WEIGHTS_MIN && product.columns() >= COLUMNS_MIN
            })
        }
        _ => false,
    }
}

/// Memory of the process in ggml's own layout: not where weights are rearranged.
unsafe extern "C" fn supports_buft(
    _: sys::ggml_backend_dev_t,
    kind: sys::ggml_backend_buffer_type_t,
) -> bool {
    // SAFETY: ggml passes a kind that lives for ever.
    unsafe { sys::ggml_backend_buft_is_host(kind) }
}

unsafe extern "C" fn init_backend(
    _: sys::ggml_backend_dev_t,
    _: *const c_char,
) -> sys::ggml_backend_t {
    // A name that no other backend has.
    static mut GUID: sys::ggml_guid = *b"localcoder-rows\0";
    let backend = abi::Backend {
        guid: &raw mut GUID,
        interface: abi::BackendInterface {
            get_name: backend_name,
            free: free_backend,
            asynchronous: [None; 6],
            plans: [None; 4],
            graph_compute,
            events: [None; 2],
            graph_optimize: None,
        },
        device: device_pointer(),
        context: Box::into_raw(Box::new(Team::default())).cast(),
    };
    Box::into_raw(Box::new(backend)).cast()
}

unsafe extern "C" fn backend_name(_: sys::ggml_backend_t) -> *const c_char {
    NAME.as_ptr()
}

unsafe extern "C" fn free_backend(backend: sys::ggml_backend_t) {
    // SAFETY: made in `init_backend`, and freed once.
    unsafe {
        let backend = Box::from_raw(backend.cast::<abi::Backend>());
        drop(Box::from_raw(backend.context.cast::<Team>()));
    }
}

/// # Safety
/// The backend is one of ours, and no other call has it.
unsafe fn team<'a>(backend: sys::ggml_backend_t) -> &'a mut Team {
    // SAFETY: the caller's promise; made in `init_backend`.
    unsafe { &mut *(*backend.cast::<abi::Backend>()).context.cast::<Team>() }
}

pub(super) unsafe extern "C" fn set_threads(backend: sys::ggml_backend_t, threads: c_int) {
    // SAFETY: llama.cpp passes the backend that the function was found for.
    unsafe { team(backend) }.set_threads(usize::try_from(threads).unwrap_or(1));
}

unsafe extern "C" fn graph_compute(
    backend: sys::ggml_backend_t,
    graph: *mut sys::ggml_cgraph,
) -> sys::ggml_status {
    // SAFETY: ggml passes our own backend and a graph of what `supports_op` took; one thread at a
    // time computes with a backend.
    unsafe {
        let team = team(backend);
        for index in 0..sys::ggml_graph_n_nodes(graph) {
            let node = &*sys::ggml_graph_node(graph, index);
            let computed = node.flags & flag(sys::GGML_TENSOR_FLAG_COMPUTE) != 0;
            if node.op != sys::GGML_OP_MUL_MAT || !computed {
                continue;
            }
            match Product::of(node) {
                Some(product) => product.compute(team),
                None => return sys::GGML_STATUS_FAILED,
            }
        }
    }
    sys::GGML_STATUS_SUCCESS
}

fn flag(flag: sys::ggml_tensor_flag) -> i32 {
    i32::try_from(flag).unwrap_or(0)
}
