//! The unfinished file: written from the front, hashed while it is written, and given its final
//! name only when it is whole and correct. Writing may stop at any byte and be resumed.
//!
//! After a crash of the whole system, what was written before is trusted only as far as it had been
//! synced to disk: a second file, the mark, says how far that is, and in which run of the system.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use data_encoding::HEXLOWER;
use localcoder_disk::{Options, cause_of, read, replace, sync_folder_of};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Bytes between two marks. The disk may be one mark behind, so a power cut costs at most two: up
/// to 16 MiB may have to be fetched again.
const MARK_BYTES: u64 = 8 * 1024 * 1024;
/// Longest mark file: an address has a few hundred bytes.
const MARK_FILE_BYTES_MAX: u64 = 64 * 1024;
const READ_BYTES: usize = 256 * 1024;
const UNFINISHED_MODE: u32 = 0o600;
/// Readable by its user only, and read-only: files in the store never change.
const FINISHED_MODE: u32 = 0o400;
/// Changes with every start of the system; on one without this file no byte is trusted but those
/// that were synced.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The contents of the mark file: how many bytes are certain to be on the disk, in which run of the
/// system (`boot_id`) the file was written, and where its bytes are from. A mark that is missing,
/// torn or of another version counts as zero bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mark {
    durable_bytes: u64,
    boot: String,
    /// The address that the bytes came from, without its query, and the version that it had there.
    url: String,
    etag: Option<String>,
}

/// The file, and the state of its hash after `bytes` bytes, which is also where the file's cursor
/// is. One process has it at a time: the lock is up to the download.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    bytes: u64,
    mark: Mark,
    marker: Marker,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong(String),
}

impl Partial {
    /// Opens the unfinished file, or creates it, and reads what is in it for the hash: a large file
    /// takes seconds, so `checking` gets how many of how many bytes have been read. It has `most`
    /// bytes at most afterward; what can't be trusted is cut off.
    pub(crate) fn open(
        folder: &Path,
        sha256: &str,
        most: u64,
        checking: &mut dyn FnMut(u64, u64),
    ) -> io::Result<Self> {
        let path = folder.join(format!("{sha256}.partial"));
        let file = match unfinished(&path) {
            // The file was whole, and a run ended between closing it and renaming it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && reopen(&path) => {
                unfinished(&path)?
            }
            opened => opened?,
        };
        let marks = folder.join(format!("{sha256}.mark"));
        let boot = boot_id().to_owned();
        let mut mark: Mark = read(&marks, MARK_FILE_BYTES_MAX)
            .ok()
            .and_then(|mark| serde_json::from_slice(&mark.bytes).ok())
            .unwrap_or_default();
        let same_run = !boot.is_empty() && mark.boot == boot;
        let mut usable = file.metadata()?.len().min(most);
        // What a killed program has written is still in the system's memory, and gets to the disk.
        // After a restart of the system the length may count bytes that never did.
        if !same_run {
            usable = usable.min(mark.durable_bytes);
        }
        mark.boot = boot;
        file.set_len(usable)?;
        let marker = Marker::start(file.try_clone()?, marks, mark.durable_bytes);
        let mut partial = Self { path, file, hasher: Sha256::new(), bytes: 0, mark, marker };
        partial.read_again(usable, checking)?;
        Ok(partial)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The version that the bytes belong to, if they came from this address: another server's tag
    /// for the same version may be another one, and the same tag may mean another version.
    pub(crate) fn etag(&self, url: &str) -> Option<&str> {
        self.mark.etag.as_deref().filter(|_| self.bytes > 0 && self.mark.url == url)
    }

    /// Records where the next bytes come from. It is on record when this returns: otherwise none of
    /// the bytes could be resumed.
    pub(crate) fn comes_from(&mut self, url: &str, etag: Option<&str>) -> io::Result<()> {
        self.mark.url = url.to_owned();
        self.mark.etag = etag.map(str::to_owned);
        // One place, so that the thread never waits for this end.
        let (done, written) = sync_channel(1);
        self.marker.put(Order { mark: self.mark.clone(), done: Some(done) })?;
        // If the thread ended without an answer, that is a failure; stopping it returns the error.
        written.recv().or_else(|_| self.marker.stop())
    }

