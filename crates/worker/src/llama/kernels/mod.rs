//! Our own kernels within ggml's CPU backend: its threads leave them the products of quantized
//! matrices as they are in the file, and keep all else.
//!
//! Nothing is copied but the columns. Where the processor has not the instructions, nothing
//! changes.

#[cfg(target_arch = "x86_64")]
mod attention;
#[cfg(target_arch = "x86_64")]
mod experts;
#[cfg(target_arch = "x86_64")]
mod hook;
#[cfg(target_arch = "x86_64")]
mod product;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use std::sync::LazyLock;

use localcoder_kernels::Level;
use localcoder_protocol::KERNELS;

/// What products of a CPU are computed with in this process, if by ours at all.
static LEVEL: LazyLock<Option<Level>> = LazyLock::new(|| match std::env::var(KERNELS) {
    Ok(name) => chosen(&name),
    Err(_) => Level::best(),
});

fn chosen(name: &str) -> Option<Level> {
    let level = Level::named(name);
    if level.is_none() && name != "off" {
        let here: Vec<_> = Level::all().map(Level::name).collect();
        crate::process::log(&format!(
            "{KERNELS}={name}: this processor has no kernels of that name, so llama.cpp's are \
             used. It has: {}, or off",
            here.join(", "),
        ));
    }
    level
}

/// The name of their level, where products of a CPU are computed by them in this process.
pub(super) fn level_name() -> Option<&'static str> {
    LEVEL.map(Level::name)
}

/// Has llama.cpp use them. Once for each process, before a model is loaded.
pub(super) fn install() {
    #[cfg(target_arch = "x86_64")]
    if let Some(level) = *LEVEL {
        hook::install(level);
    }
}
