//! What tells the content of a file apart from another one under the same name, without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// See the module. Two are equal where it is the same content as far as the file system tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    // A program can set the time of the content and not this one.
    changed: (i64, i64),
}

impl Stamp {
    /// Of a file that was looked at.
    #[must_use]
    pub fn of(about: &Metadata) -> Self {
        Self {
            device: about.dev(),
            inode: about.ino(),
            bytes: about.len(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }

    /// Whether it is the same content where the file itself may be another one.
    pub(crate) fn has_content_of(&self, other: &Self) -> bool {
        (self.bytes, self.modified) == (other.bytes, other.modified)
    }
}
