//! Reads what a user has named: only regular files, and no more of them than the caller can use.
//! Reading a pipe, a device or an endless file would never finish.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::{Cause, Kind, Stamp, cause_of};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub bytes: Vec<u8>,
    /// Taken before the file was read: a change during the read looks like one after it.
    pub stamp: Stamp,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not a file but something else, such as `a folder`.
    #[error("it is {0} and not a regular file")]
    NotAFile(&'static str),
    #[error("it has {bytes} bytes, and at most {bytes_max} are read")]
    TooLarge {
        /// As the system reports it.
        bytes: u64,
        bytes_max: u64,
    },
    /// It is longer than the limit, though the system does not report its size, as in `/proc`.
    #[error("it has more than {bytes_max} bytes")]
    Endless {
        /// The limit.
        bytes_max: u64,
    },
    #[error("it is not UTF-8")]
    NotText,
}

impl ReadError {
    /// Whether nothing has this name. A dangling link counts as something.
    #[must_use]
    pub fn is_missing(&self, path: &Path) -> bool {
        let missing = matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound);
        missing && !path.is_symlink()
    }

    #[must_use]
    pub fn cause(&self, path: &Path) -> Cause {
        let hint = match self {
            Self::Io(error) => return cause_of(error, path),
            Self::NotAFile(_) => "name a file",
            Self::TooLarge { .. } | Self::Endless { .. } => "name a smaller file",
            Self::NotText => "save it as UTF-8",
        };
        Cause { kind: Kind::Other, text: self.to_string(), hint: hint.to_owned() }
    }
}

/// Opens a regular file for reading; links are followed.
///
/// # Errors
/// If it does not exist, or is not a regular file.
pub fn open(path: &Path) -> Result<(File, Metadata), ReadError> {
    // Checked before opening: opening a device can have effects, such as rewinding a tape.
    check_kind(&path.metadata()?)?;
    // And checked again once it is open: the name may lead elsewhere by then. Opening a pipe would
    // wait for its other end.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // Another program has a lease on the file, as file servers do; a blocking open waits for it
        // to give that up.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => File::open(path)?,
        opened => opened?,
    };
    let about = file.metadata()?;
    check_kind(&about)?;
    Ok((file, about))
}

fn check_kind(about: &Metadata) -> Result<(), ReadError> {
    if about.is_file() { Ok(()) } else { Err(ReadError::NotAFile(kind_of(about.file_type()))) }
}

pub(crate) fn kind_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

/// Reads a whole regular file. Its size is checked before it is read, so that a large one costs
/// nothing, and again while it is read, since the size may be wrong.
///
/// # Errors
/// If it can't be read, is not a regular file, or has more than `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> Result<Contents, ReadError> {
    let (file, about) = open(path)?;
    if about.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes: about.len(), bytes_max });
    }
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more, whatever the size said: files in `/proc`
    // report 0, and a log grows while it is read.
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max {
        return Err(ReadError::Endless { bytes_max });
    }
    Ok(Contents { bytes, stamp: Stamp::of(&about) })
}

/// Reads a whole regular file as text.
///
/// # Errors
/// As for [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, ReadError> {
    String::from_utf8(read(path, bytes_max)?.bytes).map_err(|_| ReadError::NotText)
}
