//! A GGUF file of the user becomes a model: checked, hashed and copied in one pass over one open
//! file, so that what was checked is what is kept. The user may choose to leave the file where it
//! is instead.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use localcoder_disk::{ReadError, Unfinished, open, unfinished_in};

use crate::bundle::check;
use crate::error::{StoreError, disk};
use crate::gguf_file::checked_header;
use crate::hash::digest;
use crate::manifest::{Installed, Linked, Source};
use crate::naming;
use crate::store::{Store, ns};
use crate::{Catalog, Entry, Progress, RESERVE_BYTES};

/// Readable by its user only, and read-only: files in the store never change.
const BLOB_MODE: u32 = 0o400;
/// What happens to the file of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// It is copied into the store, or cloned where the file system can.
    Copy,
    /// It stays where it is. If it is changed or removed, the model can't be used any more. Its
    /// length and time are kept to notice that; nothing prevents it.
    InPlace,
}

impl Store {
    /// Imports a file as a model with this id, or with one made from its name. A file that the
    /// catalog knows by its digest is described by the catalog, and gets the catalog's id if no
    /// other is asked for; any other file never gets an id of the catalog's.
    ///
    /// The file is opened once, and all that is found out comes from that handle: a path could lead
    /// to another file between the check and the copy. The header is checked before a byte is
    /// copied, and the name as far as it can be known then; the digest, and with it the name, is
    /// only known at the end.
    ///
    /// # Errors
    /// If the file is not a usable model, the id is taken, or the disk is full.
    pub fn import(
        &self,
        path: &Path,
        id: Option<&str>,
        mode: ImportMode,
        catalog: &Catalog,
        progress: &mut Progress<'_>,
    ) -> Result<Installed, StoreError> {
        // Kept in the manifest, which is read by processes with other working directories.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if let Some(id) = id {
            self.check_free(id)?;
        }
        let (mut file, metadata) = open(&path).map_err(|error| unread(&path, error))?;
        let header = checked_header(&path, &mut file)?;
        let bytes = metadata.len();
        self.check_name(id, &naming::of_file(&path, &header), bytes, catalog)?;
        let (copy, sha256) = match mode {
            ImportMode::Copy => {
                let (copy, sha256) = self.take_in(&path, &mut file, bytes, None, progress)?;
                (Some(copy), sha256)
            }
            ImportMode::InPlace => {
                let sha256 = digest(&mut file, bytes, progress, |_| Ok(()))
                    .map_err(|error| unread(&path, error.into()))?
                    .ok_or(StoreError::Cancelled("the import"))?;
                (None, sha256)
            }
        };
        let source = Source::File { path: path.clone() };
        let mut model = Installed::new("", &header, bytes, &sha256, source);
        model.file = path.file_name().map_or(model.file, |it| it.to_string_lossy().into_owned());
        let of_file = naming::of_file(&path, &header);
        if mode == ImportMode::InPlace {
            let modified = metadata.modified().map_err(|error| unread(&path, error.into()))?;
            model.linked = Some(Linked { path, modified_ns: ns(modified) });
        }
        self.add(copy, || {
            self.name(&mut model, id, &of_file, catalog)?;
            Ok(model)
        })
    }

    /// The catalog entry that pins a file by its digest. The file is read only if an entry has its
    /// length: nearly every file that is not the catalog's is told apart by that at once, and to
    /// hash one means to read gigabytes.
    ///
    /// # Errors
    /// If it can't be read, or the user cancels.
    pub fn recognize(
        path: &Path,
        catalog: &Catalog,
        progress: &mut Progress<'_>,
    ) -> Result<Option<Entry>, StoreError> {
        let (mut file, metadata) = open(path).map_err(|error| unread(path, error))?;
        let bytes = metadata.len();
        if !catalog.models.iter().any(|entry| entry.bytes == bytes) {
            return Ok(None);
        }
        let sha256 = digest(&mut file, bytes, progress, |_| Ok(()))
            .map_err(|error| unread(path, error.into()))?
            .ok_or(StoreError::Cancelled("the look at the file"))?;
        Ok(catalog.by_digest(&sha256).cloned())
    }

    /// Refuses a name as early as it is known to be refused, before gigabytes are read. Here the
    /// length stands in for the digest: a file with the length of a catalog entry may be that
    /// entry, and [`Store::name`] decides once the digest is known.
    fn check_name(
        &self,
        id: Option<&str>,
        of_file: &str,
        bytes: u64,
        catalog: &Catalog,
    ) -> Result<(), StoreError> {
        let may_be = |entry: &Entry| entry.bytes == bytes;
        match id {
            Some(id) if catalog.entry(id).is_some_and(|entry| !may_be(entry)) => {
                Err(StoreError::IdReserved(id.to_owned()))
            }
            Some(_) => Ok(()),
            // It will get the catalog's name, a name of its own, or one made from its digest.
            None if catalog.models.iter().any(may_be) => Ok(()),
            None if of_file.is_empty() || naming::is_reserved(of_file, catalog) => Ok(()),
            None => self.check_free(of_file),
        }
    }

    /// Gives a model its id, now that its digest is known, and the catalog's description. Called
    /// under the lock, since another process may have taken an id while this one copied. A name of
    /// the catalog means the one file with the pinned digest, since a default profile loads it by
    /// that name: the right file gets it whatever it is called, any other file is refused it where
    /// the user asked for it, and is renamed where only its file name claimed it.
    fn name(
        &self,
        model: &mut Installed,
        id: Option<&str>,
        of_file: &str,
        catalog: &Catalog,
    ) -> Result<(), StoreError> {
        let entry = catalog.by_digest(&model.sha256);
        let others = id.and_then(|id| catalog.entry(id)).filter(|it| it.sha256 != model.sha256);
        if let Some(other) = others {
            return Err(StoreError::IdReserved(other.id.clone()));
        }
        model.id = match (id, entry) {
            (Some(id), _) => {
                self.check_free(id)?;
                id.to_owned()
            }
            (None, Some(entry)) => {
                self.check_new(entry)?;
                entry.id.clone()
            }
            (None, None) if naming::is_reserved(of_file, catalog) => {
                model.claimed_id = Some(of_file.to_owned());
                self.free_name(&naming::of_claimed(of_file))?
            }
            (None, None) if of_file.is_empty() => self.free_name(&naming::of_digest(model))?,
            (None, None) => {
                self.check_free(of_file)?;
                of_file.to_owned()
            }
        };
        if model.name.is_empty() {
            model.name.clone_from(&model.id);
        }
        if let Some(entry) = entry {
            model.describe(entry);
        }
        Ok(())
    }

    /// Copies a file into the store, or clones it where the file system shares blocks; returns the
    /// copy and its digest, which must be the wanted one, if any. The copy has a name of its own in
    /// `downloads` and disappears if anything fails; it is complete and synced, and [`Store::add`]
    /// renames it to its blob. Not here: until a manifest has it, the removal of another model of
    /// the same file would take it away.
    pub(crate) fn take_in(
        &self,
        path: &Path,
        file: &mut File,
        bytes: u64,
        wanted: Option<&str>,
        progress: &mut Progress<'_>,
    ) -> Result<(Unfinished, String), StoreError> {
        let downloads = self.downloads();
        let failed = |error: std::io::Error| disk(&downloads, &error);
        // In the folder of the downloads, which is on the disk of the blobs: a rename can't cross
        // disks.
        let copy = unfinished_in(&downloads, 0o600).map_err(failed)?;
        // A clone takes no room and no time, and later writes to the original don't reach it.
        // Whether the file system can is found out by trying.
        let cloned = rustix::fs::ioctl_ficlone(copy.as_file(), &*file).is_ok();
        if !cloned {
            self.check_room(bytes)?;
        }
        let mut to = copy.as_file();
        // `digest` returns one kind of error for both sides. The one of the writing side is set
        // aside here, so that a full disk is not reported as a file that can't be read.
        let mut writing = Ok(());
        let also = |part: &[u8]| {
            if !cloned {
                writing = to.write_all(part);
            }
            match &writing {
                Ok(()) => Ok(()),
                Err(error) => Err(error.kind().into()),
            }
        };
        // Of what is kept: the original may be written to after it was cloned, and the blob's name
        // would promise what it does not have.
        let mut clone = if cloned { Some(copy.reopen().map_err(failed)?) } else { None };
        let digest = digest(clone.as_mut().unwrap_or(file), bytes, progress, also);
        writing.map_err(failed)?;
        let sha256 = digest
            .map_err(|error| unread(path, error.into()))?
            .ok_or(StoreError::Cancelled("the import"))?;
        if let Some(wanted) = wanted {
            check(&path.display().to_string(), &sha256, wanted)?;
        }
        copy.as_file().set_permissions(PermissionsExt::from_mode(BLOB_MODE)).map_err(failed)?;
        // The contents before the name and the name before the manifest: otherwise a power cut
        // could leave a name that promises a digest over blocks that were never written.
        copy.as_file().sync_all().map_err(failed)?;
        Ok((copy, sha256))
    }

    fn check_room(&self, bytes: u64) -> Result<(), StoreError> {
        let free = self.machine().disk_free_bytes;
        let needed = bytes.saturating_add(RESERVE_BYTES);
        if free >= needed {
            return Ok(());
        }
        Err(StoreError::NoRoom { bytes, free_bytes: free })
    }
}

