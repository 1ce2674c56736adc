//! Files of the user's: the content changes, and everything else stays.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use localcoder_disk::{RewriteError, read, recovery_copy, rewrite};
use localcoder_test_support::disk::Disk;
use rustix::fs::{XattrFlags, getxattr, setxattr};
use rustix::process::geteuid;

/// Some other user.
const STRANGER: u32 = 65534;
/// The content of a file before a change.
const BEFORE: &[u8] = b"before\n";
const AFTER: &[u8] = b"something else, and longer\n";
/// Sent to a process that writes more than `ulimit -f` allows.
const SIGXFSZ: i32 = 25;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        std::fs::write(self.at(name), BEFORE).unwrap();
        self.at(name)
    }

    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Reads a file and changes it.
fn change(path: &Path) -> Result<(), RewriteError> {
    let seen = read(path, 1 << 20).unwrap().stamp;
    rewrite(path, &seen, AFTER)
}

fn content(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn the_mode_stays_whatever_it_is() {
    let folder = Folder::new();
    for mode in [0o600, 0o644, 0o664, 0o755, 0o4711] {
        let path = folder.file("file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        change(&path).unwrap();
        assert_eq!(content(&path), AFTER);
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, mode, "{mode:o}");
        assert_eq!(folder.names(), ["file"]);
    }
}

/// Only root can give a file away, so otherwise this can't be tested.
#[test]
fn owner_and_group_stay() {
    if !geteuid().is_root() {
        return;
    }
    let folder = Folder::new();
    let path = folder.file("file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    chown(&path, Some(STRANGER), Some(STRANGER - 1)).unwrap();
    change(&path).unwrap();
    let about = path.metadata().unwrap();
    assert_eq!((about.uid(), about.gid()), (STRANGER, STRANGER - 1));
    assert_eq!(about.mode() & 0o777, 0o640);
    assert_eq!(content(&path), AFTER);
}

#[test]
fn extended_attributes_stay() {
    let folder = Folder::new();
    let path = folder.file("file");
    let value = b"kept as it is".as_slice();
    if let Err(error) = setxattr(&path, "user.localcoder.test", value, XattrFlags::empty()) {
        eprintln!("not tried: this file system has no attributes: {error}");
        return;
    }
    setxattr(&path, "user.localcoder.empty", b"", XattrFlags::empty()).unwrap();
    change(&path).unwrap();
    let mut found = [0; 100];
    let bytes = getxattr(&path, "user.localcoder.test", &mut found).unwrap();
    assert_eq!(&found[..bytes], value);
    assert_eq!(getxattr(&path, "user.localcoder.empty", &mut found).unwrap(), 0);
    assert_eq!(content(&path), AFTER);
    assert_eq!(folder.names(), ["file"]);
}

/// An access control list, as `setfacl -m u:65534:r` makes one.
fn list_of_rights() -> Vec<u8> {
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in [
        (0x01_u16, 6_u16, u32::MAX),
        (0x02, 4, STRANGER),
        (0x04, 4, u32::MAX),
        (0x10, 4, u32::MAX),
        (0x20, 0, u32::MAX),
    ] {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

#[test]
fn a_list_of_access_rights_stays_and_none_is_added() {
    const ACCESS: &str = "system.posix_acl_access";
    let folder = Folder::new();
    let (with, without) = (folder.file("with"), folder.file("without"));
    let list = list_of_rights();
    if let Err(error) = setxattr(&with, ACCESS, &list, XattrFlags::empty()) {
        eprintln!("not tried: this file system has no lists of access rights: {error}");
        return;
    }
    // From now on, new files in the folder get such a list automatically.
    let of_folder = "system.posix_acl_default";
    setxattr(folder.0.path(), of_folder, &list, XattrFlags::empty()).unwrap();
    let mode = with.metadata().unwrap().mode();
    change(&with).unwrap();
    change(&without).unwrap();
    let mut found = [0; 200];
    let bytes = getxattr(&with, ACCESS, &mut found).unwrap();
    assert_eq!(&found[..bytes], list);
    assert_eq!(with.metadata().unwrap().mode(), mode);
    assert!(getxattr(&without, ACCESS, &mut found).is_err());
    assert_eq!((content(&with), content(&without)), (AFTER.to_vec(), AFTER.to_vec()));
}

#[test]
fn all_names_of_a_file_have_the_new_content() {
    let folder = Folder::new();
    let path = folder.file("file");
    std::fs::hard_link(&path, folder.at("other")).unwrap();
    let inode = path.metadata().unwrap().ino();
    change(&path).unwrap();
    assert_eq!((content(&path), content(&folder.at("other"))), (AFTER.to_vec(), AFTER.to_vec()));
    assert_eq!((path.metadata().unwrap().ino(), path.metadata().unwrap().nlink()), (inode, 2));
    // Shorter than before: no rest of the old content is left at the end.
    let seen = read(&path, 1 << 20).unwrap().stamp;
    rewrite(&path, &seen, b"x").unwrap();
    assert_eq!(content(&folder.at("other")), b"x");
    assert_eq!(folder.names(), ["file", "other"], "no copy is left");
}

#[test]
fn links_are_followed_and_stay() {
    let folder = Folder::new();
    std::fs::create_dir(folder.at("elsewhere")).unwrap();
    let real = folder.at("elsewhere/real");
    std::fs::write(&real, BEFORE).unwrap();
    symlink("elsewhere/real", folder.at("second")).unwrap();
    symlink(folder.at("second"), folder.at("first")).unwrap();
    change(&folder.at("first")).unwrap();
    assert!(folder.at("first").is_symlink() && folder.at("second").is_symlink());
    assert!(!real.is_symlink());
    assert_eq!(content(&real), AFTER);
    assert_eq!(names(&folder.at("elsewhere")), ["real"]);
}

#[test]
fn a_link_that_leads_nowhere_is_refused_and_nothing_is_made_behind_it() {
    let folder = Folder::new();
    let path = folder.file("file");
    let seen = read(&path, 100).unwrap().stamp;
    std::fs::remove_file(&path).unwrap();
    symlink("gone", &path).unwrap();
    let error = rewrite(&path, &seen, AFTER).unwrap_err();
    let cause = error.cause(&path);
    assert_eq!(cause.text, "it is a link to a file that is not there");
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn a_file_that_was_changed_meanwhile_is_left_as_it_is() {
    let folder = Folder::new();
    let path = folder.file("file");
    let changed = |seen| matches!(rewrite(&path, &seen, AFTER), Err(RewriteError::Changed));
    let seen = read(&path, 100).unwrap().stamp;
    // Another file under the name, with the same content.
    std::fs::write(folder.at("new"), BEFORE).unwrap();
    std::fs::rename(folder.at("new"), &path).unwrap();
    assert!(changed(seen));
    // The same file with other content of the same length.
    let seen = read(&path, 100).unwrap().stamp;
    let modified = path.metadata().unwrap().modified().unwrap();
    loop {
        std::fs::write(&path, b"BEFORE\n").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        // If the clock has not advanced between the two, there is no difference to see.
        if read(&path, 100).unwrap().stamp != seen {
            break;
        }
    }
    assert!(changed(seen));
    assert_eq!(content(&path), b"BEFORE\n");
    assert_eq!(folder.names(), ["file"]);
}

/// Each process reads the file, adds to it and writes it, and tries again if another one was
/// faster.
#[test]
fn of_many_changes_at_once_none_is_lost() {
    let folder = Folder::new();
    for (name, more_names) in [("replaced", false), ("written-over", true)] {
        let path = folder.at(name);
        std::fs::write(&path, "").unwrap();
        if more_names {
            std::fs::hard_link(&path, folder.at("other")).unwrap();
        }
        std::thread::scope(|scope| {
            for letter in b'a'..b'i' {
                let path = &path;
                scope.spawn(move || {
                    loop {
                        let read = read(path, 100).unwrap();
                        let text = [read.bytes, vec![letter]].concat();
                        match rewrite(path, &read.stamp, &text) {
                            Ok(()) => return,
                            Err(RewriteError::Changed) => {}
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                });
            }
        });
        let mut found = content(&path);
        found.sort_unstable();
        assert_eq!(found, b"abcdefgh", "{name}");
    }
}

/// Root may write anywhere, so another process tries this as `nobody`.
fn as_nobody(name: &str, path: &Path) -> std::process::Output {
    let mut again = if geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(std::env::current_exe().unwrap());
        command
    } else {
        Command::new(std::env::current_exe().unwrap())
    };
    again.args(["--exact", name, "--nocapture"]).env(INSIDE, path).output().unwrap()
}

/// Names the file that a test's other process is to change.
const INSIDE: &str = "DISK_TEST_FILE";

/// In the other process: tries the change, and fails if that fails.
fn inside() -> bool {
    let Some(path) = std::env::var_os(INSIDE).map(PathBuf::from) else { return false };
    if let Err(error) = change(&path) {
        panic!("refused: {:?}", error.cause(&path));
    }
    true
}

#[test]
fn a_file_in_a_folder_that_can_not_be_written_is_refused_with_the_reason() {
    if inside() {
        return;
    }
    let folder = Folder::new();
    let path = folder.file("file");
    if geteuid().is_root() {
        chown(&path, Some(STRANGER), Some(STRANGER)).unwrap();
        chown(folder.0.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    }
    std::fs::set_permissions(folder.0.path(), PermissionsExt::from_mode(0o555)).unwrap();
    let name = "a_file_in_a_folder_that_can_not_be_written_is_refused_with_the_reason";
    let output = as_nobody(name, &path);
    std::fs::set_permissions(folder.0.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("refused") && said.contains("permission denied"), "{said}");
    assert_eq!(content(&path), BEFORE);
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn a_read_only_file_is_not_replaced() {
    if inside() {
        return;
    }
    let folder = Folder::new();
    let path = folder.file("file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o444)).unwrap();
    std::fs::set_permissions(folder.0.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let output = as_nobody("a_read_only_file_is_not_replaced", &path);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("refused") && said.contains("permission denied"), "{said}");
    assert_eq!(content(&path), BEFORE);
}

/// A user who may write a file but can't set its owner overwrites it in place.
#[test]
fn another_users_file_stays_theirs() {
    if inside() || !geteuid().is_root() {
        return;
    }
    let folder = Folder::new();
    let path = folder.file("file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    std::fs::set_permissions(folder.0.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let inode = path.metadata().unwrap().ino();
    let output = as_nobody("another_users_file_stays_theirs", &path);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let about = path.metadata().unwrap();
    assert_eq!((about.uid(), about.ino(), about.mode() & 0o777), (0, inode, 0o666));
    assert_eq!(content(&path), AFTER);
    assert_eq!(folder.names(), ["file"]);
}

/// Has another process change a file under a limit that is too low, so that the system ends it in
/// the middle of the write.
fn interrupt(name: &str, path: &Path) {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"ulimit -c 0; ulimit -f 1; exec "$0" --exact "$1" --nocapture"#]);
    shell.arg(std::env::current_exe().unwrap()).arg(name).env(INSIDE, path);
    assert_eq!(shell.output().unwrap().status.signal(), Some(SIGXFSZ));
}

/// In the other process: begins a change that will be interrupted.
fn inside_without_end() -> bool {
    let Some(path) = std::env::var_os(INSIDE).map(PathBuf::from) else { return false };
    let seen = read(&path, 1 << 20).unwrap().stamp;
    let _ = rewrite(&path, &seen, &[b'y'; 64 * 1024]);
    true
}

#[test]
fn an_interrupted_change_leaves_the_file_or_a_copy_beside_it_which_is_reported() {
    if inside_without_end() {
        return;
    }
    let name = "an_interrupted_change_leaves_the_file_or_a_copy_beside_it_which_is_reported";
    let folder = Folder::new();
    let path = folder.file("file");
    interrupt(name, &path);
    assert_eq!(content(&path), BEFORE);
    assert!(recovery_copy(&path).is_none());
    change(&path).unwrap();
    // The overwritten file is torn now, and then another file takes its name.
    let path = folder.file("file");
    std::fs::hard_link(&path, folder.at("other")).unwrap();
    interrupt(name, &path);
    let copy = recovery_copy(&path).unwrap();
    assert_eq!(content(&copy), BEFORE);
    assert_eq!(copy.metadata().unwrap().mode() & 0o777, 0o600);
    let torn = content(&path);
    let error = change(&path).unwrap_err();
    assert!(matches!(&error, RewriteError::Interrupted(found) if *found == copy), "{error:?}");
    assert!(error.cause(&path).text.contains(".file.localcoder-before"));
    assert_eq!((content(&path), content(&copy)), (torn, BEFORE.to_vec()));
    std::fs::remove_file(copy).unwrap();
    change(&path).unwrap();
}

/// It becomes another file when it is opened for writing, which is not a change by another program.
#[test]
fn a_file_of_a_containers_image_is_changed() {
    let Some(mut disk) = Disk::new("size=1m") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    std::fs::create_dir(disk.path().join("lower")).unwrap();
    let lower = disk.path().join("lower/file");
    std::fs::write(&lower, BEFORE).unwrap();
    let Some(merged) = disk.overlay() else {
        eprintln!("not tried: this system does not allow bind mounts");
        return;
    };
    change(&merged.join("file")).unwrap();
    assert_eq!(content(&merged.join("file")), AFTER);
    assert_eq!(content(&lower), BEFORE);
    assert_eq!(names(&merged), ["file"]);
}

/// As containers do with single files. The mount is only visible in its own name space, so a
/// process in there makes the change.
#[test]
fn a_file_that_is_mounted_by_itself_is_written_over() {
    if inside() {
        return;
    }
    let folder = Folder::new();
    let (real, file) = (folder.file("real"), folder.file("file"));
    let mut there = Command::new("unshare");
    there.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    there.arg(r#"mount --bind "$1" "$2" || exit 7; exec "$0" --exact "$3" --nocapture"#);
    there.arg(std::env::current_exe().unwrap()).args([&real, &file]);
    let output = there
        .arg("a_file_that_is_mounted_by_itself_is_written_over")
        .env(INSIDE, &file)
        .output()
        .unwrap();
    // Reported by the shell above, or by `unshare` itself.
    if matches!(output.status.code(), Some(1 | 7)) {
        eprintln!("not tried: this system does not allow mounting a file");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((content(&real), content(&file)), (AFTER.to_vec(), BEFORE.to_vec()));
    assert_eq!(folder.names(), ["file", "real"]);
}

#[test]
fn a_full_disk_leaves_a_file_of_several_names_as_it_was() {
    let Some(disk) = Disk::new("size=1m") else {
        eprintln!("not tried: this system does not allow mounting a disk");
        return;
    };
    let (path, other) = (disk.path().join("file"), disk.path().join("other"));
    let before = vec![b'x'; 10_000];
    std::fs::write(&path, &before).unwrap();
    std::fs::hard_link(&path, &other).unwrap();
    let seen = read(&path, 1 << 20).unwrap().stamp;
    // Room for the copy, but not for the new content.
    let _filler = Disk::fill(disk.path(), 30_000);
    let error = rewrite(&path, &seen, &[b'y'; 100_000]).unwrap_err();
    assert!(error.cause(&path).text.contains("no space left"), "{error:?}");
    assert_eq!((content(&path), content(&other)), (before.clone(), before));
    assert_eq!(names(disk.path()), ["file", "filler", "other"]);
    assert!(recovery_copy(&path).is_none());
}
