//! Folders that only this user may enter: sockets and tokens lie there.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use localcoder_protocol::{ErrorCode, ErrorInfo};

/// Makes the folder with mode 0700, or checks that it is one: a folder, not a link, owned by
/// this user, closed to others. An open one of our own is closed.
///
/// # Errors
/// Where it can't be made or is not private. There is no other place to fall back to: a socket
/// in a folder of others would be a way in.
pub fn make_private_folder(path: &Path) -> Result<(), ErrorInfo> {
    let refuse = |why: String| {
        ErrorInfo::new(
            ErrorCode::RuntimeFolder,
            format!("the folder `{}` can't be used for LocalCoder's socket", path.display()),
        )
        .with_cause(why)
        .with_hint("make it writable for you only, or set LOCALCODER_HOME to another folder")
    };
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| refuse(error.to_string()))?;
    let meta = std::fs::symlink_metadata(path).map_err(|error| refuse(error.to_string()))?;
    if !meta.is_dir() {
        return Err(refuse("it is a link or a file".to_owned()));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(refuse("it belongs to another user".to_owned()));
    }
    if meta.mode() & 0o077 != 0 {
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(path, private).map_err(|error| refuse(error.to_string()))?;
    }
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        .map_err(|error| refuse(format!("it is not writable: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_is_private_and_an_open_one_is_closed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        make_private_folder(&path).unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        make_private_folder(&path).unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn links_and_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("link");
        fs_err::os::unix::fs::symlink(root.path(), &link).unwrap();
        assert_eq!(make_private_folder(&link).unwrap_err().code, ErrorCode::RuntimeFolder);
        let file = root.path().join("file");
        fs_err::write(&file, "").unwrap();
        let error = make_private_folder(&file).unwrap_err();
        assert_eq!(error.code, ErrorCode::RuntimeFolder);
        assert!(error.hint.unwrap().contains("LOCALCODER_HOME"));
    }
}
