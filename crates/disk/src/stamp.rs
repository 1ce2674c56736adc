//! Detects, without reading a file, that its content differs from before under the same name.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Device, inode, size and times of a file. If two are equal, the content is the same as far as the
/// file system can say. It can't say everything: two changes within one tick of its clock, of the
/// same length, have the same stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    // A program can set the time of the content, but not this one.
    changed: (i64, i64),
}

const SENT_BYTES: usize = 5 * size_of::<u64>();

impl Stamp {
    /// The bytes for another process on this machine that gets the file open: everything except the
    /// time that a rename changes as well.
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

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Inode number, which stays the same when a file is renamed.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

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

    /// Whether the content is the same, even if the file itself may be another one.
    pub(crate) fn has_content_of(&self, other: &Self) -> bool {
        (self.bytes, self.modified) == (other.bytes, other.modified)
    }
}
