//! The repository's own files: their list, their text, and stamps over them.
//!
//! Asks git if there is one, so that build results and downloads are never looked at; in a plain
//! copy it walks the folders instead. Used by `tidy` and by the steps that are skipped when their
//! inputs did not change.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{places, process};

const SKIPPED: &[&str] = &["target", "node_modules", ".git", "__pycache__", "dist", "dist-test"];

/// Every file that is tracked or new and not ignored, relative to `root`, sorted.
pub fn list(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = process::command("git", root);
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let mut files: Vec<PathBuf> = match process::read(&mut git) {
        Ok(names) => names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect(),
        Err(_) => {
            let mut found = Vec::new();
            // Without git there is no list of what is ignored, so folders are skipped by name.
            walk(root, Path::new(""), &mut found)?;
            found
        }
    };
    // Git also lists files whose deletion is not committed yet.
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let path = root.join(folder);
    let entries =
        std::fs::read_dir(&path).with_context(|| format!("reading `{}`", path.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let relative = folder.join(&name);
        if entry.file_type()?.is_dir() {
            if !SKIPPED.iter().any(|&skipped| name == skipped) {
                walk(root, &relative, found)?;
            }
        } else {
            found.push(relative);
        }
    }
    Ok(())
}

pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading `{}`", path.display()))
}

/// Writes a file and the folders above it, with an error that names it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("making the folder `{}`", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing `{}`", path.display()))
}

pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("making the folder `{}`", to.display()))?;
    let entries =
        std::fs::read_dir(from).with_context(|| format!("reading `{}`", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            std::fs::copy(&source, &target)
                .with_context(|| format!("copying `{}`", source.display()))?;
        }
    }
    Ok(())
}

/// Remembers the text for which a slow step was done, so that the next run can skip it. Use it in
/// this order: `is_fresh`, `clear`, the step itself, `set`; a step that fails or is interrupted
/// then runs again.
pub struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    /// A stamp called `name`. `wanted` is all that the result depends on, such as the version of a
    /// tool and a lock file.
    pub fn new(name: &str, wanted: String) -> Self {
        Self { path: places::stamps().join(name), wanted }
    }

    pub fn is_fresh(&self) -> bool {
        std::fs::read_to_string(&self.path).is_ok_and(|text| text == self.wanted)
    }

    /// Removes the stamp before the step begins. Without that, a step that was interrupted would be
    /// skipped once its inputs are as they were before.
    pub fn clear(&self) {
        // A stamp that never existed is as good as one that was removed.
        let _ = std::fs::remove_file(&self.path);
    }

    pub fn set(&self) -> Result<()> {
        write(&self.path, &self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_our_files_and_nothing_that_was_built() {
        let files = list(&places::root()).unwrap();
        assert!(files.contains(&PathBuf::from("Cargo.toml")));
        assert!(!files.iter().any(|file| file.starts_with("target")));
    }
}