    /// Adds bytes to its end, and orders a mark whenever another [`MARK_BYTES`] have come. That
    /// waits only if the disk has not finished the mark before.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        let before = self.bytes / MARK_BYTES;
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes / MARK_BYTES > before {
            self.mark.durable_bytes = self.bytes;
            self.marker.put(Order { mark: self.mark.clone(), done: None })?;
        }
        Ok(())
    }

    /// Truncates it to its first bytes, and orders a mark that vouches for none of them: what comes
    /// next replaces bytes that the earlier mark counts as certain.
    pub(crate) fn cut(&mut self, bytes: u64) -> io::Result<()> {
        if bytes == self.bytes {
            return Ok(());
        }
        self.mark.durable_bytes = 0;
        self.marker.put(Order { mark: self.mark.clone(), done: None })?;
        self.file.set_len(bytes)?;
        self.read_again(bytes, &mut |_, _| {})
    }

    /// Compares the digest and, if it is the wanted one, syncs the whole file, makes it read-only
    /// and gives it its final name. A wrong file is left as it is, for the caller to discard. After
    /// an error it can be opened and finished again, without downloading anything.
    pub(crate) fn finish(&mut self, sha256: &str, target: &Path) -> io::Result<Verdict> {
        let digest = HEXLOWER.encode(&self.hasher.clone().finalize());
        if digest != sha256 {
            return Ok(Verdict::Wrong(digest));
        }
        // The order is the promise: whoever sees the name finds all bytes, also after a power cut.
        // So the bytes are on the disk before they get the name, and the name before the mark goes,
        // without which nothing could be resumed if the renaming failed. What is left by a kill
        // before the renaming is read-only, which `open` expects.
        self.marker.stop()?;
        self.file.set_permissions(PermissionsExt::from_mode(FINISHED_MODE))?;
        self.file.sync_all()?;
        std::fs::rename(&self.path, target).map_err(|error| {
            let why = cause_of(&error, target).text;
            let text = format!("the whole file can't be put at `{}`: {why}", target.display());
            io::Error::new(error.kind(), text)
        })?;
        sync_folder_of(target)?;
        let _ = std::fs::remove_file(&self.marker.path);
        Ok(Verdict::Right)
    }

    /// Reads the first bytes for their digest, so that it can be continued after them.
    fn read_again(&mut self, bytes: u64, report: &mut dyn FnMut(u64, u64)) -> io::Result<()> {
        // The state of the hash is nowhere but in memory. Reading again also leaves the file at the
        // place where the next bytes are appended.
        self.hasher = Sha256::new();
        self.bytes = 0;
        self.file.seek(SeekFrom::Start(0))?;
        let mut buffer = vec![0; READ_BYTES];
        while self.bytes < bytes {
            let wanted = usize::try_from(bytes - self.bytes).unwrap_or(READ_BYTES).min(READ_BYTES);
            self.file.read_exact(&mut buffer[..wanted])?;
            self.hasher.update(&buffer[..wanted]);
            self.bytes += u64::try_from(wanted).unwrap_or(u64::MAX);
            report(self.bytes, bytes);
        }
        Ok(())
    }

    /// Removes the unfinished file, whose bytes are not those of the wanted one. The mark goes
    /// first: without it, a file that could not be removed counts as empty.
    pub(crate) fn discard(mut self) -> io::Result<()> {
        self.marker.stop()?;
        let _ = std::fs::remove_file(&self.marker.path);
        fs_err::remove_file(&self.path)
    }

    pub(crate) fn beginning(&self, length: usize) -> io::Result<Vec<u8>> {
        use std::os::unix::fs::FileExt as _;
        let there = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(length);
        let mut bytes = vec![0; there];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

fn unfinished(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(UNFINISHED_MODE)
        // Never through a symbolic link.
        .custom_flags(not_through_a_link())
        .open(path)
}

/// Whether an existing file could be made writable again. The permission is this user's own to
/// give, so it fails only for a file that is somebody else's.
fn reopen(path: &Path) -> bool {
    std::fs::set_permissions(path, PermissionsExt::from_mode(UNFINISHED_MODE)).is_ok()
}

#[derive(Debug)]
struct Order {
    mark: Mark,
    done: Option<SyncSender<()>>,
}

/// Syncs the bytes so far to disk, and then records how many they are; on a thread of its own,
/// since a disk takes its time.
#[derive(Debug)]
struct Marker {
    path: PathBuf,
    marks: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Marker {
    /// `durable_bytes`: the number in the mark on the disk.
    fn start(file: File, path: PathBuf, durable_bytes: u64) -> Self {
        // No queue: an order is handed over when the thread is done with the one before.
        let (marks, orders) = sync_channel(0);
        let to = path.clone();
        let thread = std::thread::spawn(move || write_marks(&file, (&to, durable_bytes), &orders));
        Self { path, marks: Some(marks), thread: Some(thread) }
    }

    /// Hands an order to the thread. Waits until the previous mark is written, so that the disk is
    /// never far behind. If the thread has failed, returns its error.
    fn put(&mut self, order: Order) -> io::Result<()> {
        let sent = self.marks.as_ref().is_some_and(|marks| marks.send(order).is_ok());
        if sent { Ok(()) } else { self.stop() }
    }

    fn stop(&mut self) -> io::Result<()> {
        self.marks = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("a thread ended early")),
            None => Ok(()),
        }
    }
}

