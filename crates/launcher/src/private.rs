//! Files that only this user may access: the sockets of the editor's processes. Files that the user
//! creates in the editor are not among them, and keep the user's own umask. Other folders are left
//! to `transport`. Called by the session.

use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use localcoder_transport::local::private_folder;
use localcoder_transport::private::users_umask;

use crate::error::LauncherError;

pub(crate) fn ipc_folder(runtime: &Path) -> PathBuf {
    runtime.join("ipc")
}

/// Gives the command the umask that this program was started with: files that are saved in a
/// project or built in a terminal must not get other permissions because the IDE was used. Set in
/// the child, because a umask belongs to the whole process and our other threads need the closed
/// one.
#[expect(unsafe_code, reason = "std can't set a child's umask")]
pub(crate) fn restore_umask(command: &mut Command) {
    let mask = users_umask();
    let set = move || {
        rustix::process::umask(mask);
        Ok(())
    };
    // SAFETY: the closure makes one system call; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(set) };
}

/// Creates that folder, or removes what killed processes have left behind in it. Only for the
/// holder of the launcher's lock: no other editor is running then.
///
/// # Errors
/// If it is not private or can't be emptied.
pub(crate) fn empty_ipc(runtime: &Path) -> Result<(), LauncherError> {
    let folder = ipc_folder(runtime);
    private_folder(&folder)?;
    let empty = || -> std::io::Result<()> {
        for entry in fs_err::read_dir(&folder)? {
            let entry = entry?;
            // Nothing but sockets is created there, so anything else was put there by someone and
            // stays.
            if entry.file_type()?.is_socket() {
                fs_err::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    empty().map_err(|source| LauncherError::NotEmptied { folder, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::{ErrorCode, ErrorInfo};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    fn mode(path: &Path) -> u32 {
        fs_err::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn sockets_left_behind_are_removed_and_the_folder_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let ipc = dir.path().join("ipc");
        fs_err::create_dir(&ipc).unwrap();
        fs_err::set_permissions(&ipc, PermissionsExt::from_mode(0o777)).unwrap();
        drop(UnixListener::bind(ipc.join("left.sock")).unwrap());
        fs_err::write(ipc.join("file"), "").unwrap();
        empty_ipc(dir.path()).unwrap();
        assert_eq!(mode(&ipc), 0o700);
        assert!(!ipc.join("left.sock").exists() && ipc.join("file").exists());
    }

    #[test]
    fn a_link_in_place_of_the_sockets_folder_is_refused() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(UnixListener::bind(other.path().join("kept.sock")).unwrap());
        std::os::unix::fs::symlink(other.path(), dir.path().join("ipc")).unwrap();
        let error = ErrorInfo::from(empty_ipc(dir.path()).unwrap_err());
        assert_eq!(error.code, ErrorCode::RuntimeFolder);
        assert!(other.path().join("kept.sock").exists());
    }

    /// A umask belongs to the whole process, so another process is used.
    #[test]
    fn what_is_the_users_own_has_the_users_umask() {
        const INSIDE: &str = "UMASK_TEST";
        if std::env::var_os(INSIDE).is_some() {
            localcoder_transport::private::close_umask();
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", "umask"]);
            shell.status().unwrap();
            restore_umask(&mut shell);
            shell.status().unwrap();
            return;
        }
        let name = "private::tests::what_is_the_users_own_has_the_users_umask";
        let mut again = Command::new("/bin/sh");
        again.args(["-c", r#"umask 013; exec "$0" --exact "$1" --nocapture"#]);
        again.arg(std::env::current_exe().unwrap()).arg(name).env(INSIDE, "1");
        let output = again.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("0077\n0013\n"), "{text}");
    }
}
