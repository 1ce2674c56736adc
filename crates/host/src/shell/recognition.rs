//! Whether a file that the user names by its path is one that a catalog pins. Its digest says so,
//! whatever it is called, and to find that out takes as long as to read it: that is done once, by a
//! thread that nothing waits for, and only where the length is one that a catalog has. Until then
//! the file is what it says of itself.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use localcoder_disk::Stamp;
use localcoder_model_store::{Catalog, Entry, Store};
use localcoder_transport::spawn_thread;

/// Files that are remembered; settings name a few.
const FILES_MAX: usize = 16;

/// Its clones share what is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Recognition {
    known: Arc<Mutex<HashMap<PathBuf, Seen>>>,
}

#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// `None` while it is read, and where no catalog knows it.
    entry: Option<Arc<Entry>>,
}

impl Recognition {
    /// The entry of the file in this place, where it is known; `catalog`: the user's own, which adds
    /// to the product's.
    pub(super) fn of(&self, path: &Path, stamp: Stamp, catalog: &Path) -> Option<Arc<Entry>> {
        let mut known = self.lock();
        if let Some(seen) = known.get(path).filter(|seen| seen.stamp == stamp) {
            return seen.entry.clone();
        }
        // What is wrong in the user's catalog is reported where it is used.
        let catalog = Catalog::with_file(catalog).unwrap_or_else(|_| Catalog::shipped());
        if known.len() >= FILES_MAX {
            known.clear();
        }
        known.insert(path.to_owned(), Seen { stamp, entry: None });
        drop(known);
        if catalog.models.iter().any(|entry| entry.bytes == stamp.bytes()) {
            let (this, path) = (self.clone(), path.to_owned());
            // Without a thread it stays what it says of itself.
            let _ = spawn_thread("model-recognition", move || this.read(&path, stamp, &catalog));
        }
        None
    }

    /// Where the file is that the catalog means by an id, among those that are known.
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
