//! The file that keeps what was measured, and the name of the processor it was measured on. A
//! file that can't be read or written is logged and does no harm.

use std::path::PathBuf;

use localcoder_settings::Places;

/// The file.
#[derive(Debug)]
pub(super) struct Measurements {
    path: PathBuf,
}

impl Measurements {
    pub(super) fn new(places: &Places) -> Self {
        Self { path: places.measurements_file() }
    }

    /// What was kept.
    pub(super) fn read(&self) -> Option<String> {
        fs_err::read_to_string(&self.path).ok()
    }

    /// Replaces what was kept, as a whole or not at all.
    pub(super) fn keep(&self, text: &str) {
        let write = || {
            let folder = self.path.parent().unwrap_or(&self.path);
            fs_err::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(&self.path).map_err(|error| error.error)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, path = %self.path.display(), "measurements are not kept");
        }
    }
}

/// Name and number of the processors; the same home may be used on several machines.
pub(super) fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{count} x {name}")
}
