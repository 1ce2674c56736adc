//! What the system's errors mean for a user who has named a file, and what helps. The only place
//! that puts them into words.

use std::error::Error;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Resource, geteuid, getrlimit};

use crate::replace::folder_of;

/// Why something failed, and what helps; who shows it decides how. Text and hint are clauses,
/// without a capital at the beginning or a period at the end, for a sentence of the caller's that
/// names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Cause {
    pub kind: Kind,
    pub text: String,
    pub hint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Missing,
    /// There is no room on the disk, or no more of it for this user.
    Full,
    ReadOnly,
    Permission,
    /// The machine or this process has run out of something: descriptors, memory, processes. It
    /// says nothing about the file.
    Shortage,
    Other,
}

/// Why an operation on this path failed. Looks at the disk to say more than the error does (whose
/// folder it is, which part of the path is missing), so it is for the moment after the failure, and
/// describes the path as it is by then. `path` is what the user has named, even if the error is
/// about a file beside it.
#[must_use]
pub fn cause_of(error: &io::Error, path: &Path) -> Cause {
    let Some(errno) = errno_of(error) else {
        return Cause {
            kind: Kind::Other,
            text: innermost(error),
            hint: format!("check `{}`, then try again", path.display()),
        };
    };
    let (kind, text, hint) = of_disk(errno, path)
        .or_else(|| of_rights(errno, path))
        .or_else(|| of_path(errno, path))
        .or_else(|| shortage(errno))
        .unwrap_or_else(|| unknown(errno, path));
    Cause { kind, text, hint }
}

type Words = (Kind, String, String);

fn of_disk(errno: Errno, path: &Path) -> Option<Words> {
    let folder = folder_of(path).display();
    let (kind, text, hint) = match errno {
        Errno::NOSPC => (
            Kind::Full,
            "there is no space left on the disk",
            format!("make room on the disk of `{folder}`, then try again"),
        ),
        Errno::DQUOT => (
            Kind::Full,
            "your share of the disk is used up",
            format!("make room among your files on the disk of `{folder}`, then try again"),
        ),
        Errno::FBIG => (
            Kind::Full,
            "the file would be larger than is allowed",
            "`ulimit -f` shows the limit; raise it, then try again".to_owned(),
        ),
        Errno::ROFS => (
            Kind::ReadOnly,
            "its disk is read-only",
            format!("use another folder than `{folder}`, or make its disk writable"),
        ),
        Errno::IO => (
            Kind::Other,
            "the disk reported an error",
            format!("check the disk of `{folder}`; the system's log (`dmesg`) says more"),
        ),
        Errno::STALE => (
            Kind::Other,
            "its network share has lost it",
            "mount the share again, then try again".to_owned(),
        ),
        _ => return None,
    };
    Some((kind, text.to_owned(), hint))
}

fn of_rights(errno: Errno, path: &Path) -> Option<Words> {
    let owner = anothers(path);
    let refusal = match errno {
        Errno::ACCESS => "permission denied",
        Errno::PERM => "the system does not allow it",
        _ => return None,
    };
    let text = match &owner {
        Some((what, user)) => {
            format!("{refusal}: `{}` belongs to another user ({user})", what.display())
        }
        None => refusal.to_owned(),
    };
    let hint = match owner {
        Some(_) => "ask its owner, or use another folder".to_owned(),
        None if errno == Errno::PERM => {
            format!("`lsattr {}` shows whether it is marked as unchangeable", path.display())
        }
        None => format!("check the permissions of `{}` and of its folder", path.display()),
    };
    Some((Kind::Permission, text, hint))
}

fn of_path(errno: Errno, path: &Path) -> Option<Words> {
    let (kind, text, hint) = match errno {
        Errno::NOENT => return Some(missing(path)),
        Errno::NOTDIR => (
            Kind::Missing,
            format!("`{}` is a file and not a folder", file_on(path).display()),
            "check the path",
        ),
        Errno::ISDIR => (Kind::Other, "it is a folder".to_owned(), "name a file"),
        Errno::LOOP => (
            Kind::Other,
            "a symbolic link on the path leads back to itself".to_owned(),
            "look at the links on the path with `ls -l`, and fix the wrong one",
        ),
        Errno::NAMETOOLONG => {
            (Kind::Other, "a name on the path is too long".to_owned(), "choose a shorter name")
        }
        Errno::TXTBSY => (
            Kind::Other,
            "it is a program that is running".to_owned(),
            "end the program, then try again",
        ),
        _ => return None,
    };
    Some((kind, text, hint.to_owned()))
}

