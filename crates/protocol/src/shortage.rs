//! How a lack of memory reads, in the words of those who lack it: llama.cpp and its backends, the
//! C++ and Rust runtimes, and the system. One list, because worker and host both judge by it: the
//! worker a line of llama.cpp's log, the host the last words of a worker that ended.

/// In lower case. Each was said by one of them.
const OUT_OF_MEMORY: &[&str] = &[
    // ggml's buffers and llama.cpp's KV cache.
    "failed to allocate",
    "unable to allocate",
    "mmap failed",
    // CUDA and Vulkan; Metal.
    "out of memory",
    "outofmemory",
    "outofdevicememory",
    "outofhostmemory",
    "insufficient memory",
    // C++ and Rust.
    "bad_alloc",
    "memory allocation of",
    // ENOMEM, and EAGAIN: a thread that can't be started.
    "cannot allocate memory",
    "resource temporarily unavailable",
];

/// With this it is tried in another way, and no failure yet.
const RETRIED: &str = "retrying";

/// Whether a line says that there was not enough memory.
#[must_use]
pub fn says_out_of_memory(line: &str) -> bool {
    let line = line.to_lowercase();
    OUT_OF_MEMORY.iter().any(|words| line.contains(words)) && !line.contains(RETRIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_memory_is_known_by_the_words_of_each_who_says_it() {
        for line in [
            "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 1",
            "llama_kv_cache: unable to allocate KV cache",
            "error loading model: mmap failed: Cannot allocate memory",
            "error loading model: std::bad_alloc",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "memory allocation of 4294967296 bytes failed",
            "CUDA error: out of memory",
            "ggml_metal: error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackError\
             OutOfMemory)",
            "vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
            "thread 'main' panicked: failed to spawn thread: Resource temporarily unavailable",
        ] {
            assert!(says_out_of_memory(line), "{line}");
        }
        for line in [
            "failed to allocate, retrying without pipeline parallelism",
            "the context has 2048 tokens",
            "llama_memory_recurrent: size = 2.00 MiB",
            "failed to open model file",
            "",
        ] {
            assert!(!says_out_of_memory(line), "{line}");
        }
    }
}
