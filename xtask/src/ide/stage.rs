//! Steps that are skipped when nothing they read has changed.
//!
//! A step builds in a folder of its own, which gets its final name only when it is complete, with
//! the key of its inputs inside. So an interrupted step leaves nothing that looks finished. Knows
//! nothing of what the steps do. Used by every step of the assembly.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err as fs;
use sha2::{Digest as _, Sha256};

use super::tree;
use crate::report;

/// The file in a finished folder that holds the key of its inputs.
pub(super) const STAMP: &str = ".stamp";

/// A step. `key` is the digest of everything that its result depends on: a dependency that is
/// missing in it makes a stale result look fresh.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) folder: PathBuf,
    pub(super) key: String,
}

impl Stage {
    fn is_fresh(&self) -> bool {
        fs::read_to_string(self.folder.join(STAMP)).is_ok_and(|key| key == self.key)
    }

    /// Does the step unless its result is up to date. `cache` is where unfinished work may be; it
    /// must be on the file system of `folder`, since the result is moved there by a rename.
    pub(super) fn run(&self, cache: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        if self.is_fresh() {
            report::line(format!("   {}: up to date", self.name));
            return Ok(());
        }
        report::stage(self.name, || {
            let partial = cache.join(format!("{}.partial", self.name));
            let old = cache.join(format!("{}.old", self.name));
            // Left by a run that was interrupted.
            for left_over in [&partial, &old] {
                tree::remove(left_over)?;
            }
            fs::create_dir_all(&partial)?;
            work(&partial).with_context(|| format!("the step `{}` failed", self.name))?;
            // Last: a folder with a stamp is complete.
            fs::write(partial.join(STAMP), &self.key)?;
            // A folder can't be renamed onto one that is not empty, so the old one is moved away
            // first. An interruption between the two leaves none, and the step is done again.
            if self.folder.exists() {
                fs::rename(&self.folder, &old)?;
            }
            fs::rename(&partial, &self.folder)?;
            tree::remove(&old)
        })
    }
}

/// A digest over names, texts and files, in the order they are given. The order matters and must be
/// the same on each run, which is why [`tree::files`] sorts.
pub(super) struct Digest(Sha256);

impl Digest {
    /// Starts a digest; the label keeps the keys of different steps apart.
    pub(super) fn new(label: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.text(label);
        digest
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        // The length comes first, so that moving a byte from one part to the next changes the
        // digest.
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(super) fn file(&mut self, path: &Path) -> Result<()> {
        self.bytes(&fs::read(path)?);
        Ok(())
    }

    pub(super) fn tree(&mut self, folder: &Path) -> Result<()> {
        for file in tree::files(folder)? {
            // The name as well as the content: a file that was renamed is a change.
            self.text(&file.to_string_lossy());
            self.file(&folder.join(&file))?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0.finalize())
    }
}
