//! The repository as the rules see it: its files with their text, and cargo's metadata.
//!
//! Reads everything once. Also contains the two rules about git and lock files.

use std::cell::OnceCell;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{files, process};

pub(crate) struct SourceFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) bytes: u64,
}

impl SourceFile {
    pub(crate) fn extension(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

pub(crate) struct Repository {
    pub(crate) root: PathBuf,
    /// Our files, without build results and downloads.
    pub(crate) files: Vec<SourceFile>,
    metadata: OnceCell<Value>,
}

impl Repository {
    pub(crate) fn open(root: PathBuf) -> Result<Self> {
        let mut sources = Vec::new();
        for path in files::list(&root)? {
            let bytes = std::fs::read(root.join(&path))
                .with_context(|| format!("reading `{}`", path.display()))?;
            sources.push(SourceFile {
                path: path.to_string_lossy().replace('\\', "/"),
                bytes: bytes.len() as u64,
                // A file that is not text has none, and no rule on words applies to it.
                text: String::from_utf8(bytes).unwrap_or_default(),
            });
        }
        Ok(Self { root, files: sources, metadata: OnceCell::new() })
    }

    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Files of one kind that people write, without generated ones, whose text is the generator's.
    pub(crate) fn written(&self, extension: &str) -> impl Iterator<Item = &SourceFile> {
        self.files
            .iter()
            .filter(move |file| file.extension() == extension)
            .filter(|file| !file.path.contains("/generated/"))
    }

    /// What `cargo metadata` says about all packages, ours and others'. Asked for once and only by
    /// those rules that need it.
    pub(crate) fn packages(&self) -> Result<&[Value]> {
        if self.metadata.get().is_none() {
            let mut cargo = process::cargo(&self.root);
            cargo.args(["metadata", "--format-version", "1", "--locked"]);
            let text = process::read(&mut cargo)?;
            let value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
            // Nobody else can have set it: the cell is not shared between threads.
            let _ = self.metadata.set(value);
        }
        let packages = self.metadata.get().and_then(|value| value["packages"].as_array());
        Ok(packages.context("cargo metadata names no packages")?)
    }

    pub(crate) fn our_packages(&self) -> Result<Vec<&Value>> {
        // Only a package from a registry has a source.
        Ok(self.packages()?.iter().filter(|package| package["source"].is_null()).collect())
    }
}

/// npm lock files must not name the host that packages happened to be downloaded from, which others
/// may not reach.
pub(super) fn lock_files(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in &repository.files {
        if file.path.ends_with("package-lock.json") && file.text.contains("\"resolved\":") {
            complaints.push(format!(
                "{} names where packages were fetched from; make it with \
                 `npm install --omit-lockfile-registry-resolved`",
                file.path
            ));
        }
        // Only manifests of what is installed: others merely set the type of modules.
        if file.path.ends_with("package.json") && file.text.contains("\"dependencies\"") {
            let lock = file.path.replace("package.json", "package-lock.json");
            if repository.file(&lock).is_none() {
                complaints.push(format!("{} has no lock file beside it", file.path));
            }
        }
    }
    Ok(complaints)
}

/// Nothing that is ignored may be tracked. Git itself does not mind: a file that was added before
/// its pattern stays.
pub(super) fn build_results(repository: &Repository) -> Result<Vec<String>> {
    let mut git = process::command("git", &repository.root);
    git.args(["ls-files", "--cached", "--ignored", "--exclude-standard"]);
    // In a copy of the tree without git, nothing is tracked.
    let Ok(tracked) = process::read(&mut git) else { return Ok(Vec::new()) };
    let complaint = |path: &str| format!("{path} is tracked although .gitignore names it");
    Ok(tracked.lines().map(complaint).collect())
}
