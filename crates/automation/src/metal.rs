//! Metal's shaders, compiled when the worker is built and placed next to it: otherwise each start
//! of the engine compiles 680 KB of their source. Needs the Metal compiler, which comes with the
//! full Xcode; without it the worker contains the shaders as source. On other systems this does
//! nothing.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::Result;

use crate::process;

/// The names that ggml looks for next to the program; the second is for processors with tensor
/// cores.
const LIBRARIES: [&str; 2] = ["default.metallib", "ggml-tensor.metallib"];

static HAS_COMPILER: LazyLock<bool> = LazyLock::new(|| {
    cfg!(target_os = "macos")
        && process::succeeds(
            process::command("xcrun", Path::new("/")).args(["-sdk", "macosx", "-find", "metal"]),
        )
});

/// The variable that llama.cpp's build needs, for every cargo that may build it: another
/// environment would make cargo build llama.cpp again. `None` where there is no compiler.
pub fn environment() -> Option<(&'static str, &'static str)> {
    HAS_COMPILER.then_some(("GGML_METAL_EMBED_LIBRARY", "OFF"))
}

/// Copies what the build has made to the folder of the programs, where ggml looks for it. A library
/// that was not made is passed over.
pub fn place(programs: &Path) -> Result<()> {
    if !*HAS_COMPILER {
        return Ok(());
    }
    for name in LIBRARIES {
        if let Some(made) = newest(&programs.join("build"), name) {
            fs_err::copy(made, programs.join(name))?;
        }
    }
    Ok(())
}

/// The newest file with a name below the folders of llama.cpp's builds: each set of flags has one.
fn newest(builds: &Path, name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = fs_err::read_dir(builds)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("llama-cpp-sys-2-"))
        .map(|entry| entry.path())
        .collect();
    let mut found = None;
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).ok()?.flatten() {
            let (path, kind) = (entry.path(), entry.file_type().ok()?);
            if kind.is_dir() {
                folders.push(path);
            } else if entry.file_name() == name {
                let written = entry.metadata().ok()?.modified().ok()?;
                // Older ones are of other flags, or of a version before an update.
                found = found.max(Some((written, path)));
            }
        }
    }
    found.map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn the_newest_library_of_llama_cpp_is_taken() {
        let builds = tempfile::tempdir().unwrap();
        let make = |folder: &str, age_s: u64| {
            let folder = builds.path().join(folder);
            fs_err::create_dir_all(&folder).unwrap();
            let path = folder.join("default.metallib");
            fs_err::write(&path, "").unwrap();
            let written = SystemTime::now() - Duration::from_secs(age_s);
            fs_err::File::options().write(true).open(&path).unwrap().set_modified(written).unwrap();
            path
        };
        make("llama-cpp-sys-2-old/out/build/bin", 60);
        let newer = make("llama-cpp-sys-2-new/out/build/bin", 10);
        make("another-1/out", 0);
        assert_eq!(newest(builds.path(), "default.metallib"), Some(newer));
        assert_eq!(newest(builds.path(), "ggml-tensor.metallib"), None);
        assert_eq!(newest(&builds.path().join("none"), "default.metallib"), None);
    }
}
