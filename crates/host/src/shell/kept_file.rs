//! A small file that tells the next host what this one knows: what was measured, what the editor
//! had set. One that can't be read or written is logged and does no harm. Called by the loop.

use std::path::PathBuf;

/// The file. See the module.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
}

impl KeptFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What was kept.
    pub(super) fn read(&self) -> Option<String> {
        fs_err::read_to_string(&self.path).ok()
    }

    /// Nothing is kept any more.
    pub(super) fn forget(&self) {
        if let Err(error) = fs_err::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "what this host knew can't be forgotten");
        }
    }

    /// Replaces what was kept, as a whole or not at all.
    pub(super) fn keep(&self, text: &str) {
        self.write(text, false);
    }

    /// The same so that it is there even where the machine goes down right after.
    pub(super) fn keep_durably(&self, text: &str) {
        self.write(text, true);
    }

    fn write(&self, text: &str, durably: bool) {
        let write = || {
            let folder = self.path.parent().unwrap_or(&self.path);
            fs_err::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            if durably {
                file.as_file().sync_all()?;
            }
            file.persist(&self.path).map_err(|error| error.error)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, path = %self.path.display(), "what this host knows is not kept");
        }
    }
}
