//! Which type most of a file's weights have, so that kernels can be measured with it. Reads only
//! the header.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs::File;
use std::ptr::{self, NonNull};

use llama_cpp_sys_2 as sys;

use super::c_file::CFile;

/// The embeddings are looked up by row, never multiplied with.
const EMBEDDINGS: &[u8] = b"token_embd";

/// The type of most of the bytes that a step multiplies with; `None` if the file can't be read.
pub(super) fn usual_type(file: &File) -> Option<sys::ggml_type> {
    let file = CFile::of(file).ok()?;
    let params = sys::gguf_init_params { no_alloc: true, ctx: ptr::null_mut() };
    let mut bytes = BTreeMap::new();
    // SAFETY: the stream is open; the header is freed once, and the indices are below the
    // number of its tensors.
    unsafe {
        let header = NonNull::new(sys::gguf_init_from_file_ptr(file.as_ptr(), params))?.as_ptr();
        for index in 0..sys::gguf_get_n_tensors(header) {
            let name = CStr::from_ptr(sys::gguf_get_tensor_name(header, index));
            if !name.to_bytes().starts_with(EMBEDDINGS) {
                // By bytes, not by number: norms and biases are many, and take no time.
                *bytes.entry(sys::gguf_get_tensor_type(header, index)).or_insert(0) +=
                    sys::gguf_get_tensor_size(header, index);
            }
        }
        sys::gguf_free(header);
    }
    bytes.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_model_has_eight_bits() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../models/demo/localcoder-demo.gguf");
        let file = File::open(path).unwrap();
        assert_eq!(usual_type(&file), Some(sys::GGML_TYPE_Q8_0));
        // The next reader of the file starts at its beginning again.
        assert_eq!(usual_type(&file), Some(sys::GGML_TYPE_Q8_0));
    }

    #[test]
    fn what_is_not_a_model_has_no_type() {
        let text = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(usual_type(&File::open(text).unwrap()), None);
        assert_eq!(usual_type(&File::open("/").unwrap()), None);
    }
}
