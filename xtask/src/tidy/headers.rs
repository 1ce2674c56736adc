//! The private ggml headers that the worker's kernels repeat are those of the pinned version. The
//! compiler can't see a difference: the classes would be laid out differently on the two sides of a
//! call.

use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::Repository;

const PACKAGE: &str = "llama-cpp-sys-2";
const SOURCES: &str = "llama.cpp/ggml/src";

const REPEATED_IN: &str = "crates/worker/src/llama/kernels/hook.cpp and hook.rs beside it";

/// Each header with the SHA-256 of the version that was repeated. Any change is reported, also of a
/// comment: whether it matters must be judged by a person.
const HEADERS: &[(&str, &str)] = &[
    // `tensor_traits`, `extra_buffer_type` and the list of these.
    ("ggml-cpu/traits.h", "26e1b41879091a663325848aa82a4023b459fd1e688b3b0e2a9bde3e72a3a764"),
    // `ggml_compute_params`, the barrier and the counter of chunks.
    (
        "ggml-cpu/ggml-cpu-impl.h",
        "785a19aac84bd35671d34b1986b920baadccdf61cd8b81e787028f6ac24cae60",
    ),
    // `ggml_backend_buffer_type`.
    ("ggml-backend-impl.h", "4e861c8e23d3d7b0d99d8e0836e68564af58f8597d75d7bbb732857d7a632fa7"),
];

pub(super) fn unchanged(repository: &Repository) -> Result<Vec<String>> {
    let package = repository
        .packages()?
        .iter()
        .find(|package| package["name"] == PACKAGE)
        .with_context(|| format!("`{PACKAGE}` is not among the packages"))?;
    let manifest = package["manifest_path"].as_str().context("a package without a manifest")?;
    let folder = Path::new(manifest).parent().context("a manifest without a folder")?;
    let version = package["version"].as_str().unwrap_or_default();
    Ok(differences(&folder.join(SOURCES), version))
}

fn differences(sources: &Path, version: &str) -> Vec<String> {
    let complaint = |(name, known): &(&str, &str)| {
        let why = match std::fs::read(sources.join(name)) {
            Ok(bytes) if digest(&bytes) == *known => return None,
            Ok(bytes) => format!("has changed; its SHA-256 is {}", digest(&bytes)),
            // Also a file that is gone is a difference.
            Err(error) => format!("can't be read: {error}"),
        };
        Some(format!(
            "`{name}` of {PACKAGE} {version} {why}. {REPEATED_IN} repeat it by hand: compare them, \
             then put the new digest into xtask/src/tidy/headers.rs"
        ))
    };
    HEADERS.iter().filter_map(complaint).collect()
}

fn digest(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_changed_or_is_gone_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("ggml-cpu")).unwrap();
        fs_err::write(folder.path().join("ggml-cpu/traits.h"), "class tensor_traits;").unwrap();
        let said = differences(folder.path(), "9.9.9");
        assert_eq!(said.len(), HEADERS.len(), "{said:?}");
        assert!(said[0].contains("`ggml-cpu/traits.h` of llama-cpp-sys-2 9.9.9 has changed"));
        assert!(said[1].contains("can't be read"), "{}", said[1]);
        assert!(said.iter().all(|it| it.contains("hook.cpp") && it.contains("new digest")));
    }
}
