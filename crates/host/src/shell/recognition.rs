//! Whether a file that the user names by its path is one that a catalog pins. Its digest tells,
//! whatever the file's name, but computing it means reading the whole file: that is done once, on a
//! thread for which nothing waits, and only if the length matches a catalog entry. Until then the
//! file is described by its own header.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use localcoder_disk::Stamp;
use localcoder_model_store::{Catalog, Entry, Store};
use localcoder_transport::spawn_thread;

const FILES_MAX: usize = 16;

/// Clones share what is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Recognition {
    known: Arc<Mutex<HashMap<PathBuf, Seen>>>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// `None` while the digest is being computed, and if no catalog knows the file.
    entry: Option<Arc<Entry>>,
}

impl Recognition {
    /// The catalog entry of the file at this path, if known; `catalog`: the user's own, which adds
    /// to the product's.
    pub(super) fn of(&self, path: &Path, stamp: Stamp, catalog: &Path) -> Option<Arc<Entry>> {
        let mut known = self.lock();
        if let Some(seen) = known.get(path).filter(|seen| seen.stamp == stamp) {
            return seen.entry.clone();
        }
        // Errors in the user's catalog are reported where it is used.
        let catalog = Catalog::with_file(catalog).unwrap_or_else(|_| Catalog::shipped());
        if known.len() >= FILES_MAX {
            known.clear();
        }
        // Noted before the thread starts, so that a second look does not start another one.
        known.insert(path.to_owned(), Seen { stamp, entry: None });
        drop(known);
        if catalog.models.iter().any(|entry| entry.bytes == stamp.bytes()) {
            let (this, path) = (self.clone(), path.to_owned());
            // If no thread can be started, the file keeps the description in its own header.
            let _ = spawn_thread("model-recognition", move || this.read(&path, stamp, &catalog));
        }
        None
    }

    pub(super) fn place_of(&self, id: &str) -> Option<PathBuf> {
        let is_it = |seen: &Seen| seen.entry.as_ref().is_some_and(|entry| entry.id == id);
        let is_same = |path: &Path, seen: &Seen| {
            std::fs::metadata(path).is_ok_and(|about| Stamp::of(&about) == seen.stamp)
        };
        let known = self.lock();
        let mut found = known.iter().filter(|(path, seen)| is_it(seen) && is_same(path, seen));
        found.next().map(|(path, _)| path.clone())
    }

    fn read(&self, path: &Path, stamp: Stamp, catalog: &Catalog) {
        let found = Store::recognize(path, catalog, &mut |_, _| true).ok().flatten();
        // The digest is of what was read; the file may have been written to meanwhile.
        let is_same = std::fs::metadata(path).is_ok_and(|about| Stamp::of(&about) == stamp);
        if let Some(entry) = found.filter(|_| is_same) {
            tracing::info!(id = entry.id, "a file that is named by its path is a catalog's");
            let entry = Some(Arc::new(entry));
            self.lock().insert(path.to_owned(), Seen { stamp, entry });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Seen>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
