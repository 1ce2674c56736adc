//! What a backend fills in for ggml: the part of `ggml-backend-impl.h` that the bindings leave
//! out, for API version 3, which the pinned version of the bindings has. What we never have is
//! a null of no particular type.

use std::ffi::{c_char, c_int, c_void};

use llama_cpp_sys_2 as sys;

/// A function that we don't have.
pub(super) type Absent = Option<unsafe extern "C" fn()>;

/// `GGML_BACKEND_API_VERSION`.
pub(super) const API_VERSION: c_int = 3;

/// `struct ggml_backend`.
#[repr(C)]
pub(super) struct Backend {
    pub(super) guid: sys::ggml_guid_t,
    pub(super) interface: BackendInterface,
    pub(super) device: sys::ggml_backend_dev_t,
    pub(super) context: *mut c_void,
}

/// `struct ggml_backend_i`.
#[repr(C)]
pub(super) struct BackendInterface {
    pub(super) get_name: unsafe extern "C" fn(sys::ggml_backend_t) -> *const c_char,
    pub(super) free: unsafe extern "C" fn(sys::ggml_backend_t),
    /// Five for data that moves later, one to wait for it, four for plans.
    pub(super) asynchronous: [Absent; 6],
    pub(super) plans: [Absent; 4],
    pub(super) graph_compute:
        unsafe extern "C" fn(sys::ggml_backend_t, *mut sys::ggml_cgraph) -> sys::ggml_status,
    pub(super) events: [Absent; 2],
    pub(super) graph_optimize: Absent,
}

/// `struct ggml_backend_device`.
#[repr(C)]
pub(super) struct Device {
    pub(super) interface: DeviceInterface,
    pub(super) registry: sys::ggml_backend_reg_t,
    pub(super) context: *mut c_void,
}

/// `struct ggml_backend_device_i`.
#[repr(C)]
pub(super) struct DeviceInterface {
    pub(super) get_name: unsafe extern "C" fn(sys::ggml_backend_dev_t) -> *const c_char,
    pub(super) get_description: unsafe extern "C" fn(sys::ggml_backend_dev_t) -> *const c_char,
    pub(super) get_memory: unsafe extern "C" fn(sys::ggml_backend_dev_t, *mut usize, *mut usize),
    pub(super) get_type:
        unsafe extern "C" fn(sys::ggml_backend_dev_t) -> sys::ggml_backend_dev_type,
    pub(super) get_props:
        unsafe extern "C" fn(sys::ggml_backend_dev_t, *mut sys::ggml_backend_dev_props),
    pub(super) init_backend:
        unsafe extern "C" fn(sys::ggml_backend_dev_t, *const c_char) -> sys::ggml_backend_t,
    pub(super) get_buffer_type:
        unsafe extern "C" fn(sys::ggml_backend_dev_t) -> sys::ggml_backend_buffer_type_t,
    pub(super) get_host_buffer_type: Absent,
    pub(super) buffer_from_host_ptr: unsafe extern "C" fn(
        sys::ggml_backend_dev_t,
        *mut c_void,
        usize,
        usize,
    ) -> sys::ggml_backend_buffer_t,
    pub(super) supports_op:
        unsafe extern "C" fn(sys::ggml_backend_dev_t, *const sys::ggml_tensor) -> bool,
    pub(super) supports_buft:
        unsafe extern "C" fn(sys::ggml_backend_dev_t, sys::ggml_backend_buffer_type_t) -> bool,
    pub(super) offload_op: Absent,
    pub(super) events: [Absent; 3],
}

/// `struct ggml_backend_reg`.
#[repr(C)]
pub(super) struct Registry {
    pub(super) api_version: c_int,
    pub(super) interface: RegistryInterface,
    pub(super) context: *mut c_void,
}

/// `struct ggml_backend_reg_i`.
#[repr(C)]
pub(super) struct RegistryInterface {
    pub(super) get_name: unsafe extern "C" fn(sys::ggml_backend_reg_t) -> *const c_char,
    pub(super) get_device_count: unsafe extern "C" fn(sys::ggml_backend_reg_t) -> usize,
    pub(super) get_device:
        unsafe extern "C" fn(sys::ggml_backend_reg_t, usize) -> sys::ggml_backend_dev_t,
    pub(super) get_proc_address:
        unsafe extern "C" fn(sys::ggml_backend_reg_t, *const c_char) -> *mut c_void,
}
