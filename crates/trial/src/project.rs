//! Which folder is the project that a document belongs to, and which files of it count.

use std::path::{Path, PathBuf};

/// Entries at the top of a project, the surest sign first: a repository, however far up, goes
/// before the nearest manifest, as packages of one repository use each other's files.
const MARKS: &[&[&str]] = &[
    &[".git", ".hg", ".jj"],
    &["pyproject.toml", "setup.py", "setup.cfg", "package.json", "go.mod", "Cargo.toml"],
];

/// Limits of a project that is copied for each run: larger ones need more than a test run to build.
const FILES_MAX: usize = 5_000;
const BYTES_MAX: u64 = 64 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    /// Paths below the root, sorted by name.
    pub(crate) files: Vec<PathBuf>,
}

impl Project {
    /// The project of a document, which need not be on disk yet. `within`: the folder that is open,
    /// above which nothing is searched. Without a mark it is that folder, else the document's own.
    ///
    /// # Errors
    /// Why it can't be copied, as a clause.
    pub(crate) fn of(document: &Path, within: Option<&Path>) -> Result<Self, String> {
        let folder = document.parent().ok_or("the document is in no folder")?;
        let root = root_of(folder, within);
        let files = files_of(&root)?;
        Ok(Self { root, files })
    }
}

fn root_of(folder: &Path, within: Option<&Path>) -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    // A home folder under version control does not count as a project.
    let is_possible = |at: &&Path| {
        // The root of the file system has no parent, and is not a project either.
        at.parent().is_some()
            && home.as_deref() != Some(*at)
            && within.is_none_or(|within| at.starts_with(within))
    };
    let above: Vec<&Path> = folder.ancestors().take_while(is_possible).collect();
    let marked = MARKS
        .iter()
        .find_map(|marks| above.iter().find(|at| marks.iter().any(|mark| at.join(mark).exists())));
    // Else the folder that the user has open, if that is known.
    let opened = || within.filter(|within| above.contains(within)).unwrap_or(folder);
    marked.map_or_else(|| opened().to_owned(), |at| (*at).to_owned())
}

/// The files that git would list, including hidden ones, since these configure tools. What is
/// ignored, such as `.env`, thereby stays out of the copy; links are not followed and not copied.
fn files_of(root: &Path) -> Result<Vec<PathBuf>, String> {
    let mut walk = ignore::WalkBuilder::new(root);
    walk.hidden(false).require_git(false).follow_links(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    walk.sort_by_file_name(Ord::cmp);
    let (mut files, mut bytes) = (Vec::new(), 0);
    for entry in walk.build() {
        // A file that can't be read is missing for the test, too.
        let Ok(entry) = entry else { continue };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        // The limits are checked as the walk goes, so that a huge folder is refused early.
        bytes += entry.metadata().map_or(0, |it| it.len());
        let Ok(path) = entry.path().strip_prefix(root) else { continue };
        files.push(path.to_owned());
        if files.len() > FILES_MAX || bytes > BYTES_MAX {
            return Err(format!(
                "the project in `{}` is too large to be copied (more than {FILES_MAX} files or {} MiB)",
                root.display(),
                BYTES_MAX / 1024 / 1024
            ));
        }
    }
    Ok(files)
}
