//! Changes files of the user's: the content is replaced and everything else stays.
//!
//! A new file replaces the old one if it can have all of the old one's properties. If it can't,
//! because the old one has other names, an owner or attributes that this user can't set, or is a
//! mount point, the old one is overwritten, with a copy next to it meanwhile.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::attributes::take_over;
use crate::cause::errno_of;
use crate::in_place::{Failed, write_over};
use crate::read::kind_of;
use crate::replace::{folder_of, sync_folder_of, unfinished};
use crate::{Cause, Kind, Stamp, cause_of};

/// Most links in a row; the system follows as many.
const LINKS_MAX: usize = 40;
/// How long to wait for another program's lock: a change takes some milliseconds, or a second on a
/// slow disk.
const LOCK_WAIT: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Why a file was not changed, as a clause. In all cases but [`RewriteError::Torn`] it has the
/// content that it had.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The system refused; the file is as it was.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else by now, such as `a folder`.
    #[error("it is {0} by now and not a regular file")]
    NotAFile(&'static str),
    /// Another program has changed it since it was read; it is left as it is.
    #[error("another program has changed it meanwhile")]
    Changed,
    #[error("another program holds a lock on it")]
    Locked,
    /// An earlier change was interrupted: this file has the content from before it.
    #[error("an earlier change was interrupted; `{}` was kept then", .0.display())]
    Interrupted(PathBuf),
    /// It was partly written and could not be restored: this file has its previous content.
    #[error("{1}")]
    Torn(PathBuf, #[source] io::Error),
}

impl RewriteError {
    #[must_use]
    pub fn cause(&self, path: &Path) -> Cause {
        let hint = match self {
            Self::Io(error) => return cause_of(error, path),
            Self::Torn(copy, error) => {
                let hint = format!("copy `{}` back over it: that has its content", copy.display());
                return Cause { hint, ..cause_of(error, path) };
            }
            Self::NotAFile(_) => "name a file",
            Self::Changed => "try again with the file as it is now",
            Self::Locked => "end that program, or wait for it, then try again",
            Self::Interrupted(_) => "compare the two, keep what is right, and remove the copy",
        };
        Cause { kind: Kind::Other, text: self.to_string(), hint: hint.to_owned() }
    }
}

/// Replaces the content of a file that was read. Links to it are followed and stay. Everything else
/// about the file stays as well, whatever that takes; see the module. `seen` is the stamp from when
/// the content was read that `bytes` is based on: a change by another program in between is an
/// error and never overwritten.
///
/// The new content is on the disk when this returns. Takes the lock of the file, for which it may
/// wait some seconds.
///
/// # Errors
/// If it can't be written, or is not the one that `seen` was taken from; see [`RewriteError`].
pub fn rewrite(path: &Path, seen: &Stamp, bytes: &[u8]) -> Result<(), RewriteError> {
    let path = behind_links(path)?;
    // Before the file is opened for writing, which in itself can make it another file (in a
    // container's image).
    if !is_at(&path, seen)? {
        return Err(RewriteError::Changed);
    }
    // A read-only file in a writable folder could be replaced, but was made read-only to prevent
    // just that: so require that it can be opened for writing.
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(&path)?;
    let kind = file.metadata()?.file_type();
    if !kind.is_file() {
        return Err(RewriteError::NotAFile(kind_of(kind)));
    }
    lock(&file)?;
    let about = file.metadata()?;
    let opened = Stamp::of(&about);
    // After waiting for the lock we may hold one on a file that has lost its name meanwhile. The
    // whole stamp is not compared: a file of a container's image becomes another one when it is
    // opened for writing.
    if !opened.has_content_of(seen) || !is_at(&path, &opened)? {
        return Err(RewriteError::Changed);
    }
    // Under the lock: without it, the copy of a change that is under way would look like one that
    // was left. It is not overwritten, because it may be the only whole content that there is.
    if let Some(copy) = recovery_copy(&path) {
        return Err(RewriteError::Interrupted(copy));
    }
    // With a second name, a new file would take over only one of them.
    if about.nlink() == 1 && swap(&path, (&file, &about), bytes)? {
        return Ok(());
    }
    write_over(&file, &copy_of(&path), bytes).map_err(|failed| match failed {
        Failed::AsBefore(error) => RewriteError::Io(error),
        Failed::Torn(error) => RewriteError::Torn(copy_of(&path), error),
    })
}

/// Makes our own processes change a file one after another; other programs don't ask for this lock.
/// Polls, since a blocking lock has no time limit. Does nothing if the file system has no locks.
fn lock(file: &File) -> Result<(), RewriteError> {
    let deadline = Instant::now() + LOCK_WAIT;
    while let Err(TryLockError::WouldBlock) = file.try_lock() {
        if Instant::now() > deadline {
            return Err(RewriteError::Locked);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Ok(())
}

fn is_at(path: &Path, seen: &Stamp) -> io::Result<bool> {
    match path.symlink_metadata() {
        Ok(now) => Ok(Stamp::of(&now) == *seen),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Replaces the old file by a new one. Returns whether it did: it does not if any property of the
/// old file would be lost, and then the new file is removed and nothing has changed.
fn swap(
    path: &Path,
    (file, about): (&File, &Metadata),
    bytes: &[u8],
) -> Result<bool, RewriteError> {
    // Closed to others until it has the old one's metadata: the content may be private.
    let mut new = unfinished(path, 0o600)?;
    new.write_all(bytes)?;
    if !take_over(file, about, new.as_file()) {
        return Ok(false);
    }
    new.as_file().sync_all()?;
    // Checked once more right before: writing the new file took a while.
    if !is_at(path, &Stamp::of(about))? {
        return Err(RewriteError::Changed);
    }
    match new.persist(path) {
        Ok(_) => {}
        Err(error) if must_stay(&error.error) => return Ok(false),
        Err(error) => return Err(error.error.into()),
    }
    sync_folder_of(path)?;
    Ok(true)
}

/// Whether a rename failed because the old file can't be replaced: it is a mount point, or another
/// user's file in a folder such as `/tmp`. Then it is overwritten in place, for which being able to
/// write it is enough.
fn must_stay(error: &io::Error) -> bool {
    let stays = [Errno::BUSY, Errno::XDEV, Errno::PERM, Errno::ACCESS];
    errno_of(error).is_some_and(|errno| stays.contains(&errno))
}

/// The copy that an interrupted change of a file has left, if there is one. It has the content from
/// before that change. Nothing removes it but the user, who has to compare the two.
#[must_use]
pub fn recovery_copy(path: &Path) -> Option<PathBuf> {
    let path = behind_links(path).ok()?;
    Some(copy_of(&path)).filter(|copy| copy.symlink_metadata().is_ok())
}

/// The file that links lead to. Folders in the path stay as they are named: in virtual ones, as in
/// `/proc`, a link's text does not say where it leads.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut at = path.to_owned();
    for _ in 0..LINKS_MAX {
        if !at.symlink_metadata()?.is_symlink() {
            return Ok(at);
        }
        at = folder_of(&at).join(at.read_link()?);
    }
    Err(Errno::LOOP.into())
}

/// Always the same name, so that a copy that was left is found.
fn copy_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".localcoder-before");
    folder_of(path).join(name)
}
