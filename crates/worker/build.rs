//! Compiles the one piece of C++ that gets our kernels into ggml's CPU backend: its list of kernel
//! classes can't be reached any other way.

fn main() {
    const HOOK: &str = "src/llama/kernels/hook.cpp";
    println!("cargo::rerun-if-changed={HOOK}");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
        cc::Build::new().cpp(true).std("c++17").file(HOOK).compile("localcoder_hook");
    }
}