/// Why one of our programs could not be started. The same error number can mean something else than
/// for a file: EAGAIN is the limit on processes, and a missing program is a broken installation and
/// not a typo.
#[must_use]
pub fn cause_of_start(error: &io::Error, program: &Path) -> Cause {
    let again = "build or install LocalCoder again".to_owned();
    match errno_of(error) {
        Some(Errno::NOENT) => {
            Cause { kind: Kind::Missing, text: "it is not there".to_owned(), hint: again }
        }
        Some(Errno::NOEXEC) => Cause {
            kind: Kind::Other,
            text: "it is not a program for this machine".to_owned(),
            hint: again,
        },
        Some(Errno::AGAIN) => Cause {
            kind: Kind::Shortage,
            text: "you may have no further processes".to_owned(),
            hint: "close other programs, or raise the limit with `ulimit -u`, then try again"
                .to_owned(),
        },
        _ => cause_of(error, program),
    }
}

fn shortage(errno: Errno) -> Option<Words> {
    let (text, hint) = match errno {
        Errno::MFILE => {
            let limit = getrlimit(Resource::Nofile).current;
            let limit = limit.map_or_else(String::new, |limit| format!(", which is {limit}"));
            (
                format!("too many files are open for the limit of this program{limit}"),
                "raise the limit with `ulimit -n 1024`, then try again",
            )
        }
        Errno::NFILE => (
            "the whole system has too many files open".to_owned(),
            "close other programs, then try again",
        ),
        Errno::NOMEM => {
            ("there is not enough memory".to_owned(), "close other programs, then try again")
        }
        Errno::AGAIN => (
            "the system has too little of something at the moment".to_owned(),
            "close other programs, then try again",
        ),
        _ => return None,
    };
    Some((Kind::Shortage, text, hint.to_owned()))
}

fn unknown(errno: Errno, path: &Path) -> Words {
    let hint = format!("check `{}`, then try again", path.display());
    (Kind::Other, io::Error::from(errno).to_string(), hint)
}

fn missing(path: &Path) -> Words {
    if path.is_symlink() {
        let text = "it is a link to a file that is not there".to_owned();
        return (Kind::Missing, text, "fix the link".to_owned());
    }
    let folder = folder_of(path);
    let text = match nearest(path) {
        Some((there, _)) if folder.symlink_metadata().is_err() => {
            format!("there is no folder `{}`, only `{}`", folder.display(), there.display())
        }
        _ => "it is not there".to_owned(),
    };
    (Kind::Missing, text, "check the path".to_owned())
}

/// The first part of the path that is a file where a folder is needed.
fn file_on(path: &Path) -> PathBuf {
    let is_file = |part: &&Path| part.metadata().is_ok_and(|about| !about.is_dir());
    path.ancestors().filter(is_file).last().unwrap_or(path).to_owned()
}

/// The deepest visible part of a path, if it belongs to another user, and to whom. The system's own
/// folders, such as `/home`, are not the reason.
fn anothers(path: &Path) -> Option<(PathBuf, String)> {
    let (there, about) = nearest(path)?;
    let (owner, own) = (about.uid(), geteuid().as_raw());
    let is_reason = owner != own && (owner != 0 || there == path);
    is_reason.then(|| (there, user_name(owner)))
}

fn nearest(path: &Path) -> Option<(PathBuf, Metadata)> {
    let look = |part: &Path| Some((part.to_owned(), part.symlink_metadata().ok()?));
    path.ancestors().filter(|part| !part.as_os_str().is_empty()).find_map(look)
}

/// A user in the form that people know: the name in `/etc/passwd`, and the number. Users that only
/// a directory service knows have the number alone.
#[must_use]
pub fn user_name(user: u32) -> String {
    let list = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    });
    name.map_or_else(|| format!("number {user}"), |name| format!("`{name}`, number {user}"))
}

