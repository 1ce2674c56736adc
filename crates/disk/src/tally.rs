//! Counts something that seldom happens, in a file of ours: one line with the time for each.
//! Several programs may add at once, and none of them waits; if writing fails, that is ignored.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::SystemTime;

use crate::read::read_text;

/// Six thousand lines. Further events are not counted, which is reported.
const BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub count: u64,
    /// Whether it may have happened more often: the file is full.
    pub is_full: bool,
    /// The last time, in seconds since 1970.
    pub last_s: Option<u64>,
}

/// The open file of a count, for a program that may not be able to open files later. One that could
/// not be opened counts nothing.
#[derive(Debug)]
pub struct Counter(Option<File>);

impl Counter {
    /// Opens it; a missing folder is created, accessible to its user only.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        if let Some(folder) = path.parent() {
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        }
        Self(OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok())
    }

    /// Counts one more, unless the file is full or could not be opened.
    pub fn add(&self) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let line = format!("{}\n", now.as_secs());
        let Some(mut file) = self.0.as_ref() else { return };
        if file.metadata().is_ok_and(|about| about.is_file() && about.len() < BYTES_MAX) {
            // One write of a few bytes at the end: lines of two programs don't mix.
            let _ = file.write_all(line.as_bytes());
        }
    }
}

/// Counts one more. For one event; a program that counts several, or will be confined, keeps a
/// [`Counter`].
pub fn add(path: &Path) {
    Counter::open(path).add();
}

/// Reads the count: zero if there is no file, `None` if there is one that can't be read.
#[must_use]
pub fn read(path: &Path) -> Option<Tally> {
    match read_text(path, BYTES_MAX + 64) {
        Ok(text) => Some(Tally {
            count: u64::try_from(text.lines().count()).unwrap_or(u64::MAX),
            is_full: u64::try_from(text.len()).is_ok_and(|bytes| bytes >= BYTES_MAX),
            last_s: text.lines().next_back().and_then(|line| line.parse().ok()),
        }),
        Err(error) if error.is_missing(path) => Some(Tally::default()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_until_the_file_is_full_and_that_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/refused");
        assert_eq!(read(&path), Some(Tally::default()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| add(&path)));
            }
        });
        // A counter that was opened but not used counts nothing.
        let _ = Counter::open(&path);
        let tally = read(&path).unwrap();
        assert_eq!((tally.count, tally.is_full), (100, false));
        assert!(tally.last_s > Some(1_700_000_000));
        std::fs::write(&path, "1\n".repeat(32 * 1024)).unwrap();
        add(&path);
        assert_eq!(read(&path), Some(Tally { count: 32 * 1024, is_full: true, last_s: Some(1) }));
    }

    #[test]
    fn what_can_not_be_written_or_read_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        add(&folder.path().join("file/tally"));
        add(folder.path());
        assert_eq!(read(folder.path()), None);
    }
}
