//! What the page keeps from one run to the next: layout, trusted folders, text that is not backed
//! up yet. A browser would store it under the page's address, which changes with each run; so it is
//! stored here, one file for each of the page's databases, private to the user.
//!
//! The page's half is `ide/overlay/files/state.js`. A damaged file costs its own contents and
//! nothing else.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use serde::{Deserialize, Serialize};

/// Longest change that a page may send, in bytes. A change may contain the unsaved text of a large
/// file.
pub(super) const CHANGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Largest database. The page's own databases have some hundred kilobytes.
const DATABASE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Databases that are kept, one for each folder that was ever opened; those unused for longest are
/// removed.
const DATABASES_MAX: usize = 500;

type Stores = BTreeMap<String, BTreeMap<String, String>>;

/// One change of one store: the condition is tested first, then the store is cleared, then values
/// are put and deleted; all of it is done or nothing. Unknown fields are an error and not ignored:
/// a page of a newer base that asks for more must not believe that it got it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Change {
    store: String,
    clear: bool,
    put: BTreeMap<String, String>,
    delete: Vec<String>,
    only_if: Option<Condition>,
}

/// What must hold for a change: the key has this value, or is absent for `None`. Two windows share
/// a database, and both may believe to be the first to write a key.
#[derive(Debug, Deserialize)]
struct Condition {
    key: String,
    value: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    changed: bool,
    /// The actual value, if the condition did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<String>,
}

/// All databases. Each is read whole when it is first asked for and kept in memory; every change
/// writes the whole file, which is fine for the some hundred kilobytes that the page keeps.
pub(super) struct State {
    folder: PathBuf,
    open: Mutex<HashMap<String, Stores>>,
}

impl State {
    /// `folder` is made with the first change.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, open: Mutex::default() }
    }

    /// A whole database as JSON, stores by name; `{}` if there is none or its file is damaged.
    /// Waits while a change is written.
    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_vec(self.stores(&mut open, name)).expect("texts are always JSON")
    }

    /// Makes a change and has it in its file before it returns: a kill loses nothing of it. It is
    /// not synced, so a power cut may cost the newest changes, as in a browser.
    ///
    /// # Errors
    /// If it is not a valid change, is too large, or can't be written; then nothing is changed on
    /// disk.
    pub(super) fn change(&self, name: &str, change: &[u8]) -> io::Result<Changed> {
        let change: Change = serde_json::from_slice(change)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let stores = self.stores(&mut open, name);
        let values = stores.entry(change.store).or_default();
        // Under the lock that is held until the file is written: nobody can change the value
        // between the test and the change.
        if let Some(Condition { key, value }) = change.only_if
            && values.get(&key) != value.as_ref()
        {
            return Ok(Changed { changed: false, current: values.get(&key).cloned() });
        }
        if change.clear {
            values.clear();
        }
        values.extend(change.put);
        for key in change.delete {
            values.remove(&key);
        }
        let file = self.file(name);
        // Only for one that is added: a page that asks for what is not there must cost no other.
        if !file.exists() {
            make_room(&self.folder);
        }
        let written = write(&file, stores);
        if written.is_err() {
            // What is on disk counts: the change is already in memory, and the page is told that it
            // failed. So the database is read again when it is next asked for.
            open.remove(name);
        }
        written.map(|()| Changed { changed: true, current: None })
    }

    fn stores<'a>(&self, open: &'a mut HashMap<String, Stores>, name: &str) -> &'a mut Stores {
        open.entry(name.to_owned()).or_insert_with(|| {
            // A file that can't be read and one that is damaged both count as empty. It is
            // overwritten by the next change.
            let bytes = fs_err::read(self.file(name)).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn write(file: &Path, stores: &Stores) -> io::Result<()> {
    let bytes = serde_json::to_vec(stores)?;
    if bytes.len() > DATABASE_BYTES_MAX {
        return Err(io::Error::other("the page keeps too much"));
    }
    let folder = file.parent().expect("a file in a folder");
    fs_err::create_dir_all(folder)?;
    // Written beside it and renamed, so that a kill in the middle leaves the earlier database
    // whole. The name is always the same: what a crash leaves is overwritten and does not add up.
    let new = file.with_extension("json.new");
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&new)?.write_all(&bytes)?;
    fs_err::rename(&new, file)
}

/// Removes the database that was written longest ago, if there are too many. One is enough, since
/// it is called for each database that is added; a failure only means one more file.
fn make_room(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    if files.len() < DATABASES_MAX {
        return;
    }
    files.sort();
    if let Some((_, oldest)) = files.first() {
        let _ = fs_err::remove_file(oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn read(state: &State, name: &str) -> Stores {
        serde_json::from_slice(&state.read(name)).unwrap()
    }

    fn change(state: &State, name: &str, change: &str) -> Changed {
        state.change(name, change.as_bytes()).unwrap()
    }

    const DONE: Changed = Changed { changed: true, current: None };

    #[test]
    fn what_was_put_is_there_in_the_next_run_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state");
        let state = State::new(folder.clone());
        assert_eq!(read(&state, "global"), Stores::new());
        let put = r#"{"store":"items","put":{"a":"1","b":"2"}}"#;
        assert_eq!(change(&state, "global", put), DONE);
        let more = r#"{"store":"items","put":{"c":"3"},"delete":["a"]}"#;
        assert_eq!(change(&state, "global", more), DONE);
        let next = State::new(folder.clone());
        let items = BTreeMap::from([("b", "2"), ("c", "3")].map(|(k, v)| (k.into(), v.into())));
        assert_eq!(read(&next, "global"), Stores::from([("items".to_owned(), items)]));
        let mode = fs_err::metadata(folder.join("global.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_change_with_a_condition_is_made_or_tells_the_value() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::new(dir.path().to_owned());
        let first = r#"{"store":"s","put":{"a":"1"},"only_if":{"key":"a","value":null}}"#;
        assert_eq!(change(&state, "d", first), DONE);
        let refused = Changed { changed: false, current: Some("1".to_owned()) };
        assert_eq!(change(&state, "d", first), refused);
        let second = r#"{"store":"s","put":{"a":"2"},"only_if":{"key":"a","value":"1"}}"#;
        assert_eq!(change(&state, "d", second), DONE);
        assert_eq!(change(&state, "d", r#"{"store":"s","clear":true}"#), DONE);
        assert!(read(&state, "d")["s"].is_empty());
    }

    #[test]
    fn a_damaged_file_starts_over_and_nonsense_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("d.json"), "{\"s\":{\"a\"").unwrap();
        let state = State::new(dir.path().to_owned());
        assert_eq!(read(&state, "d"), Stores::new());
        for nonsense in ["", "{", r#"{"store":"s","put":{"a":1}}"#, r#"{"unknown":1}"#] {
            assert!(state.change("d", nonsense.as_bytes()).is_err(), "{nonsense}");
        }
        assert_eq!(read(&state, "d"), Stores::new());
    }

    #[test]
    fn the_oldest_database_goes_where_there_are_too_many() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..DATABASES_MAX {
            fs_err::write(dir.path().join(format!("d{number}.json")), "{}").unwrap();
        }
        let old = dir.path().join("d7.json");
        let time = std::time::SystemTime::UNIX_EPOCH;
        std::fs::File::options().write(true).open(&old).unwrap().set_modified(time).unwrap();
        let state = State::new(dir.path().to_owned());
        assert_eq!(read(&state, "new"), Stores::new());
        assert!(old.exists(), "nothing was added");
        change(&state, "new", r#"{"store":"s","put":{"a":"1"}}"#);
        assert!(!old.exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), DATABASES_MAX);
    }
}