fn unread(path: &Path, error: ReadError) -> StoreError {
    let path = path.to_owned();
    match error {
        ReadError::NotAFile(kind) => StoreError::NotAFile { path, kind },
        error => StoreError::Unopened { source: error.cause(&path), path },
    }
}

#[cfg(test)]
mod tests {
    use localcoder_test_support::demo;

    use super::*;

    #[test]
    fn a_copy_outlives_the_removal_of_another_model_of_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("models")).unwrap();
        let (path, catalog) = (demo::path(), Catalog::shipped());
        store.import(&path, Some("one"), ImportMode::Copy, &catalog, &mut |_, _| true).unwrap();
        let (mut file, about) = open(&path).unwrap();
        let header = checked_header(&path, &mut file).unwrap();
        let bytes = about.len();
        let (copy, sha256) =
            store.take_in(&path, &mut file, bytes, None, &mut |_, _| true).unwrap();
        assert_eq!(store.remove("one").unwrap(), bytes);
        let model = Installed::new("two", &header, bytes, &sha256, Source::File { path });
        let blob = store.blob(&sha256);
        let added = store.add(Some(copy), || {
            // Nobody removes a model between the copy's name and the manifest.
            let lock = File::options().write(true).open(store.folder().join("lock")).unwrap();
            assert!(lock.try_lock().is_err() && !blob.exists());
            Ok(model)
        });
        assert_eq!(store.path_of(&added.unwrap().id).unwrap(), blob);
        store.verify("two", &mut |_, _| true).unwrap();
    }
}
