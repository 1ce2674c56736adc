//! Files that no other user can read: the token. Private folders are `transport`'s. Called by
//! the session.

use std::io::Write;
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt;
use localcoder_protocol::{ErrorCode, ErrorInfo};

/// Writes a file that only the user can read, in place of one that was there.
///
/// # Errors
/// Where it can't be written.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), ErrorInfo> {
    let write = || -> std::io::Result<()> {
        // A file that was there might be open to others, or be open in another process.
        match fs_err::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(path)?.write_all(bytes)
    };
    write().map_err(|error| {
        ErrorInfo::new(ErrorCode::FileAccess, format!("`{}` can't be written", path.display()))
            .with_cause(error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_file_replaces_an_open_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs_err::write(&path, "old and longer").unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"new");
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
