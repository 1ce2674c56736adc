//! Our own kernels within ggml's CPU backend: its threads leave them the products of quantized
//! matrices as they lie in the file, and keep all else.
//!
//! Nothing is copied but the columns. Where the processor has not the instructions, nothing
//! changes.

#[cfg(target_arch = "x86_64")]
mod hook;
#[cfg(target_arch = "x86_64")]
mod product;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use localcoder_protocol::KERNELS;

/// Whether products of a CPU are computed by them in this process.
pub(super) fn are_used() -> bool {
    let off = std::env::var_os(KERNELS).is_some_and(|value| value == "off");
    !off && localcoder_kernels::available()
}

/// Has llama.cpp use them. Once for each process, before a model is loaded.
pub(super) fn install() {
    #[cfg(target_arch = "x86_64")]
    if are_used() {
        hook::install();
    }
}
