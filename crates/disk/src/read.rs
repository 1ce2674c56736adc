//! Reading what a user has named: a regular file and no more of it than the caller can use. A
//! pipe, a device or a file without end would be read for ever.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::{Cause, Kind, Stamp, cause_of};

/// A file that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Taken before it was read: a change while it was read shows as one after it.
    pub stamp: Stamp,
}

/// Why a file was not read, as a clause.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is of another kind, such as `a folder`.
    #[error("it is {0} and not a regular file")]
    NotAFile(&'static str),
    /// It has more bytes than may be read.
    #[error("it has {bytes} bytes, and at most {bytes_max} are read")]
    TooLarge {
        /// How many it has.
        bytes: u64,
        /// How many are read at most.
        bytes_max: u64,
    },
    /// It has more bytes than may be read, of a size that the system does not report, as in
    /// `/proc`.
    #[error("it has more than {bytes_max} bytes")]
    Endless {
        /// How many are read at most.
        bytes_max: u64,
    },
    /// It is not text in UTF-8.
    #[error("it is not UTF-8")]
    NotText,
}

impl ReadError {
    /// Whether there is nothing of that name. A link that leads nowhere is something.
    #[must_use]
    pub fn is_missing(&self, path: &Path) -> bool {
        let missing = matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound);
        missing && !path.is_symlink()
    }

    /// Why, in words, and what helps.
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
/// Where there is none, or it is of another kind.
pub fn open(path: &Path) -> Result<(File, Metadata), ReadError> {
    // Looked at before it is opened: to open a device can do something, such as wind a tape.
    check_kind(&path.metadata()?)?;
    // And looked at again as it is open: the name may lead elsewhere by then. To open a pipe would
    // wait for its other end.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // Another program has the file on loan, as file servers do, and is asked for it.
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

/// What it is, for people.
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

/// Reads a regular file whole.
///
/// # Errors
/// Where it can't be read, is of another kind, or has more than `bytes_max` bytes.
pub fn read(path: &Path, bytes_max: u64) -> Result<Contents, ReadError> {
    let (file, about) = open(path)?;
    if about.len() > bytes_max {
        return Err(ReadError::TooLarge { bytes: about.len(), bytes_max });
    }
    let mut bytes = Vec::new();
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max {
        return Err(ReadError::Endless { bytes_max });
    }
    Ok(Contents { bytes, stamp: Stamp::of(&about) })
}

/// Reads a regular file whole, as text.
///
/// # Errors
/// As [`read`], and where it is not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> Result<String, ReadError> {
    String::from_utf8(read(path, bytes_max)?.bytes).map_err(|_| ReadError::NotText)
}
