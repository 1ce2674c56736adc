//! Operations on whole folders: copy, link, list, remove, match.
//!
//! Linked files share their bytes with the cache, so nothing may write into one: `write` removes
//! the old file first. Does not know what the files are. Used by all steps.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err as fs;

/// Every file and link under a folder, relative to it, sorted: the order of a folder's entries
/// differs from machine to machine.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(folder, Path::new(""), &mut |path, _| found.push(path.to_owned()))?;
    found.sort();
    Ok(found)
}

fn walk(root: &Path, folder: &Path, visit: &mut dyn FnMut(&Path, &fs::DirEntry)) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(root, &path, visit)?;
        } else {
            visit(&path, &entry);
        }
    }
    Ok(())
}

pub(super) fn size_bytes(folder: &Path) -> Result<u64> {
    let mut total = 0;
    walk(folder, Path::new(""), &mut |_, entry| {
        // A file that is gone meanwhile does not count; the size is for people.
        total += entry.metadata().map_or(0, |metadata| metadata.len());
    })?;
    Ok(total)
}

/// Makes `to` a tree of hard links to the files of `from`: takes no space and almost no time.
/// Nothing may write into such a file afterward, see [`write`].
pub(super) fn link(from: &Path, to: &Path) -> Result<()> {
    each(from, to, &|source, target| link_file(source, target))
}

/// Copies a tree; the copies may be written to.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    each(from, to, &|source, target| {
        fs::copy(source, target)?;
        Ok(())
    })
}

fn each(from: &Path, to: &Path, place: &dyn Fn(&Path, &Path) -> Result<()>) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            each(&entry.path(), &target, place)?;
        } else if kind.is_file() {
            place(&entry.path(), &target)?;
        }
        // Links are commands of npm packages (`.bin`), which are not used here.
    }
    Ok(())
}

pub(super) fn link_file(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    // The cache may be on another file system than the target.
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to)?;
    }
    Ok(())
}

/// Replaces a file without touching the bytes of the old one, which may be the cache's by a hard
/// link. The assembly writes into the tree by this alone.
pub(super) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    fs::write(path, bytes)?;
    Ok(())
}

/// Removes a file or a folder, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    // Not followed: a link to a folder is removed as a link, not with what it leads to.
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    if metadata.is_dir() {
        fs::remove_dir_all(path)?;
    } else {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The paths under `root` that a pattern names: `*` stands for any part of one name. Empty if there
/// is none; the callers decide whether that is an error.
pub(super) fn matching(root: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let mut found = vec![root.to_owned()];
    for part in pattern.split('/') {
        let mut next = Vec::new();
        for folder in found {
            if !part.contains('*') {
                next.push(folder.join(part));
                continue;
            }
            if folder.is_dir() {
                for entry in fs::read_dir(&folder)? {
                    let entry = entry?;
                    if name_matches(part, &entry.file_name().to_string_lossy()) {
                        next.push(entry.path());
                    }
                }
            }
        }
        found = next;
    }
    // A part without `*` was joined without looking.
    found.retain(|path| path.symlink_metadata().is_ok());
    found.sort();
    Ok(found)
}

/// Whether a name matches a pattern in which `*` stands for any text.
pub(super) fn name_matches(pattern: &str, name: &str) -> bool {
    // Backtracks, which is fast enough for names with one or two stars.
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    ends.into_iter().any(|at| name_matches(rest, &name[at..]))
}
