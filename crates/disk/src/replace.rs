//! Replaces our own files: their name always leads to a whole file, the new one or the one before.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::cause::errno_of;

/// Prefix of the names of files that are being written: users who find one after a power cut see
/// whose it is.
pub(crate) const UNFINISHED: &str = ".localcoder-";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub mode: u32,
    /// Whether either this file or the one before must exist after a power cut. Costs a wait for
    /// the disk.
    pub durable: bool,
}

impl Options {
    pub const PRIVATE: Self = Self { mode: 0o600, durable: true };
    /// Only for its user; losing it costs a little time.
    pub const CACHE: Self = Self { mode: 0o600, durable: false };
    /// For everyone whom the umask allows to read it, and durable.
    pub const SHARED: Self = Self { mode: 0o666, durable: true };
}

/// Replaces whatever has the name; its folder must exist. The bytes go into a new file of the same
/// folder, which then takes the name: a reader sees the old content or the new, and never a part. A
/// link of this name is itself replaced, and the mode of the file before is not kept.
///
/// # Errors
/// If it can't be written; what was there before is still there.
pub fn replace(path: &Path, bytes: &[u8], options: Options) -> io::Result<()> {
    replace_with(path, options, |file| file.write_all(bytes))
}

/// As [`replace`], with content that `fill` writes.
///
/// # Errors
/// As for [`replace`], and if `fill` fails.
pub fn replace_with(
    path: &Path,
    options: Options,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let file = filled(path, options, fill)?;
    file.persist(path).map_err(|error| error.error)?;
    if options.durable { sync_folder_of(path) } else { Ok(()) }
}

/// Creates a file, provided that nothing has the name, not even a link to nothing. Of two callers
/// at the same moment one gets it.
///
/// # Errors
/// `AlreadyExists` if something has it, which is left alone.
pub fn create(path: &Path, bytes: &[u8], options: Options) -> io::Result<()> {
    let file = filled(path, options, |file| file.write_all(bytes))?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    if options.durable { sync_folder_of(path) } else { Ok(()) }
}

/// The whole content under a name of its own. If anything fails, dropping the value removes it.
fn filled(
    path: &Path,
    options: Options,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let mut file = unfinished(path, options.mode)?;
    fill(file.as_file_mut())?;
    if options.durable {
        // Otherwise a power cut could leave the name without any content.
        file.as_file().sync_all()?;
    }
    Ok(file)
}

/// A file in the same folder, so that a rename can give it the name.
pub(crate) fn unfinished(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    unfinished_in(folder_of(path), mode)
}

/// A file without a final name yet. It is removed when the value is dropped.
///
/// # Errors
/// If it can't be created, as the system reports it.
pub fn unfinished_in(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    // Opened here: the library's own function hides the error number in a text.
    let open = |path: &Path| {
        OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
    };
    tempfile::Builder::new().prefix(UNFINISHED).make_in(folder, open)
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Syncs a new name to disk: the file's own sync covers its content, but the name is in the folder,
/// and may be gone after a power cut.
///
/// # Errors
/// If the disk reports an error.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        Err(error) if is_refused(&error) => Ok(()),
        result => result,
    }
}

/// Some file systems don't support this, and a folder may be writable but not readable. The file
/// has its name by then, so neither counts as a failure.
fn is_refused(error: &io::Error) -> bool {
    let refused = [Errno::INVAL, Errno::NOTSUP, Errno::NOSYS, Errno::ACCESS, Errno::BADF];
    errno_of(error).is_some_and(|errno| refused.contains(&errno))
}
