//! Files of ours, replaced: whole under their name, or what was there before.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::cause::errno_of;

/// Of the names of files that are being written: whoever finds one after a power cut sees
/// whose it is.
pub(crate) const UNFINISHED: &str = ".localcoder-";

/// Who may read the file, and what it must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Its mode, less what the umask forbids.
    pub mode: u32,
    /// Whether it is there after a power cut, or the one before is. Costs a wait for the disk.
    pub durable: bool,
}

impl Options {
    /// For its user alone, and to be there after a power cut.
    pub const PRIVATE: Self = Self { mode: 0o600, durable: true };
    /// For its user alone; losing it costs a little time.
    pub const CACHE: Self = Self { mode: 0o600, durable: false };
    /// For whomever the umask lets read it, and to be there after a power cut.
    pub const SHARED: Self = Self { mode: 0o666, durable: true };
}

/// Puts a file in place of what has the name; its folder must be there.
///
/// # Errors
/// Where it can't be written; what was there is there still.
pub fn replace(path: &Path, bytes: &[u8], options: Options) -> io::Result<()> {
    replace_with(path, options, |file| file.write_all(bytes))
}

/// As [`replace`], with content that `fill` writes.
///
/// # Errors
/// As [`replace`], and where `fill` fails.
pub fn replace_with(
    path: &Path,
    options: Options,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let file = filled(path, options, fill)?;
    file.persist(path).map_err(|error| error.error)?;
    if options.durable { sync_folder_of(path) } else { Ok(()) }
}

/// Makes a file where there is none of the name.
///
/// # Errors
/// `AlreadyExists` where there is one by now, which is left alone.
pub fn create(path: &Path, bytes: &[u8], options: Options) -> io::Result<()> {
    let file = filled(path, options, |file| file.write_all(bytes))?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    if options.durable { sync_folder_of(path) } else { Ok(()) }
}

fn filled(
    path: &Path,
    options: Options,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let mut file = unfinished(path, options.mode)?;
    fill(file.as_file_mut())?;
    if options.durable {
        // Else a power cut could leave the name and nothing behind it.
        file.as_file().sync_all()?;
    }
    Ok(file)
}

/// A file in the same folder, so that it can get the name by one step.
pub(crate) fn unfinished(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    unfinished_in(folder_of(path), mode)
}

/// A file without a name of its own yet. It is removed with the value.
///
/// # Errors
/// Where it can't be made, as the system says it.
pub fn unfinished_in(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    // Opened here: the library's own way hides the number of an error in a text.
    let open = |path: &Path| {
        OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
    };
    tempfile::Builder::new().prefix(UNFINISHED).make_in(folder, open)
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Tells the disk of a new name: without this it may be gone after a power cut.
///
/// # Errors
/// Where the disk reports an error.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    match File::open(folder_of(path)).and_then(|folder| folder.sync_all()) {
        Err(error) if is_refused(&error) => Ok(()),
        result => result,
    }
}

/// Some file systems know no such order, and a folder may be one that can be written and not read.
/// The file has its name by then, so neither is a failure.
fn is_refused(error: &io::Error) -> bool {
    let refused = [Errno::INVAL, Errno::NOTSUP, Errno::NOSYS, Errno::ACCESS, Errno::BADF];
    errno_of(error).is_some_and(|errno| refused.contains(&errno))
}
