//! What is read from a file that a user names, and what is refused before it is read.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use localcoder_disk::{Kind, ReadError, read, read_text};

fn refused(path: &Path) -> String {
    match read(path, 10) {
        Ok(_) => panic!("{} was read", path.display()),
        Err(error) => error.cause(path).text,
    }
}

#[test]
fn a_file_is_read_up_to_its_limit_and_no_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "0123456789").unwrap();
    assert_eq!(read(&path, 10).unwrap().bytes, b"0123456789");
    assert_eq!(read_text(&path, 10).unwrap(), "0123456789");
    let error = read(&path, 9).unwrap_err();
    assert!(matches!(error, ReadError::TooLarge { bytes: 10, bytes_max: 9 }), "{error:?}");
    std::fs::write(&path, b"\xff").unwrap();
    assert!(matches!(read_text(&path, 10), Err(ReadError::NotText)));
}

#[test]
fn a_file_that_does_not_tell_its_length_is_read_up_to_its_limit() {
    // The system generates this file while it is read.
    let path = Path::new("/proc/self/maps");
    if !path.exists() {
        return;
    }
    let error = read(path, 100).unwrap_err();
    assert!(matches!(error, ReadError::Endless { bytes_max: 100 }), "{error:?}");
}

#[test]
fn what_is_not_a_regular_file_is_refused_at_once_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(refused(folder.path()).contains("a folder"));
    for device in ["/dev/zero", "/dev/null", "/dev/tty"] {
        if Path::new(device).exists() {
            assert!(refused(Path::new(device)).contains("a device"), "{device}");
        }
    }
    let _socket = UnixListener::bind(at("socket")).unwrap();
    assert!(refused(&at("socket")).contains("a socket"));
    // Its other end is never opened.
    let pipe = at("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    assert!(refused(&pipe).contains("a pipe"));
    symlink("pipe", at("link")).unwrap();
    assert!(refused(&at("link")).contains("a pipe"));
}

#[test]
fn what_is_not_there_is_told_apart_from_a_link_to_nothing_and_a_loop() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let error = read(&at("gone"), 10).unwrap_err();
    assert!(error.is_missing(&at("gone")));
    assert_eq!(error.cause(&at("gone")).kind, Kind::Missing);
    symlink("gone", at("link")).unwrap();
    let error = read(&at("link"), 10).unwrap_err();
    assert!(!error.is_missing(&at("link")));
    assert!(error.cause(&at("link")).text.contains("a link to a file that is not there"));
    symlink("b", at("a")).unwrap();
    symlink("a", at("b")).unwrap();
    assert!(refused(&at("a")).contains("leads back to itself"));
    std::fs::write(at("file"), "").unwrap();
    let below = refused(&at("file/below"));
    assert!(below.contains("file` is a file and not a folder"), "{below}");
}
