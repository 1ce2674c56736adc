//! Keeps our files private to one user: a umask for everything that our programs create, and a
//! check of the folders that already exist. Sockets and their folder are up to [`crate::local`].
//!
//! Only the folder itself is checked, and not what is below it: through a closed folder, no other
//! user gets there. Called at the start of every program, and by the host and the launcher before
//! they write anything.

use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::process::{geteuid, umask};

use crate::error::{Holds, NotPrivate, TransportError};

/// The umask that this program was started with; until [`close_umask`] has stored it, the closed
/// one, so that nothing is ever opened by mistake.
static USERS_UMASK: AtomicU32 = AtomicU32::new(0o077);

/// From now on this program creates files and sockets that only its user can access, whatever umask
/// it was started with. For the first line of `main`, while there is only one thread.
pub fn close_umask() {
    // The system has no call that only reads it: setting it returns the one before.
    USERS_UMASK.store(umask(Mode::from_raw_mode(0o077)).as_raw_mode(), Ordering::Relaxed);
}

/// The umask that the user had chosen: for programs that belong to the user, such as terminals.
#[must_use]
pub fn users_umask() -> Mode {
    Mode::from_raw_mode(USERS_UMASK.load(Ordering::Relaxed))
}

/// Runs a function with the user's umask: what it creates is the user's document and not a file of
/// ours, or another program that it starts. Other threads have that umask meanwhile, too, so it
/// must be short.
pub fn with_users_umask<T>(what: impl FnOnce() -> T) -> T {
    let ours = umask(users_umask());
    let result = what();
    umask(ours);
    result
}

/// The folders of an installation. None of them need exist.
#[derive(Debug, Clone, Copy)]
pub struct PrivateFolders<'a> {
    /// `LOCALCODER_HOME`, or the user's data folder.
    pub data: &'a Path,
    pub config: &'a Path,
    pub cache: &'a Path,
    pub logs: &'a Path,
    pub runtime: &'a Path,
    pub models: &'a Path,
    pub editor: &'a Path,
}

/// Folders of the editor's data: its server, the user's settings and state, extensions, and the
/// window's data.
const EDITOR_FOLDERS: [&str; 4] = ["server", "user", "extensions", "window"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// Nothing: it holds the user's text, or programs that run with the user's rights.
    Nothing,
    /// Read it: it holds nothing secret, and the user may want to share it.
    Look,
}

/// Makes sure that each existing folder belongs to this user, and closes those that are open to
/// others; returns a line for the log on each of the latter.
///
/// # Errors
/// If a folder belongs to another user, or is a link that does or that leads to one that does: its
/// owner could put programs and settings into it at any time.
pub fn check(folders: &PrivateFolders<'_>) -> Result<Vec<String>, TransportError> {
    let below = EDITOR_FOLDERS.map(|name| folders.editor.join(name));
    let all = [
        (folders.data, Others::Look, Holds::Files),
        (folders.config, Others::Look, Holds::Files),
        (folders.models, Others::Look, Holds::Models),
        (folders.cache, Others::Nothing, Holds::Files),
        (folders.logs, Others::Nothing, Holds::Files),
        (folders.runtime, Others::Nothing, Holds::Sockets),
        (folders.editor, Others::Nothing, Holds::Files),
    ];
    let below = below.iter().map(|path| (path.as_path(), Others::Nothing, Holds::Files));
    let mut closed = Vec::new();
    for (path, others, holds) in all.into_iter().chain(below) {
        let refuse = |source| TransportError::Folder { path: path.to_owned(), holds, source };
        closed.extend(close(path, others).map_err(refuse)?);
    }
    Ok(closed)
}

/// Checks and closes one folder; returns a line for the log if it was open, `None` if there was
/// nothing to do or the folder does not exist.
fn close(path: &Path, others: Others) -> Result<Option<String>, NotPrivate> {
    let link = match std::fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // A user may keep models on another disk through a link, which then must be the user's as well.
    belongs(&link, if link.is_symlink() { "it is a link that" } else { "it" })?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Opened, so that the folder that is closed is the one that was checked.
    let folder = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(folder) => File::from(folder),
        Err(rustix::io::Errno::NOENT) => return Err(NotPrivate::LinkToNothing),
        Err(rustix::io::Errno::NOTDIR) => return Err(NotPrivate::NotAFolder),
        Err(error) => {
            // Another user's folder may be closed to us; then that is the reason to report.
            if let Ok(meta) = std::fs::metadata(path) {
                belongs(&meta, "it is a link to a folder that")?;
            }
            return Err(NotPrivate::NotOpened(error));
        }
    };
    let meta = folder.metadata()?;
    belongs(&meta, "it is a link to a folder that")?;
    let open = match others {
        Others::Nothing => 0o077,
        Others::Look => 0o022,
    };
    // Only what is too much is taken away: a user may have closed it further, or set the group's
    // bit.
    let mode = meta.mode() & 0o7777;
    if mode & open == 0 {
        return Ok(None);
    }
    let closed = std::fs::Permissions::from_mode(mode & !open);
    folder.set_permissions(closed).map_err(NotPrivate::NotClosed)?;
    let (path, now) = (path.display(), mode & !open);
    Ok(Some(format!("`{path}` was open to other users and was closed ({mode:03o} to {now:03o})")))
}

