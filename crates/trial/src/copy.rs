//! A copy of a project for one test: its files, and links to what a project has besides.

use std::path::Path;

use crate::project::Project;

/// Folders that are not under version control but that tests need: packages and build output.
const LINKED: &[&str] = &["node_modules", ".venv", "venv", "vendor", "target"];

/// Copies a project into an empty folder, with the text of one file replaced.
pub(crate) fn copy(
    project: &Project,
    into: &Path,
    document: &Path,
    text: &str,
) -> std::io::Result<()> {
    let others = project.files.iter().filter(|file| *file != document);
    for file in others {
        let to = into.join(file);
        if let Some(folder) = to.parent() {
            fs_err::create_dir_all(folder)?;
        }
        match fs_err::copy(project.root.join(file), to) {
            Ok(_) => {}
            // It has gone since it was listed, or can't be read: then the test can't read it
            // either.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied
                ) => {}
            Err(error) => return Err(error),
        }
    }
    let folder = document.parent().unwrap_or(Path::new(""));
    fs_err::create_dir_all(into.join(folder))?;
    fs_err::write(into.join(document), text)?;
    for at in folder.ancestors() {
        for name in LINKED {
            let (from, to) = (project.root.join(at).join(name), into.join(at).join(name));
            if from.is_dir() && !to.exists() {
                fs_err::os::unix::fs::symlink(from, to)?;
            }
        }
    }
    Ok(())
}
