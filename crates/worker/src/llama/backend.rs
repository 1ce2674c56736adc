//! Process-wide start of llama.cpp: its log and abort handler, its devices, its version.

use std::ffi::{CStr, c_char};

use llama_cpp_sys_2 as sys;

use super::{kernels, log};

/// Proof that llama.cpp is initialized; everything else asks for one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backend(());

impl Backend {
    /// Initializes llama.cpp. Its log goes to [`super::Log`] and to stderr from here on.
    pub(crate) fn init() -> Self {
        log::install();
        // SAFETY: both take plain values; the callback is a static function that never unwinds.
        unsafe {
            sys::ggml_set_abort_callback(Some(on_abort));
            sys::llama_backend_init();
        }
        // After llama.cpp has registered its devices and before anything computes.
        kernels::install();
        Self(())
    }

    /// Name of the first GPU's backend, such as `Metal`, if this build has one.
    pub(crate) fn gpu(self) -> Option<String> {
        // SAFETY: the registry is static after `llama_backend_init`, which `self` proves; every
        // index is below the count, and the names are static strings.
        unsafe {
            (0..sys::ggml_backend_dev_count()).find_map(|index| {
                let device = sys::ggml_backend_dev_get(index);
                let kind = sys::ggml_backend_dev_type(device);
                let gpu = kind == sys::GGML_BACKEND_DEVICE_TYPE_GPU
                    || kind == sys::GGML_BACKEND_DEVICE_TYPE_IGPU;
                let registry = sys::ggml_backend_dev_backend_reg(device);
                gpu.then(|| static_text(sys::ggml_backend_reg_name(registry)))
            })
        }
    }
}

#[derive(Debug)]
pub(crate) struct FoundDevice {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) gpu: bool,
    pub(crate) memory_bytes: u64,
}

impl Backend {
    pub(crate) fn devices(self) -> Vec<FoundDevice> {
        // SAFETY: as in `gpu`; both numbers are written before the call returns.
        let mut found: Vec<FoundDevice> = unsafe {
            (0..sys::ggml_backend_dev_count())
                .map(|index| sys::ggml_backend_dev_get(index))
                // Accelerators help the CPU and have no memory of their own.
                .filter(|device| {
                    sys::ggml_backend_dev_type(*device) != sys::GGML_BACKEND_DEVICE_TYPE_ACCEL
                })
                .map(|device| {
                    let kind = sys::ggml_backend_dev_type(device);
                    let registry = sys::ggml_backend_dev_backend_reg(device);
                    let (mut free, mut total) = (0, 0);
                    sys::ggml_backend_dev_memory(device, &raw mut free, &raw mut total);
                    FoundDevice {
                        name: static_text(sys::ggml_backend_reg_name(registry)),
                        description: static_text(sys::ggml_backend_dev_description(device)),
                        gpu: kind == sys::GGML_BACKEND_DEVICE_TYPE_GPU
                            || kind == sys::GGML_BACKEND_DEVICE_TYPE_IGPU,
                        memory_bytes: u64::try_from(total).unwrap_or(u64::MAX),
                    }
                })
                .collect()
        };
        found.sort_by_key(|device| !device.gpu);
        found
    }
}

/// Version of the llama.cpp that is linked, and which of our own kernels are in use: speed and the
/// last digits of a number depend on both. Needs no initialization.
pub(crate) fn build_version() -> String {
    // SAFETY: both return static strings.
    let (llama, ggml) =
        unsafe { (static_text(sys::llama_version()), static_text(sys::ggml_version())) };
    let kernels = kernels::level_name()
        .map(|level| format!(", LocalCoder kernels ({level})"))
        .unwrap_or_default();
    if llama.is_empty() {
        // The version of the bindings is pinned in the workspace's Cargo.toml.
        return format!("llama-cpp-sys-2 0.1.161{kernels}");
    }
    format!("llama.cpp {llama} (ggml {ggml}){kernels}")
}

/// Copies a static C string of llama.cpp; empty for null.
///
/// # Safety
/// `text` is null or a NUL-terminated string that lives during the call.
unsafe fn static_text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// llama.cpp calls this on a failed assertion and then aborts the process: the last line puts the
/// reason into the host's crash report.
unsafe extern "C" fn on_abort(message: *const c_char) {
    // SAFETY: llama.cpp passes a NUL-terminated message.
    let message = unsafe { static_text(message) };
    crate::process::log(&format!("llama.cpp gave up: {}", message.trim()));
}