fn belongs(meta: &std::fs::Metadata, what: &'static str) -> Result<(), NotPrivate> {
    if meta.uid() == geteuid().as_raw() {
        return Ok(());
    }
    Err(NotPrivate::OwnedBy { what, user: meta.uid() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::{ErrorCode, ErrorInfo};
    use std::os::unix::fs::{chown, lchown, symlink};
    use std::path::PathBuf;

    const STRANGER: u32 = 65534;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            for name in ["cache", "logs", "runtime", "models", "editor/user", "editor/extensions"] {
                std::fs::create_dir_all(home.path(name)).unwrap();
                home.open(name, 0o777);
            }
            home
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn open(&self, name: &str, mode: u32) {
            std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(mode)).unwrap();
        }

        fn mode(&self, name: &str) -> u32 {
            std::fs::metadata(self.path(name)).unwrap().mode() & 0o777
        }

        fn check(&self) -> Result<Vec<String>, ErrorInfo> {
            check(&PrivateFolders {
                data: self.0.path(),
                config: self.0.path(),
                cache: &self.path("cache"),
                logs: &self.path("logs"),
                runtime: &self.path("runtime"),
                models: &self.path("models"),
                editor: &self.path("editor"),
            })
            .map_err(ErrorInfo::from)
        }
    }

    #[test]
    fn what_is_open_to_others_is_closed_and_told_once() {
        let home = Home::new();
        home.open("", 0o777);
        home.open("editor", 0o755);
        let told = home.check().unwrap();
        assert_eq!(told.len(), 8, "{told:?}");
        assert!(told[0].contains("777 to 755"), "{told:?}");
        for name in ["cache", "logs", "runtime", "editor", "editor/user", "editor/extensions"] {
            assert_eq!(home.mode(name), 0o700, "{name}");
        }
        assert_eq!((home.mode(""), home.mode("models")), (0o755, 0o755));
        assert_eq!(home.check().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_there_is_not_made() {
        let home = Home(tempfile::tempdir().unwrap());
        assert_eq!(home.check().unwrap(), Vec::<String>::new());
        assert_eq!(std::fs::read_dir(home.path("")).unwrap().count(), 0);
    }

    #[test]
    fn a_link_of_ones_own_leads_to_the_folder_that_is_checked() {
        let (home, elsewhere) = (Home::new(), tempfile::tempdir().unwrap());
        let disk = elsewhere.path().join("disk");
        std::fs::create_dir(&disk).unwrap();
        std::fs::set_permissions(&disk, PermissionsExt::from_mode(0o777)).unwrap();
        std::fs::remove_dir(home.path("models")).unwrap();
        symlink(&disk, home.path("models")).unwrap();
        assert!(home.check().unwrap().iter().any(|line| line.contains("models")));
        assert_eq!(std::fs::metadata(&disk).unwrap().mode() & 0o777, 0o755);
        std::fs::remove_dir(&disk).unwrap();
        let error = home.check().unwrap_err();
        assert_eq!(error.cause.as_deref(), Some("it is a link to nothing"));
        std::fs::write(&disk, "").unwrap();
        assert_eq!(home.check().unwrap_err().cause.as_deref(), Some("it is not a folder"));
    }

    /// Only root can give a folder to someone else, so this can't be tested as another user.
    #[test]
    fn what_belongs_to_another_user_is_refused_with_its_name() {
        if !geteuid().is_root() {
            return;
        }
        for (name, code) in [
            ("editor", ErrorCode::FileAccess),
            ("runtime", ErrorCode::RuntimeFolder),
            ("models", ErrorCode::ModelStore),
            ("editor/extensions", ErrorCode::FileAccess),
        ] {
            let home = Home::new();
            chown(home.path(name), Some(STRANGER), None).unwrap();
            let error = home.check().unwrap_err();
            assert_eq!(error.code, code);
            assert!(error.message.contains(&format!("{name}` can't be used")), "{error}");
            assert!(error.cause.unwrap().contains("belongs to another user (number 65534)"));
            assert!(error.hint.unwrap().contains("LOCALCODER_HOME"));
        }
    }

    #[test]
    fn a_link_of_another_users_or_to_another_users_folder_is_refused() {
        if !geteuid().is_root() {
            return;
        }
        let (home, elsewhere) = (Home::new(), tempfile::tempdir().unwrap());
        std::fs::remove_dir(home.path("logs")).unwrap();
        symlink(elsewhere.path(), home.path("logs")).unwrap();
        assert!(home.check().is_ok());
        lchown(home.path("logs"), Some(STRANGER), None).unwrap();
        let cause = home.check().unwrap_err().cause.unwrap();
        assert!(cause.starts_with("it is a link that belongs"), "{cause}");
        lchown(home.path("logs"), Some(0), None).unwrap();
        chown(elsewhere.path(), Some(STRANGER), None).unwrap();
        let cause = home.check().unwrap_err().cause.unwrap();
        assert!(cause.starts_with("it is a link to a folder that belongs"), "{cause}");
    }
}
