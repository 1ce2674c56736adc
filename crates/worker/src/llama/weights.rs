//! Which type most of a file's weights have: what kernels are to be measured with. The header
//! alone is read.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr::{self, NonNull};

use llama_cpp_sys_2 as sys;

/// Looked up by row, never multiplied with.
const EMBEDDINGS: &[u8] = b"token_embd";

/// The type of most bytes that a step multiplies with; `None` where the file can't be read.
pub(super) fn usual_type(path: &Path) -> Option<sys::ggml_type> {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).ok()?;
    let params = sys::gguf_init_params { no_alloc: true, ctx: ptr::null_mut() };
    let mut bytes = BTreeMap::new();
    // SAFETY: the path is NUL-terminated; the header is freed once, and the indices are below the
    // number of its tensors.
    unsafe {
        let header = NonNull::new(sys::gguf_init_from_file(path.as_ptr(), params))?.as_ptr();
        for index in 0..sys::gguf_get_n_tensors(header) {
            let name = CStr::from_ptr(sys::gguf_get_tensor_name(header, index));
            if !name.to_bytes().starts_with(EMBEDDINGS) {
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
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf");
        assert_eq!(usual_type(&path), Some(sys::GGML_TYPE_Q8_0));
    }

    #[test]
    fn what_is_no_model_has_no_type() {
        assert_eq!(usual_type(Path::new(file!())), None);
        assert_eq!(usual_type(Path::new("/nowhere/model.gguf")), None);
    }
}
