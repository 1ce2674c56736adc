//! Local sockets that belong to one user and to one process at a time: a private folder, a lock
//! held for life, and a socket that only the holder of the lock touches. The host and the
//! launcher each have one.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::error::{Holds, NotPrivate, TransportError};

/// The smaller of both systems' limits: `sun_path` holds 104 bytes on macOS and 108 on Linux, one
/// of them for the closing zero.
const SOCKET_PATH_BYTES_MAX: usize = 103;

/// Creates the folder with mode 0700, or checks an existing one: it must be a folder, not a link,
/// and owned by this user. If it is open to others, it is closed.
///
/// # Errors
/// If it can't be created or is not private. There is no fallback: a socket in another user's
/// folder would be a way in.
pub fn private_folder(path: &Path) -> Result<(), TransportError> {
    let refuse =
        |source| TransportError::Folder { path: path.to_owned(), holds: Holds::Sockets, source };
    make_private(path).map_err(refuse)
}

fn make_private(path: &Path) -> Result<(), NotPrivate> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // Looked at after it was created, and not only if it existed: another user could create it, or
    // a link, at this very moment.
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Err(NotPrivate::LinkOrFile);
    }
    // Another user who owns it could exchange what is in it at any time, whatever its mode is now.
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(NotPrivate::AnotherUsers);
    }
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    // A folder of our own may still be read-only. Found out here, the error names the folder.
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        .map_err(NotPrivate::NotWritable)
}

/// A bound socket and the lock that makes its holder the only one. The lock is the kernel's and
/// ends with the process, however that ends; the socket file stays after a crash, and the next
/// holder removes it.
#[derive(Debug)]
pub struct OnlyListener {
    socket: UnixListener,
    path: PathBuf,
    // Closing it frees the lock.
    _lock: File,
}

impl OnlyListener {
    /// Takes the lock, then removes a dead holder's socket, then binds. `None` if another process
    /// holds the lock. The folder must be private.
    ///
    /// # Errors
    /// If the lock or the socket can't be used.
    pub fn claim(lock: &Path, socket: &Path) -> Result<Option<Self>, TransportError> {
        check_length(socket)?;
        // Never unlinked: two processes that each lock a file of this name would both believe to be
        // the only one.
        let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(lock);
        let file = file.map_err(|error| refuse(lock, error))?;
        match file.try_lock() {
            Ok(()) => note_holder(&file),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(refuse(lock, error)),
        }
        // Only under the lock: whatever has the name now belongs to a process that is gone.
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(refuse(socket, error));
            }
            _ => {}
        }
        let bound = UnixListener::bind(socket).map_err(|error| refuse(socket, error))?;
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| refuse(socket, error))?;
        Ok(Some(Self { socket: bound, path: socket.to_owned(), _lock: file }))
    }

    #[must_use]
    pub fn socket(&self) -> &UnixListener {
        &self.socket
    }
}

impl Drop for OnlyListener {
    /// The lock is still held, so the socket file is still ours.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes down who holds the lock, for a process that finds the holder unresponsive. On a full disk
/// the lock is held without this note.
fn note_holder(mut file: &File) {
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
}

/// The process that took the lock last, if it could write that down. It may have ended since, and
/// its number may be another process's by now: whether the lock is held is only known by trying it.
#[must_use]
pub fn holder(lock: &Path) -> Option<u32> {
    std::fs::read_to_string(lock).ok()?.trim().parse().ok()
}

fn check_length(path: &Path) -> Result<(), TransportError> {
    let (bytes, bytes_max) = (path.as_os_str().len(), SOCKET_PATH_BYTES_MAX);
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(TransportError::SocketPath { path: path.to_owned(), bytes, bytes_max })
}

fn refuse(path: &Path, source: std::io::Error) -> TransportError {
    TransportError::Socket { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::{ErrorCode, ErrorInfo};

    #[test]
    fn a_new_folder_is_private_and_an_open_one_is_closed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        private_folder(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        private_folder(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn links_and_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        assert_eq!(
            ErrorInfo::from(private_folder(&link).unwrap_err()).code,
            ErrorCode::RuntimeFolder
        );
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = ErrorInfo::from(private_folder(&file).unwrap_err());
        assert_eq!(error.code, ErrorCode::RuntimeFolder);
        assert!(error.hint.unwrap().contains("LOCALCODER_HOME"));
    }

    #[test]
    fn there_is_one_holder_and_a_dead_ones_socket_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let (lock, socket) = (root.path().join("lock"), root.path().join("socket"));
        std::fs::write(&socket, "left behind").unwrap();
        let first = OnlyListener::claim(&lock, &socket).unwrap();
        assert!(first.is_some());
        assert_eq!(std::fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
        assert!(OnlyListener::claim(&lock, &socket).unwrap().is_none());
        assert_eq!(holder(&lock), Some(std::process::id()));
        drop(first);
        assert!(!socket.exists());
        assert!(OnlyListener::claim(&lock, &socket).unwrap().is_some());
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused_with_the_way_out() {
        let root = tempfile::tempdir().unwrap();
        let error =
            OnlyListener::claim(&root.path().join("lock"), &root.path().join("x".repeat(120)));
        assert!(ErrorInfo::from(error.unwrap_err()).hint.unwrap().contains("shorter path"));
    }
}