fn write_marks(
    file: &File,
    (path, mut durable_bytes): (&Path, u64),
    orders: &Receiver<Order>,
) -> io::Result<()> {
    for Order { mark, done } in orders {
        // Otherwise no sync is needed: the mark is written at once, for a run after a kill.
        let says_more = mark.durable_bytes != durable_bytes;
        durable_bytes = mark.durable_bytes;
        if says_more {
            // Before the mark is written: it must never say more than there is.
            file.sync_data()?;
        }
        let options = if says_more { Options::PRIVATE } else { Options::CACHE };
        replace(path, &serde_json::to_vec(&mark)?, options)?;
        if let Some(done) = done {
            // The caller may be gone already.
            let _ = done.send(());
        }
    }
    Ok(())
}

/// The flag for opening a file that refuses symbolic links.
pub(crate) fn not_through_a_link() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

/// Cached: the first read must happen before the system denies it.
pub(crate) fn boot_id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        std::fs::read_to_string(BOOT_ID).map(|id| id.trim().to_owned()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path, sha256: &str) -> Partial {
        Partial::open(folder, sha256, 1 << 30, &mut |_, _| {}).unwrap()
    }

    fn digest(bytes: &[u8]) -> String {
        HEXLOWER.encode(&Sha256::digest(bytes))
    }

    #[test]
    fn it_goes_on_where_it_ended_and_gets_its_name_when_it_is_right() {
        let dir = tempfile::tempdir().unwrap();
        let sha256 = digest(b"hello world");
        let mut partial = open(dir.path(), &sha256);
        partial.append(b"hello ").unwrap();
        drop(partial);
        let mut partial = open(dir.path(), &sha256);
        // Without a mark from this run of the system nothing is trusted.
        assert_eq!(partial.bytes(), 0);
        partial.append(b"hello world").unwrap();
        let target = dir.path().join("blob");
        assert_eq!(partial.finish(&sha256, &target).unwrap(), Verdict::Right);
        assert_eq!(fs_err::read(&target).unwrap(), b"hello world");
        let mode = fs_err::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, FINISHED_MODE);
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_kill_at_once_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let sha256 = digest(b"hello world");
        let mut killed = open(dir.path(), &sha256);
        killed.comes_from("https://a.example/b", Some("\"1\"")).unwrap();
        killed.append(b"hello ").unwrap();
        // The old value is not dropped first: a killed process does not clean up.
        let next = open(dir.path(), &sha256);
        let expected = if boot_id().is_empty() { (0, None) } else { (6, Some("\"1\"")) };
        assert_eq!((next.bytes(), next.etag("https://a.example/b")), expected);
        drop(killed);
    }

    /// As after a kill while the whole file was being synced. The superuser is not affected.
    #[test]
    fn one_that_was_whole_and_got_no_name_is_not_loaded_again() {
        let dir = tempfile::tempdir().unwrap();
        let sha256 = digest(b"hello world");
        let mut partial = open(dir.path(), &sha256);
        partial.comes_from("https://a.example/b", None).unwrap();
        partial.append(b"hello world").unwrap();
        assert!(partial.finish(&sha256, &dir.path().join("missing/blob")).is_err());
        drop(partial);
        let mut partial = open(dir.path(), &sha256);
        assert!(partial.bytes() == 11 || boot_id().is_empty());
        let target = dir.path().join("blob");
        if partial.bytes() == 11 {
            assert_eq!(partial.finish(&sha256, &target).unwrap(), Verdict::Right);
            let mode = fs_err::metadata(&target).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, FINISHED_MODE);
        }
    }

    #[test]
    fn what_is_wrong_gets_no_name() {
        let dir = tempfile::tempdir().unwrap();
        let sha256 = digest(b"hello world");
        let mut partial = open(dir.path(), &sha256);
        partial.append(b"hello wOrld").unwrap();
        let target = dir.path().join("blob");
        let verdict = partial.finish(&sha256, &target).unwrap();
        assert_eq!(verdict, Verdict::Wrong(digest(b"hello wOrld")));
        assert!(!target.exists());
        partial.discard().unwrap();
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn in_the_same_run_of_the_system_all_that_was_written_counts() {
        let dir = tempfile::tempdir().unwrap();
        let bytes = vec![7; 9 * 1024 * 1024];
        let sha256 = digest(&bytes);
        let mut partial = open(dir.path(), &sha256);
        partial.append(&bytes[..8_500_000]).unwrap();
        partial.append(&bytes[8_500_000..]).unwrap();
        // The mark is written once the thread has ended.
        partial.marker.stop().unwrap();
        drop(partial);
        let again = open(dir.path(), &sha256);
        let expected = if boot_id().is_empty() { MARK_BYTES } else { 9 * 1024 * 1024 };
        assert!(again.bytes() >= expected.min(MARK_BYTES));
        drop(again);
        // After a restart of the system, only what was certain to be on the disk.
        let marks = dir.path().join(format!("{sha256}.mark"));
        let mut mark: Mark = serde_json::from_slice(&fs_err::read(&marks).unwrap()).unwrap();
        assert!(mark.durable_bytes >= MARK_BYTES);
        mark.boot = "another".to_owned();
        fs_err::write(&marks, serde_json::to_vec(&mark).unwrap()).unwrap();
        assert_eq!(open(dir.path(), &sha256).bytes(), mark.durable_bytes);
        // A torn mark counts as none.
        fs_err::write(&marks, b"{\"durable").unwrap();
        assert_eq!(open(dir.path(), &sha256).bytes(), 0);
    }

    #[test]
    fn a_cut_file_has_the_digest_of_what_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let sha256 = digest(b"abcdef");
        let mut partial = open(dir.path(), &sha256);
        partial.append(b"abcXXX").unwrap();
        partial.cut(3).unwrap();
        partial.append(b"def").unwrap();
        assert_eq!(partial.beginning(4).unwrap(), b"abcd");
        let target = dir.path().join("blob");
        assert_eq!(partial.finish(&sha256, &target).unwrap(), Verdict::Right);
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("precious");
        fs_err::write(&elsewhere, b"precious").unwrap();
        let sha256 = digest(b"x");
        let link = dir.path().join(format!("{sha256}.partial"));
        std::os::unix::fs::symlink(&elsewhere, link).unwrap();
        assert!(Partial::open(dir.path(), &sha256, 10, &mut |_, _| {}).is_err());
        assert_eq!(fs_err::read(&elsewhere).unwrap(), b"precious");
    }
}
