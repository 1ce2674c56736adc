//! The kinds of memory that weights on a CPU can be in: plain, and those in which llama.cpp
//! rearranges them for its kernels. Which is faster is decided elsewhere.

use std::ptr::NonNull;

use llama_cpp_sys_2 as sys;

type ExtraKinds =
    unsafe extern "C" fn(sys::ggml_backend_dev_t) -> *mut sys::ggml_backend_buffer_type_t;

/// Memory in which weights are laid out as in the file.
pub(super) fn plain() -> sys::ggml_backend_buffer_type_t {
    // SAFETY: returns a static.
    unsafe { sys::ggml_backend_cpu_buffer_type() }
}

/// The kinds in which weights are rearranged, in the order in which llama.cpp tries them.
pub(super) fn rearranging() -> Vec<sys::ggml_backend_buffer_type_t> {
    list().unwrap_or_default()
}

fn list() -> Option<Vec<sys::ggml_backend_buffer_type_t>> {
    // SAFETY: the registry is static; the function of that name has that type (ggml-backend.h),
    // and what it returns ends with a null.
    unsafe {
        let device = sys::ggml_backend_dev_by_type(sys::GGML_BACKEND_DEVICE_TYPE_CPU);
        let device = NonNull::new(device)?.as_ptr();
        let registry = NonNull::new(sys::ggml_backend_dev_backend_reg(device))?;
        let name = c"ggml_backend_dev_get_extra_bufts";
        let address = sys::ggml_backend_reg_get_proc_address(registry.as_ptr(), name.as_ptr());
        let function: ExtraKinds = std::mem::transmute(NonNull::new(address)?.as_ptr());
        let mut kinds = Vec::new();
        let mut next = NonNull::new(function(device))?.as_ptr();
        while !(*next).is_null() {
            kinds.push(*next);
            next = next.add(1);
        }
        Some(kinds)
    }
}
