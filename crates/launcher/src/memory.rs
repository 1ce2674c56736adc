//! What the launcher remembers from one start to the next: the folder that was last open. A missing
//! or damaged file costs only that.

use std::path::{Path, PathBuf};

use localcoder_disk::{Options, read, replace};
use serde::{Deserialize, Serialize};

/// A larger file is not ours: a path has 4096 bytes at most.
const BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    kept: Kept,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    last_folder: Option<PathBuf>,
}

impl Memory {
    pub(crate) fn load(editor: &Path) -> Self {
        let path = editor.join("launcher.json");
        let read = read(&path, BYTES_MAX).ok();
        let kept = read.and_then(|it| serde_json::from_slice(&it.bytes).ok()).unwrap_or_default();
        Self { path, kept }
    }

    /// The folder that was last open, if it still exists.
    pub(crate) fn last_folder(&self) -> Option<&Path> {
        self.kept.last_folder.as_deref().filter(|folder| folder.is_dir())
    }

    /// Remembers the folder that is open now. A window without a folder (`None`) does not erase the
    /// last one: that is what the next start is to open. Written at once, since a launcher may be
    /// killed.
    pub(crate) fn keep_folder(&mut self, folder: Option<String>) {
        if folder.is_some() {
            self.kept.last_folder = folder.map(PathBuf::from);
            self.save();
        }
    }

    fn save(&self) {
        let bytes = serde_json::to_vec_pretty(&self.kept).expect("plain data is always JSON");
        if let Err(error) = replace(&self.path, &bytes, Options::CACHE) {
            tracing::warn!(%error, "the launcher's memory can't be saved");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stays_until_it_is_gone_and_a_damaged_file_starts_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("project");
        fs_err::create_dir(&folder).unwrap();
        let mut memory = Memory::load(dir.path());
        memory.keep_folder(Some(folder.to_str().unwrap().to_owned()));
        let memory = Memory::load(dir.path());
        assert_eq!(memory.last_folder(), Some(folder.as_path()));
        fs_err::remove_dir(&folder).unwrap();
        assert_eq!(memory.last_folder(), None);
        fs_err::write(dir.path().join("launcher.json"), "{").unwrap();
        assert_eq!(Memory::load(dir.path()).last_folder(), None);
    }
}
