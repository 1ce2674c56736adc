//! Our own kernels as a device of ggml's, beside the CPU: the scheduler gives it the products of
//! quantized matrices with the columns of a step with a draft, and keeps all else.
//!
//! Weights stay where they are; it needs no memory but for the columns. Where the processor has
//! not the instructions, no device is there and nothing changes.

#[cfg(target_arch = "x86_64")]
mod abi;
#[cfg(target_arch = "x86_64")]
mod device;
#[cfg(target_arch = "x86_64")]
mod product;
#[cfg(target_arch = "x86_64")]
mod team;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use llama_cpp_sys_2 as sys;
use localcoder_protocol::KERNELS;

/// Whether products of a CPU are computed by them in this process.
pub(super) fn are_used() -> bool {
    let off = std::env::var_os(KERNELS).is_some_and(|value| value == "off");
    !off && localcoder_kernels::available()
}

/// Makes the device known to llama.cpp. Once for each process, before a model is loaded.
pub(super) fn register() {
    #[cfg(target_arch = "x86_64")]
    if are_used() {
        device::register();
    }
}

/// One to compute with, or null where there is none.
pub(super) fn backend(threads: i32) -> sys::ggml_backend_t {
    // SAFETY: the name is a text; the device lives for ever where there is one.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        let device = sys::ggml_backend_dev_by_name(device::NAME.as_ptr());
        if device.is_null() {
            return std::ptr::null_mut();
        }
        let backend = sys::ggml_backend_dev_init(device, std::ptr::null());
        device::set_threads(backend, threads);
        backend
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = threads;
        std::ptr::null_mut()
    }
}
