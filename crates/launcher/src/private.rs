//! Folders and files that no other user can read. Used for the runtime folder, which holds the
//! socket and the token, and for the window's data, which holds cookies.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use fs_err::os::unix::fs::OpenOptionsExt;
use localcoder_protocol::{ErrorCode, ErrorInfo};

/// Makes a folder with mode 0700, or checks that the one there is the user's own and closed to
/// others.
///
/// # Errors
/// Where it can't be made, is a link, belongs to another user or is open to others.
pub fn private_folder(path: &Path) -> Result<(), ErrorInfo> {
    let unusable = |why: String| {
        ErrorInfo::new(
            ErrorCode::RuntimeFolder,
            format!("`{}` can't be used as a private folder", path.display()),
        )
        .with_cause(why)
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| unusable(error.to_string()).with_hint("Check the folder above it."))?;
    let data = fs_err::symlink_metadata(path).map_err(|error| unusable(error.to_string()))?;
    if !data.is_dir() {
        return Err(
            unusable("it is a link or a file".to_owned()).with_hint("Remove it; it is made again.")
        );
    }
    if data.uid() != user() {
        return Err(unusable(format!("it belongs to user {}", data.uid()))
            .with_hint("Remove it, or set LOCALCODER_HOME to a folder of your own."));
    }
    let mode = data.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(unusable(format!("others may enter it (mode {mode:o})"))
            .with_hint(format!("Run `chmod 700 '{}'`.", path.display())));
    }
    Ok(())
}

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

#[expect(unsafe_code, reason = "std has no call for it")]
fn user() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_is_closed_to_others_and_an_open_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        private_folder(&path).unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = private_folder(&path).unwrap_err();
        assert_eq!(error.code, ErrorCode::RuntimeFolder);
        assert!(error.hint.unwrap().contains("chmod 700"));
    }

    #[test]
    fn a_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        private_folder(&real).unwrap();
        fs_err::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(private_folder(&link).unwrap_err().code, ErrorCode::RuntimeFolder);
    }

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
