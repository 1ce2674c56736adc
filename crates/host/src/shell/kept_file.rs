//! A small file for the next host: what was measured, or the editor's settings. If it can't be read
//! or written, that is logged and does no harm. Called by the loop.

use std::path::PathBuf;

use localcoder_disk::{Options, read_text, replace};

/// A larger file is not ours; what is kept takes some ten thousand bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
}

impl KeptFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn read(&self) -> Option<String> {
        read_text(&self.path, BYTES_MAX).ok()
    }

    pub(super) fn forget(&self) {
        if let Err(error) = fs_err::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "what this host knew can't be forgotten");
        }
    }

    pub(super) fn keep(&self, text: &str) {
        self.write(text, Options::CACHE);
    }

    /// Replaces what was kept, and syncs it, so that it survives even if the machine goes down
    /// right after.
    pub(super) fn keep_durably(&self, text: &str) {
        self.write(text, Options::PRIVATE);
    }

    fn write(&self, text: &str, options: Options) {
        let write = || {
            fs_err::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
            replace(&self.path, text.as_bytes(), options)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, path = %self.path.display(), "what this host knows is not kept");
        }
    }
}
