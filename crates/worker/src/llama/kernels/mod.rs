//! Our own kernels within ggml's CPU backend: its threads leave to them the products of quantized
//! matrices in the layout of the file, and keep everything else.
//!
//! Nothing but the columns is copied. On a processor without the instructions, nothing changes.

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

/// The level that this process computes products on the CPU with; `None` if llama.cpp does it all.
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

pub(super) fn level_name() -> Option<&'static str> {
    LEVEL.map(Level::name)
}

/// Makes llama.cpp use our kernels. Must be called once per process, before a model is loaded.
pub(super) fn install() {
    #[cfg(target_arch = "x86_64")]
    if let Some(level) = *LEVEL {
        hook::install(level);
    }
}
