//! The ledger's file ([`crate::ledger`]). The host appends one line at a time, so that a crash
//! costs one at most, and folds the file when it has grown; the command line reads and deletes it,
//! whether a host runs or not. If it can't be written, that is logged and does no harm.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use localcoder_disk::{Options, ReadError, open, read, replace};
use localcoder_protocol::Decision;
use rustix::fs::OFlags;

use crate::ledger::{Ledger, Shown, day_of, decided_line, shown_line};

const FOLDED_FROM_BYTES: u64 = 2 * 1024 * 1024;
/// A larger file is not ours.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
}

impl LedgerFile {
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The ledger and the file's length; empty and 0 if there is no file.
    ///
    /// # Errors
    /// If there is a file and it can't be read.
    pub fn read(&self) -> Result<(Ledger, u64), ReadError> {
        // Also if it is too large to be ours: that is an error, and nothing is overwritten.
        let bytes = match read(&self.path, BYTES_MAX) {
            Ok(contents) => contents.bytes,
            Err(error) if error.is_missing(&self.path) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok((Ledger::read(&String::from_utf8_lossy(&bytes)), bytes.len() as u64))
    }

    /// Deletes the file; returns whether there was one.
    ///
    /// # Errors
    /// If the system refuses it.
    pub fn delete(&self) -> io::Result<bool> {
        // Locks the file: a host that folds it at this moment would put it back.
        let held = open(&self.path).ok().map(|(file, _)| file);
        held.as_ref().map_or(Ok(()), File::lock)?;
        let removed = fs_err::remove_file(&self.path);
        drop(held);
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    pub(super) fn shown(&self, shown: &Shown) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.add(&shown_line(shown, day_of(now.as_secs())));
    }

    pub(super) fn decided(&self, edit_id: &str, decision: Decision) {
        self.add(&decided_line(edit_id, decision));
    }

    fn add(&self, line: &str) {
        if let Err(error) = self.append(line) {
            tracing::warn!(%error, "what became of an edit is not counted");
        }
    }

    fn append(&self, line: &str) -> io::Result<()> {
        fs_err::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
        // A link could lead to another of the user's files, and opening a pipe could block.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mut file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
            .open(&self.path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        // If the last line was cut off, it stays unreadable alone and does not take this one with
        // it.
        let begin = if ends_with_a_line(&mut file, about.len())? { "" } else { "\n" };
        file.write_all(format!("{begin}{line}\n").as_bytes())?;
        if about.len() >= FOLDED_FROM_BYTES { self.fold(&file) } else { Ok(()) }
    }

    fn fold(&self, file: &File) -> io::Result<()> {
        match file.try_lock() {
            Ok(()) => {}
            // Another process is deleting it.
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // If it was deleted before we got the lock, it stays deleted.
        let is_there = std::fs::metadata(&self.path)
            .is_ok_and(|there| file.metadata().is_ok_and(|own| own.ino() == there.ino()));
        if !is_there {
            return Ok(());
        }
        let folded = match read(&self.path, BYTES_MAX) {
            Ok(contents) => Ledger::read(&String::from_utf8_lossy(&contents.bytes)).folded(),
            Err(error) => {
                tracing::warn!(?error, "the ledger can't be read, and starts over");
                String::new()
            }
        };
        replace(&self.path, folded.as_bytes(), Options::CACHE)
    }
}

/// Whether a new line can begin here: the last one may have been cut off by a crash or a full disk.
fn ends_with_a_line(file: &mut File, bytes: u64) -> io::Result<bool> {
    if bytes == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(bytes - 1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use localcoder_protocol::EditCounts;

    use super::*;
    use crate::ledger::{About, sum};

    fn shown(number: usize) -> Shown {
        let name = || "x".repeat(60);
        let about = About {
            command: "improve".to_owned(),
            instructed: true,
            model: name(),
            sha256: Some("0".repeat(64)),
            prompt: "instruct/2".to_owned(),
            language: "typescriptreact".to_owned(),
            profile: "balanced".to_owned(),
        };
        Shown { edit_id: format!("{number:016x}"), about, attempts: 1, unsure: false }
    }

    fn counts(file: &LedgerFile) -> EditCounts {
        let (ledger, _) = file.read().unwrap();
        ledger.counts().fold(EditCounts::default(), |all, (_, counts)| sum(all, counts))
    }

    #[test]
    fn a_line_is_added_for_the_user_alone_and_a_cut_one_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = LedgerFile::new(folder.path().join("statistics/edits.jsonl"));
        assert_eq!((counts(&file), file.read().unwrap().1), (EditCounts::default(), 0));
        file.shown(&shown(1));
        let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut text = std::fs::read_to_string(file.path()).unwrap();
        text += "{\"shown\":\"cut";
        std::fs::write(file.path(), text).unwrap();
        file.decided(&shown(1).edit_id, Decision::Kept);
        file.shown(&shown(2));
        let (ledger, _) = file.read().unwrap();
        assert_eq!(ledger.unread_lines(), 1);
        let counts = counts(&file);
        assert_eq!((counts.shown, counts.kept, counts.undecided), (2, 1, 1));
    }

    #[test]
    fn it_is_deleted_and_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = LedgerFile::new(folder.path().join("edits.jsonl"));
        assert!(!file.delete().unwrap());
        file.shown(&shown(1));
        assert!(file.delete().unwrap() && !file.path().exists());
        file.decided(&shown(1).edit_id, Decision::Kept);
        file.shown(&shown(2));
        let counts = counts(&file);
        assert_eq!((counts.shown, counts.kept), (1, 0), "nothing is known of the first");
    }

    #[test]
    fn one_that_has_grown_is_folded_unless_it_is_being_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let file = LedgerFile::new(folder.path().join("edits.jsonl"));
        let line = |number: usize| shown_line(&shown(number), "2026-01-31".to_owned()) + "\n";
        let many = usize::try_from(FOLDED_FROM_BYTES).unwrap() / line(0).len() + 1;
        let text: String = (0..many).map(line).collect();
        std::fs::write(file.path(), &text).unwrap();

        let held = File::open(file.path()).unwrap();
        held.lock().unwrap();
        file.decided(&shown(1).edit_id, Decision::Kept);
        assert!(file.read().unwrap().1 > FOLDED_FROM_BYTES, "not while somebody holds it");
        drop(held);

        file.decided(&shown(2).edit_id, Decision::Dropped);
        let bytes = file.read().unwrap().1;
        assert!(bytes < FOLDED_FROM_BYTES / 2, "{bytes}");
        let counts = counts(&file);
        assert_eq!((counts.shown, counts.kept, counts.dropped), (many as u64, 1, 1));
    }

    #[test]
    fn through_a_link_and_into_a_pipe_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("mine.txt");
        std::fs::write(&other, "mine\n").unwrap();
        let file = LedgerFile::new(folder.path().join("edits.jsonl"));
        std::os::unix::fs::symlink(&other, file.path()).unwrap();
        file.shown(&shown(1));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine\n");
        std::fs::remove_file(file.path()).unwrap();
        let mode = rustix::fs::Mode::from(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, file.path(), rustix::fs::FileType::Fifo, mode, 0)
            .unwrap();
        file.shown(&shown(1));
    }
}
