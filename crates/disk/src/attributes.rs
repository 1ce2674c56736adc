//! A file's metadata: owner, group, mode, and extended attributes, which also hold access control
//! lists.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

use rustix::fs::{
    XattrFlags, fgetxattr, fgetxattr_query, flistxattr, flistxattr_query, fremovexattr, fsetxattr,
};
use rustix::io::Errno;

const MODE: u32 = 0o7777;

/// Gives one file the metadata of the other; returns whether that worked, by looking at the result
/// and not at the calls: a file system may accept an attribute and not keep it. A file that lacks
/// some of the other's must not replace it. `about` is `from`'s metadata.
pub(crate) fn take_over(from: &File, about: &Metadata, to: &File) -> bool {
    let taken = || -> io::Result<bool> {
        let own = to.metadata()?;
        if (own.uid(), own.gid()) != (about.uid(), about.gid()) {
            fchown(to, Some(about.uid()), Some(about.gid()))?;
        }
        take_over_attributes(from, to)?;
        // After the owner, since changing that clears bits of the mode.
        to.set_permissions(std::fs::Permissions::from_mode(about.mode() & MODE))?;
        let now = to.metadata()?;
        let same = (now.uid(), now.gid(), now.mode()) == (about.uid(), about.gid(), about.mode());
        Ok(same && attributes(from)? == attributes(to)?)
    };
    // Whatever was refused: the file can be written in place instead, which needs none of this.
    taken().unwrap_or(false)
}

fn take_over_attributes(from: &File, to: &File) -> io::Result<()> {
    let (wanted, found) = (attributes(from)?, attributes(to)?);
    // A folder can give attributes to what is created in it, such as an access control list.
    for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
        fremovexattr(to, name.as_slice())?;
    }
    for (name, value) in wanted.iter().filter(|(name, value)| found.get(*name) != Some(value)) {
        fsetxattr(to, name.as_slice(), value, XattrFlags::empty())?;
    }
    Ok(())
}

/// All attributes with their values; empty if the file system does not support them.
fn attributes(file: &File) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let bytes = match flistxattr_query(file) {
        Ok(bytes) => bytes,
        Err(Errno::NOTSUP | Errno::NOSYS) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut names = vec![0; bytes];
    if bytes > 0 {
        // The list may have become shorter since its size was asked for; if it became longer, this
        // is an error, and the file is written in place.
        let listed = flistxattr(file, names.as_mut_slice())?;
        names.truncate(listed);
    }
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| Ok((name.to_vec(), attribute(file, name)?))).collect()
}

fn attribute(file: &File, name: &[u8]) -> io::Result<Vec<u8>> {
    let mut value = vec![0; fgetxattr_query(file, name)?];
    if !value.is_empty() {
        let read = fgetxattr(file, name, value.as_mut_slice())?;
        value.truncate(read);
    }
    Ok(value)
}
