//! Which worker program is run: a package may have one for each level of processors, next to the
//! one that runs on all of them.

use std::path::{Path, PathBuf};

const WORKER: &str = "localcoder-worker";

/// How a worker's name ends, and whether this processor can run it.
type Level = (&'static str, fn() -> bool);

const LEVELS: &[Level] = &[("-avx512", has_avx512)];

pub(super) fn worker(folder: &Path) -> PathBuf {
    best(folder, LEVELS)
}

fn best(folder: &Path, levels: &[Level]) -> PathBuf {
    levels
        .iter()
        .filter(|(_, runs)| runs())
        .map(|(suffix, _)| folder.join(format!("{WORKER}{suffix}")))
        .find(|program| program.is_file())
        .unwrap_or_else(|| folder.join(WORKER))
}

/// AVX-512 with the instructions that the quantized kernels use.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f")
        && has!("avx512bw")
        && has!("avx512cd")
        && has!("avx512dq")
        && has!("avx512vl")
        && has!("avx512vbmi")
        && has!("avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_is_there_and_runs_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let levels: &[Level] = &[("-best", || false), ("-good", || true)];
        assert_eq!(best(folder.path(), levels), path("localcoder-worker"));
        fs_err::write(path("localcoder-worker-best"), "").unwrap();
        assert_eq!(best(folder.path(), levels), path("localcoder-worker"));
        fs_err::write(path("localcoder-worker-good"), "").unwrap();
        assert_eq!(best(folder.path(), levels), path("localcoder-worker-good"));
    }
}