/// The system's error number, also for an error that a library has put into words of its own.
pub(crate) fn errno_of(error: &io::Error) -> Option<Errno> {
    let mut number = error.raw_os_error();
    let mut inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    while let (None, Some(found)) = (number, inner) {
        number = found.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        inner = found.source();
    }
    number.map(Errno::from_raw_os_error).or_else(|| of_kind(error.kind()))
}

fn of_kind(kind: ErrorKind) -> Option<Errno> {
    Some(match kind {
        ErrorKind::StorageFull => Errno::NOSPC,
        ErrorKind::QuotaExceeded => Errno::DQUOT,
        ErrorKind::FileTooLarge => Errno::FBIG,
        ErrorKind::ReadOnlyFilesystem => Errno::ROFS,
        ErrorKind::PermissionDenied => Errno::ACCESS,
        ErrorKind::NotFound => Errno::NOENT,
        ErrorKind::NotADirectory => Errno::NOTDIR,
        ErrorKind::IsADirectory => Errno::ISDIR,
        ErrorKind::OutOfMemory => Errno::NOMEM,
        _ => return None,
    })
}

/// The text of the innermost error: a library repeats the path, which is in the message already.
fn innermost(error: &io::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    while let Some(found) = inner {
        text = found.to_string();
        inner = found.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(errno: Errno) -> Cause {
        cause_of(&errno.into(), Path::new("/h/settings.json"))
    }

    #[test]
    fn each_failure_is_reported_as_what_it_is() {
        for (errno, kind, text, hint) in [
            (Errno::NOSPC, Kind::Full, "no space left", "make room on the disk of `/h`"),
            (Errno::DQUOT, Kind::Full, "your share", "make room among your files"),
            (Errno::FBIG, Kind::Full, "larger than is allowed", "ulimit -f"),
            (Errno::ROFS, Kind::ReadOnly, "read-only", "another folder"),
            (Errno::ACCESS, Kind::Permission, "permission denied", "permissions of `/h/settings"),
            (Errno::PERM, Kind::Permission, "does not allow it", "lsattr"),
            (Errno::NOENT, Kind::Missing, "no folder `/h`, only `/`", "check the path"),
            (Errno::NOTDIR, Kind::Missing, "is a file and not a folder", "check the path"),
            (Errno::ISDIR, Kind::Other, "it is a folder", "name a file"),
            (Errno::LOOP, Kind::Other, "leads back to itself", "fix the wrong one"),
            (Errno::NAMETOOLONG, Kind::Other, "too long", "shorter name"),
            (Errno::MFILE, Kind::Shortage, "too many files are open", "ulimit -n"),
            (Errno::NFILE, Kind::Shortage, "the whole system", "close other programs"),
            (Errno::NOMEM, Kind::Shortage, "not enough memory", "close other programs"),
            (Errno::IO, Kind::Other, "the disk reported an error", "dmesg"),
        ] {
            let found = cause(errno);
            assert_eq!(found.kind, kind, "{errno:?}");
            assert!(found.text.contains(text), "{errno:?}: {}", found.text);
            assert!(found.hint.contains(hint), "{errno:?}: {}", found.hint);
        }
    }

    #[test]
    fn an_error_is_known_in_the_words_of_a_library_and_by_its_kind_alone() {
        let path = Path::new("/nonexistent/folder/file");
        let wrapped = tempfile::tempfile_in(path).unwrap_err();
        assert_eq!(errno_of(&wrapped), Some(Errno::NOENT));
        assert_eq!(cause_of(&wrapped, path).kind, Kind::Missing);
        assert_eq!(cause_of(&ErrorKind::StorageFull.into(), path).kind, Kind::Full);
        assert_eq!(cause_of(&io::Error::other("odd"), path).text, "odd");
    }

    #[test]
    fn a_program_that_is_not_there_and_one_for_which_there_is_no_room_are_told_apart() {
        let program = Path::new("/usr/bin/localcoder-fetch");
        let hint = |errno: Errno| cause_of_start(&errno.into(), program).hint;
        assert!(hint(Errno::NOENT).contains("install LocalCoder again"));
        assert!(hint(Errno::MFILE).contains("ulimit -n"));
        assert!(hint(Errno::AGAIN).contains("ulimit -u"));
    }
}
