//! Overwrites a file that must keep its identity. If that is interrupted at any point, a copy has
//! the previous content.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::replace::sync_folder_of;

pub(crate) enum Failed {
    /// The file is as it was before, and there is no copy.
    AsBefore(io::Error),
    /// The file is torn, and the copy has its previous content.
    Torn(io::Error),
}

/// Writes `bytes` over a file that is open for reading and writing, and keeps its inode, and with
/// it its owner, its other names and its mount. There is a moment at which the file is neither old
/// nor new; a synced copy of the old content is beside it from before that moment until after it.
pub(crate) fn write_over(file: &File, copy: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let before = keep_copy(file, copy).map_err(Failed::AsBefore)?;
    match fill(file, bytes) {
        Ok(()) => {
            remove(copy);
            Ok(())
        }
        // The old content still fits: its space on the disk was never released.
        Err(error) => match fill(file, &before) {
            Ok(()) => {
                remove(copy);
                Err(Failed::AsBefore(error))
            }
            Err(_) => Err(Failed::Torn(error)),
        },
    }
}

/// Makes the copy and returns the content. The copy and its name are on the disk when this returns:
/// a power cut during the writing that follows would otherwise leave neither.
fn keep_copy(file: &File, copy: &Path) -> io::Result<Vec<u8>> {
    let mut before = Vec::new();
    let mut reader = file;
    reader.seek(SeekFrom::Start(0))?;
    reader.read_to_end(&mut before)?;
    // Never over a copy that an interrupted change has left, and only for this user: the file's own
    // mode may be anything.
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy)?;
    let kept = to.write_all(&before).and_then(|()| to.sync_all());
    let kept = kept.and_then(|()| sync_folder_of(copy));
    // A half-written copy must not stay: the next change would take it for one that an interruption
    // has left.
    kept.inspect_err(|_| remove(copy)).map(|()| before)
}

/// Makes `bytes` the content of the file, synced. Also used to put the old content back, for which
/// it must not need more space than the file has.
fn fill(file: &File, bytes: &[u8]) -> io::Result<()> {
    reserve(file, bytes.len() as u64)?;
    // Truncated at the end and not at the beginning, so that the file never releases its space on
    // the disk.
    file.write_all_at(bytes, 0)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_all()
}

/// Reserves space before anything is overwritten: a full disk is then found out while the file is
/// still whole. Other errors are ignored, since not every file system can do that.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(error.into()),
        _ => Ok(()),
    }
}

fn remove(copy: &Path) {
    // A copy that can't be removed is reported at the next change.
    let _ = std::fs::remove_file(copy);
    let _ = sync_folder_of(copy);
}
