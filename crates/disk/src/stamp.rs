//! What tells the content of a file apart from another one under the same name, without reading it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Device, inode, size and times of a file. Two are equal if, as far as the file system tells, the
/// content is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    // A program can set the time of the content and not this one.
    changed: (i64, i64),
}

/// Bytes of a stamp that is sent.
const SENT_BYTES: usize = 5 * size_of::<u64>();

impl Stamp {
    /// Of what another process of this machine is handed open: all but the time that changes with a
    /// file's name as well.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SENT_BYTES] {
        let Self { device, inode, bytes, modified, changed: _ } = *self;
        let times = [modified.0, modified.1].map(i64::to_le_bytes);
        let [a, b, c] = [device, inode, bytes].map(u64::to_le_bytes);
        let mut sent = [0; SENT_BYTES];
        for (to, from) in sent.chunks_exact_mut(8).zip([a, b, c].iter().chain(&times)) {
            to.copy_from_slice(from);
        }
        sent
    }

    /// The file's length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Inode number: what stays of a file whose name changes.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

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
