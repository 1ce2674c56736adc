//! The demo model for tests: its file, and its bytes with a part replaced.

use std::path::{Path, PathBuf};

const TEMPLATE_KEY: &[u8] = b"tokenizer.chat_template";

/// The model's file in the source tree, which must not be changed.
#[must_use]
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/demo/localcoder-demo.gguf")
}

/// The bytes of the model's file.
///
/// # Panics
/// If the file does not exist.
#[must_use]
pub fn bytes() -> Vec<u8> {
    std::fs::read(path()).expect("the demo model is part of the source")
}

/// The model's bytes with another chat template, which must not be longer than its own.
///
/// # Panics
/// If the template is longer.
#[must_use]
pub fn with_template(text: &str) -> Vec<u8> {
    let mut bytes = bytes();
    let key = bytes.windows(TEMPLATE_KEY.len()).position(|window| window == TEMPLATE_KEY);
    // The key is followed by four bytes of type and eight of the text's length.
    let start = key.expect("it has a template") + TEMPLATE_KEY.len() + 12;
    let length = bytes[start - 8..start].try_into().map(u64::from_le_bytes);
    let length = usize::try_from(length.expect("they are eight")).expect("it was read");
    let template = &mut bytes[start..start + length];
    // Padded with spaces and not shortened: the lengths and offsets of all that follows stay.
    template.fill(b' ');
    template[..text.len()].copy_from_slice(text.as_bytes());
    bytes
}
