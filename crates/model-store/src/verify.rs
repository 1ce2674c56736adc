//! Checks whether an installed model is still what was installed: reads its file and compares the
//! digest. A file that differs is set aside, so that nothing loads it; one that was only touched,
//! restored or copied again to its place is kept.

use std::fs::Metadata;

use localcoder_disk::open;

use crate::Progress;
use crate::error::{StoreError, disk, unusable};
use crate::hash::digest;
use crate::manifest::Installed;
use crate::store::{Store, ns};

impl Store {
    /// Reads a model's whole file and compares its digest with the one of its manifest. A file
    /// outside the store that was only touched is kept with its new time. `progress` gets bytes
    /// read and bytes in total.
    pub fn verify(&self, id: &str, progress: &mut Progress<'_>) -> Result<(), StoreError> {
        let model = self.model(id)?;
        // A touched file counts as usable here: whether it was only touched is what we are to find
        // out.
        let touched = self.is_touched(id)?;
        let path = if touched { self.file_of(&model) } else { self.path_of(id)? };
        let failed = |error: std::io::Error| disk(&path, &error);
        let (mut file, about) = open(&path).map_err(|error| unusable(&path, error.cause(&path)))?;
        let found = digest(&mut file, model.bytes, progress, |_| Ok(()))
            .map_err(failed)?
            .ok_or(StoreError::Cancelled("the check"))?;
        if found == model.sha256 {
            return if touched { self.keep(model, &about) } else { Ok(()) };
        }
        let mut aside = None;
        if model.linked.is_none() {
            // Renamed and not removed, since it may be all that is left of a model that can't be
            // had again. A user's own file is left alone.
            let to = self.downloads().join(format!("damaged-{found}"));
            fs_err::rename(&path, &to).map_err(|error| disk(&path, &error))?;
            aside = Some(to);
        }
        Err(StoreError::Changed { id: id.to_owned(), found, installed: model.sha256, aside })
    }

    /// Records the time of a file that is still the same, so that the next look finds it unchanged.
    /// The time is from the handle that was hashed: one read from the path now could be that of a
    /// write since then. Nothing is written unless the manifest is still the one that was read: a
    /// model that was removed while it was hashed must not come back, and what has its name by now
    /// must not be replaced.
    fn keep(&self, mut model: Installed, about: &Metadata) -> Result<(), StoreError> {
        let path = self.file_of(&model);
        let modified = about.modified().map_err(|error| disk(&path, &error))?;
        let _lock = self.lock()?;
        if self.model(&model.id)? != model {
            return Ok(());
        }
        if let Some(linked) = &mut model.linked {
            linked.modified_ns = ns(modified);
        }
        model.write(&self.manifests())
    }
}
