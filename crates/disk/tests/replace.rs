//! Our own files: whole or as before, and accessible to the right users.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use localcoder_disk::{Options, create, replace, replace_with};
use localcoder_test_support::disk::Disk;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_is_made_and_replaced_with_the_mode_that_it_is_to_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
    for options in [Options::PRIVATE, Options::CACHE] {
        replace(&path, b"one", options).unwrap();
        assert_eq!((std::fs::read(&path).unwrap().as_slice(), mode()), (&b"one"[..], 0o600));
    }
    replace(&path, b"two", Options::SHARED).unwrap();
    // Minus what the umask of this process forbids.
    assert_eq!(mode() & 0o600, 0o600);
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn what_fails_half_way_leaves_what_was_there_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    replace(&path, b"before", Options::PRIVATE).unwrap();
    let failed = replace_with(&path, Options::PRIVATE, |file| {
        file.write_all(b"half")?;
        Err(io::Error::other("a stone"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "a stone");
    assert_eq!(std::fs::read(&path).unwrap(), b"before");
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let Some(disk) = Disk::new("size=1m") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let path = disk.path().join("file");
    replace(&path, b"before", Options::PRIVATE).unwrap();
    let filler = Disk::fill(disk.path(), 0);
    let error = replace(&path, &[7; 100_000], Options::PRIVATE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    std::fs::remove_file(filler).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"before");
    assert_eq!(names(disk.path()), ["file"]);
}

#[test]
fn a_file_that_somebody_else_has_made_meanwhile_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    create(&path, b"first", Options::PRIVATE).unwrap();
    let error = create(&path, b"second", Options::PRIVATE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"first");
    assert_eq!(names(folder.path()), ["file"]);
}
